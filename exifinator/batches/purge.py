"""Delete queued images, failed jobs, ended batches, or all records."""

from __future__ import annotations

from collections.abc import Sequence

from exifinator.batches.model import WATCHED_STATES
from exifinator.batches.service import cancel_batch, read_batches
from exifinator.errors import BatchEnded, NoSuchBatch
from exifinator.queue.admin import QueueAdmin
from exifinator.queue.image_queue import ImageQueue
from exifinator.storage.failed_jobs import FailedJobs
from exifinator.storage.jobs import WAITING_STATUSES
from exifinator.storage.mongodb import Document, mongodb_errors
from exifinator.storage.store import Store

# Batches in these states are kept. A batch in another state is kept only while workers may still count images for it.
KEPT_STATES = (*WATCHED_STATES, "cancelling")
_MAX_BATCHES = 100_000


class Purge:
    """Counts and deletes stored data. Every method may raise StoreUnavailable, RecordRefused or QueueUnavailable."""

    def __init__(self, store: Store, queue: ImageQueue, admin: QueueAdmin) -> None:
        self._store = store
        self._queue = queue
        self._admin = admin
        self.failed = FailedJobs(store.jobs)

    def count_queued(self) -> int:
        images, _ = self._queue.sizes()
        return images + self._store.jobs.count_waiting()[0]

    def drop_queued(self) -> int:
        """Empty the queues. Return how many images and waiting jobs were deleted.

        Running batches are cancelled, because they would otherwise queue the deleted images again.
        """
        for batch_id in self._queue.batches.open_ids():
            try:
                cancel_batch(self._store, self._queue, batch_id)
            except (BatchEnded, NoSuchBatch):
                self._queue.batches.close(batch_id)
        waiting: Document = {"status": {"$in": list(WAITING_STATUSES)}, "params.bucket": {"$exists": True}}
        return self._admin.empty_queues() + self.failed.drop(waiting)

    def ended_batches(self) -> list[str]:
        """Return the ids of the batches that no process watches and for which workers no longer count images."""
        still_open = set(self._queue.batches.open_ids()) if self.count_queued() else set()
        batches = read_batches(self._store, self._queue, limit=_MAX_BATCHES)
        return [batch["id"] for batch in batches if batch["state"] not in KEPT_STATES and batch["id"] not in still_open]

    def drop_batches(self, ids: Sequence[str]) -> int:
        for batch_id in set(self._queue.batches.open_ids()).intersection(ids):
            self._queue.batches.close(batch_id)
        with mongodb_errors("drop batches"):
            return self._store.batches.collection.delete_many({"_id": {"$in": list(ids)}}).deleted_count

    def count_records(self) -> int:
        with mongodb_errors("count records"):
            return self._store.records.collection.count_documents({})

    def drop_records(self) -> int:
        """Delete all records and thumbnails, then recreate the indexes. Return the number of deleted records."""
        count = self.count_records()
        with mongodb_errors("drop records"):
            self._store.records.collection.drop()
            self._store.records.thumbnails.drop()
        self._store.ensure_indexes()
        return count
