"""The process that owns a batch. Only a batch whose owner has exited may be resumed."""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime, timedelta

import psutil

from exifinator.models import BatchDocument, BatchOwner

# A process updates its batch every second. Presume a process of another host dead after this long without an update.
ABANDONED_AFTER = timedelta(seconds=60)
# Two readings of the same process's start time differ by less than this.
_START_TIME_TOLERANCE_SECONDS = 2.0


def this_process() -> BatchOwner:
    """Return the identity of this process: host, pid and start time (epoch seconds)."""
    return {"host": socket.gethostname(), "pid": os.getpid(), "started": round(psutil.Process().create_time(), 1)}


def is_watched(batch: BatchDocument, now: datetime | None = None) -> bool:
    """Return whether a live process owns the batch."""
    if "owner" in batch and batch["owner"] is None:
        # The owner has detached.
        return False
    owner = batch.get("owner")
    if owner and owner["host"] == socket.gethostname():
        try:
            process = psutil.Process(owner["pid"])
            # Another process may have the pid by now.
            is_same_process = abs(process.create_time() - owner["started"]) < _START_TIME_TOLERANCE_SECONDS
            return is_same_process and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False
        except psutil.AccessDenied:
            return True
    # Another host owns the batch, or its process is still starting and has not claimed it.
    return bool(batch["updated_at"] > (now or datetime.now(UTC)) - ABANDONED_AFTER)
