"""Read the progress of batches and cancel them, from any process.

The process that lists and watches a batch stores the progress of the batch in MongoDB every second. The workers count
finished images in Redis. Therefore any process can read a batch, and a batch survives a restart of the API that started
it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from exifinator.batches.cancellation import cancel_pending
from exifinator.batches.model import (
    DETACHED_STATES,
    ENDED_STATES,
    WATCHED_STATES,
    BatchCounts,
    count_remaining,
    current_counts,
    is_listed,
)
from exifinator.errors import BatchEnded, NoSuchBatch, QueueUnavailable
from exifinator.models import BatchDocument, BatchFields
from exifinator.paths import COMMAND, START
from exifinator.queue.admin import read_paused_queues
from exifinator.queue.image_queue import ImageQueue
from exifinator.sources.source import parse_source
from exifinator.storage.store import Store

log = logging.getLogger(__name__)

# The process that watches a batch updates it every second. After this long without an update, presume that the process
# has exited or lost its connection to MongoDB.
SILENT_AFTER = timedelta(seconds=15)
# The maximum number of batches in one response. Each is returned with all its fields, so a response could get large.
MAX_SHOWN = 100
LIMIT_REACHED = "The batch has reached its limit; to resume it, run the same sources with a higher limit or without one"


def read_batch(store: Store, queue: ImageQueue, batch_id: str) -> dict[str, Any]:
    """Return a batch as read_batches does.

    Raises:
        NoSuchBatch: There is no batch with this id.
        StoreUnavailable: MongoDB is unavailable.
    """
    return _describe_all(store, queue, [_find(store, batch_id)])[0]


def read_batches(
    store: Store,
    queue: ImageQueue,
    *,
    limit: int = MAX_SHOWN,
    after: str | None = None,
    updated_since: datetime | None = None,
) -> list[dict[str, Any]]:
    """Return batches, newest first.

    Args:
        limit: The maximum number of batches.
        after: The id of a batch. Return only earlier batches.
        updated_since: Return only batches that were updated at or after this time.

    Returns:
        A dict for each batch:
        - id, sources, started_at, updated_at
        - patterns: for each source that has any, the source, `include` and `exclude`
        - state: `listing`, `reading` or `cancelling` while a process watches the batch; `done` or `cancelled` at the
          end; `left` if no process watches the batch but workers may continue; `stopped` if the listing was interrupted
        - numbers: the counts; while Redis is unavailable, the counts that were last stored
        - rate: images per second, or None if unknown
        - seconds_left: the remaining time at this rate, or None if unknown
        - problem: why the batch stopped or makes no progress, or None
        - pruned: what was removed after the batch, or None

    Raises:
        StoreUnavailable: MongoDB is unavailable.
    """
    return _describe_all(store, queue, store.batches.find_latest(limit, after=after, updated_since=updated_since))


def read_watched(store: Store) -> list[BatchDocument]:
    """Return the documents of the batches that a live process watches."""
    recent = store.batches.find_latest(MAX_SHOWN, updated_since=datetime.now(UTC) - SILENT_AFTER)
    return [document for document in recent if _stored_state(document) in WATCHED_STATES]


def cancel_batch(store: Store, queue: ImageQueue, batch_id: str) -> dict[str, Any]:
    """Request the cancellation of a batch. Return the batch, as read_batch does.

    The batch's images are removed from the queue, except those that another open batch also covers. The process that
    watches the batch ends it once the images in progress are done. If no process watches the batch, the next call of
    read_batch or read_batches after that ends it.

    Raises:
        NoSuchBatch: There is no batch with this id.
        BatchEnded: The batch has already ended.
        StoreUnavailable, QueueUnavailable: MongoDB or Redis is unavailable.
    """
    document = _find(store, batch_id)
    state = _stored_state(document)
    requested: BatchFields = {"cancel_requested_at": document.get("cancel_requested_at") or datetime.now(UTC)}
    may_be_cancelled = state in WATCHED_STATES or (state in DETACHED_STATES and batch_id in queue.batches.open_ids())
    if not may_be_cancelled or not store.batches.change(batch_id, (*WATCHED_STATES, *DETACHED_STATES), requested):
        raise BatchEnded(f"The batch has already ended (state: {_stored_state(document)})")
    log.info("cancel: batch %s", batch_id, extra={"action": "cancel", "batch": batch_id})
    return read_batch(store, queue, batch_id)


def _find(store: Store, batch_id: str) -> BatchDocument:
    document = store.batches.find(batch_id)
    if document is None:
        raise NoSuchBatch("There is no batch with this id")
    return document


def _stored_state(document: BatchDocument) -> str:
    """Return the state that the batch's process last stored."""
    return document.get("state", "done")


