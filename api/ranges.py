"""Ranges as people write them in an address: iso=100-400, exposure=1/250-1/30, taken=2024-05..2024-09, bbox=w,s,e,n."""

from __future__ import annotations

import math
import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from api.errors import BadParameter

_NUMBER = r"[0-9]{1,9}(\.[0-9]{1,9})?"
# An exposure is written as photographers do, 1/250, or in seconds.
_FRACTION = rf"({_NUMBER}|[0-9]{{1,9}}/[1-9][0-9]{{0,8}})"
_DATE = r"(19|20)[0-9]{2}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?"
# Programs write degrees with all the digits that a float has.
_LATITUDE = r"-?(90(\.0{1,20})?|[1-8]?[0-9](\.[0-9]{1,20})?)"
_LONGITUDE = r"-?(180(\.0{1,20})?|(1[0-7][0-9]|[1-9]?[0-9])(\.[0-9]{1,20})?)"

# The same forms stand in the OpenAPI description.
NUMBERS = rf"^({_NUMBER}|{_NUMBER}-|-{_NUMBER}|{_NUMBER}-{_NUMBER})$"
FRACTIONS = rf"^({_FRACTION}|{_FRACTION}-|-{_FRACTION}|{_FRACTION}-{_FRACTION})$"
DATES = rf"^({_DATE}|{_DATE}\.\.|\.\.{_DATE}|{_DATE}\.\.{_DATE})$"
NEAR = rf"^{_LATITUDE},{_LONGITUDE},[0-9]{{1,5}}(\.[0-9]{{1,9}})?$"
BBOX = rf"^{_LONGITUDE},{_LATITUDE},{_LONGITUDE},{_LATITUDE}$"


@dataclass(frozen=True)
class Span:
    """A range with both ends in it; None is an open end."""

    low: float | None
    high: float | None


@dataclass(frozen=True)
class Box:
    """An area in degrees; `west` is greater than `east` where it crosses the 180th meridian."""

    west: float
    south: float
    east: float
    north: float


_LIKE = {"f": ("1.8", "4"), "focal": ("24", "70")}


def read_numbers(text: str, parameter: str) -> Span:
    """100, 100-400, 100- or -400; the two ends in either order. Raises: BadParameter."""
    low, high = _LIKE.get(parameter, ("100", "400"))
    return _read_span(text, parameter, NUMBERS, f"write a number or a range, as in {low}-{high}, {low}- or -{high}")


def read_fractions(text: str, parameter: str) -> Span:
    """1/250, 1/250-1/30, 0.5-2, 1-: seconds. Raises: BadParameter."""
    return _read_span(text, parameter, FRACTIONS, "write seconds or a range of them, as in 1/250-1/30, 0.5 or 1-")


def _read_span(text: str, parameter: str, form: str, wanted: str) -> Span:
    if not re.fullmatch(form, text, re.ASCII):
        raise BadParameter(parameter, wanted)
    first, dash, last = text.partition("-")
    low = _number(first) if first else None
    if not dash:
        return Span(low, low)
    high = _number(last) if last else None
    if low is not None and high is not None and low > high:
        return Span(high, low)
    return Span(low, high)


def _number(text: str) -> float:
    above, slash, below = text.partition("/")
    return float(above) / float(below) if slash else float(above)


def read_dates(text: str, parameter: str) -> tuple[datetime | None, datetime | None]:
    """2024, 2024-05, 2024-05-03, and with .. between two or beside one: from when, and until before when.

    A period is there as a whole: ..2024-09 ends with September. A day that its month does not have is its last day.
    Raises: BadParameter.
    """
    if not re.fullmatch(DATES, text, re.ASCII):
        raise BadParameter(parameter, "write a year, a month or a day, or two with .. between, as in 2024-05..2024-09")
    first, dots, last = text.partition("..")
    if not dots:
        last = first
    start = _period(first)[0] if first else None
    end = _period(last)[1] if last else None
    if start is not None and end is not None and start >= end:
        start, end = _period(last)[0], _period(first)[1]
    return start, end


def _period(text: str) -> tuple[datetime, datetime]:
    """The first moment of a year, month or day, and the first one after it."""
    year, month, day = (*map(int, text.split("-")), 0, 0)[:3]
    if not month:
        return datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    if not day:
        start = datetime(year, month, 1, tzinfo=UTC)
        return start, (start + timedelta(days=31)).replace(day=1)
    start = datetime(year, month, min(day, monthrange(year, month)[1]), tzinfo=UTC)
    return start, start + timedelta(days=1)


def read_near(text: str, parameter: str) -> tuple[float, float, float]:
    """lat,lng,km as latitude and longitude in degrees and kilometres. Raises: BadParameter."""
    if not re.fullmatch(NEAR, text, re.ASCII):
        raise BadParameter(parameter, "write latitude,longitude,kilometres, as in 48.85,2.35,5")
    latitude, longitude, kilometres = map(float, text.split(","))
    return latitude, longitude, kilometres


def read_box(text: str, parameter: str) -> Box:
    """west,south,east,north in degrees. Raises: BadParameter."""
    if not re.fullmatch(BBOX, text, re.ASCII):
        raise BadParameter(parameter, "write west,south,east,north in degrees, as in 2.2,48.8,2.5,48.9")
    west, south, east, north = map(float, text.split(","))
    return Box(west, min(south, north), east, max(south, north))


def box_around(latitude: float, longitude: float, radians: float) -> Box:
    """The box that holds a circle of this radius, as it is seen from the middle of the earth."""
    # A little more, for what sines and cosines round away.
    radius = radians * (1 + 1e-9) + 1e-9
    south, north = latitude - math.degrees(radius), latitude + math.degrees(radius)
    if south <= -90 or north >= 90:  # a pole lies in it, and with it every longitude
        return Box(-180, max(-90, south), 180, min(90, north))
    # Where the circle is widest, its edge runs from pole to pole.
    width = math.degrees(math.asin(min(1, math.sin(radius) / math.cos(math.radians(latitude)))))
    return Box(_turned(longitude - width), south, _turned(longitude + width), north)


def _turned(longitude: float) -> float:
    """The same meridian from -180 to 180 degrees."""
    return (longitude + 180) % 360 - 180
