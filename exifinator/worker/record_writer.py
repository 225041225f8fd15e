"""Store records in bulk, and acknowledge their images."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from exifinator.errors import DeliveryLost
from exifinator.models import ExifRecord
from exifinator.queue.image_queue import ImageQueue, Outcome
from exifinator.queue.redis_client import read_clock
from exifinator.queue.withdrawals import DELETED
from exifinator.storage.store import Store
from exifinator.worker.batcher import Batcher

# A bulk write of 100 records takes MongoDB and the worker a quarter of the time of 100 single upserts. Larger bulk
# writes are no faster.
RECORDS_PER_BULK = 100
BULK_WAIT_SECONDS = 0.03


class RecordWriter:
    """Writes the records of one worker process."""

    def __init__(self, queue: ImageQueue, store: Store) -> None:
        self._queue = queue
        self._store = store
        self._batcher = Batcher(self._store_batch, limit=RECORDS_PER_BULK, wait_seconds=BULK_WAIT_SECONDS)

    def write(self, record: ExifRecord, outcome: Outcome) -> None:
        """Store a record, then acknowledge its image. Return when both are done.

        Raises:
            DeliveryLost: The image no longer belongs to this delivery.
            StoreUnavailable: MongoDB is unavailable.
            RecordRefused: MongoDB rejected the record.
            QueueUnavailable: Redis is unavailable.
        """
        self._batcher.submit((record, outcome))

    def _store_batch(self, batch: list[tuple[ExifRecord, Outcome]]) -> list[Exception | None]:
        """Store the records of images that still belong to their deliveries, then acknowledge these images.

        This process may be stopped between the check and the write, and continue after others have stored newer
        records. MongoDB then keeps the newer records; see RecordStore.upsert.
        """
        errors: list[Exception | None] = [None] * len(batch)
        for i, is_held in enumerate(self._queue.find_held([outcome.as_delivery() for _, outcome in batch])):
            if not is_held:
                errors[i] = DeliveryLost(f"{batch[i][1].image_id} was delivered again, or its batch was cancelled")
        held = [i for i, error in enumerate(errors) if error is None]
        results = self._store.records.upsert([batch[i][0] for i in held], clock=self._read_clock)
        for i, error in zip(held, results, strict=True):
            errors[i] = error
        # If a newer record exists, the image is done too.
        done = [batch[i][1] for i in held if errors[i] is None or isinstance(errors[i], DeliveryLost)]
        # Leases may have expired during the write, or the images were withdrawn because their objects are gone. Newer
        # records were not replaced, but an image that is no longer indexed would have a record again.
        lost = [outcome for outcome, is_held in zip(done, self._queue.acknowledge(done), strict=True) if not is_held]
        for outcome in lost:
            self._store.records.remove_delivered(outcome.image_id, outcome.as_delivery().delivered_at)
        self._queue.acknowledge([replace(outcome, result=DELETED) for outcome in lost])
        return errors

    def _read_clock(self) -> datetime:
        return read_clock(self._queue.client)
