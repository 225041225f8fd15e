"""Batches whose process has exited: resume or close them."""

from __future__ import annotations

from collections.abc import Sequence

from exifinator.batches.model import UNDER_WAY, UNFINISHED, count_remaining, current_counts
from exifinator.batches.owner import is_watched
from exifinator.models import BatchDocument, BatchFields, BatchOptions
from exifinator.queue.image_queue import ImageQueue
from exifinator.sources.source import Source, parse_source
from exifinator.storage.store import Store


def is_idle(store: Store, queue: ImageQueue) -> bool:
    """Return whether no image of any batch is queued or in progress."""
    waiting, writing = queue.sizes()
    return waiting == 0 and writing == 0 and store.jobs.count_pending() == 0


def find_interrupted(
    store: Store, sources: Sequence[Source], options: BatchOptions, *, waits: bool
) -> BatchDocument | None:
    """Return the latest unfinished, unwatched batch over these sources with these options.

    Args:
        waits: Whether the caller will watch the batch. If False, return only a batch whose listing was interrupted.
    """
    same = sorted(str(source) for source in sources)
    for batch in store.batches.find_unfinished(UNFINISHED):
        if sorted(batch.get("sources", ())) != same or batch.get("options") != options:
            continue
        # Started with --no-wait and listed to the end: resuming this batch would miss objects added since.
        released = batch["state"] == "reading" and batch.get("owner") is None
        if _is_listed(batch) and (released or not waits):
            continue
        if "checkpoint" in batch and not is_watched(batch):
            return batch
    return None


def close_abandoned(store: Store, queue: ImageQueue) -> None:
    """If no image is in progress, stop counting for the batches that no process watches."""
    if not is_idle(store, queue):
        return
    for batch_id in queue.batches.open_ids():
        batch = store.batches.find(batch_id)
        if batch is None:
            queue.batches.close(batch_id)
        elif not is_watched(batch):
            _close(store, queue, batch)


def close_covered(store: Store, queue: ImageQueue, batch_id: str, sources: Sequence[Source]) -> None:
    """Close the unwatched batches whose sources lie within `sources`, which the batch `batch_id` has finished."""
    prefixes = tuple(source.id_prefix for source in sources)
    for batch in store.batches.find_unfinished(UNFINISHED):
        covered = all(parse_source(source).id_prefix.startswith(prefixes) for source in batch.get("sources", ()))
        if batch["_id"] == batch_id or is_watched(batch) or not covered:
            continue
        _close(store, queue, batch)
        store.batches.change(batch["_id"], UNFINISHED, {"finished_by": batch_id})


def _close(store: Store, queue: ImageQueue, batch: BatchDocument) -> None:
    """Stop counting for an unwatched batch, and store its counts and final state."""
    counts = current_counts(batch, queue.batches.counts(batch["_id"]))
    changes: BatchFields = {"numbers": counts.as_dict(), "rate": None, "owner": None}
    if _is_listed(batch) and count_remaining(batch, counts) == 0:
        changes["state"], changes["problem"] = "done", None
    elif batch["state"] in UNDER_WAY:
        changes["state"] = "left"
    store.batches.change(batch["_id"], UNFINISHED, changes)
    queue.batches.close(batch["_id"])


def _is_listed(batch: BatchDocument) -> bool:
    """Return whether the listing of the batch is complete."""
    checkpoint = batch.get("checkpoint")
    return checkpoint is not None and not any(item["ranges"] for item in checkpoint)
