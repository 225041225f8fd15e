"""Add up the counts of a running batch, which come from its listing and from the workers."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime

from exifinator.batches.model import BatchCounts, ReconcileResult
from exifinator.batches.triage import Page
from exifinator.cost.prices import NANODOLLARS
from exifinator.models import BatchDocument


class BatchTally:
    """Counts of a running batch.

    No worker is needed for empty objects, or for failed images that are not requeued. These images are already done
    when they are listed, so they are counted separately from the images that workers count.

    Attributes:
        empty_images: The number of empty objects.
        already_failed: The number of failed images that are not requeued.
        older_extractor: The number of unchanged images that an older extractor indexed.
    """

    def __init__(self) -> None:
        self.counts = BatchCounts()
        self.empty_images = 0
        self.already_failed = 0
        self.older_extractor = 0
        self._began = time.monotonic()
        # The LIST requests, and what they had cost in dollars, when the batch was resumed.
        self._listed_before = (0, 0.0)

    def resume(self, document: BatchDocument) -> None:
        """Continue with the stored counts and running time of a batch."""
        self.counts = BatchCounts.from_dict(document["numbers"])
        self.empty_images, self.already_failed = document.get("empty", 0), document.get("failed_before", 0)
        self._began = time.monotonic() - self.counts.seconds
        self._listed_before = self.counts.list_requests, self.counts.list_dollars

    @property
    def done_when_listed(self) -> int:
        """The number of images that were already done when they were listed."""
        return self.empty_images + self.already_failed

    @property
    def done_by_workers(self) -> int:
        return max(0, self.counts.done - self.done_when_listed)

    @property
    def is_complete(self) -> bool:
        """Whether at least as many images are done as were queued.

        Images that only another batch queued may be among them, so this does not prove that the batch is complete.
        """
        return self.counts.done - self.done_when_listed >= self.counts.queued

    def to_worker_counts(self) -> dict[str, int]:
        return self.counts.to_worker_counts(empty_images=self.empty_images, already_failed=self.already_failed)

    def update(self, worker_counts: Mapping[str, int] | None) -> None:
        """Update the running time and the workers' counts.

        Args:
            worker_counts: The counts of the workers. If None, they are unknown, and the last ones are kept.
        """
        self.counts.update_from_workers(
            worker_counts, empty_images=self.empty_images, already_failed=self.already_failed
        )
        self.counts.seconds = time.monotonic() - self._began

    def update_listing(self, requests: int, nanodollars: float) -> None:
        """Update what the listing has cost. Call `update` afterwards.

        Args:
            requests, nanodollars: The LIST requests of this process, and what they cost.
        """
        requests_before, dollars_before = self._listed_before
        self.counts.list_requests = requests_before + requests
        self.counts.list_dollars = dollars_before + nanodollars / NANODOLLARS

    def add_page(self, page: Page, *, started_at: datetime, requeue_failed: bool) -> None:
        """Count a page of the listing.

        Args:
            started_at: The start of the batch. Images whose records were made later are not `unchanged`: this batch
                indexed them, either before it was resumed or while it was listing.
            requeue_failed: Whether the failed images of the page are requeued.
        """
        counts = self.counts
        already_indexed = [ref for ref, image in page.current if image.extracted_at >= started_at]
        empty_images = len(page.empty) + sum(ref.size_bytes == 0 for ref in already_indexed)
        already_failed = 0 if requeue_failed else len(page.failed)
        counts.listed += page.listed
        counts.folders += len(page.folders)
        counts.excluded += page.excluded
        counts.archived += len(page.archived)
        counts.unchanged += len(page.current) - len(already_indexed)
        counts.queued += len(page.unread) + len(page.pending) + len(page.failed) - already_failed
        counts.queued += sum(ref.size_bytes > 0 for ref in already_indexed)
        counts.damaged += empty_images
        counts.failed += already_failed
        self.empty_images += empty_images
        self.already_failed += already_failed
        self.older_extractor += page.older_extractor

    def correct(self, result: ReconcileResult, *, listed_once: bool) -> None:
        """Replace the counts with those of the reconciliation if they do not add up.

        The counts do not add up if Redis lost its data, or if another batch ran over the same images.

        Args:
            result: The counts of the reconciliation.
            listed_once: Whether every listing contained each object only once. If not, the counts are replaced.
        """
        counts = self.counts
        queued_are_done = counts.done - self.done_when_listed == counts.queued
        not_queued = counts.folders + counts.excluded + counts.unchanged + counts.archived
        listed_are_done = counts.listed == not_queued + counts.done
        if queued_are_done and listed_are_done and listed_once:
            return
        counts.listed, counts.folders, counts.excluded = result.listed, result.folders, result.excluded
        counts.unchanged, counts.archived, counts.failed = result.unchanged, result.archived, result.failed
        counts.stored, counts.no_exif = result.by_status["ok"], result.by_status["no_exif"]
        counts.unsupported, counts.damaged = result.by_status["unsupported"], result.by_status["damaged"]
        # The last listing no longer contains the deleted objects.
        counts.deleted = 0
        counts.queued = max(0, counts.done - result.empty_images - self.already_failed)
