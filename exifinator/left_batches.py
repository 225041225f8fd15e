"""Batches whose process is gone, or that are to end before their time: who goes on with them, and who closes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from exifinator.batch_state import UNDER_WAY, UNFINISHED, Numbers
from exifinator.listing import Source, parse_source
from exifinator.mongodb import Document
from exifinator.ownership import is_watched
from exifinator.queues import ImageQueue
from exifinator.store import Store


def is_idle(store: Store, queue: ImageQueue) -> bool:
    """Is nothing under way, of any batch?"""
    waiting, writing = queue.sizes()
    return waiting == 0 and writing == 0 and store.count_pending_jobs() == 0


def find_broken_off(
    store: Store, sources: Sequence[Source], options: Mapping[str, Any], *, waits: bool
) -> Document | None:
    """The latest batch over these sources, with these options, that did not end and that nobody watches.

    waits: False: only one whose listing was broken off.
    """
    same = sorted(str(source) for source in sources)
    for known in store.batches.find_unfinished(UNFINISHED):
        if sorted(known.get("sources", ())) != same or known.get("options") != options:
            continue
        # One that was queued whole and that nobody meant to watch: what came since would be missed.
        let_go = known["state"] == "reading" and known.get("owner") is None
        if _is_listed(known) and (let_go or not waits):
            continue
        if "checkpoint" in known and not is_watched(known):
            return known
    return None


def close_abandoned(store: Store, queue: ImageQueue) -> None:
    """Stop to count for batches that were left and have nothing under way any more."""
    if not is_idle(store, queue):
        return
    for batch_id in queue.open_batches():
        known = store.batches.find(batch_id)
        if known is None:
            queue.close_batch(batch_id)
        elif not is_watched(known):
            _close_left(store, queue, known, is_done=_is_listed(known))


def close_covered(store: Store, queue: ImageQueue, batch_id: str, sources: Sequence[Source]) -> None:
    """Close the batches that nobody watches and whose every image this one, over these sources, has seen to."""
    prefixes = tuple(source.id_prefix for source in sources)
    for known in store.batches.find_unfinished(UNFINISHED):
        theirs = [parse_source(source).id_prefix for source in known.get("sources", ())]
        if known["_id"] == batch_id or is_watched(known) or not all(each.startswith(prefixes) for each in theirs):
            continue
        _close_left(store, queue, known, is_done=_is_listed(known))
        store.batches.change(known["_id"], UNFINISHED, {"finished_by": batch_id})


def _close_left(store: Store, queue: ImageQueue, known: Document, *, is_done: bool) -> None:
    """Stop to count for a batch that nobody watches, and say how it stands; is_done: all its images are."""
    batch_id, empty, failed_before = known["_id"], known.get("empty", 0), known.get("failed_before", 0)
    numbers = Numbers.from_dict(known["numbers"])
    numbers.take_over_counts(queue.batch_counts(batch_id), empty=empty, failed_before=failed_before)
    changes: Document = {"numbers": numbers.as_dict(), "rate": None, "owner": None}
    if is_done and numbers.done - empty - failed_before == numbers.queued:
        changes |= {"state": "done", "problem": None}
    elif known["state"] in UNDER_WAY:
        changes["state"] = "left"
    store.batches.change(batch_id, UNFINISHED, changes)
    queue.close_batch(batch_id)


def withdraw(
    queue: ImageQueue, store: Store, batch_id: str, sources: Sequence[Source], *, requested_at: datetime
) -> bool:
    """Take the images of a batch that no other open batch covers out of the queue, as long as they are not begun.

    Returns: whether none is in hand any more; after a lease those that still are go too, for their worker is dead.
    """
    prefixes = [source.id_prefix for source in sources]
    waited = datetime.now(UTC) - requested_at > timedelta(seconds=queue.lease_seconds)
    queue.withdraw(batch_id, prefixes, in_hand_too=waited)
    others = [prefix for other, theirs in queue.open_prefixes().items() if other != batch_id for prefix in theirs]
    store.drop_waiting_jobs(prefixes, others)
    return waited or queue.count_in_hand(batch_id, prefixes) == 0


def _is_listed(known: Document) -> bool:
    """Whether the listing of a batch came to its end."""
    checkpoint = known.get("checkpoint")
    return checkpoint is not None and not any(item["ranges"] for item in checkpoint)
