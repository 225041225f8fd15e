"""How fast a count grows."""

from __future__ import annotations

from collections import deque

RATE_WINDOW_SECONDS = 15.0


class RateMeter:
    """Images a second over the last few seconds, so that a stall shows and an old sprint does not."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def update(self, done: int, now: float) -> float:
        """Note that `done` images are done at `now` (seconds); returns the rate."""
        self._seen.append((now, done))
        while now - self._seen[0][0] > RATE_WINDOW_SECONDS:
            self._seen.popleft()
        first_at, first_done = self._seen[0]
        return (done - first_done) / (now - first_at) if now > first_at else 0.0
