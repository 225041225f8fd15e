"""Measure the current rate of a batch."""

from __future__ import annotations

from collections import deque

RATE_WINDOW_SECONDS = 15.0


class RateMeter:
    """Measures the rate over the last RATE_WINDOW_SECONDS, so that it reflects the current speed of the batch."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()

    def update(self, done: int, now: float) -> float:
        """Record the number of images done by now, and return the current rate in images per second.

        Args:
            done: The number of images done so far.
            now: The current time.monotonic().
        """
        self._samples.append((now, done))
        while now - self._samples[0][0] > RATE_WINDOW_SECONDS:
            self._samples.popleft()
        first_at, first_done = self._samples[0]
        return (done - first_done) / (now - first_at) if now > first_at else 0.0
