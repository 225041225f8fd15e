"""The hour of the day on the camera's clock, and the start of a month."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from api.errors import BadParameter
from api.query.mongo_filter import Filter
from api.query.sort_order import TAKEN

_HOUR = r"(2[0-3]|[01]?[0-9])"
# Also used as a pattern in the OpenAPI schema.
HOURS = rf"^{_HOUR}(-{_HOUR})?$"
_TAKEN = f"${TAKEN}"
# MongoDB expression for the hour: 0 to 23, or null for photos without a date.
LOCAL_HOUR: dict[str, Any] = {"$cond": [{"$eq": [{"$type": _TAKEN}, "date"]}, {"$hour": _TAKEN}, None]}


def read_hours(text: str, parameter: str) -> tuple[int, int]:
    """Parse 6, 6-9 or, across midnight, 22-3 into the first and last hour, both inclusive.

    Raises:
        BadParameter: The text is invalid.
    """
    match = re.fullmatch(HOURS, text, re.ASCII)
    if not match:
        raise BadParameter(parameter, "expected an hour from 0 to 23, or a range such as 6-9, or 22-3 across midnight")
    return int(match[1]), int(match[3] if match[3] is not None else match[1])


def during_hours(first: int, last: int) -> Filter:
    """Return a filter for photos taken from the start of the first hour to the end of the last one, on any day."""
    hours = [*range(first, last + 1)] if first <= last else [*range(first, 24), *range(last + 1)]
    # The type condition lets an index on the date skip photos without a date.
    return {TAKEN: {"$type": "date"}, "$expr": {"$in": [LOCAL_HOUR, hours]}}


EARLIEST, LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def first_of_month(number: int) -> datetime:
    """Return the start of a month, clamped to the range of datetime.

    Args:
        number: Months since January of year 0.
    """
    year, month = divmod(number, 12)
    if year < EARLIEST.year:
        return EARLIEST
    if year > LATEST.year:
        return LATEST
    return datetime(year, month + 1, 1, tzinfo=UTC)
