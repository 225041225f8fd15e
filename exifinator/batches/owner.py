"""Identify the process that owns a batch. A batch may be resumed only after its owner has exited or detached."""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime, timedelta

import psutil

from exifinator.models import BatchDocument, BatchOwner

# The owner updates its batch every second. If the owner runs on another host, presume it dead after this long without
# an update.
ABANDONED_AFTER = timedelta(seconds=60)
# Two processes with the same pid count as one process if their start times differ by less than this.
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
            # The owner may have exited, and the system may have given its pid to another process.
            is_same_process = abs(process.create_time() - owner["started"]) < _START_TIME_TOLERANCE_SECONDS
            return is_same_process and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False
        except psutil.AccessDenied:
            return True
    # The owner runs on another host, or has just been started and has not stored its identity yet.
    return bool(batch["updated_at"] > (now or datetime.now(UTC)) - ABANDONED_AFTER)
