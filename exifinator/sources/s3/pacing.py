"""Pace the requests to a bucket whose server limits their rate.

Requests are not paced until the server rejects some because of their rate. The rate then falls, and rises again along
the curve of CUBIC: quickly at first, slowly near the rate that was too high, and beyond it ever more quickly, because
the server may permit more by now. Each return to the limit costs some rejected requests. So as long as the limit stays
the same, each return takes twice as long as the one before, up to a minute.

Source: RFC 9438, "CUBIC for Fast and Long-Distance Networks", section 4.2, with a time to return (K) that does not
depend on the rate.
"""

from __future__ import annotations

import math
import time
from collections import deque
from dataclasses import dataclass

import gevent
from gevent.lock import BoundedSemaphore

# A server that limits the rate of requests answers with one of these statuses (S3's SlowDown is a 503).
THROTTLED_STATUSES = frozenset({429, 503})
# A reduction multiplies the rate by this factor.
DECREASE = 0.85
# The time until the rate is again what it was when the server complained. It doubles while the limit stays the same.
RETURN_SECONDS = 5.0
LONGEST_RETURN_SECONDS = 60.0
# Requests are no longer paced once the curve permits this many times the rate at which the server complained.
FREE_SHARE = 4.0
# Requests per second. Below it, a worker would wait longer for its turn than a retry is delayed.
LOWEST_RATE = 2.0
# The rate of unpaced requests is measured over this many of them.
MEASURED_REQUESTS = 64
# The rate is reduced once at least this many of the last RECENT_RESPONSES were rejections, and at least this share of
# them. A single rejection says little: S3 also sends some while it adds servers.
THROTTLED_RESPONSES = 3
THROTTLED_SHARE = 0.02
RECENT_RESPONSES = 200
# Within CALM_SECONDS after a reduction, a share below HIGH_SHARE has other reasons than the rate. The rate is reduced
# again if the share is higher, or if it later rises well above what it was then. Otherwise, a server that rejects some
# requests regardless of their rate would reduce the rate to almost nothing.
CALM_SECONDS = 3.0
HIGH_SHARE = 0.08
CALM_FACTOR = 1.5
# Few responses may all be rejections, so do not reduce the rate further than to this share at once.
LOWEST_SHARE = 0.4


@dataclass(slots=True)
class _Tally:
    """Numbers of responses.

    Attributes:
        total: Recent responses.
        throttled: Recent responses that rejected a request.
        since_first: Responses since the first one that rejected a request.
    """

    total: int = 0
    throttled: int = 0
    since_first: int = 0

    def add(self, *, is_throttled: bool) -> None:
        if self.total >= RECENT_RESPONSES:
            # Older responses count less and less.
            self.total //= 2
            self.throttled //= 2
        self.total += 1
        self.throttled += is_throttled
        self.since_first += bool(self.throttled)

    @property
    def share(self) -> float:
        return self.throttled / self.total if self.total else 0.0


class RequestRate:
    """The rate at which requests to one bucket may begin. All times are seconds of one clock.

    Attributes:
        is_limited: Whether requests are paced.
    """

    def __init__(self) -> None:
        self.is_limited = False
        # The times at which the latest requests began.
        self._begun: deque[float] = deque(maxlen=MEASURED_REQUESTS)
        # The rate at which the server complained last, and when the rate was reduced.
        self._rate_before = 0.0
        self._decreased_at = -math.inf
        self._return_seconds = RETURN_SECONDS
        # The responses within CALM_SECONDS after the last reduction, and the later ones.
        self._calm, self._recent = _Tally(), _Tally()

    def delay_seconds(self, now: float) -> float:
        """Return how long the next request has to wait; 0 if it may begin now."""
        if not self.is_limited or not self._begun:
            return 0.0
        rate = self._permitted(now)
        self.is_limited = rate < self._rate_before * FREE_SHARE
        return max(0.0, self._begun[-1] + 1 / rate - now)

    def note_begun(self, now: float) -> None:
        """Note that a request begins."""
        self._begun.append(now)

    def note_response(self, begun_at: float, now: float, *, is_throttled: bool) -> bool:
        """Note whether the server rejected a request because of the rate. Return whether this reduces the rate.

        Requests that began before the rate was reduced say nothing about the reduced rate.
        """
        if begun_at <= self._decreased_at:
            return False
        is_calm = now - self._decreased_at < CALM_SECONDS
        tally = self._calm if is_calm else self._recent
        tally.add(is_throttled=is_throttled)
        tolerated = HIGH_SHARE if is_calm else min(HIGH_SHARE, THROTTLED_SHARE + CALM_FACTOR * self._calm.share)
        if tally.throttled < THROTTLED_RESPONSES or tally.share < tolerated:
            return False
        rate = self._permitted(now) if self.is_limited else self._measured(now)
        # If the server complains only now, its limit is about the same as before, so look for a higher one less often.
        is_same_limit = self.is_limited and not is_calm
        self._return_seconds = (
            min(self._return_seconds * 2, LONGEST_RETURN_SECONDS) if is_same_limit else RETURN_SECONDS
        )
        # Return at most to the rate that the server did not reject.
        accepted_share = 1 - tally.throttled / tally.since_first
        self._rate_before = max(rate * max(LOWEST_SHARE, accepted_share), LOWEST_RATE / DECREASE)
        self._decreased_at = now
        self.is_limited = True
        self._calm, self._recent = _Tally(), _Tally()
        return True

    def _permitted(self, now: float) -> float:
        """Return the rate that the curve of CUBIC permits, in requests per second."""
        seconds = now - self._decreased_at - self._return_seconds
        distance = seconds / (self._return_seconds if seconds < 0 else RETURN_SECONDS)
        return self._rate_before * (1 + (1 - DECREASE) * distance**3)

    def _measured(self, now: float) -> float:
        """Return the rate of the latest requests, in requests per second."""
        seconds = now - self._begun[0]
        return len(self._begun) / seconds if seconds > 0 else LOWEST_RATE


class Pacer:
    """Lets the requests to one bucket begin one after the other, at the permitted rate. For greenlets."""

    def __init__(self) -> None:
        self._rate = RequestRate()
        self._head = BoundedSemaphore()

    def wait(self) -> float:
        """Wait for this request's turn, and return the time at which it begins, for note_response."""
        if self._rate.is_limited:
            # Only the first request in line waits for the time, so a new rate applies to all that follow.
            with self._head:
                while delay := self._rate.delay_seconds(time.monotonic()):
                    gevent.sleep(delay)
                return self._begin()
        return self._begin()

    def _begin(self) -> float:
        now = time.monotonic()
        self._rate.note_begun(now)
        return now

    def note_response(self, begun_at: float, *, is_throttled: bool) -> bool:
        """Note whether the server rejected a request because of the rate. See RequestRate.note_response."""
        return self._rate.note_response(begun_at, time.monotonic(), is_throttled=is_throttled)
