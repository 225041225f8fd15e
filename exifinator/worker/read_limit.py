"""The number of images that a worker process fetches at the same time, adapted to S3 and to the machine.

The limit grows while throughput grows with it. By Little's law, `rate × base` downloads are enough to keep S3 busy,
where `rate` is the number of reads per second, and `base` how long a read takes without a backlog. All other downloads
wait: for the CPU, for the network, for S3 or for the write queue. The limit settles where this backlog is BACKLOG.
Throughput needs some backlog, because downloads arrive in bursts, and because several are pushed to the write queue
together.

If S3 limits the rate of requests, if reads time out or if the write queue is full, the limit is reduced at once.

Source: L. Brakmo, L. Peterson, "TCP Vegas: End to End Congestion Avoidance on a Global Internet", 1995, for the
backlog; RFC 5681 for slow start and for multiplicative decrease.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from exifinator.errors import SourceUnavailable
from exifinator.metrics import retry_cause
from exifinator.models import ImageRef, RangeRead, RangeReader

# Bounds of the limit.
LOWEST = 8
HIGHEST = 1000
# The limit of a worker that has not read anything yet.
INITIAL = 32
# With fewer waiting downloads, a process is sometimes idle although images are queued. More of them only take memory.
BACKLOG = 150
# The backlog is at most the number of reads that end in this time. Otherwise reads would wait for minutes at a slow
# server.
BACKLOG_SECONDS = 0.5
# Slow start ends at this share of the backlog.
SLOW_START_SHARE = 0.5
# The limit changes at most by this share of itself at the end of a round.
STEP_SHARE = 1 / 8
# A reduction multiplies the limit by this factor.
DECREASE = 0.7
# The limit is reduced at most once in this time, because all reads in flight may have the same trouble.
DECREASE_SECONDS = 1.0
# A round ends once as many reads are done as the limit allows and, after slow start, not before this time has passed.
ROUND_SECONDS = 0.5
# While there is a backlog, nobody knows how long reads would take without it. So at this interval, measure it again.
PROBE_SECONDS = 60.0
PROBE_SHARE = 0.25


@dataclass(slots=True)
class _Round:
    """What happened since the last adjustment.

    Attributes:
        began_at: When the round began, by the clock of ReadLimit.
        goal: The number of reads after which the round may end: as many as the limit allowed at its beginning.
        reads: The number of reads that ended.
        read_seconds: How long these reads took in total.
        download_seconds: The number of running downloads, integrated over the time of the round.
        was_reached: Whether more downloads would have been begun if the limit had been higher.
    """

    began_at: float
    goal: int
    reads: int = 0
    read_seconds: float = 0.0
    download_seconds: float = 0.0
    was_reached: bool = False


@dataclass(slots=True)
class _Probe:
    """A measurement of reads without a backlog: one round at a lower limit, after the reads of the backlog have ended.

    Attributes:
        due_at: When the next probe begins.
        limit_before: The limit to return to; 0 if no probe is running.
        is_drained: Whether the backlog is gone, so that the current round is the measurement.
    """

    due_at: float
    limit_before: int = 0
    is_drained: bool = False


class ReadLimit:
    """How many images a worker process may fetch at the same time.

    Args:
        highest: The upper bound.
        clock: Returns seconds.

    Attributes:
        value: The limit.
    """

    def __init__(self, highest: int = HIGHEST, clock: Callable[[], float] = time.monotonic) -> None:
        self.value = min(INITIAL, highest)
        self._highest = highest
        self._clock = clock
        self._is_slow_start = True
        self._base_seconds = math.inf
        now = clock()
        self._round = _Round(now, self.value)
        self._probe = _Probe(now + PROBE_SECONDS)
        self._last_decrease_at = -math.inf
        # The number of running downloads, and when they were last added to `download_seconds`.
        self._downloads, self._counted_at = 0, now

    def note_downloads(self, running: int) -> None:
        """Note how many downloads are running now, after as many as possible have been started."""
        self._count_downloads(self._clock())
        self._downloads = running
        if running >= self.value:
            self._round.was_reached = True

    def _begin_round(self, now: float) -> None:
        self._count_downloads(now)
        self._round = _Round(now, self.value)

    def _count_downloads(self, now: float) -> None:
        self._round.download_seconds += self._downloads * (now - self._counted_at)
        self._counted_at = now

    def note_read(self, seconds: float) -> None:
        """Note that a read has ended, and how long it took."""
        self._round.reads += 1
        self._round.read_seconds += seconds
        if self._is_slow_start and self._round.was_reached:
            # Each read that ends permits one more, so the limit doubles in a round.
            self._set(self.value + 1)
        now = self._clock()
        is_long_enough = self._is_slow_start or now - self._round.began_at >= ROUND_SECONDS
        if self._round.reads >= self._round.goal and is_long_enough:
            self._end_round(now)

    def note_trouble(self) -> None:
        """Reduce the limit, because S3 limits the rate of requests, a read timed out, or the write queue is full."""
        now = self._clock()
        if now - self._last_decrease_at >= DECREASE_SECONDS:
            self._last_decrease_at = now
            self._is_slow_start = False
            self._set(int((self._probe.limit_before or self.value) * DECREASE))
            self._probe = _Probe(now + PROBE_SECONDS)
            self._begin_round(now)

    def _set(self, value: int) -> None:
        self.value = max(min(LOWEST, self._highest), min(value, self._highest))

    def _end_round(self, now: float) -> None:
        self._count_downloads(now)
        mean_seconds = self._round.read_seconds / self._round.reads
        if self._probe.limit_before:
            self._end_round_of_probe(now, mean_seconds)
        else:
            self._base_seconds = min(self._base_seconds, mean_seconds)
            if self._round.was_reached:
                self._adjust(now)
        self._begin_round(now)

    def _adjust(self, now: float) -> None:
        """Move the limit so that the backlog approaches its target. Begin a probe if one is due."""
        seconds = max(now - self._round.began_at, 1e-9)
        rate = self._round.reads / seconds
        waiting = self._round.download_seconds / seconds - rate * self._base_seconds
        backlog = min(BACKLOG, rate * BACKLOG_SECONDS)
        if self._is_slow_start and waiting < backlog * SLOW_START_SHARE and self.value < self._highest:
            return
        self._is_slow_start = False
        # If the limit were lower or higher by n downloads, n fewer or more downloads would wait.
        step = max(1, int(self.value * STEP_SHARE))
        self._set(self.value + max(-step, min(step, round(backlog - waiting))))
        if now >= self._probe.due_at:
            self._probe = _Probe(now, limit_before=self.value)
            self._set(int(self.value * PROBE_SHARE))

    def _end_round_of_probe(self, now: float, mean_seconds: float) -> None:
        """Note after the first round that the backlog is gone. After the second, store the mean and end the probe."""
        if not self._probe.is_drained:
            self._probe.is_drained = True
            return
        self._base_seconds = mean_seconds
        self._set(self._probe.limit_before)
        self._probe = _Probe(now + PROBE_SECONDS)


class MeasuredReader:
    """Reads ranges of images, and tells a ReadLimit how long each read takes."""

    def __init__(self, reader: RangeReader, limit: ReadLimit) -> None:
        self._reader = reader
        self._limit = limit

    def read_range(self, ref: ImageRef, start: int, length: int, *, if_match: str = "") -> RangeRead:
        """Read a range of an image. See models.RangeReader."""
        began_at = time.monotonic()
        try:
            return self._reader.read_range(ref, start, length, if_match=if_match)
        except SourceUnavailable as exc:
            if retry_cause(exc) == "timeout":
                self._limit.note_trouble()
            raise
        finally:
            self._limit.note_read(time.monotonic() - began_at)
