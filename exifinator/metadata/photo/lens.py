"""Read the name of the lens, or describe a lens without a name by its focal lengths and apertures."""

from __future__ import annotations

import re

from exifinator.metadata.photo.placeholders import NO_LENS
from exifinator.metadata.photo.readers import numbers, positive, text
from exifinator.metadata.photo.sources import Raw

# Some programs write focal lengths and apertures instead of the lens's name: "18.0-55.0 mm f/3.5-5.6". Such a string is
# used only if no source has a name, because a MakerNote may have the real name.
_FOCAL_LENGTHS_AND_APERTURES = re.compile(r"[\d.\-\s]+mm(?:\s*f/?\s*[\d.\-\s]+)?", re.IGNORECASE)


def lens_name(raw: Raw) -> str | None:
    """Read the name of a lens; None for placeholders such as `----` and `0.0 mm f/0.0`."""
    value = text(raw)
    return None if value is None or NO_LENS.fullmatch(value.lower()) else value


def proper_lens_name(raw: Raw) -> str | None:
    """Read the name of a lens; None for a string that consists only of focal lengths and apertures."""
    value = lens_name(raw)
    return None if value is None or _FOCAL_LENGTHS_AND_APERTURES.fullmatch(value) else value


def known_lens_name(raw: Raw) -> str | None:
    """Read the name of a lens that was decoded from a number.

    Return None for a number that no table contains, and for a number that several lenses share. The decoder joins the
    names of several lenses by " or ".
    """
    value = proper_lens_name(raw)
    if value is None or not any(char.isdigit() for char in value) or not any(char.isalpha() for char in value):
        return None
    return None if " or " in value else value


def lens_data(raw: Raw) -> str | None:
    """Describe a lens, as in `18-55mm f/3.5-5.6`.

    Args:
        raw: The shortest and the longest focal length in mm, and the lowest f-number at each of them.
    """
    shortest_mm, longest_mm, shortest_f, longest_f = (positive(value) for value in numbers(raw, 4))
    if not (shortest_mm and longest_mm):
        return None
    focal_range = f"{shortest_mm:g}" if shortest_mm == longest_mm else f"{shortest_mm:g}-{longest_mm:g}"
    if not shortest_f:
        return f"{focal_range}mm"
    return f"{focal_range}mm f/{shortest_f:g}" + (f"-{longest_f:g}" if longest_f and longest_f != shortest_f else "")
