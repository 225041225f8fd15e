"""Parse dates in the formats that cameras and programs write.

A string that no format matches as a whole is ignored: an unknown word after a time may mean p.m., and the time would be
wrong by twelve hours.
Sources: Exif 3.0, 4.6.6.4; XMP specification, part 1, clause 8.2.1.1; IPTC IIM 4.2, 2:55 and 2:60; RFC 5322.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from typing import Literal, NamedTuple

from exifinator.metadata.day_periods import DAY_PERIODS, DAY_PERIODS_PATTERN, repair_day_periods

Precision = Literal["year", "month", "day", "minute", "second"]


class PhotoDate(NamedTuple):
    """A date on the clock of the camera or program that wrote it.

    Attributes:
        local: The date without a time zone. Unknown parts have the lowest possible value.
        precision: The finest part that is known.
        offset: The offset from UTC, as in `+02:00`; None if it is not known.
        is_utc: Whether the date is in UTC by definition, as GPS dates are. Its offset then says nothing about the
            camera's clock.
    """

    local: datetime
    precision: Precision
    offset: str | None = None
    is_utc: bool = False


# Longer strings are not dates.
MAX_DATE_CHARACTERS = 80
# Offsets in use reach from -12:00 to +14:00.
MAX_OFFSET = timedelta(hours=14)

# The format of nearly every camera. Trying the other formats takes ten times as long.
_EXIF = re.compile(r"(\d{4}):(\d\d):(\d\d) (\d\d):(\d\d):(\d\d)", re.ASCII)

# Name of a time zone -> its offset. None for a name that several zones share: CST is US Central or China time.
ZONE_NAMES: dict[str, str | None] = {
    "Z": "+00:00", "UT": "+00:00", "UTC": "+00:00", "GMT": "+00:00", "EST": "-05:00", "EDT": "-04:00", "MDT": "-06:00",
    "PST": "-08:00", "PDT": "-07:00", "WET": "+00:00", "WEST": "+01:00", "CET": "+01:00", "CEST": "+02:00",
    "EET": "+02:00", "EEST": "+03:00", "MSK": "+03:00", "JST": "+09:00", "KST": "+09:00", "AEST": "+10:00",
    "AEDT": "+11:00", "NZST": "+12:00", "NZDT": "+13:00", "CST": None, "CDT": None, "MST": None, "IST": None,
    "BST": None,
}  # fmt: skip
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

_ZONE = (
    rf"(?P<zone>(?:UTC|GMT)?\s*[+\-\u2212]\s*\d{{1,2}}(?::?\d{{2}})?|{'|'.join(sorted(ZONE_NAMES, reverse=True))})"
    # A comment as in RFC 5322, or a region in brackets as Java writes it.
    r"(?:\s*(?:DST|\([\w ]{1,40}\)|\[[\w/+-]{1,40}\]))?"
)
_TIME = rf"""
    (?:(?P<before>{DAY_PERIODS_PATTERN})\s*)?
    (?:
        (?P<hour>\d{{1,2}}) \s*[:.h時时시]\s* (?P<minute>\d{{1,2}})
        (?: \s*[:.m分분]\s* (?: (?P<second>\d{{1,2}}) (?:s|\s*[秒초])? (?:[.,:](?P<fraction>\d{{1,9}}))? )? )?
      | (?P<hour2>\d\d) (?P<minute2>\d\d) (?: (?P<second2>\d\d) (?:[.,](?P<fraction2>\d{{1,9}}))? )?
    )
    (?:\s*(?P<after>{DAY_PERIODS_PATTERN}))?
    (?:\s*{_ZONE})?
