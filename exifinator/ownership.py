"""Which process watches a batch, and whether it still lives: a batch whose process is gone may be gone on with."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import psutil

# A process of another host that has not said for so long that it is there is taken for dead; it says so each second.
ABANDONED_AFTER = timedelta(seconds=60)
# Two readings of the moment at which a process was started differ by less.
_SAME_START_SECONDS = 2.0


def this_process() -> dict[str, Any]:
    """What tells this process from every other one: host, pid, and when it was started (epoch seconds)."""
    return {"host": socket.gethostname(), "pid": os.getpid(), "started": round(psutil.Process().create_time(), 1)}


def is_watched(batch: Mapping[str, Any], now: datetime | None = None) -> bool:
    """Whether a process is at this batch. batch: its document; one that was left names no owner."""
    if "owner" in batch and batch["owner"] is None:
        return False
    owner = batch.get("owner")
    if owner and owner["host"] == socket.gethostname():
        try:
            process = psutil.Process(owner["pid"])
            same = abs(process.create_time() - owner["started"]) < _SAME_START_SECONDS
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False
        except psutil.AccessDenied:
            return True
    # Another host, or a batch that its process has not taken up yet.
    return bool(batch["updated_at"] > (now or datetime.now(UTC)) - ABANDONED_AFTER)
