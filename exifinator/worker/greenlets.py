"""How many greenlets of a worker process may run downloads, and how many may run at all."""

from __future__ import annotations

import math

from exifinator.open_files import FEWEST_GREENLETS
from exifinator.worker.read_limit import ReadLimit

# A worker that serves both queues reserves this share of its greenlets for writes. Otherwise a full write queue could
# block the worker: all greenlets would run downloads that wait for room in the write queue, and none would be free to
# write.
WRITE_SHARE = 0.2


class GreenletShares:
    """The greenlets of a worker process: a fixed number, or as many as its read limit allows.

    Args:
        pool_size: The size of MRQ's pool of greenlets.
        read_limit: The limit of downloads; None if the number of greenlets is fixed.
        serves_writes: Whether the worker serves the write queue.
    """

    def __init__(self, pool_size: int, read_limit: ReadLimit | None, *, serves_writes: bool) -> None:
        self._pool_size = pool_size
        self._read_limit = read_limit
        self._download_share = 1 - WRITE_SHARE if serves_writes else 1.0

    @property
    def total(self) -> int:
        """The maximum number of jobs at the same time."""
        if self._read_limit is None:
            return self._pool_size
        needed = max(FEWEST_GREENLETS, math.ceil(self._read_limit.value / self._download_share))
        return min(self._pool_size, needed)

    @property
    def downloads(self) -> int:
        """The maximum number of downloads at the same time."""
        limit = int(self._pool_size * self._download_share)
        return limit if self._read_limit is None else min(limit, self._read_limit.value)

    def note_downloads(self, running: int) -> None:
        """Tell the read limit how many downloads are running, after as many as possible have been started."""
        if self._read_limit is not None:
            self._read_limit.note_downloads(running)
