"""Read positions, altitudes and speeds."""

from __future__ import annotations

import re
from typing import Any

from exifinator.metadata.photo.readers import number, numbers, text
from exifinator.metadata.photo.sources import Problem, Raw

OUT_OF_RANGE = Problem("The GPS position is out of range.")
CONTRADICTORY_DEGREES = 1000.0
_PART = re.compile(r"\d{1,15}(?:\.\d*)?(?:\s*/\s*\d{1,15})?")
_KM_PER_HOUR = {"K": 1.0, "M": 1.609344, "N": 1.852}
# Altitude references for altitudes below sea level, or below the ellipsoid (Exif 3.0, 4.6.7.1.6).
_BELOW_SEA_LEVEL_REFERENCES = (1, 3)


def position(latitude: Raw, latitude_ref: Raw, longitude: Raw, longitude_ref: Raw) -> dict[str, Any] | Problem | None:
    """Read a position as a GeoJSON point.

    Return None for (0, 0): receivers without a fix write it, with or without an altitude and a date.

    Args:
        latitude: Degrees, minutes and seconds as a list, or a string as in XMP.
        latitude_ref: `N` or `S`.
        longitude: As `latitude`.
        longitude_ref: `E` or `W`.
    """
    north, east = _degrees(latitude, latitude_ref), _degrees(longitude, longitude_ref)
    if north is None or east is None:
        return None
    if abs(north) > 90 or abs(east) > 180:
        return OUT_OF_RANGE
    return {"type": "Point", "coordinates": [east, north]} if north or east else None


def _degrees(raw: Raw, reference: Raw) -> float | None:
    """Return signed decimal degrees.

    Return None if the value cannot be read, and CONTRADICTORY_DEGREES if its parts contradict each other.
    """
    letter = (text(reference) or "")[:1].upper()
    sign = 1
    if isinstance(raw, str):
        value = raw.strip()
        letters = [char for char in value.upper() if char in "NSEW"]
        letter = letters[0] if len(letters) == 1 else letter
        sign = -1 if re.search(r"(?:^|[^\d.])-\s*\d", value) else 1
        parts = [number(part) for part in _PART.findall(value[:100])]
        if len(parts) == 2 and parts[1] is not None and parts[1] >= 60 and "," in value:
            # The comma is a decimal separator. It does not separate degrees from minutes.
            parts = [number(value[:100].replace(",", ".", 1).strip(" NSEWnsew+-"))]
    else:
        parts = list(numbers(raw, 3))
    if not parts or parts[0] is None:
        return None
    # Some programs write a negative number instead of the reference.
    if parts[0] < 0:
        sign = -1
    minutes, seconds = [*parts[1:3], None, None][:2]
    degrees = abs(parts[0]) + (minutes or 0) / 60 + (seconds or 0) / 3600
    if any(part is not None and not 0 <= part < 61 for part in parts[1:3]):
        return CONTRADICTORY_DEGREES
    if letter in ("S", "W"):
        sign = -1
    elif letter in ("N", "E") and sign < 0:
        return CONTRADICTORY_DEGREES
    return round(sign * degrees, 8) + 0.0


def altitude(raw: Raw, reference: Raw) -> float | None:
    """Read an altitude in metres, which is negative below sea level."""
    metres = number(raw)
    if metres is None or not -12_000 < metres < 100_000:
        return None
    return -abs(float(metres)) if number(reference) in _BELOW_SEA_LEVEL_REFERENCES else float(metres)


def speed(raw: Raw, reference: Raw) -> float | None:
    """Read a speed, and convert it to kilometres per hour. The reference is K (km/h), M (mph) or N (knots)."""
    value = number(raw)
    factor = _KM_PER_HOUR.get((text(reference) or "K")[:1].upper())
    return round(value * factor, 3) if value is not None and factor and 0 <= value < 100_000 else None
