"""Read the dates of AVI files. Each maker writes dates in another format.

Source: observed in sample files, and the formats that https://exiftool.org/TagNames/RIFF.html lists.
"""

from __future__ import annotations

import re

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# "Mon Mar 10 15:04:43 2003", as C's asctime() writes it.
ASCTIME = re.compile(r"(?:[A-Za-z]{3},? +)?([A-Za-z]{3}) +(\d{1,2}) +(\d{1,2}):(\d\d):(\d\d) +(\d{4})")
# "2009/10/27 12:14:34", "2001/ 1/27  1:42PM", "2005:08:17 11:42:43".
NUMERIC = re.compile(
    r"(\d{4})[-/:. ] ?(\d{1,2})[-/:. ] ?(\d{1,2})[ T]+(\d{1,2}):(\d\d)(?::(\d\d))?(?:\.\d+)? *([AaPp][Mm])?"
)


def read_date(text: str) -> str:
    """Return a date in EXIF's format, or the text itself if its format is unknown."""
    text = text.strip(" \0\n\r")
    if match := ASCTIME.match(text):
        name, day, hour, minute, second, year = match.groups()
        if name.lower() in MONTHS:
            month = MONTHS.index(name.lower()) + 1
            return f"{year}:{month:02}:{int(day):02} {int(hour):02}:{minute}:{second}"
    if match := NUMERIC.match(text):
        year, month_text, day, hour, minute, second, half = match.groups()
        hours = int(hour)
        if half and hours <= 12:
            hours = hours % 12 + (12 if half.lower() == "pm" else 0)
        return f"{year}:{int(month_text):02}:{int(day):02} {hours:02}:{minute}:{second or '00'}"
    return text
