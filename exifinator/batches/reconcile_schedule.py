"""Decide when a watched batch lists its sources again."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Intervals:
    """How often a batch is checked and saved.

    Attributes:
        poll_seconds: The pause between two checks of the counts.
        reconcile_seconds: The minimum time between two reconciliations.
        save_seconds: The minimum time between two saves of the batch's document.
        stalled_seconds: The batch is reconciled after this long without a finished image, because images may have been
            lost. This time doubles with each stall, until another image is finished.
    """

    poll_seconds: float = 0.5
    reconcile_seconds: float = 5.0
    save_seconds: float = 1.0
    stalled_seconds: float = 60.0


class ReconcileSchedule:
    """Limits how often a batch is reconciled, and detects stalls. All times are values of time.monotonic()."""

    def __init__(self, intervals: Intervals) -> None:
        self.intervals = intervals
        self._next_allowed_at = 0.0
        self._done, self._progress_at = 0, time.monotonic()
        self._stall_seconds = intervals.stalled_seconds

    def may_reconcile(self, now: float) -> bool:
        return now >= self._next_allowed_at

    def is_stalled(self, done: int, now: float) -> bool:
        """Return whether no image has been finished for a while; if so, double the time until the next stall.

        Args:
            done: The number of images finished so far.
        """
        if done != self._done:
            self._done, self._progress_at = done, now
            self._stall_seconds = self.intervals.stalled_seconds
        if now - self._progress_at < self._stall_seconds:
            return False
        self._stall_seconds *= 2
        return True

    def note_reconciliation(self, began_at: float, ended_at: float) -> None:
        """Delay the next reconciliation by at least as long as this one took."""
        self._next_allowed_at = ended_at + max(self.intervals.reconcile_seconds, ended_at - began_at)
