"""The type of the setting SCHEDULE: which sources are indexed at which times."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import time, timedelta
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from exifinator.bucket_names import is_bucket_name, split_source

DAY = timedelta(days=1)
_UNITS: Mapping[str, timedelta] = {
    "w": timedelta(weeks=1),
    "d": DAY,
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
}
_MAX_INTERVAL = timedelta(days=366)
MAX_ENTRIES = 100


def _check_source(value: str) -> str:
    bucket, _ = split_source(value)
    if not is_bucket_name(bucket):
        raise ValueError('a bucket or a prefix, such as "s3://my-bucket/2024/"; write a folder as its bucket\'s name')
    return value


def _parse_interval(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    match = re.fullmatch(r"([1-9][0-9]{0,5})([wdhm])", value) if isinstance(value, str) else None
    interval = int(match[1]) * _UNITS[match[2]] if match else None
    if interval is None or interval > _MAX_INTERVAL:
        raise ValueError('an interval of at most 366 days, such as "30m", "6h", "1d" or "2w"')
    return interval


def format_interval(interval: timedelta) -> str:
    """Return an interval as in SCHEDULE, such as `6h`."""
    for unit, length in _UNITS.items():
        if not interval % length:
            return f"{interval // length}{unit}"
    raise ValueError(f"{interval} is not a number of minutes")


def _parse_time(value: object) -> object:
    if value is None or isinstance(value, time):
        return value
    if not isinstance(value, str) or not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", value):
        raise ValueError('a time of day from "00:00" to "23:59"')
    return time.fromisoformat(value)


def _check_time_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ValueError, OSError, KeyError):
        raise ValueError('the name of a time zone, such as "UTC" or "Europe/Berlin"') from None
    return value


class ScheduleEntry(BaseModel):
    """One entry of SCHEDULE: a source that is indexed at intervals.

    Attributes:
        source: The bucket or prefix. Each source has at most one entry.
        every: The interval. If `at` is given, it is a number of days, or a day is a multiple of it.
        at: The time of day of the first batch of a day. If None, the interval is counted from the previous batch.
        timezone: The time zone of `at`.
        prune: Whether each batch is followed by a removal of the records of deleted objects.
        include, exclude: The patterns by which the objects are chosen.
        max_requests, max_dollars: The limits of each batch.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: Annotated[str, AfterValidator(_check_source)]
    every: Annotated[timedelta, BeforeValidator(_parse_interval)] = DAY
    at: Annotated[time | None, BeforeValidator(_parse_time)] = None
    timezone: Annotated[str, AfterValidator(_check_time_zone)] = "UTC"
    prune: bool = False
    include: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    exclude: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    max_requests: Annotated[int | None, Field(ge=1)] = None
    max_dollars: Annotated[float | None, Field(gt=0, allow_inf_nan=False)] = None

    @model_validator(mode="after")
    def _check_interval(self) -> Self:
        if self.at is not None and self.every % DAY and DAY % self.every:
            raise ValueError('an entry whose "every" divides a day or is a number of days, because "at" is given')
        return self

    def __repr__(self) -> str:
        """Return the entry as it is written in settings.py."""
        values: dict[str, Any] = {"source": self.source, "every": format_interval(self.every)}
        if self.at is not None:
            values |= {"at": f"{self.at:%H:%M}", "timezone": self.timezone}
        values |= {name: list(getattr(self, name)) for name in ("include", "exclude") if getattr(self, name)}
        values |= {name: getattr(self, name) for name in ("max_requests", "max_dollars") if getattr(self, name)}
        return repr({**values, "prune": self.prune})


def _parse_json(value: object) -> object:
    """Parse the text of an environment variable."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value or "[]")
    except ValueError:
        raise ValueError('a list of entries, such as [{"source": "my-bucket", "every": "6h"}]') from None


def _check_entries(entries: tuple[ScheduleEntry, ...]) -> tuple[ScheduleEntry, ...]:
    if len(entries) > MAX_ENTRIES:
        raise ValueError(f"a list of at most {MAX_ENTRIES} entries")
    sources = [split_source(entry.source) for entry in entries]
    if len(set(sources)) < len(sources):
        raise ValueError("a list with one entry for each source, but it names a source twice")
    return entries


Schedule = Annotated[
    tuple[ScheduleEntry, ...],
    BeforeValidator(_parse_json),
    AfterValidator(_check_entries),
]
