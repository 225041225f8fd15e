"""The rate at which a count grows."""

from __future__ import annotations

from collections import deque

RATE_WINDOW_SECONDS = 15.0


class RateMeter:
    """Images per second over the last few seconds, so that a stall shows and an earlier sprint does not."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()

    def update(self, done: int, now: float) -> float:
        """Record that `done` images are done at `now` (seconds), and return the rate per second."""
        self._samples.append((now, done))
        while now - self._samples[0][0] > RATE_WINDOW_SECONDS:
            self._samples.popleft()
        first_at, first_done = self._samples[0]
        return (done - first_done) / (now - first_at) if now > first_at else 0.0