def _describe_all(store: Store, queue: ImageQueue, documents: Sequence[BatchDocument]) -> list[dict[str, Any]]:
    now = datetime.now(UTC)
    batches = []
    for document in documents:
        document = _finish_cancelled(store, queue, document, now)
        worker_counts = None
        if _stored_state(document) not in ENDED_STATES:
            try:
                worker_counts = queue.batches.counts(document["_id"])
            except QueueUnavailable as exc:
                log.warning("skip: %s", exc, extra={"action": "skip", "batch": document["_id"]})
        batches.append(_describe(document, worker_counts, now))
    waiting = [batch for batch in batches if batch["state"] in (*WATCHED_STATES, "left")]
    obstacle = _find_obstacle(store, queue, now) if waiting else None
    for batch in waiting:
        if batch["state"] == "left" and _has_reached_limit(queue, batch["id"]):
            batch["problem"] = LIMIT_REACHED
        elif obstacle and (batch["state"] == "left" or not batch["problem"]):
            batch["problem"] = obstacle
    return batches


def _has_reached_limit(queue: ImageQueue, batch_id: str) -> bool:
    try:
        return queue.batch_limits.has_reached_limit(batch_id)
    except QueueUnavailable:
        return False


def _find_obstacle(store: Store, queue: ImageQueue, now: datetime) -> str | None:
    """Return why no images are being indexed, and what to do about it; None if there is no known reason."""
    if not store.workers.find_active(now):
        return f"No worker is running; start the workers with {START}"
    try:
        paused = read_paused_queues(queue)
    except QueueUnavailable as exc:
        return str(exc)
    if paused:
        resume = f"{COMMAND} queue resume {' '.join(paused)}"
        return f"The images stay queued, because the queue is paused; resume it with {resume}"
    return None


def _is_silent(document: BatchDocument, now: datetime) -> bool:
    """Return whether the batch has not been updated for SILENT_AFTER."""
    return now - document.get("updated_at", now) > SILENT_AFTER


def _finish_cancelled(store: Store, queue: ImageQueue, document: BatchDocument, now: datetime) -> BatchDocument:
    """Finish the cancellation of a batch that no process watches. Return the document of the batch.

    If cancellation was not requested, a process watches the batch, or images are still in progress, return the document
    unchanged.
    """
    requested_at = document.get("cancel_requested_at")
    state = _stored_state(document)
    if not requested_at or state in ENDED_STATES or (state in WATCHED_STATES and not _is_silent(document, now)):
        return document
    batch_id = document["_id"]
    try:
        sources = [parse_source(source) for source in document.get("sources", ())]
        if not cancel_pending(queue, store, batch_id, sources, requested_at=requested_at):
            return document
        counts = current_counts(document, queue.batches.counts(batch_id))
        queue.batches.close(batch_id)
    except QueueUnavailable as exc:
        log.warning(
            "retry: batch %s cannot be cancelled now: %s", batch_id, exc, extra={"action": "retry", "batch": batch_id}
        )
        return document
    changes: BatchFields = {
        "state": "cancelled",
        "numbers": counts.as_dict(),
        "rate": None,
        "problem": None,
        "updated_at": now,
    }
    store.batches.change(batch_id, (*WATCHED_STATES, *DETACHED_STATES), changes)
    return {**document, **changes}


def _describe(document: BatchDocument, worker_counts: Mapping[str, int] | None, now: datetime) -> dict[str, Any]:
    counts = current_counts(document, worker_counts)
    state, problem, rate = _stored_state(document), document.get("problem"), document.get("rate")
    if state in WATCHED_STATES and document.get("cancel_requested_at"):
        state = "cancelling"
    elif state in (*WATCHED_STATES, "left") and _is_complete(document, counts, worker_counts, now):
        state, problem, rate = "done", None, None
    elif state in WATCHED_STATES and _is_silent(document, now):
        rate = None
        if state == "listing":
            state, advice = "stopped", "run the same source again to resume"
        else:
            state, advice = "left", "workers continue with the queued images"
        problem = f"The process of the batch has exited or cannot reach MongoDB; {advice}"
    if state == "done" and counts.listed == 0 and not problem:
        names = ", ".join(str(source) for source in document.get("sources", ()))
        problem = f"There is nothing under {names}; check the spelling"
    return {
        "id": document["_id"],
        "sources": [str(source) for source in document.get("sources", ())],
        "patterns": document.get("options", {}).get("patterns", []),
        "state": state,
        "started_at": document.get("started_at"),
        "updated_at": document.get("updated_at"),
        "numbers": counts.as_dict(),
        "rate": round(rate, 1) if rate is not None and state in (*WATCHED_STATES, "cancelling") else None,
        "seconds_left": _seconds_left(document, counts, rate) if state == "reading" else None,
        "problem": problem,
        "pruned": document.get("pruned"),
    }


def _is_complete(
    document: BatchDocument, counts: BatchCounts, worker_counts: Mapping[str, int] | None, now: datetime
) -> bool:
    """Return whether the workers have finished all images of a batch that no process watches anymore."""
    is_watched = _stored_state(document) in WATCHED_STATES and not _is_silent(document, now)
    if is_watched or worker_counts is None or not is_listed(document):
        return False
    return count_remaining(document, counts) <= 0


def _seconds_left(document: BatchDocument, counts: BatchCounts, rate: float | None) -> float | None:
    remaining = count_remaining(document, counts)
    return round(remaining / rate, 1) if rate and remaining > 0 else None
