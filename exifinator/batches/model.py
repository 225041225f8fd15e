"""States, ids and counts of a batch."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import Any

from exifinator.models import BatchDocument, Status

# A process watches the batch. `listing`: it lists the sources. `reading`: it waits until the images are done.
WATCHED_STATES = ("listing", "reading")
# No process watches the batch. `left`: workers continue with its images. `stopped`: its listing was interrupted.
DETACHED_STATES = ("left", "stopped")
# The next run over the same sources may resume a batch in one of these states, once its process has exited.
UNFINISHED_STATES = (*WATCHED_STATES, *DETACHED_STATES)
ENDED_STATES = ("done", "cancelled")

# The names under which workers count -> the fields of BatchCounts.
_FIELDS_BY_WORKER_NAME = {
    "ok": "stored",
    "no_exif": "no_exif",
    "unsupported": "unsupported",
    "damaged": "damaged",
    "failed": "failed",
    "bytes_read": "bytes_read",
    "requests": "requests",
}


def new_batch_id(started_at: datetime) -> str:
    """Return a unique id. Ids sort by the start times of their batches, to the millisecond."""
    return f"{started_at:%Y%m%d-%H%M%S}-{started_at.microsecond // 1000:03x}{secrets.randbelow(0x1000):03x}"


@dataclass(slots=True)
class BatchCounts:
    """Counts of a batch's images by result.

    At the end of a batch, listed = folders + unchanged + stored + no_exif + unsupported + damaged + failed.
    `stored` counts the records with EXIF. `queued` counts the images that had no current record, or had failed before.
    """

    listed: int = 0
    folders: int = 0
    unchanged: int = 0
    queued: int = 0
    stored: int = 0
    no_exif: int = 0
    unsupported: int = 0
    damaged: int = 0
    failed: int = 0
    bytes_read: int = 0
    requests: int = 0
    seconds: float = 0.0

    @classmethod
    def from_dict(cls, numbers: Mapping[str, Any]) -> BatchCounts:
        """Return the counts in a dict that as_dict made. Ignore names that this version does not know."""
        return cls(**{field.name: numbers[field.name] for field in fields(cls) if field.name in numbers})

    @property
    def done(self) -> int:
        """Number of images that have a record from this batch, or a failed job."""
        return self.stored + self.no_exif + self.unsupported + self.damaged + self.failed

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "seconds": round(self.seconds, 3)}

    def to_worker_counts(self, *, empty: int, failed_before: int) -> dict[str, int]:
        """Return the part of these counts that comes from workers, by the workers' names.

        Args:
            empty, failed_before: numbers of images that were already done when they were listed. No worker counts them.
        """
        not_by_workers = {"damaged": empty, "failed": failed_before}
        return {
            name: getattr(self, field) - not_by_workers.get(field, 0) for name, field in _FIELDS_BY_WORKER_NAME.items()
        }

    def update_from_workers(self, counts: Mapping[str, int] | None, *, empty: int, failed_before: int) -> None:
        """Replace the part that comes from workers: the reverse of to_worker_counts. None changes nothing."""
        if counts:
            not_by_workers = {"damaged": empty, "failed": failed_before}
            for name, field in _FIELDS_BY_WORKER_NAME.items():
                setattr(self, field, counts.get(name, 0) + not_by_workers.get(field, 0))


def current_counts(document: BatchDocument, worker_counts: Mapping[str, int] | None) -> BatchCounts:
    """Return the stored counts of a batch, updated with what the workers have counted since."""
    counts = BatchCounts.from_dict(document.get("numbers", {}))
    empty, failed_before = document.get("empty", 0), document.get("failed_before", 0)
    counts.update_from_workers(worker_counts, empty=empty, failed_before=failed_before)
    return counts


def count_remaining(document: BatchDocument, counts: BatchCounts) -> int:
    """Return how many queued images of a batch are not done. Negative if images of another batch were counted too."""
    return counts.queued - (counts.done - document.get("empty", 0) - document.get("failed_before", 0))


@dataclass(slots=True)
class ReconcileResult:
    """Counts of a batch's images by result, according to the second listing.

    by_status: images whose records were made since the batch started. empty: how many of those are empty objects, which
    are recorded without being read. pending: images that are not done.
    """

    unchanged: int = 0
    folders: int = 0
    failed: int = 0
    pending: int = 0
    empty: int = 0
    by_status: Counter[Status] = field(default_factory=Counter)

    @property
    def listed(self) -> int:
        return self.unchanged + self.folders + self.failed + self.pending + self.by_status.total()

    def add(self, page: ReconcileResult) -> None:
        """Add the result of one more page."""
        self.unchanged += page.unchanged
        self.folders += page.folders
        self.failed += page.failed
        self.pending += page.pending
        self.empty += page.empty
        self.by_status += page.by_status
