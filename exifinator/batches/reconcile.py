"""Reconciliation: compare a second listing of a batch's sources with the stored records and jobs, page by page."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from exifinator.batches.model import ReconcileResult
from exifinator.batches.triage import Page, triage_page
from exifinator.models import BatchOptions, ImageRef, ListedPage
from exifinator.queue.image_queue import ImageQueue
from exifinator.storage.store import Store

log = logging.getLogger(__name__)

# Stop queueing an image again after this many times, even if its record is still not current.
MAX_REQUEUES = 2


class Reconciler:
    """Determines what a batch has done with each object, and which objects must be queued again.

    A Reconciler counts how often each image was queued again, so use one instance for the whole batch.

    Args:
        started_at: The start of the batch. Records made since then are results of the batch.
        options: The options of the batch.
    """

    def __init__(self, store: Store, queue: ImageQueue, *, started_at: datetime, options: BatchOptions) -> None:
        self._store = store
        self._queue = queue
        self._started_at = started_at
        self._refresh = options["refresh"]
        # An inventory report shows the bucket at one time, and the workers may have read newer versions of its objects.
        self._newer_since = started_at if "inventory" in options else None
        self._requeues: Counter[str] = Counter()

    def compare(
        self, listed: ListedPage, until: datetime, *, excluded: Sequence[ImageRef] = ()
    ) -> tuple[ReconcileResult, Page]:
        """Return the results of a page's objects, and a page of the objects that must be queued again.

        Args:
            until: The time at the end of the first listing, by the S3 server's clock. Objects modified later are
                ignored: the next batch indexes them.
            excluded: The objects on the page that are not indexed. They are not in `listed`.
        """
        result = ReconcileResult(excluded=sum(ref.last_modified <= until for ref in excluded))
        refs = [ref for ref in listed.refs if ref.last_modified <= until]
        page = triage_page(refs, self._store, refresh=self._refresh, newer_since=self._newer_since)
        for ref, image in page.current:
            if image.extracted_at >= self._started_at:
                result.by_status[image.status] += 1
                result.empty_images += ref.size_bytes == 0
            else:
                result.unchanged += 1
        result.folders += len(page.folders)
        result.archived += len(page.archived)
        result.failed += len(page.failed)
        self._give_up_mismatches(page, result)
        result.pending += len(page.pending) + len(page.unread) + len(page.empty)
        still_queued = self._queue.still_queued(page.unread)
        missing = [ref for ref, queued in zip(page.unread, still_queued, strict=True) if not queued]
        if missing or page.empty:
            log.warning(
                "requeue: %d images have no current record, no job and no place in the queue",
                len(missing) + len(page.empty),
                extra={"action": "requeue"},
            )
        self._requeues.update(ref.id for ref in missing if ref.id in page.outdated)
        return result, Page(empty=page.empty, unread=missing)

    def _give_up_mismatches(self, page: Page, result: ReconcileResult) -> None:
        """Remove the images that have reached MAX_REQUEUES from the page, and count them by the status of their record.

        Either the S3 server lists these images with a different ETag, size or time than it returns with the object, or
        workers with an older extractor index them during a refresh. Their records would never count as current, and the
        batch would never end.
        """
        given_up = [ref for ref in page.unread if self._requeues[ref.id] >= MAX_REQUEUES]
        for ref in given_up:
            log.warning(
                "skip: the record of %s is still outdated: the S3 server lists the object with a different ETag, size "
                "or time than it returns with the object, or a worker with an older extractor indexed it",
                ref.id,
                extra={"action": "skip", "bucket": ref.bucket, "key": ref.key},
            )
            result.by_status[page.outdated[ref.id]] += 1
        page.unread = [ref for ref in page.unread if ref not in given_up]
