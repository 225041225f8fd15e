"""Compute when the batches in SCHEDULE are due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from exifinator.batches.schedule import handled_time, next_time, read_schedule
from exifinator.config import build_config
from exifinator.errors import ConfigError
from exifinator.setting_schedule import ScheduleEntry


def entry(**values: Any) -> ScheduleEntry:
    return ScheduleEntry(source="s3://bucket", **values)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def times(schedule: ScheduleEntry, last: str | None, since: str, count: int) -> list[str]:
    """Return the next `count` times at which batches are due, if each starts on time.

    Args:
        last: The time that was handled last, or None if there was none.
        since: When the entry was first seen.
    """
    handled = utc(last) if last else None
    result = []
    for _ in range(count):
        due_at = next_time(schedule, handled, utc(since))
        result.append(f"{due_at:%Y-%m-%d %H:%M}")
        handled = handled_time(schedule, due_at, due_at + timedelta(seconds=20) if schedule.at else due_at)
    return result


def test_next_time__never_run_without_at__is_due_immediately() -> None:
    assert times(entry(every="6h"), None, "2026-03-01 10:07", 3) == [
        "2026-03-01 10:07",
        "2026-03-01 16:07",
        "2026-03-01 22:07",
    ]


@pytest.mark.parametrize(
    ("every", "expected"),
    [
        ("6h", ["2026-03-01 14:00", "2026-03-01 20:00", "2026-03-02 02:00", "2026-03-02 08:00"]),
        ("1d", ["2026-03-02 02:00", "2026-03-03 02:00", "2026-03-04 02:00", "2026-03-05 02:00"]),
        ("1w", ["2026-03-02 02:00", "2026-03-09 02:00", "2026-03-16 02:00", "2026-03-23 02:00"]),
    ],
)
def test_next_time__at_is_set__is_a_multiple_of_the_interval_from_that_time(every: str, expected: list[str]) -> None:
    assert times(entry(every=every, at="02:00"), None, "2026-03-01 10:07", 4) == expected


def test_next_time__at_with_a_time_zone__is_local_time() -> None:
    tokyo = entry(at="02:00", timezone="Asia/Tokyo")
    assert times(tokyo, None, "2026-03-01 10:00", 2) == ["2026-03-01 17:00", "2026-03-02 17:00"]


def test_next_time__time_that_the_clock_skips__is_an_hour_later() -> None:
    """On 29 March 2026, clocks in Berlin go from 02:00 to 03:00, which is 01:00 UTC."""
    berlin = entry(at="02:30", timezone="Europe/Berlin")
    assert times(berlin, None, "2026-03-27 12:00", 3) == ["2026-03-28 01:30", "2026-03-29 01:30", "2026-03-30 00:30"]
    hourly = entry(every="1h", at="00:30", timezone="Europe/Berlin")
    assert times(hourly, None, "2026-03-29 00:00", 3) == ["2026-03-29 00:30", "2026-03-29 01:30", "2026-03-29 02:30"]


def test_next_time__time_that_occurs_twice__is_due_once() -> None:
    """On 25 October 2026, clocks in Berlin go from 03:00 back to 02:00, which is 01:00 UTC."""
    berlin = entry(at="02:30", timezone="Europe/Berlin")
    assert times(berlin, None, "2026-10-24 12:00", 2) == ["2026-10-25 00:30", "2026-10-26 01:30"]
    six = entry(every="6h", at="02:30", timezone="Europe/Berlin")
    assert times(six, "2026-10-24 18:30", "2026-10-01 00:00", 3) == [
        "2026-10-25 00:30",
        "2026-10-25 07:30",
        "2026-10-25 13:30",
    ]


def test_next_time__day_skipped_by_a_time_zone__does_not_stop_the_schedule() -> None:
    """Samoa skipped 30 December 2011."""
    samoa = entry(at="12:00", timezone="Pacific/Apia")
    assert times(samoa, None, "2011-12-29 00:00", 4) == [
        "2011-12-29 22:00",
        "2011-12-30 22:00",
        "2011-12-31 22:00",
        "2012-01-01 22:00",
    ]


@pytest.mark.parametrize(
    ("every", "at", "handled", "next_due"),
    [
        ("6h", None, "2026-03-09 05:00", "2026-03-09 11:00"),
        ("6h", "02:00", "2026-03-09 02:00", "2026-03-09 08:00"),
        ("1d", "02:00", "2026-03-09 02:00", "2026-03-10 02:00"),
        # Every third day, counted from 1 March.
        ("3d", "02:00", "2026-03-07 02:00", "2026-03-10 02:00"),
        ("3d", "07:00", "2026-03-07 07:00", "2026-03-10 07:00"),
    ],
)
def test_handled_time__after_downtime__is_the_last_missed_time(
    every: str, at: str | None, handled: str, next_due: str
) -> None:
    schedule = entry(every=every, at=at)
    now = utc("2026-03-09 05:00")
    last = utc(f"2026-03-01 {at or '02:00'}")
    due_at = next_time(schedule, last, last)
    assert due_at < now
    assert handled_time(schedule, due_at, now) == utc(handled)
    assert next_time(schedule, handled_time(schedule, due_at, now), last) == utc(next_due) > now


def test_handled_time__time_of_today_not_reached__is_a_multiple_of_days_before() -> None:
    schedule = entry(every="2d", at="20:00")
    assert handled_time(schedule, utc("2026-03-01 20:00"), utc("2026-03-05 19:59")) == utc("2026-03-03 20:00")
    assert handled_time(schedule, utc("2026-03-01 20:00"), utc("2026-03-05 20:00")) == utc("2026-03-05 20:00")


def test_read_schedule__changed_times__change_the_key_of_the_entry() -> None:
    def key(**values: Any) -> str:
        return read_schedule(build_config({"SCHEDULE": [{"source": "b/2024/", **values}]}, {}))[0].key

    assert key(every="6h") == "every 6h s3://b/2024/"
    assert key(at="02:00", timezone="Europe/Berlin") == "every 1d at 02:00 Europe/Berlin s3://b/2024/"
    assert key(at="02:00", prune=True) == key(at="02:00", every="24h") == "every 1d at 02:00 UTC s3://b/2024/"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"source": "b", "include": ["a{b,c}"]}, "SCHEDULE[1]: include: the pattern 'a{b,c}' contains {"),
        ({"source": f"b/{'x' * 1025}"}, "SCHEDULE[1]: Not a prefix: 'xxx"),
    ],
)
def test_read_schedule__invalid_source_or_pattern__is_named_with_its_entry(
    values: dict[str, Any], message: str
) -> None:
    config = build_config({"SCHEDULE": [{"source": "a"}, values]}, {})
    with pytest.raises(ConfigError) as caught:
        read_schedule(config)
    assert str(caught.value).startswith(message)
