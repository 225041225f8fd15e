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
    """Remove a batch's images from the queue, except those in progress and those that another open batch also covers.

    If the request is older than a lease, also remove the images in progress: their workers are presumed dead.

    Returns:
        Whether no image of the batch is in progress any more.
    """
    prefixes = [source.id_prefix for source in sources]
    leases_have_expired = datetime.now(UTC) - requested_at > timedelta(seconds=queue.lease_seconds)
    queue.batches.cancel_pending(batch_id, prefixes, include_in_progress=leases_have_expired)
    other_prefixes = []
    for open_id, open_prefixes in queue.batches.open_prefixes().items():
        if open_id != batch_id:
            other_prefixes += open_prefixes
    store.jobs.drop_waiting(prefixes, other_prefixes)
    return leases_have_expired or queue.batches.count_in_progress(batch_id, prefixes) == 0
