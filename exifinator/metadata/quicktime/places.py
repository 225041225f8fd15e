"""Read positions in the notation of ISO 6709, and print them as ExifTool does. Source: ISO 6709:2008, annex H."""

from __future__ import annotations

import re

_PLACE = re.compile(r"\s*([-+]\d{1,7}(?:\.\d{1,12})?)([-+]\d{1,7}(?:\.\d{1,12})?)(?:([-+]\d{1,7}(?:\.\d{1,12})?))?")


def read_place(text: str) -> list[float] | None:
    """Return latitude and longitude in degrees, and the altitude in metres if there is one; None for other text."""
    match = _PLACE.match(text[:80])
    if match is None:
        return None
    latitude, longitude = _degrees(match[1], 2), _degrees(match[2], 3)
    if latitude is None or longitude is None:
        return None
    return [latitude, longitude] if match[3] is None else [latitude, longitude, float(match[3])]


def _degrees(part: str, n_digits: int) -> float | None:
    """Return the degrees of a latitude or longitude, which may have minutes and seconds of two digits each.

    Args:
        part: The number with its sign, as in `+48.8577`, `+4851.46` and `+485127.7`.
        n_digits: The number of digits of degrees: 2 for a latitude, 3 for a longitude.
    """
    sign = -1 if part[0] == "-" else 1
    digits, _, fraction = part[1:].partition(".")
    if len(digits) <= n_digits:
        return sign * float(part[1:])
    if len(digits) == n_digits + 2:
        degrees, minutes, seconds = digits[:n_digits], f"{digits[n_digits:]}.{fraction or 0}", "0"
    elif len(digits) == n_digits + 4:
        degrees, minutes, seconds = digits[:n_digits], digits[n_digits:-2], f"{digits[-2:]}.{fraction or 0}"
    else:
        return None
    return sign * (int(degrees) + float(minutes) / 60 + float(seconds) / 3600)


def place_text(place: list[float]) -> str:
    """Return a position as text: `27 deg 7' 41.16" N, 100 deg 15' 2.88" E, 0 m Above Sea Level`."""
    parts = [_dms(place[0], "NS"), _dms(place[1], "EW")]
    if len(place) > 2:
        parts.append(f"{abs(place[2]):.15g} m {'Below' if place[2] < 0 else 'Above'} Sea Level")
    return ", ".join(parts)


def _dms(degrees: float, letters: str) -> str:
    hundredths = round(abs(degrees) * 360_000)
    minutes, rest = divmod(hundredths, 6000)
    return f"{minutes // 60} deg {minutes % 60}' {rest / 100:.2f}\" {letters[degrees < 0]}"
