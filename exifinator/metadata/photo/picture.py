"""Read ISO speeds, ratings, distances and bit depths, which need more than the plain readers in readers.py."""

from __future__ import annotations

import re

from exifinator.metadata.photo.readers import in_range, integer, number, positive, text
from exifinator.metadata.photo.sources import Raw

# The value for a speed that does not fit into the 16 bits of the tag. Newer cameras write the speed to other tags, too.
ISO_TOO_HIGH = 65535
_METRES = re.compile(r"(\d{1,6}(?:\.\d+)?)\s*m\b")
# The lowest percentages that count as 2, 3, 4 and 5 stars, halfway between the percentages that Windows writes.
_MIN_PERCENT_OF_STARS = (13, 38, 63, 87)


def iso(raw: Raw) -> int | None:
    """Read an ISO speed. If the first of two numbers is 0, read the second: Nikon writes [0, speed]."""
    if isinstance(raw, list) and len(raw) == 2 and not raw[0]:
        raw = raw[1:]
    value = integer(raw)
    return None if value == ISO_TOO_HIGH else value


def canon_iso(auto: Raw, base: Raw) -> int | None:
    """Return the ISO speed for Canon's tags AutoISO and BaseISO: a hundredth of their product.

    If exifread decoded the tags, each value is a single number, the exponent of two that the camera writes, in units of
    1/32.
    """
    if not isinstance(auto, list) and not isinstance(base, list):
        auto_exponent, base_exponent = in_range(-320, 640)(auto), in_range(1, 640)(base)
        if auto_exponent is None or base_exponent is None:
            return None
        return integer(2 ** (auto_exponent / 32) * 2 ** (base_exponent / 32) * 100 / 32)
    auto_iso, base_iso = positive(auto), positive(base)
    return integer(auto_iso * base_iso / 100) if auto_iso and base_iso else None


def stars(raw: Raw) -> int | None:
    """Read a rating: 1 to 5 stars, 0 for none, -1 for rejected."""
    value = number(raw)
    return int(value) if value is not None and -1 <= value <= 5 else None


def stars_from_percent(raw: Raw) -> int | None:
    """Read Microsoft's rating in percent, where 1, 25, 50, 75 and 99 are 1 to 5 stars."""
    value = number(raw)
    if value is None or not 0 <= value <= 100:
        return None
    return 1 + sum(value >= limit for limit in _MIN_PERCENT_OF_STARS) if value else 0


def metres(raw: Raw) -> float | None:
    """Read a distance in metres that a MakerNote contains as a string, such as `2.5 m`."""
    match = _METRES.match(text(raw) or "")
    return float(match[1]) or None if match else None


def bits_per_sample(raw: Raw) -> int | None:
    """Read the bits per sample. If the channels differ, return the largest number of bits."""
    values = [value for item in raw if (value := integer([item]))] if isinstance(raw, list) else [integer(raw)]
    return max((value for value in values if value and value <= 64), default=None)


def first_rating(ratings: list[int]) -> int:
    """Return the first rating that is not 0. Cameras write 0 if nobody has rated the photo in the camera."""
    return next((rating for rating in ratings if rating), 0)
