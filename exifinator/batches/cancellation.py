"""Cancel a batch: remove its pending images from the queue."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from exifinator.queue.image_queue import ImageQueue
from exifinator.sources.source import Source
from exifinator.storage.store import Store


def cancel_pending(
    queue: ImageQueue, store: Store, batch_id: str, sources: Sequence[Source], *, requested_at: datetime
) -> bool:
    """Remove the images of a batch from the queue, except those in progress and those that another open batch covers.

    Once a lease has passed since the request, remove images in progress too, because their worker must have died.

    Returns:
        Whether no image of the batch is in progress any more.
    """
    prefixes = [source.id_prefix for source in sources]
    lease_is_over = datetime.now(UTC) - requested_at > timedelta(seconds=queue.lease_seconds)
    queue.batches.cancel_pending(batch_id, prefixes, include_in_progress=lease_is_over)
    open_prefixes = queue.batches.open_prefixes()
    other_prefixes = [prefix for other, each in open_prefixes.items() if other != batch_id for prefix in each]
    store.jobs.drop_waiting(prefixes, other_prefixes)
    return lease_is_over or queue.batches.count_in_progress(batch_id, prefixes) == 0