"""
_SPACE = r"(?:\s*T\s*|\s*,\s+|\s*:\s+|\s+)"
_GRAMMARS = (
    # 2019:05:01 20:13:07, 2019-05-01T20:13:07Z, 2019/5/1, 2019-05, 2019, 2019年5月1日 下午8:13. Unknown parts are
    # zero or blank.
    rf"""(?P<year>\d{{4}}) (?: \s*[:/.\-年년]\s* (?P<month>\d{{0,2}})
         (?: \s*[:/.\-月월]\s* (?P<day>\d{{0,2}}) \s*[日일.]? )? )?
         (?: (?:{_SPACE}|(?<=[日일])|-(?=\d\d[.:]\d\d[.:])) {_TIME})?""",
    # 20190501, 20190501T201307+0200, 20190501 201307, 20190501201307
    rf"(?P<year>\d{{4}})(?P<month>\d\d)(?P<day>\d\d) (?: (?:{_SPACE})? {_TIME})?",
    # Wed, 01 May 2019 20:13:07 GMT; 1-May-2019
    rf"(?:[a-z]{{3,9}},?\s+)? (?P<day>\d{{1,2}})[\s-]+(?P<month_name>[a-z]{{3}})[a-z]*\.?[\s,-]+(?P<year>\d{{4}})"
    rf"(?:{_SPACE} {_TIME})?",
    # Wed May  1 20:13:07 2019; May 1, 2019 8:13 PM
    rf"(?:[a-z]{{3,9}},?\s+)? (?P<month_name>[a-z]{{3}})[a-z]*\.?\s+(?P<day>\d{{1,2}}) (?:{_SPACE} {_TIME})? "
    r",?\s+(?P<year>\d{4})",
    rf"(?:[a-z]{{3,9}},?\s+)? (?P<month_name>[a-z]{{3}})[a-z]*\.?\s+(?P<day>\d{{1,2}}),?\s+(?P<year>\d{{4}})"
    rf"(?:{_SPACE} {_TIME})?",
    # 25/12/2019 and 12/25/2019, where one of the two numbers cannot be a month.
    rf"(?P<first>\d{{1,2}})[/.\-](?P<other>\d{{1,2}})[/.\-](?P<year>\d{{4}}) (?:{_SPACE} {_TIME})?",
)


@cache
def _compile(grammar: str) -> re.Pattern[str]:
    """Compile a grammar when it is first needed. Compiling all would delay the start of each program by 20 ms."""
    return re.compile(grammar, re.VERBOSE | re.IGNORECASE)


_OFFSET = re.compile(_ZONE, re.IGNORECASE)
_NUMBERS = re.compile(r"\d+")


def is_blank_date(text: str) -> bool:
    """Return whether a string means that the date is not set: blanks, zeros, or one of a few other values."""
    numbers = _NUMBERS.findall(text)
    if not any(char.isalnum() for char in text):
        return True
    # 0001-01-01T00:00:00 is the lowest date of .NET. Programs write it for a date that is not set.
    return bool(numbers) and (int(numbers[0][:9]) == 0 or numbers[0] == "65535" or _is_first_date(numbers))


def _is_first_date(numbers: list[str]) -> bool:
    return numbers[0] == "0001" and [int(number[:9]) for number in numbers[1:6]] == [1, 1, 0, 0, 0][: len(numbers) - 1]


def parse_date(text: str | None, sub_seconds: str | None = None) -> PhotoDate | None:
    """Parse a date. Fractions of a second are cut to milliseconds.

    Args:
        text: The date. It may include a fraction of a second and an offset.
        sub_seconds: The digits of the fraction of a second, if it is stored separately.

    Returns:
        The date, or None if the text is blank or is not a date.
    """
    if not text:
        return None
    match = _EXIF.fullmatch(text)
    if match:
        year, month, day, hour, minute, second = map(int, match.groups())
        if month and day and hour < 24 and second < 60:
            local = _datetime(year, month, day, hour, minute, second, sub_seconds)
            return PhotoDate(local, "second") if local and (year > 1 or not is_blank_date(text)) else None
    if len(text) > MAX_DATE_CHARACTERS or is_blank_date(text):
        return None
    if not text.isascii():
        text = unicodedata.normalize("NFKC", repair_day_periods(text)).replace("\ufffd", "")
    text = " ".join(text.replace("\0", " ").split()).rstrip(":-/. ")
    for grammar in _GRAMMARS:
        if match := _compile(grammar).fullmatch(text):
            return _from_match(match, text, sub_seconds)
    return None


@lru_cache(maxsize=256)
def parse_offset(text: str | None) -> str | None:
    """Return an offset in the form `+02:00`; None if the text is not an offset."""
    match = _OFFSET.fullmatch(text.strip()) if text and len(text) < MAX_DATE_CHARACTERS else None
    return _offset(match["zone"]) if match else None


def mark_utc(date: PhotoDate) -> PhotoDate:
    """Return the date, marked as being in UTC by definition."""
    return date._replace(offset="+00:00", is_utc=True)


def in_zone(date: PhotoDate, offset: str) -> PhotoDate | None:
    """Convert a date in UTC to a clock with this offset. Return None outside the range of datetime."""
    try:
        return PhotoDate(date.local + _offset_as_timedelta(offset), date.precision, offset)
    except OverflowError:
        return None


def to_utc(date: PhotoDate) -> datetime | None:
    """Return the date in UTC; None if its offset is not known or the result is outside the range of datetime."""
    if date.offset is None:
        return None
    try:
        return (date.local - _offset_as_timedelta(date.offset)).replace(tzinfo=UTC)
    except OverflowError:  # on the first or last day that datetime supports
        return None


@lru_cache(maxsize=256)
def _offset_as_timedelta(offset: str) -> timedelta:
    delta = timedelta(hours=int(offset[1:3]), minutes=int(offset[4:6]))
    return -delta if offset[0] == "-" else delta


def _from_match(match: re.Match[str], text: str, sub_seconds: str | None) -> PhotoDate | None:
    parts = match.groupdict()
    year, month, day = int(parts["year"]), *_month_and_day(parts)
    if month is None or day is None:
        return None
    hour_text, minute_text = parts["hour"] or parts["hour2"], parts["minute"] or parts["minute2"]
    if not month or not day:
        # Without a month or day, a time is meaningless.
        local = _datetime(year, month or 1, 1)
        return PhotoDate(local, "month" if month else "year") if local else None
    if hour_text is None:
        local = _datetime(year, month, day)
        return PhotoDate(local, "day") if local else None
    offset = None
    if zone := parts["zone"]:
        offset = _offset(zone)
        if offset is None and zone.upper() not in ZONE_NAMES:
            return None
    hour = hour_of_day(int(hour_text), parts["before"], parts["after"])
    second_text = parts["second"] or parts["second2"]
    second = int(second_text or 0)
    if hour is None or second > 60:
        return None
    next_day = False
    if hour == 24:
        # In ISO 8601, 24:00:00 is the end of the day. Cameras write 24 for the first hour of the day (Nokia 7 plus).
        hour, next_day = 0, "T" in text.upper() and (int(minute_text), second) == (0, 0)
    fraction = parts["fraction"] or parts["fraction2"] or sub_seconds
    # datetime has no leap seconds.
    local = _datetime(year, month, day, hour, int(minute_text), min(second, 59), fraction)
    if local is None:
        return None
    try:
        local += timedelta(days=next_day)
    except OverflowError:
        return None
    return PhotoDate(local, "second" if second_text else "minute", offset)


def _month_and_day(parts: dict[str, str | None]) -> tuple[int | None, int | None]:
    """Return the month and the day. 0 means unknown, and None that the text is not a date or is ambiguous."""
    if name := parts.get("month_name"):
        name = name.lower()
        return (MONTHS.index(name) + 1 if name in MONTHS else None), int(parts["day"] or 0)
    if first := parts.get("first"):
        one, two = int(first), int(parts["other"] or 0)
        if one > 12 or one == two:
            return two, one
        return (one, two) if two > 12 else (None, None)
    return int(parts["month"] or 0), int(parts["day"] or 0)


def hour_of_day(hour: int, before: str | None = None, after: str | None = None) -> int | None:
    """Return the hour of the day, 0 to 24; None if the hour and the day periods contradict each other.

    Args:
        hour: The hour as written.
        before: The day period before the time, such as the Chinese word for "afternoon".
        after: The day period after the time, such as PM.
    """
    names = [name for name in (before, after) if name]
    if not names:
        return hour if hour <= 24 else None
    periods = {DAY_PERIODS["".join(char for char in name.lower() if char.isalpha())] for name in names}
    if len(periods) > 1:
        return None
    (period,) = periods
    if period == "noon":
        return hour + 12 if hour < 10 else hour if hour < 16 else None
    if hour > 12:
        return hour if period == "pm" and hour < 24 else None
    return hour % 12 + (12 if period == "pm" else 0)


def _offset(zone: str) -> str | None:
    """Return an offset in the form `+02:00`; None if the zone is ambiguous, or the offset is not in use."""
    zone = zone.upper().replace("\u2212", "-")
    if zone in ZONE_NAMES:
        return ZONE_NAMES[zone]
    sign = "-" if "-" in zone else "+"
    digits = "".join(char for char in zone.rpartition(sign)[2] if char.isdigit())
    hours, minutes = (int(digits[:-2]), int(digits[-2:])) if len(digits) > 2 else (int(digits), 0)
    if minutes > 59 or timedelta(hours=hours, minutes=minutes) > MAX_OFFSET:
        return None
    return f"{sign}{hours:02}:{minutes:02}"


def _datetime(
    year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0, fraction: str | None = None
) -> datetime | None:
    microsecond = 0
    if fraction and (digits := fraction.strip()[:3]).isdecimal():
        microsecond = int(digits.ljust(3, "0")) * 1000
    try:
        return datetime(year, month, day, hour, minute, second, microsecond)
    except ValueError:
        return None
