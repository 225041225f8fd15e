"""When a batch is stalled, and when it may list its sources again."""

from __future__ import annotations

import time

from exifinator.batches.reconcile_schedule import Intervals, ReconcileSchedule

INTERVALS = Intervals(reconcile_seconds=5, stalled_seconds=60)


def test_is_stalled__nothing_done__takes_twice_as_long_each_time() -> None:
    schedule = ReconcileSchedule(INTERVALS)
    start = time.monotonic()
    stalled = [seconds for seconds in range(0, 400) if schedule.is_stalled(0, start + seconds + 0.5)]
    assert stalled == [60, 120, 240]


def test_is_stalled__progress__starts_again() -> None:
    schedule = ReconcileSchedule(INTERVALS)
    start = time.monotonic()
    assert schedule.is_stalled(0, start + 61)
    assert not schedule.is_stalled(1, start + 200)
    assert not schedule.is_stalled(1, start + 259)
    assert schedule.is_stalled(1, start + 260)


def test_may_reconcile__long_listing__waits_as_long_as_it_took() -> None:
    schedule = ReconcileSchedule(INTERVALS)
    assert schedule.may_reconcile(0.0)
    schedule.note_reconciliation(100.0, 101.0)
    assert [schedule.may_reconcile(now) for now in (105.9, 106.0)] == [False, True]
    schedule.note_reconciliation(200.0, 230.0)
    assert [schedule.may_reconcile(now) for now in (259.9, 260.0)] == [False, True]
