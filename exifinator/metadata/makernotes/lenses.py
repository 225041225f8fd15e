"""Name a lens by its number in a MakerNote. Several lenses share a number: focal lengths and apertures tell them apart.

The lists of lenses are part of the tables (tables.py), from `exiftool -listx`. How lenses with the same number are told
apart, and the parts of Nikon's code, are described at https://exiftool.org/TagNames/Canon.html (LensType) and
https://exiftool.org/TagNames/Nikon.html (LensID).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from exifinator.metadata.makernotes.tables import Labels, get_table

# "24-70mm", "50mm", "18-55 mm"
FOCAL = re.compile(r"(\d+(?:\.\d+)?)(?:\s*-\s*(\d+(?:\.\d+)?))?\s*mm", re.IGNORECASE)
# "f/2.8", "F3.5-5.6", "1:2.8"
APERTURE = re.compile(r"(?:f/?|1:)\s*(\d+(?:\.\d+)?)(?:\s*-\s*(\d+(?:\.\d+)?))?", re.IGNORECASE)
ALTERNATIVES = re.compile(r" or .*")
FOCAL_TOLERANCE_MM = 0.5
# Stored apertures are rounded to an eighth or a twelfth of a stop.
APERTURE_TOLERANCE = 0.16
MAX_CANDIDATES = 64
# Names in the lists of lenses that are not lenses.
NO_LENS = re.compile(r"^(n/a|none|unknown|no lens|m-?42|manual lens no cpu|\W*$)", re.IGNORECASE)


class Optics(NamedTuple):
    """What a photo says about its lens; None where it says nothing.

    Attributes:
        min_focal_mm, max_focal_mm: The shortest and longest focal length of the lens.
        max_aperture: Its largest aperture, as an f-number.
        focal_mm: The focal length of the photo.
    """

    min_focal_mm: float | None = None
    max_focal_mm: float | None = None
    max_aperture: float | None = None
    focal_mm: float | None = None


def candidates(labels: Labels, key: str) -> list[str]:
    """Return the names of the lenses with this number: those of `key`, `key.1`, `key.2` and so on."""
    first = labels.names.get(key)
    others = [labels.names.get(f"{key}.{index}") for index in range(1, MAX_CANDIDATES)]
    names = [first, *others]
    found = [name for name in names if name]
    if len(found) > 1:
        found[0] = ALTERNATIVES.sub("", found[0])
    return found


def choose(names: Iterable[str], optics: Optics, model: str = "") -> str | None:
    """Return the lens that fits what the photo says; None if none does.

    Args:
        names: Lenses with the same number.
        optics: The focal lengths and the aperture of the lens, from the photo.
        model: The lens by the camera's own name, such as "EF24-70mm f/2.8L USM"; may be empty.
    """
    possible = [name for name in names if not NO_LENS.match(name)]
    if model:
        exact = [name for name in possible if _bare(model) in _bare(name)]
        if exact:
            return exact[0]
    # The first name may be one for all lenses with the number, such as "Sigma or Tamron Lens".
    named = [name for name in possible if FOCAL.search(name)]
    possible = named or possible
    if len(possible) <= 1:
        return possible[0] if possible else None
    fitting = [name for name in possible if _fits_focal(name, optics)]
    by_aperture = [name for name in fitting if _fits_aperture(name, optics)]
    return next(iter(by_aperture or fitting), None)


def _bare(name: str) -> str:
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


def field_labels(table: str, number: int, index: int = 0) -> Labels | None:
    """Return the names of the values of a tag; None if it has none."""
    found = get_table(table)
    if found is None:
        return None
    fields = found.fields.get((number, str(number))) or found.fields.get(number)
    labels = fields[min(index, len(fields) - 1)].labels if fields else None
    return labels if isinstance(labels, Labels) else None


# --- Nikon --------------------------------------------------------------------------------------------------------


def nikon_code(values: Mapping[str, Any]) -> str | None:
    """Return Nikon's code of a lens, eight bytes as hexadecimal numbers; None if a part is missing.

    Args:
        values: LensIDNumber, LensFStops, MinFocalLength, MaxFocalLength, MaxApertureAtMinFocal, MaxApertureAtMaxFocal,
            MCUVersion and LensType, as decoded. Focal lengths and apertures are stored in 24ths of an octave.
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
    return round(24 * math.log2(float(value) / unit)) if value else 0


def nikon_lens(code: str, optics: Optics) -> str | None:
    """Return the name of a Nikon lens by its code; None if it is not in the list."""
    table = get_table("Nikon::LensCodes")
    labels = next(iter(table.fields.values()))[0].labels if table else None
    if not isinstance(labels, Labels):
        return None
    names = candidates(labels, code)
    if not names:
        # The last byte has a bit for vibration reduction that some bodies set and others do not.
        flags = int(code[-2:], 16)
        names = candidates(labels, f"{code[:-2]}{flags ^ 0x08:02X}") or candidates(labels, f"{code[:-2]}06")
    return choose(names, optics)
