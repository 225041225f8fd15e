"""Find the name of a lens by its number in a MakerNote.

Several lenses may have the same number. They are distinguished by their focal lengths and apertures.

The lists of lenses are part of the tables (tables.py), which are made from the output of `exiftool -listx`. Sources for
lenses with the same number and for the parts of Nikon's code: https://exiftool.org/TagNames/Canon.html (LensType) and
https://exiftool.org/TagNames/Nikon.html (LensID).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

from exifinator.metadata.makernotes.tables import Labels, get_table

# Focal lengths: "24-70mm", "50mm", "18-55 mm".
FOCAL = re.compile(r"(\d+(?:\.\d+)?)(?:\s*-\s*(\d+(?:\.\d+)?))?\s*mm", re.IGNORECASE)
# Largest apertures: "f/2.8", "F3.5-5.6", "1:2.8". The F of "AF 50mm" and of "PENTAX-F 50mm" is not an aperture.
APERTURE = re.compile(r"(?:(?<![a-z])f/?|1:)(\d+(?:\.\d+)?)(?:-(\d+(?:\.\d+)?))?", re.IGNORECASE)
# The end of a name that stands for several lenses, such as "Canon EF 28mm f/2.8 or Sigma Lens".
ALTERNATIVES = re.compile(r" or .*")
FOCAL_TOLERANCE_MM = 0.5
# Stored apertures are rounded to an eighth or a twelfth of a stop.
APERTURE_TOLERANCE = 0.16
MAX_CANDIDATES = 64
_LETTERS = re.compile(r"[a-z]", re.IGNORECASE)
# Entries in the lists of lenses that do not name a lens.
NO_LENS = re.compile(r"^(n/a|none|unknown|no lens|m-?42|manual lens no cpu|e-mount, |\W*$)", re.IGNORECASE)


class Optics(NamedTuple):
    """The known properties of a photo's lens. Unknown properties are None.

    Attributes:
        min_focal_mm: The shortest focal length of the lens.
        max_focal_mm: The longest focal length of the lens.
        max_aperture: The largest aperture of the lens, as an f-number.
        focal_mm: The focal length at which the photo was taken.
        aperture_at_focal: The largest aperture at this focal length, as an f-number.
    """

    min_focal_mm: float | None = None
    max_focal_mm: float | None = None
    max_aperture: float | None = None
    focal_mm: float | None = None
    aperture_at_focal: float | None = None


def candidates(labels: Labels, key: str) -> list[str]:
    """Return the names of the lenses with the same number.

    Args:
        labels: The list of lenses. Lenses with the same number have the keys `key`, `key.1`, `key.2` and so on.
        key: The number, as text.
    """
    keys = [key, *(f"{key}.{index}" for index in range(1, MAX_CANDIDATES))]
    names = [name for candidate_key in keys if (name := labels.names.get(candidate_key))]
    if len(names) > 1:
        names[0] = ALTERNATIVES.sub("", names[0])
    return names


def choose(names: Iterable[str], optics: Optics, model: str = "") -> str | None:
    """Return the lens that fits the photo best; None if no lens fits.

    If no lens fits by both its focal length and its aperture, return one that fits by its focal length. If several
    lenses fit equally well, return the first.

    Args:
        names: The names of lenses with the same number.
        optics: The known properties of the lens.
        model: The name that the camera gives the lens, such as "EF24-70mm f/2.8L USM"; may be empty.
    """
    possible = [name for name in names if not NO_LENS.match(name)]
    # A string such as "----" or "35mm" does not tell lenses apart.
    if _LETTERS.search(FOCAL.sub("", model)):
        exact = [name for name in possible if _bare(model) in _bare(name)]
        if exact:
            return exact[0]
    # The first name may stand for all lenses with this number, such as "Sigma or Tamron Lens".
    possible = [name for name in possible if FOCAL.search(name)] or possible
    if len(possible) <= 1:
        return possible[0] if possible else None
    fitting = [name for name in possible if _fits_focal(name, optics)]
    fitting = [name for name in fitting if _fits_aperture(name, optics)] or fitting
    return min(fitting, key=lambda name: _aperture_error(name, optics), default=None)


def _bare(name: str) -> str:
    """Return a name for comparison: in lower case, without spaces and punctuation except dots."""
    return re.sub(r"[^a-z0-9.]", "", name.lower())


def _fits_focal(name: str, optics: Optics) -> bool:
    match = FOCAL.search(name)
    if not match:
        return True
    shortest = float(match[1])
    longest = float(match[2] or match[1])
    if optics.min_focal_mm and optics.max_focal_mm:
        return (
            abs(shortest - optics.min_focal_mm) <= FOCAL_TOLERANCE_MM
            and abs(longest - optics.max_focal_mm) <= FOCAL_TOLERANCE_MM
        )
    if optics.focal_mm:
        return shortest - FOCAL_TOLERANCE_MM <= optics.focal_mm <= longest + FOCAL_TOLERANCE_MM
    return True


def _fits_aperture(name: str, optics: Optics) -> bool:
    match = APERTURE.search(name)
    if not match or not optics.max_aperture:
        return True
    wide, narrow = float(match[1]), float(match[2] or match[1])
    return wide - APERTURE_TOLERANCE <= optics.max_aperture <= narrow + APERTURE_TOLERANCE


def _aperture_error(name: str, optics: Optics) -> float:
    """Return by how many stops the largest aperture of a zoom differs from the photo's, at the photo's focal length.

    Between both ends of a zoom, the aperture is assumed to change with the logarithm of the focal length. Observed in
    sample files: the lens with the smallest difference is among those that ExifTool 13.59 prints. The result is rounded
    to an eighth of a stop, as cameras store apertures.
    """
    focal, aperture = FOCAL.search(name), APERTURE.search(name)
    if not (focal and aperture and optics.focal_mm and optics.aperture_at_focal):
        return 0.0
    shortest, longest = float(focal[1]), float(focal[2] or focal[1])
    wide, narrow = float(aperture[1]), float(aperture[2] or aperture[1])
    if not (shortest > 0 and wide > 0 and narrow > 0):
        return 0.0
    is_zoom = longest > shortest
    share = math.log(max(optics.focal_mm / shortest, 1)) / math.log(longest / shortest) if is_zoom else 0.0
    expected = math.log2(wide) + min(share, 1.0) * math.log2(narrow / wide)
    return round(16 * abs(expected - math.log2(optics.aperture_at_focal))) / 8


def field_labels(table: str, number: int, index: int = 0) -> Labels | None:
    """Return the names of the values of a tag; None if the values have no names.

    Args:
        table: The name of the table.
        number: The tag's number; in a binary table, the index.
        index: Which of the tag's fields to use, if it has several. If it has fewer, the last one is used.
    """
    definitions = get_table(table)
    if definitions is None:
        return None
    fields = definitions.fields.get((number, str(number))) or definitions.fields.get(number)
    labels = fields[min(index, len(fields) - 1)].labels if fields else None
    return labels if isinstance(labels, Labels) else None


# --- Nikon --------------------------------------------------------------------------------------------------------


def nikon_code(values: Mapping[str, Any]) -> str | None:
    """Return Nikon's code of a lens: eight bytes in hexadecimal, separated by spaces. Return None if a part is missing.

    Args:
        values: The decoded tags LensIDNumber, LensFStops, MinFocalLength and MaxFocalLength (in mm),
            MaxApertureAtMinFocal and MaxApertureAtMaxFocal (f-numbers), MCUVersion and LensType.
    """
    try:
        parts = [
            int(values["LensIDNumber"]),
            round(12 * float(values["LensFStops"])),
            _octaves(values["MinFocalLength"], 5),
            _octaves(values["MaxFocalLength"], 5),
            _octaves(values["MaxApertureAtMinFocal"], 1),
            _octaves(values["MaxApertureAtMaxFocal"], 1),
            int(values["MCUVersion"]),
            int(values["LensType"]),
        ]
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return None
    return " ".join(f"{part & 0xFF:02X}" for part in parts)


def _octaves(value: Any, unit: float) -> int:
    """Return a focal length or f-number as Nikon stores it: its binary logarithm, relative to `unit`, in 24ths."""
    return round(24 * math.log2(float(value) / unit)) if value else 0


def nikon_lens(code: str, optics: Optics) -> str | None:
    """Return the name of a Nikon lens; None if its code is not in the list.

    Args:
        code: The code of the lens, from nikon_code().
        optics: The known properties of the lens.
    """
    table = get_table("Nikon::LensCodes")
    labels = next(iter(table.fields.values()))[0].labels if table else None
    if not isinstance(labels, Labels):
        return None
    names = candidates(labels, code)
    if not names:
        # In the last byte, some bodies set the bit for vibration reduction and others do not. 141 of the list's 618
        # codes end with 06.
        flags = int(code[-2:], 16)
        names = candidates(labels, f"{code[:-2]}{flags ^ 0x08:02X}") or candidates(labels, f"{code[:-2]}06")
    names = [name for name in names or _similar_nikon_lenses(labels, code) if not NO_LENS.match(name)]
    # The code includes the focal lengths, rounded to a 24th of an octave. With a teleconverter, the photo's own focal
    # length may be longer than any of them.
    optics = optics._replace(min_focal_mm=None, max_focal_mm=None)
    return choose(names, optics) or next(iter(names), None)


@lru_cache(maxsize=256)
def _similar_nikon_lenses(labels: Labels, code: str) -> list[str]:
    """Return the names of the lenses whose code has the same number, focal lengths and apertures as `code`.

    The other parts of a code depend on the camera body too. Lenses with more equal parts come first. The results are
    cached, because the whole list is searched.
    """
    parts = code.split()
    if parts[2] == "00":
        return []
    matches = []
    for key, name in labels.names.items():
        others = key.split(".")[0].split()
        if len(others) == len(parts) and others[0] == parts[0] and others[2:6] == parts[2:6]:
            matches.append((-sum(map(str.__eq__, parts, others)), name))
    return [name for _, name in sorted(matches, key=itemgetter(0))]
