"""A batch that makes no progress reports each reason once."""

from __future__ import annotations

from exifinator.monitoring.standstill import STANDSTILL_SECONDS, Standstill


def test_update__no_progress__reports_each_reason_once() -> None:
    now, reasons, messages = [0.0], ["paused: download"], list[str]()
    standstill = Standstill(lambda: reasons, messages.append, clock=lambda: now[0])

    def update(seconds: float, done: int) -> int:
        now[0] += seconds
        standstill.update(done)
        return len(messages)

    assert update(0, 5) == 0
    assert update(STANDSTILL_SECONDS - 1, 5) == 0
    assert update(2, 6) == 0
    assert update(STANDSTILL_SECONDS - 1, 6) == 0
    assert update(1, 6) == 1
    assert "paused: download" in messages[0]
    assert update(STANDSTILL_SECONDS, 6) == 1
    reasons.append("memory is 99% full")
    assert update(STANDSTILL_SECONDS - 1, 6) == 1
    assert update(1, 6) == 2


def test_update__progress__does_not_request_reasons() -> None:
    now = [0.0]

    def fail() -> list[str]:
        raise AssertionError

    standstill = Standstill(fail, print, clock=lambda: now[0])
    for done in range(10):
        now[0] += STANDSTILL_SECONDS
        standstill.update(done)
