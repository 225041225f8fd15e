"""The hour that the camera's clock showed: `taken_at` is UTC where the offset is known, and local time elsewhere.

And the first moment of a month.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from api.errors import BadParameter
from api.query import Filter

_HOUR = r"(2[0-3]|[01]?[0-9])"
# The same form stands in the OpenAPI description.
HOURS = rf"^{_HOUR}(-{_HOUR})?$"
_TAKEN, _OFFSET = "$photo.taken_at", "$photo.taken_offset"
# A record of some other program's may hold anything there, and one that MongoDB cannot take would fail the whole query.
_KNOWN = {
    "$and": [
        {"$eq": [{"$type": _OFFSET}, "string"]},
        {"$regexMatch": {"input": _OFFSET, "regex": r"^[+-](0[0-9]|1[0-4]):[0-5][0-9]$"}},
    ]
}
_LOCAL = {"$hour": {"date": _TAKEN, "timezone": {"$cond": [_KNOWN, _OFFSET, "UTC"]}}}
# 0 to 23, null for photos without a date: an expression of MongoDB's.
LOCAL_HOUR: dict[str, Any] = {"$cond": [{"$eq": [{"$type": _TAKEN}, "date"]}, _LOCAL, None]}


def read_hours(text: str, parameter: str) -> tuple[int, int]:
    """6 or 6-9 or, over midnight, 22-3: the first hour and the last one, both whole. Raises: BadParameter."""
    match = re.fullmatch(HOURS, text, re.ASCII)
    if not match:
        raise BadParameter(parameter, "write an hour from 0 to 23 or two of them, as in 6-9 or, over midnight, 22-3")
    return int(match[1]), int(match[3] if match[3] is not None else match[1])


def during_hours(first: int, last: int) -> Filter:
    """Photos taken from the first hour to the end of the last, of any day."""
    hours = [*range(first, last + 1)] if first <= last else [*range(first, 24), *range(last + 1)]
    # The type lets an index on the date pass over photos without one.
    return {"photo.taken_at": {"$type": "date"}, "$expr": {"$in": [LOCAL_HOUR, hours]}}


EVER = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


def first_of_month(number: int) -> datetime:
    """The first moment of a month, counted from January of year 0; what Python has no date for is the next it has."""
    year, month = divmod(number, 12)
    if not EVER[0].year <= year <= EVER[1].year:
        return EVER[year > 0]
    return datetime(year, month + 1, 1, tzinfo=UTC)
