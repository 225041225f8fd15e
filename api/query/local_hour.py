"""The hour of the day on the camera's clock, and the first moment of a month.

`taken_at` is UTC if the camera's offset is known, and local time otherwise.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from api.errors import BadParameter
from api.query.mongo_filter import Filter

_HOUR = r"(2[0-3]|[01]?[0-9])"
# Also used as a pattern in the OpenAPI schema.
HOURS = rf"^{_HOUR}(-{_HOUR})?$"
_TAKEN, _OFFSET = "$photo.taken_at", "$photo.taken_offset"
# Records of other programs may contain anything here, and an offset that MongoDB rejects would fail the query.
_KNOWN = {
    "$and": [
        {"$eq": [{"$type": _OFFSET}, "string"]},
        {"$regexMatch": {"input": _OFFSET, "regex": r"^[+-](0[0-9]|1[0-4]):[0-5][0-9]$"}},
    ]
}
_LOCAL = {"$hour": {"date": _TAKEN, "timezone": {"$cond": [_KNOWN, _OFFSET, "UTC"]}}}
# A MongoDB expression: 0 to 23, null for photos without a date.
LOCAL_HOUR: dict[str, Any] = {"$cond": [{"$eq": [{"$type": _TAKEN}, "date"]}, _LOCAL, None]}


def read_hours(text: str, parameter: str) -> tuple[int, int]:
    """Parse 6, 6-9 or, over midnight, 22-3 into the first and the last hour, inclusive. Raises: BadParameter."""
    match = re.fullmatch(HOURS, text, re.ASCII)
    if not match:
        raise BadParameter(parameter, "expected an hour from 0 to 23 or a range, as in 6-9 or, over midnight, 22-3")
    return int(match[1]), int(match[3] if match[3] is not None else match[1])


def during_hours(first: int, last: int) -> Filter:
    """Return a filter for photos taken between the first hour and the end of the last one, on any day."""
    hours = [*range(first, last + 1)] if first <= last else [*range(first, 24), *range(last + 1)]
    # With the type, an index on the date skips photos without one.
    return {"photo.taken_at": {"$type": "date"}, "$expr": {"$in": [LOCAL_HOUR, hours]}}


EVER = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


def first_of_month(number: int) -> datetime:
    """Return the first moment of a month, counted from January of year 0, clamped to the range of Python's dates."""
    year, month = divmod(number, 12)
    if not EVER[0].year <= year <= EVER[1].year:
        return EVER[year > 0]
    return datetime(year, month + 1, 1, tzinfo=UTC)
