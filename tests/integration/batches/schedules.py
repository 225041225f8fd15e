"""Helpers of the tests of schedules: make entries of SCHEDULE, and describe them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from exifinator.batches.schedule import ScheduledSource, read_schedule
from exifinator.batches.scheduler import describe_schedule
from exifinator.config import build_config
from tests.integration.conftest import Installation

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def schedule(*entries: dict[str, Any]) -> list[ScheduledSource]:
    return read_schedule(build_config({"SCHEDULE": list(entries)}, {}))


def describe(installation: Installation, entries: list[ScheduledSource]) -> dict[str, Any]:
    """Return the description of the only entry."""
    (entry,) = describe_schedule(installation.store, installation.queue, entries)
    return entry
