"""ReconcileSchedule decides when a batch is stalled, and when it may list its sources again."""

from __future__ import annotations

import time

from exifinator.batches.reconcile_schedule import Intervals, ReconcileSchedule

INTERVALS = Intervals(reconcile_seconds=5, stalled_seconds=60)


def test_is_stalled__no_progress__is_true_after_intervals_that_double() -> None:
    schedule = ReconcileSchedule(INTERVALS)
    start = time.monotonic()
    stalled = [seconds for seconds in range(0, 400) if schedule.is_stalled(0, start + seconds + 0.5)]
    assert stalled == [60, 120, 240]


def test_is_stalled__progress__restarts_the_interval() -> None:
    schedule = ReconcileSchedule(INTERVALS)
    start = time.monotonic()
    assert schedule.is_stalled(0, start + 61)
    assert not schedule.is_stalled(1, start + 200)
    assert not schedule.is_stalled(1, start + 259)
    assert schedule.is_stalled(1, start + 260)


def test_may_reconcile__long_listing__is_false_for_the_duration_of_the_listing() -> None:
    schedule = ReconcileSchedule(INTERVALS)
    assert schedule.may_reconcile(0.0)
    schedule.note_reconciliation(100.0, 101.0)
    assert [schedule.may_reconcile(now) for now in (105.9, 106.0)] == [False, True]
    schedule.note_reconciliation(200.0, 230.0)
    assert [schedule.may_reconcile(now) for now in (259.9, 260.0)] == [False, True]
