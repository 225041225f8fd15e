"""States, ids and counts of a batch."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import Any

from exifinator.cost.prices import NANODOLLARS
from exifinator.models import BatchDocument, Status

# A process watches the batch. In `listing`, this process lists the sources. In `reading`, the process waits until the
# images are done.
WATCHED_STATES = ("listing", "reading")
# No process watches the batch. In `left`, workers continue with its images. In `stopped`, its listing was interrupted.
DETACHED_STATES = ("left", "stopped")
# The next run over the same sources may resume a batch in one of these states, once the batch's owner has exited.
UNFINISHED_STATES = (*WATCHED_STATES, *DETACHED_STATES)
ENDED_STATES = ("done", "cancelled")

# Maps each name under which workers count to a field of BatchCounts.
_FIELDS_BY_WORKER_NAME = {
    "ok": "stored",
    "no_exif": "no_exif",
    "unsupported": "unsupported",
    "damaged": "damaged",
    "failed": "failed",
    "deleted": "deleted",
    "bytes_read": "bytes_read",
    "requests": "requests",
}


def new_batch_id(started_at: datetime) -> str:
    """Return a unique id for a batch. Ids sort by the start time of the batch, to the millisecond."""
    return f"{started_at:%Y%m%d-%H%M%S}-{started_at.microsecond // 1000:03x}{secrets.randbelow(0x1000):03x}"


@dataclass(slots=True)
class BatchCounts:
    """Counts of a batch's images by result.

    At the end of a batch, listed = folders + excluded + unchanged + archived + stored + no_exif + unsupported +
    damaged + failed + deleted.

    Attributes:
        folders: The number of empty objects that stand for folders. Such objects get no record.
        excluded: The number of objects that are not indexed, because they are junk or the patterns leave them out.
        archived: The number of images that have to be restored in S3 before they can be read.
        queued: The number of images that this batch queued, or that already had a retry or a requeue pending.
        stored: The number of records with EXIF.
        deleted: The number of images whose objects were deleted before they were indexed, as events have reported.
        bytes_read: How many bytes of the images the workers read from S3.
        requests: The number of ranged GETs that the workers sent.
        list_requests: The number of LIST requests.
        list_dollars: What the LIST requests cost.
        dollars: What all requests and the transfer of the bytes cost, as far as the prices are known.
        seconds: How long the batch has been running.
    """

    listed: int = 0
    folders: int = 0
    excluded: int = 0
    unchanged: int = 0
    archived: int = 0
    queued: int = 0
    stored: int = 0
    no_exif: int = 0
    unsupported: int = 0
    damaged: int = 0
    failed: int = 0
    deleted: int = 0
    bytes_read: int = 0
    requests: int = 0
    list_requests: int = 0
    list_dollars: float = 0.0
    dollars: float = 0.0
    seconds: float = 0.0

    @classmethod
    def from_dict(cls, counts: Mapping[str, Any]) -> BatchCounts:
        """Convert a dict from as_dict back to counts. Ignore keys that another version may have stored."""
        return cls(**{field.name: counts[field.name] for field in fields(cls) if field.name in counts})

    @property
    def done(self) -> int:
        """Number of images that have a record from this batch or a failed job, or were deleted."""
        return self.stored + self.no_exif + self.unsupported + self.damaged + self.failed + self.deleted

    def as_dict(self) -> dict[str, Any]:
        dollars = {name: round(getattr(self, name), 9) for name in ("dollars", "list_dollars")}
        return {**asdict(self), **dollars, "seconds": round(self.seconds, 3)}

    def to_worker_counts(self, *, empty_images: int, already_failed: int) -> dict[str, int]:
        """Return the counts that come from workers, by the names under which workers count.

        Args:
            empty_images: The number of empty objects. The listing records them, so no worker counts them.
            already_failed: The number of images that had failed before and were not requeued. No worker counts them.
        """
        not_by_workers = {"damaged": empty_images, "failed": already_failed}
        counts = {
            name: getattr(self, field) - not_by_workers.get(field, 0) for name, field in _FIELDS_BY_WORKER_NAME.items()
        }
        return counts | {"nanodollars": round((self.dollars - self.list_dollars) * NANODOLLARS)}

    def update_from_workers(self, counts: Mapping[str, int] | None, *, empty_images: int, already_failed: int) -> None:
        """Replace the counts that come from workers. This is the reverse of to_worker_counts.

        Args:
            counts: The workers' counts. If None or empty, nothing changes.
            empty_images, already_failed: See to_worker_counts.
        """
        if counts:
            not_by_workers = {"damaged": empty_images, "failed": already_failed}
            for name, field in _FIELDS_BY_WORKER_NAME.items():
                setattr(self, field, counts.get(name, 0) + not_by_workers.get(field, 0))
            self.dollars = self.list_dollars + counts.get("nanodollars", 0) / NANODOLLARS


def current_counts(document: BatchDocument, worker_counts: Mapping[str, int] | None) -> BatchCounts:
    """Return the stored counts of a batch, updated with the latest counts of the workers."""
    counts = BatchCounts.from_dict(document.get("numbers", {}))
    empty_images, already_failed = document.get("empty", 0), document.get("failed_before", 0)
    counts.update_from_workers(worker_counts, empty_images=empty_images, already_failed=already_failed)
    return counts


def count_remaining(document: BatchDocument, counts: BatchCounts) -> int:
    """Return how many queued images of a batch are not done.

    The result is negative if the counts include images that another batch queued.
    """
    return counts.queued - (counts.done - document.get("empty", 0) - document.get("failed_before", 0))


def is_listed(document: BatchDocument) -> bool:
    """Return whether the listing of the batch is complete."""
    checkpoint = document.get("checkpoint")
    return checkpoint is not None and not any(item["ranges"] for item in checkpoint)


@dataclass(slots=True)
class ReconcileResult:
    """Counts of a batch's images by result, according to a reconciliation.

    Attributes:
        unchanged: The number of images whose current record is older than the batch.
        folders: The number of empty objects that stand for folders.
        excluded: The number of objects that are not indexed.
        archived: The number of archived images.
        failed: The number of images with a failed job.
        pending: The number of images that are not done.
        empty_images: How many of the images in `by_status` are empty objects, which are recorded without being read.
        by_status: The number of images whose records were made since the batch started, by the status of the record.
    """

    unchanged: int = 0
    folders: int = 0
    excluded: int = 0
    archived: int = 0
    failed: int = 0
    pending: int = 0
    empty_images: int = 0
    by_status: Counter[Status] = field(default_factory=Counter)

    @property
    def listed(self) -> int:
        not_indexed = self.folders + self.excluded + self.archived + self.failed + self.pending
        return self.unchanged + not_indexed + self.by_status.total()

    def add(self, page: ReconcileResult) -> None:
        """Add the counts of one more page."""
        self.unchanged += page.unchanged
        self.folders += page.folders
        self.excluded += page.excluded
        self.archived += page.archived
        self.failed += page.failed
        self.pending += page.pending
        self.empty_images += page.empty_images
        self.by_status += page.by_status
