"""Read the date that phones and messengers write into file names. Dates in the metadata take precedence.

Sources: names seen in public collections, such as IMG-20241123-WA0010.jpg (WhatsApp), PXL_20210315_101112345.jpg
(Pixel, in UTC), Screenshot_2021-03-15-10-11-12.png and mmexport1615803072345.jpg (WeChat, milliseconds of Unix time).
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from exifinator.metadata.dates import PhotoDate, Precision, hour_of_day, mark_utc
from exifinator.metadata.day_periods import DAY_PERIODS_PATTERN

MAX_NAME_CHARACTERS = 200
# No digital camera wrote dates into file names before this year.
FIRST_YEAR = 1990
_DATE = re.compile(
    rf"""
    (?<!\d) (?P<year>(?:19|20)\d\d) (?P<separator>[-_.]?) (?P<month>0[1-9]|1[0-2]) (?P=separator)
    (?P<day>0[1-9]|[12]\d|3[01])
    (?:
        (?: [T_\-\s.]{{1,3}} (?:(?:at|um|à|a\ las|kl\.?|om|alle)\s)? | (?P<no_separator>) )
        (?P<hour>[01]?\d|2[0-3]) (?P<time_separator>[-_.:h]?)
        (?P<minute>[0-5]\d) (?P=time_separator) (?P<second>[0-5]\d)
        (?:[-_.]?(?P<fraction>\d{{3}}))?
        (?: \s? (?P<period>{DAY_PERIODS_PATTERN}) (?![^\W\d_]) )?
    )?
    (?!\d)
    """,
    re.VERBOSE | re.IGNORECASE,
)
# Milliseconds since 1970. 13 digits that begin with 1 are dates from 2001 to 2033.
_MILLISECONDS = re.compile(r"(?<!\d)(1[0-9]{12})(?!\d)")
_IN_UTC = re.compile(r"PXL_", re.IGNORECASE)


def date_in_name(key: str) -> PhotoDate | None:
    """Return the date in the last part of a key; None if there is none."""
    name = key.rsplit("/", 1)[-1][:MAX_NAME_CHARACTERS]
    for match in _DATE.finditer(name):
        if date := _date_of_match(match, is_utc=bool(_IN_UTC.match(name))):
            return date
    milliseconds_match = _MILLISECONDS.search(name)
    if milliseconds_match:
        return mark_utc(PhotoDate(datetime(1970, 1, 1) + timedelta(milliseconds=int(milliseconds_match[1])), "second"))
    return None


def _date_of_match(match: re.Match[str], *, is_utc: bool) -> PhotoDate | None:
    """Return the date of a match of _DATE; None if it cannot be a date."""
    parts = match.groupdict()
    hour = int(parts["hour"] or 0)
    if parts["no_separator"] is not None and (parts["time_separator"] or len(parts["hour"]) < 2):
        return None
    if period := parts["period"]:
        in_24_hours = hour_of_day(hour, period)
        if in_24_hours is None:
            return None
        hour = in_24_hours
    precision: Precision = "second" if parts["second"] else "day"
    try:
        local = datetime(
            int(parts["year"]), int(parts["month"]), int(parts["day"]), hour, int(parts["minute"] or 0),
            int(parts["second"] or 0), 1000 * int(parts["fraction"] or 0),
        )  # fmt: skip
    except ValueError:
        return None
    if local.year < FIRST_YEAR:
        return None
    date = PhotoDate(local, precision)
    return mark_utc(date) if is_utc and precision == "second" else date
