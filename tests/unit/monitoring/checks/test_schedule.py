"""The findings of `doctor` about the schedule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from exifinator.monitoring.checks.schedule import check_schedule

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def entry(source: str = "s3://a", **values: Any) -> dict[str, Any]:
    return {"source": source, "next_at": NOON + timedelta(hours=1), "last": None, "last_batch": None, **values}


def last(outcome: str, problem: str | None) -> dict[str, Any]:
    return {"at": NOON - timedelta(hours=1), "outcome": outcome, "problem": problem}


def batch(**values: Any) -> dict[str, Any]:
    return {"state": "done", "problem": None, "pruned": None, **values}


def test_check_schedule__no_problem__names_the_next_batch() -> None:
    entries = [entry(), entry("s3://b", next_at=NOON, last=last("started", None), last_batch=batch())]
    (finding,) = check_schedule(entries, NOON + timedelta(minutes=5))
    assert (finding.level, finding.message) == ("ok", "the next batch is due at 2026-03-02 12:00 UTC, over s3://b")


@pytest.mark.parametrize(
    ("values", "level", "message"),
    [
        (
            {"last": last("failed", "There is no bucket a")},
            "error",
            "the batch over s3://a cannot be started: There is no bucket a",
        ),
        (
            {"next_at": NOON - timedelta(minutes=6)},
            "error",
            "the batch over s3://a was due at 2026-03-02 11:54 UTC, but no worker has started it",
        ),
        (
            {"last": last("skipped", "Batch b1 was still running")},
            "warning",
            "the batch over s3://a was skipped at 2026-03-02 11:00 UTC: Batch b1 was still running",
        ),
        (
            {"last": last("started", None), "last_batch": batch(state="stopped", problem="S3 is down")},
            "warning",
            "the last scheduled batch over s3://a was interrupted: S3 is down",
        ),
        (
            {"last": last("started", None), "last_batch": batch(pruned={"problem": "The listing is empty"})},
            "warning",
            "nothing was pruned after the last batch over s3://a: The listing is empty",
        ),
    ],
    ids=["failed", "overdue", "skipped", "interrupted", "not pruned"],
)
def test_check_schedule__problem__is_reported_with_a_fix(values: dict[str, Any], level: str, message: str) -> None:
    (finding,) = check_schedule([entry(**values), entry("s3://b")], NOON)
    assert (finding.level, finding.message) == (level, message)
    assert finding.fix
