"""Parse ranges in URLs: iso=100-400, exposure=1/250-1/30, taken=2024-05..2024-09, bbox=w,s,e,n."""

from __future__ import annotations

import math
import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from api.errors import BadParameter

_NUMBER = r"[0-9]{1,9}(\.[0-9]{1,9})?"
# An exposure time as a fraction, such as 1/250, or in decimal seconds.
_FRACTION = rf"({_NUMBER}|[0-9]{{1,9}}/[1-9][0-9]{{0,8}})"
_DATE = r"(19|20)[0-9]{2}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?"
# A year, month or day, also an implausible one that a wrong clock has recorded, or `none` for photos without a date.
START = r"^([12][0-9]{3}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?|none)$"
# Allow many decimals, because programs print floats in full.
_LATITUDE = r"-?(90(\.0{1,20})?|[1-8]?[0-9](\.[0-9]{1,20})?)"
_LONGITUDE = r"-?(180(\.0{1,20})?|(1[0-7][0-9]|[1-9]?[0-9])(\.[0-9]{1,20})?)"

# Also used as patterns in the OpenAPI schema.
NUMBERS = rf"^({_NUMBER}|{_NUMBER}-|-{_NUMBER}|{_NUMBER}-{_NUMBER})$"
FRACTIONS = rf"^({_FRACTION}|{_FRACTION}-|-{_FRACTION}|{_FRACTION}-{_FRACTION})$"
DATES = rf"^({_DATE}|{_DATE}\.\.|\.\.{_DATE}|{_DATE}\.\.{_DATE})$"
NEAR = rf"^{_LATITUDE},{_LONGITUDE},[0-9]{{1,5}}(\.[0-9]{{1,9}})?$"
BBOX = rf"^{_LONGITUDE},{_LATITUDE},{_LONGITUDE},{_LATITUDE}$"


@dataclass(frozen=True)
class Span:
    """A range, both ends inclusive; None is an open end."""

    low: float | None
    high: float | None


@dataclass(frozen=True)
class Box:
    """An area in degrees; `west` is greater than `east` if the area crosses the 180th meridian."""

    west: float
    south: float
    east: float
    north: float


# Bounds of the example range in error messages, by parameter.
_EXAMPLE_BOUNDS = {
    "f": ("1.8", "4"), "focal": ("24", "70"), "focal35": ("24", "70"), "duration": ("10", "60"),
    "frame_rate": ("24", "60"),
}  # fmt: skip


def read_numbers(text: str, parameter: str) -> Span:
    """Parse 100, 100-400, 100- or -400. The ends may be in either order.

    Raises:
        BadParameter: The text is invalid.
    """
    low, high = _EXAMPLE_BOUNDS.get(parameter, ("100", "400"))
    return _read_span(
        text, parameter, NUMBERS, f"expected a number or a range, such as {low}-{high}, {low}- or -{high}"
    )


def read_fractions(text: str, parameter: str) -> Span:
    """Parse seconds: 1/250, 1/250-1/30, 0.5-2 or 1-.

    Raises:
        BadParameter: The text is invalid.
    """
    return _read_span(text, parameter, FRACTIONS, "expected seconds or a range, such as 1/250-1/30, 0.5 or 1-")


def _read_span(text: str, parameter: str, pattern: str, expected: str) -> Span:
    if not re.fullmatch(pattern, text, re.ASCII):
        raise BadParameter(parameter, expected)
    first, dash, last = text.partition("-")
    low = _number(first) if first else None
    if not dash:
        return Span(low, low)
    high = _number(last) if last else None
    if low is not None and high is not None and low > high:
        return Span(high, low)
    return Span(low, high)


def _number(text: str) -> float:
    numerator, slash, denominator = text.partition("/")
    return float(numerator) / float(denominator) if slash else float(numerator)


def read_dates(text: str, parameter: str) -> tuple[datetime | None, datetime | None]:
    """Parse 2024, 2024-05, 2024-05-03, or a range with `..` into a start and an exclusive end; None is an open end.

    A range includes the whole of its last period: `..2024-09` ends at the end of September. A day past the end of its
    month counts as the last day.

    Raises:
        BadParameter: The text is invalid.
    """
    if not re.fullmatch(DATES, text, re.ASCII):
        raise BadParameter(parameter, "expected a year, month or day, or a range such as 2024-05..2024-09")
    first, dots, last = text.partition("..")
    if not dots:
        last = first
    start = _period(first)[0] if first else None
    end = _period(last)[1] if last else None
    if start is not None and end is not None and start >= end:
        start, end = _period(last)[0], _period(first)[1]
    return start, end


def read_start(text: str, parameter: str) -> tuple[datetime, datetime] | None:
    """Parse 2024, 2024-05 or 2024-05-03 into a start and an exclusive end. Return None for `none`.

    Raises:
        BadParameter: The text is invalid.
    """
    if not re.fullmatch(START, text, re.ASCII):
        raise BadParameter(parameter, "expected a year, month or day, such as 2024-05, or none")
    return None if text == "none" else _period(text)


def _period(text: str) -> tuple[datetime, datetime]:
    """Return the start and the exclusive end of a year, month or day."""
    year, month, day = (*map(int, text.split("-")), 0, 0)[:3]
    if not month:
        return datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    if not day:
        start = datetime(year, month, 1, tzinfo=UTC)
        return start, (start + timedelta(days=31)).replace(day=1)
    start = datetime(year, month, min(day, monthrange(year, month)[1]), tzinfo=UTC)
    return start, start + timedelta(days=1)


def read_near(text: str, parameter: str) -> tuple[float, float, float]:
    """Parse latitude,longitude,distance into degrees and kilometres.

    Raises:
        BadParameter: The text is invalid.
    """
    if not re.fullmatch(NEAR, text, re.ASCII):
        raise BadParameter(parameter, "expected latitude,longitude,kilometres, such as 48.85,2.35,5")
    latitude, longitude, kilometres = map(float, text.split(","))
    return latitude, longitude, kilometres


def read_box(text: str, parameter: str) -> Box:
    """Parse west,south,east,north in degrees.

    Raises:
        BadParameter: The text is invalid.
    """
    if not re.fullmatch(BBOX, text, re.ASCII):
        raise BadParameter(parameter, "expected west,south,east,north in degrees, such as 2.2,48.8,2.5,48.9")
    west, south, east, north = map(float, text.split(","))
    return Box(west, min(south, north), east, max(south, north))


def box_around(latitude: float, longitude: float, radius: float) -> Box:
    """Return the box around a circle. `radius` is a central angle in radians."""
    # Pad the radius slightly to make up for rounding in sin and cos.
    padded_radius = radius * (1 + 1e-9) + 1e-9
    south, north = latitude - math.degrees(padded_radius), latitude + math.degrees(padded_radius)
    if south <= -90 or north >= 90:  # the circle contains a pole, and therefore every longitude
        return Box(-180, max(-90, south), 180, min(90, north))
    # The circle is widest where it touches a meridian.
    width = math.degrees(math.asin(min(1, math.sin(padded_radius) / math.cos(math.radians(latitude)))))
    return Box(_wrap_longitude(longitude - width), south, _wrap_longitude(longitude + width), north)


def _wrap_longitude(longitude: float) -> float:
    """Return the equivalent longitude between -180 and 180 degrees."""
    return (longitude + 180) % 360 - 180
