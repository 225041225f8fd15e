"""Measure the throughput of this process and the load of its machine. Workers report both every few seconds."""

from __future__ import annotations

import os
import socket
import time
from typing import Any

from exifinator import EXTRACTOR_VERSION
from exifinator.metrics import COUNTS, Counts


class LoadMeter:
    """Measures the throughput of this process since the last report."""

    def __init__(self, counts: Counts = COUNTS) -> None:
        self._stages = counts.stages
        self._reported_at = time.monotonic()
        self._reads = self._writes = 0

    def report(self) -> dict[str, Any]:
        """Return the host, its load average (1 minute) and cores, the throughput, and the extractor version.

        The throughput consists of the images fetched and the records stored per second since the last report.
        """
        now = time.monotonic()
        seconds = max(now - self._reported_at, 0.001)
        reads, writes = sum(self._stages["fetch"].counts), sum(self._stages["store"].counts)
        report = {
            "host": socket.gethostname(),
            "load": round(os.getloadavg()[0], 2),
            "cores": os.cpu_count() or 1,
            "reads_per_second": round((reads - self._reads) / seconds, 1),
            "writes_per_second": round((writes - self._writes) / seconds, 1),
            "extractor_version": EXTRACTOR_VERSION,
        }
        self._reported_at, self._reads, self._writes = now, reads, writes
        return report
