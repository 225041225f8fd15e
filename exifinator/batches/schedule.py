"""Calculate when the batches of SCHEDULE are due. This module only calculates; scheduler.py starts the batches.

The times of an entry with `at` are wall-clock times in the entry's time zone. In spring, a time that the clock skips
counts as the time an hour later. In autumn, a time that occurs twice counts once, the first time. An entry without `at`
is due at intervals from its previous batch, independently of the time of day.

Times that have passed, for example while no worker was running, are due once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from exifinator.config import Config
from exifinator.errors import ConfigError
from exifinator.setting_schedule import DAY, ScheduleEntry, format_interval
from exifinator.sources.patterns import make_patterns
from exifinator.sources.source import Source, parse_user_source


@dataclass(frozen=True, slots=True)
class ScheduledSource:
    """An entry of SCHEDULE with its source.

    Attributes:
        key: Identifies the entry's source and times. If one of them is changed, the entry counts as a new one.
    """

    source: Source
    entry: ScheduleEntry

    @property
    def key(self) -> str:
        entry = self.entry
        at = f" at {entry.at:%H:%M} {entry.timezone}" if entry.at else ""
        return f"every {format_interval(entry.every)}{at} {self.source}"


def read_schedule(config: Config) -> list[ScheduledSource]:
    """Return the entries of SCHEDULE with their sources.

    Raises:
        ConfigError: A source or a pattern is invalid.
    """
    entries = []
    for index, entry in enumerate(config.schedule):
        try:
            patterns = make_patterns(entry.include, entry.exclude)
            source = replace(parse_user_source(entry.source), patterns=patterns)
        except ConfigError as exc:
            raise ConfigError(f"SCHEDULE[{index}]: {exc}", code="invalid_setting", pointer="SCHEDULE") from None
        entries.append(ScheduledSource(source, entry))
    return entries


def next_time(entry: ScheduleEntry, last: datetime | None, since: datetime) -> datetime:
    """Return when an entry is due next. This is in the past if its time has come.

    Args:
        last: The time from handled_time at which the entry was last handled; None if it never was.
        since: When the entry was first seen.
    """
    if entry.at is None:
        return since if last is None else last + entry.every
    zone = ZoneInfo(entry.timezone)
    after = last or since
    day = after.astimezone(zone).date()
    if entry.every < DAY:
        return min(slot for slot in _slots(entry.at, entry.every, day, zone) if slot > after)
    step = entry.every.days if last else 1
    if last:
        day += step * DAY
    # If a time zone leaves out a whole day, the entry's time on that day counts as the same time on the next day.
    while (slot := _instant(day, entry.at, zone)) <= after:
        day += step * DAY
    return slot


def handled_time(entry: ScheduleEntry, due_at: datetime, now: datetime) -> datetime:
    """Return the time of an entry that counts as handled if the entry was due at `due_at` and is handled now.

    With `at`, this is the latest time of the entry that has passed. Earlier times that were missed are skipped.
    """
    if entry.at is None:
        return now
    zone = ZoneInfo(entry.timezone)
    today = now.astimezone(zone).date()
    if entry.every < DAY:
        return max((slot for slot in _slots(entry.at, entry.every, today, zone) if slot <= now), default=due_at)
    step = entry.every.days
    day = due_at.astimezone(zone).date()
    day += (today - day).days // step * step * DAY
    latest = _instant(day, entry.at, zone)
    if latest > now:
        latest = _instant(day - step * DAY, entry.at, zone)
    return max(latest, due_at)


def _slots(at: time, every: timedelta, day: date, zone: ZoneInfo) -> Iterator[datetime]:
    """Yield the times of an entry on a day, and on the days around it. They may not be in order.

    Args:
        every: The interval. A day is a multiple of it.
    """
    first = timedelta(hours=at.hour, minutes=at.minute) % every
    for days in (-1, 0, 1):
        for number in range(DAY // every):
            minutes = (first + number * every) // timedelta(minutes=1)
            yield _instant(day + days * DAY, time(minutes // 60, minutes % 60), zone)


def _instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """Return the instant of a wall-clock time. With fold=0, Python follows the rules in this module's docstring."""
    return datetime.combine(day, at, zone).astimezone(UTC)
