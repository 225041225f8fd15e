"""Find the batches that no process watches any more, to resume or close them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from exifinator.batches.model import UNFINISHED_STATES, WATCHED_STATES, count_remaining, current_counts, is_listed
from exifinator.batches.owner import is_watched, this_process
from exifinator.models import BatchDocument, BatchFields, BatchOptions, BatchOwner
from exifinator.queue.image_queue import ImageQueue
from exifinator.sources.patterns import Patterns
from exifinator.sources.source import Source, is_part, parse_source
from exifinator.storage.store import Store


def is_idle(store: Store, queue: ImageQueue) -> bool:
    """Return whether no image of any batch is queued or in progress."""
    downloads, writes = queue.sizes()
    return downloads == 0 and writes == 0 and store.jobs.count_pending() == 0


def is_full(queue: ImageQueue) -> bool:
    """Return whether the download queue holds MAX_QUEUED images or more."""
    downloads, _ = queue.sizes()
    return downloads >= queue.max_queued


def find_interrupted(
    store: Store, sources: Sequence[Source], options: BatchOptions, *, will_watch: bool
) -> BatchDocument | None:
    """Return the latest unfinished batch over these sources with these options that no process watches.

    Args:
        will_watch: Whether the caller will watch the batch. If False, return only a batch whose listing was
            interrupted: nothing is left to do for a batch that is already listed.
    """
    names = sorted(str(source) for source in sources)
    for batch in store.batches.find_unfinished(UNFINISHED_STATES):
        if sorted(batch.get("sources", ())) != names or batch.get("options") != options:
            continue
        # A batch that was started with --no-wait has no owner and is still in `reading`. If its listing is complete,
        # resuming the batch would miss the objects added since, so the run must start a new one.
        has_detached = batch["state"] == "reading" and batch.get("owner") is None
        if is_listed(batch) and (has_detached or not will_watch):
            continue
        if "checkpoint" in batch and not is_watched(batch):
            return batch
    return None


class BatchClaim:
    """This process's claim to a batch.

    Args:
        batch_id: The id of the batch. If None, `take_over` looks for a batch by its sources and options.

    Attributes:
        owner: This process, if it owns the batch; else None.
    """

    def __init__(self, store: Store, batch_id: str | None) -> None:
        self.owner: BatchOwner | None = None
        self._store = store
        self._batch_id = batch_id
        self._interrupted: BatchDocument | None = None

    def take_over(self, sources: Sequence[Source], options: BatchOptions, *, will_watch: bool) -> BatchDocument | None:
        """Claim the batch that another process left unfinished.

        Returns:
            The document of the batch. None if there is no such batch, or if another process has claimed it first.
        """
        # If MongoDB stored a claim but its response was lost, a second call claims the same batch.
        self._interrupted = self._interrupted or self._find(sources, options, will_watch=will_watch)
        owner = this_process()
        if self._interrupted is None or not self._store.batches.claim(self._interrupted, owner):
            return None
        self.owner = owner
        return self._interrupted

    def _find(self, sources: Sequence[Source], options: BatchOptions, *, will_watch: bool) -> BatchDocument | None:
        if self._batch_id is None:
            return find_interrupted(self._store, sources, options, will_watch=will_watch)
        batch = self._store.batches.find(self._batch_id)
        return batch if batch and batch.get("checkpoint") else None

    def set_owner(self) -> None:
        """Make this process the owner of the batch."""
        self.owner = self.owner or this_process()


def close_abandoned(store: Store, queue: ImageQueue) -> None:
    """Close the open batches that no process watches, unless images of any batch are queued or in progress."""
    if not is_idle(store, queue):
        return
    for batch_id in queue.batches.open_ids():
        batch = store.batches.find(batch_id)
        if batch is None:
            queue.batches.close(batch_id)
        elif not is_watched(batch):
            _close(store, queue, batch)


def close_covered(
    store: Store, queue: ImageQueue, batch_id: str, sources: Sequence[Source], options: BatchOptions
) -> None:
    """Close the unwatched batches whose sources are all within `sources`.

    The batch `batch_id` has just indexed `sources`, so the unwatched batches have no images left to index. A
    batch that would index more than `batch_id` has, because of its patterns or because of junk files, stays open.
    """
    for batch in store.batches.find_unfinished(UNFINISHED_STATES):
        batch_sources = read_sources(batch)
        covered = all(any(is_part(batch_source, source) for source in sources) for batch_source in batch_sources)
        if batch.get("options", {}).get("includes_junk") and not options.get("includes_junk"):
            covered = False
        if batch["_id"] == batch_id or is_watched(batch) or not covered:
            continue
        _close(store, queue, batch)
        store.batches.change(batch["_id"], UNFINISHED_STATES, {"finished_by": batch_id})


def read_sources(batch: BatchDocument) -> list[Source]:
    """Return the sources of a batch with their patterns."""
    patterns = {item["source"]: item for item in batch.get("options", {}).get("patterns", ())}
    return [
        replace(
            parse_source(text),
            patterns=Patterns(tuple(patterns[text]["include"]), tuple(patterns[text]["exclude"])),
        )
        if text in patterns
        else parse_source(text)
        for text in batch.get("sources", ())
    ]


def _close(store: Store, queue: ImageQueue, batch: BatchDocument) -> None:
    """Store the latest counts and the state of an unwatched batch, then stop counting images for it."""
    counts = current_counts(batch, queue.batches.counts(batch["_id"]))
    changes: BatchFields = {"numbers": counts.as_dict(), "rate": None, "owner": None}
    if is_listed(batch) and count_remaining(batch, counts) == 0:
        changes["state"], changes["problem"] = "done", None
    elif batch["state"] in WATCHED_STATES:
        changes["state"] = "left"
    store.batches.change(batch["_id"], UNFINISHED_STATES, changes)
    queue.batches.close(batch["_id"])
