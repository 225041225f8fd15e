"""The counts of a running batch, which come from its listing and from the workers."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime

from exifinator.batches.model import BatchCounts, ReconcileResult
from exifinator.batches.triage import Page
from exifinator.models import BatchDocument


class BatchTally:
    """Counts of a running batch.

    empty: number of empty objects. failed_before: number of failed images that are not queued again. Both were already
    done when they were listed, so no worker counts them. older_extractor: number of unchanged images that an older
    extractor indexed.
    """

    def __init__(self) -> None:
        self.counts = BatchCounts()
        self.empty = 0
        self.failed_before = 0
        self.older_extractor = 0
        self._began = time.monotonic()

    def resume(self, document: BatchDocument) -> None:
        """Continue with the stored counts and running time of a batch."""
        self.counts = BatchCounts.from_dict(document["numbers"])
        self.empty, self.failed_before = document.get("empty", 0), document.get("failed_before", 0)
        self._began = time.monotonic() - self.counts.seconds

    @property
    def done_when_listed(self) -> int:
        """Number of images that were already done when they were listed."""
        return self.empty + self.failed_before

    @property
    def done_by_workers(self) -> int:
        return max(0, self.counts.done - self.done_when_listed)

    @property
    def is_complete(self) -> bool:
        """Whether at least as many images are done as were queued. Images of other batches may be among them."""
        return self.counts.done - self.done_when_listed >= self.counts.queued

    def to_worker_counts(self) -> dict[str, int]:
        return self.counts.to_worker_counts(empty=self.empty, failed_before=self.failed_before)

    def update(self, worker_counts: Mapping[str, int] | None) -> None:
        """Update the running time and, unless they are unknown (None), the workers' counts."""
        self.counts.update_from_workers(worker_counts, empty=self.empty, failed_before=self.failed_before)
        self.counts.seconds = time.monotonic() - self._began

    def add_page(self, page: Page, *, started_at: datetime, requeue_failed: bool) -> None:
        """Count a page of the listing.

        Args:
            started_at: the start of the batch. Images whose records were made later are not `unchanged`: this batch
                indexed them, before it was resumed or during its listing.
            requeue_failed: whether the failed images of the page are queued again.
        """
        counts = self.counts
        already_indexed = [ref for ref, image in page.current if image.extracted_at >= started_at]
        empty = len(page.empty) + sum(ref.size_bytes == 0 for ref in already_indexed)
        failed_before = 0 if requeue_failed else len(page.failed)
        counts.listed += page.listed
        counts.folders += len(page.folders)
        counts.unchanged += len(page.current) - len(already_indexed)
        counts.queued += len(page.unread) + len(page.pending) + len(page.failed) - failed_before
        counts.queued += sum(ref.size_bytes > 0 for ref in already_indexed)
        counts.damaged += empty
        counts.failed += failed_before
        self.empty += empty
        self.failed_before += failed_before
        self.older_extractor += page.older_extractor

    def correct(self, result: ReconcileResult, *, listed_once: bool) -> None:
        """Replace the counts with those of the second listing if they do not add up.

        That is the case if Redis lost its data, or if another batch ran over the same images.

        Args:
            listed_once: whether no listing contained an object twice.
        """
        counts = self.counts
        queued_are_done = counts.done - self.done_when_listed == counts.queued
        listed_are_done = counts.listed == counts.folders + counts.unchanged + counts.done
        if queued_are_done and listed_are_done and listed_once:
            return
        counts.listed, counts.folders = result.listed, result.folders
        counts.unchanged, counts.failed = result.unchanged, result.failed
        counts.stored, counts.no_exif = result.by_status["ok"], result.by_status["no_exif"]
        counts.unsupported, counts.damaged = result.by_status["unsupported"], result.by_status["damaged"]
        counts.queued = max(0, counts.done - result.empty - self.failed_before)
