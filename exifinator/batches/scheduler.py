"""Start the batches of SCHEDULE when they are due, and describe the schedule.

Workers call `check` at intervals, several of them perhaps at the same time. An entry that is due is claimed first, with
the id that its batch will have. If the worker dies before the batch has begun, another worker takes over the claim and
starts the batch under the same id, so a batch is started once: two processes cannot own a batch of one id.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from exifinator.batches.model import UNFINISHED_STATES, WATCHED_STATES, new_batch_id
from exifinator.batches.owner import is_watched
from exifinator.batches.recovery import read_sources
from exifinator.batches.schedule import ScheduledSource, handled_time, next_time
from exifinator.batches.service import read_batch
from exifinator.errors import EXIFinatorError, NoSuchBatch
from exifinator.models import BatchDocument
from exifinator.queue.image_queue import ImageQueue
from exifinator.retry import backoff_seconds
from exifinator.setting_schedule import format_interval
from exifinator.sources.source import Source, parse_source
from exifinator.storage.schedule import Outcome, ScheduleDocument, ScheduleFields
from exifinator.storage.store import Store

log = logging.getLogger(__name__)

# Starts a batch over a source under an id.
Start = Callable[[ScheduledSource, str], object]

# When a claim counts as abandoned. MRQ ends the job of a check before that, and a batch's process has stored its first
# progress by then.
CLAIM_TIMEOUT = timedelta(seconds=150)
# After this time, a check leaves the other entries to the next one. Starting a batch may take several seconds if S3
# does not respond, and MRQ ends a job that takes too long.
MAX_CHECK_SECONDS = 60.0
FIRST_RETRY_SECONDS = 60.0
MAX_RETRY_SECONDS = 3600.0


class Scheduler:
    """Starts the batches of the schedule.

    Args:
        entries: The schedule.
        start: Starts a batch; see Start.
    """

    def __init__(self, store: Store, entries: Sequence[ScheduledSource], start: Start) -> None:
        self._store = store
        self._entries = {entry.key: entry for entry in entries}
        self._start = start

    def check(self, now: datetime) -> None:
        """Start the batches that are due.

        Args:
            now: The time by a clock that all workers share.

        Raises:
            StoreUnavailable: MongoDB is unavailable.
        """
        if not self._entries:
            return
        began_at = time.monotonic()
        documents = self._store.schedule.check(list(self._entries), now)
        times = {key: due_time(self._entries[key], document) for key, document in documents.items()}
        for key in sorted(times, key=times.__getitem__):
            if time.monotonic() - began_at > MAX_CHECK_SECONDS:
                return
            if _is_claimed(documents[key], now):
                continue
            if times[key] <= now:
                self._handle(self._entries[key], documents[key], now)
            else:
                self._resume(self._entries[key], documents[key], now)

    def _handle(self, entry: ScheduledSource, document: ScheduleDocument, now: datetime) -> None:
        """Start the batch of an entry that is due, or skip it. Do nothing if another worker has claimed it first."""
        claim = document.get("claim")
        batch_id = claim["batch"] if claim else new_batch_id(now)
        claimed = self._store.schedule.change(document, {"claim": {"batch": batch_id, "at": now}})
        if claimed is None:
            return
        context = {"batch": batch_id, "bucket": entry.source.bucket}
        if claim and _has_begun(self._store.batches.find(batch_id)):
            self._finish(entry, claimed, now, "started", batch_id)
            return
        running = _find_running(self._store, entry.source, batch_id)
        if running is not None:
            problem = f"Batch {running['_id']} was still running"
            log.warning(
                "skip: %s is due, but batch %s is running",
                entry.source,
                running["_id"],
                extra={"action": "skip", **context},
            )
            self._finish(entry, claimed, now, "skipped", problem=problem)
            return
        try:
            self._start(entry, batch_id)
        except (EXIFinatorError, OSError) as exc:
            log.warning(
                "retry: the batch over %s cannot be started: %s",
                entry.source,
                exc,
                extra={"action": "retry", **context},
            )
            self._finish(entry, claimed, now, "failed", problem=str(exc))
        else:
            self._finish(entry, claimed, now, "started", batch_id)

    def _resume(self, entry: ScheduledSource, document: ScheduleDocument, now: datetime) -> None:
        """Resume the last batch of an entry if its process has died, for example because its machine was restarted."""
        batch_id = document.get("last_batch")
        retry_at = document.get("retry_at")
        if batch_id is None or (retry_at and retry_at > now):
            return
        batch = self._store.batches.find(batch_id)
        if not _is_interrupted(batch, entry.source) or _find_running(self._store, entry.source, batch_id):
            return
        # If this worker dies now, another one resumes the batch after the pause.
        if self._store.schedule.change(document, _next_attempt(document, now)) is None:
            return
        context = {"action": "retry", "batch": batch_id, "bucket": entry.source.bucket}
        try:
            self._start(entry, batch_id)
        except (EXIFinatorError, OSError) as exc:
            log.warning("retry: the batch over %s cannot be resumed: %s", entry.source, exc, extra=context)
        else:
            log.warning("retry: the batch over %s was interrupted, so it is resumed", entry.source, extra=context)

    def _finish(
        self,
        entry: ScheduledSource,
        claimed: ScheduleDocument,
        now: datetime,
        outcome: Outcome,
        batch_id: str | None = None,
        *,
        problem: str | None = None,
    ) -> None:
        """Store what has become of a claimed entry, unless another worker has taken over the claim."""
        changes: ScheduleFields = {"claim": None, "last": {"at": now, "outcome": outcome, "problem": problem}}
        if outcome == "failed":
            changes |= _next_attempt(claimed, now)
        else:
            due_at = next_time(entry.entry, claimed.get("handled_at"), claimed["since"])
            changes |= {"handled_at": handled_time(entry.entry, due_at, now), "failed_starts": 0, "retry_at": None}
        if batch_id:
            changes["last_batch"] = batch_id
        self._store.schedule.change(claimed, changes)


def due_time(entry: ScheduledSource, document: ScheduleDocument | None) -> datetime:
    """Return when the batch of an entry will be started, or started again. This is in the past if it is due.

    Args:
        document: The document of the entry; None if no worker has seen the entry.
    """
    if document is None:
        return next_time(entry.entry, None, datetime.now(UTC))
    due_at = next_time(entry.entry, document.get("handled_at"), document["since"])
    return max(due_at, document.get("retry_at") or due_at)


def describe_schedule(store: Store, queue: ImageQueue, entries: Sequence[ScheduledSource]) -> list[dict[str, Any]]:
    """Return the schedule, in the order of the settings.

    Returns:
        A dict for each entry:
        - source, include, exclude, every, at, timezone, prune, max_requests, max_dollars: as in SCHEDULE; `timezone` is
          None if `at` is
        - next_at: when the next batch is due
        - checked_at: when a worker last looked whether the entry is due; None if none has
        - last: what became of the entry when it was last due: `at`, `outcome` (`started`, `skipped` or `failed`), and
          `problem`, why no batch was started; None if it never was due
        - last_batch: the last batch that was started, as read_batch returns it; None if there is none

    Raises:
        StoreUnavailable: MongoDB is unavailable.
    """
    documents = store.schedule.find([entry.key for entry in entries])
    return [_describe(store, queue, entry, documents.get(entry.key)) for entry in entries]


def _describe(
    store: Store, queue: ImageQueue, scheduled: ScheduledSource, document: ScheduleDocument | None
) -> dict[str, Any]:
    entry = scheduled.entry
    batch_id = document.get("last_batch") if document else None
    last_batch = None
    if batch_id:
        # The batch may have been purged.
        with suppress(NoSuchBatch):
            last_batch = read_batch(store, queue, batch_id)
    return {
        "source": str(scheduled.source),
        "include": list(entry.include),
        "exclude": list(entry.exclude),
        "every": format_interval(entry.every),
        "at": f"{entry.at:%H:%M}" if entry.at else None,
        "timezone": entry.timezone if entry.at else None,
        "prune": entry.prune,
        "max_requests": entry.max_requests,
        "max_dollars": entry.max_dollars,
        "next_at": due_time(scheduled, document),
        "checked_at": document.get("checked_at") if document else None,
        "last": document.get("last") if document else None,
        "last_batch": last_batch,
    }


def _is_claimed(document: ScheduleDocument, now: datetime) -> bool:
    claim = document.get("claim")
    return claim is not None and now - claim["at"] < CLAIM_TIMEOUT


def _next_attempt(document: ScheduleDocument, now: datetime) -> ScheduleFields:
    """Return when to try again if a batch cannot be started now, as fields of the entry."""
    failed_starts = document.get("failed_starts", 0) + 1
    pause = backoff_seconds(failed_starts, first_seconds=FIRST_RETRY_SECONDS, max_seconds=MAX_RETRY_SECONDS)
    return {"failed_starts": failed_starts, "retry_at": now + timedelta(seconds=pause)}


def _is_interrupted(batch: BatchDocument | None, source: Source) -> bool:
    """Return whether a batch over exactly this source, with its patterns, is unfinished and its process has died."""
    return (
        batch is not None
        and batch.get("state") in UNFINISHED_STATES
        and not batch.get("cancel_requested_at")
        and not batch.get("finished_by")
        # The next time, a new batch continues where this one has stopped at its limit.
        and not batch.get("limit_reached")
        and read_sources(batch) == [source]
        and not is_watched(batch)
    )


def _has_begun(batch: BatchDocument | None) -> bool:
    """Return whether the process of a batch has stored something, or has been seen to end."""
    return batch is not None and ("checkpoint" in batch or batch.get("state") != "listing")


def _find_running(store: Store, source: Source, batch_id: str) -> BatchDocument | None:
    """Return a batch over a source, or over a prefix that contains the source, if a live process watches the batch.

    Args:
        batch_id: The id of the batch to be started, which is ignored.
    """
    for batch in store.batches.find_in_states(WATCHED_STATES):
        covers = any(source.id_prefix.startswith(parse_source(other).id_prefix) for other in batch.get("sources", ()))
        if batch["_id"] != batch_id and covers and is_watched(batch):
            return batch
    return None
