"""What `purge` forgets, and how."""

from __future__ import annotations

from collections.abc import Sequence

from exifinator.batch_state import UNDER_WAY
from exifinator.control import BatchEnded, NoSuchBatch, cancel_batch, read_batches
from exifinator.failed_jobs import FailedJobs
from exifinator.mongodb import Document, translated
from exifinator.probes import Probe
from exifinator.store import JOB_WAITING

# A batch of this or any other state is kept as long as it is counted for.
KEPT = (*UNDER_WAY, "cancelling")
_MOST_BATCHES = 100_000


class Purge:
    """Every method raises StoreUnavailable, RecordRefused or QueueUnavailable."""

    def __init__(self, probe: Probe) -> None:
        self._store = probe.store
        self._queue = probe.queue
        self._control = probe.control
        self.failed = FailedJobs(probe.store)

    def count_queued(self) -> int:
        images, _ = self._queue.sizes()
        return images + self._store.count_waiting_jobs()[0]

    def drop_queued(self) -> int:
        """Cancel the running batches, which would queue again what is missing, and empty the queues. Returns how
        many images and retries are gone."""
        for batch_id in self._queue.open_batches():
            try:
                cancel_batch(self._store, self._queue, batch_id)
            except (BatchEnded, NoSuchBatch):
                self._queue.close_batch(batch_id)
        waiting: Document = {"status": {"$in": list(JOB_WAITING)}, "params.bucket": {"$exists": True}}
        return self._control.empty() + self.failed.drop(waiting)

    def ended_batches(self) -> list[str]:
        """The ids of the batches that nobody watches and that nothing is queued for any more."""
        still_open = set(self._queue.open_batches()) if self.count_queued() else set()
        batches = read_batches(self._store, self._queue, limit=_MOST_BATCHES)
        return [batch["id"] for batch in batches if batch["state"] not in KEPT and batch["id"] not in still_open]

    def drop_batches(self, ids: Sequence[str]) -> int:
        for batch_id in set(self._queue.open_batches()).intersection(ids):
            self._queue.close_batch(batch_id)
        with translated("drop batches"):
            return self._store.batches.collection.delete_many({"_id": {"$in": list(ids)}}).deleted_count

    def count_records(self) -> int:
        with translated("count records"):
            return self._store.images.count_documents({})

    def drop_records(self) -> int:
        """Drop records and thumbnails, and make the indexes of the empty collection. Returns how many records."""
        count = self.count_records()
        with translated("drop records"):
            self._store.images.drop()
            self._store.thumbnails.drop()
        self._store.ensure_indexes()
        return count
