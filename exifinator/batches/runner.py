"""Run a batch: list the sources, queue images, and wait until every listed image has a record or a failed job.

The listing is authoritative. When the counts say that a batch is done, its sources are listed a second time and
compared with what is stored. An image that has no record, no failed job and no place in the queue is queued again. This
repeats until none is missing, so a batch is complete even if processes died or Redis lost its data meanwhile.

The document of the batch holds a checkpoint of the listing. If the process dies, the next run over the same sources
resumes the batch from there, under the same id.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, ParamSpec, TypeVar

from exifinator.batches.cancellation import cancel_pending
from exifinator.batches.checkpoint import BatchCheckpoint
from exifinator.batches.model import BatchCounts, ReconcileResult
from exifinator.batches.reconcile import Reconciler
from exifinator.batches.reconcile_schedule import Intervals, ReconcileSchedule
from exifinator.batches.recovery import close_abandoned, close_covered, is_idle
from exifinator.batches.source_listings import SourceListings
from exifinator.batches.tally import BatchTally
from exifinator.batches.triage import Page, triage_page
from exifinator.errors import AccessDenied, BatchTaken, TransientError
from exifinator.metadata.parse import empty_record
from exifinator.metrics import COUNTS
from exifinator.models import ImageRef, ListedPage
from exifinator.queue.image_queue import ImageQueue
from exifinator.retry import backoff_seconds, retry_while_unavailable
from exifinator.sources.source import Lister, Source, remove_covered
from exifinator.storage.migrations import check_schema
from exifinator.storage.store import Store

log = logging.getLogger(__name__)

DEFAULT_INTERVALS = Intervals()
MIN_FULL_QUEUE_PAUSE_SECONDS = 0.05
MAX_FULL_QUEUE_PAUSE_SECONDS = 2.0

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class _Retry:
    """Calls a function, and retries it while Redis or MongoDB is unavailable.

    pause: sleeps for a number of seconds.
    """

    pause: Callable[[float], None]

    def __call__(
        self, action: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Result:
        return retry_while_unavailable(functools.partial(action, *args, **kwargs), self.pause)


class Batch:
    """One run over some sources.

    Every method may raise TransientError, AccessDenied, BucketGone, or BatchTaken.

    Args:
        batch_id: the id to use. Without one, an interrupted batch over the same sources is resumed.
        refresh: also index images again that an older extractor indexed.
        verify: do not queue failed images again.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        lister: Lister,
        store: Store,
        queue: ImageQueue,
        *,
        batch_id: str | None = None,
        refresh: bool = False,
        verify: bool = False,
        intervals: Intervals = DEFAULT_INTERVALS,
    ) -> None:
        self.store = store
        self.queue = queue
        self.listings = SourceListings(remove_covered(sources), lister)
        self.tally = BatchTally()
        self.checkpoint = BatchCheckpoint(
            store, {"refresh": refresh, "verify": verify}, batch_id=batch_id, save_seconds=intervals.save_seconds
        )
        self.ended = False
        self._schedule = ReconcileSchedule(intervals)

    @property
    def id(self) -> str:
        return self.checkpoint.id

    @property
    def started_at(self) -> datetime:
        return self.checkpoint.started_at

    @property
    def resumed(self) -> bool:
        """Whether another process started this batch."""
        return self.checkpoint.resumed

    @property
    def numbers(self) -> BatchCounts:
        return self.tally.counts

    def open(self, *, will_watch: bool = True) -> None:
        """Store the document of the batch, and make the workers count for it.

        If a batch over the same sources was interrupted, this batch takes over its id and progress, and `resumed` is
        True.

        Args:
            will_watch: whether the caller will watch the batch. If False, resume only a batch whose listing was
                interrupted.

        Raises: ConfigError if the stored records have another schema version.
        """
        # The listing stores the records of empty objects, perhaps before any worker has checked the schema.
        check_schema(self.store, writes=True)
        close_abandoned(self.store, self.queue)
        interrupted = self.checkpoint.resume(self.listings.sources, will_watch=will_watch)
        if interrupted:
            self.tally.resume(interrupted)
            self.listings.resume(interrupted["checkpoint"])
        self.checkpoint.set_owner()
        if self.queue.batches.counts(self.id) is None:
            self.queue.batches.open(self.id, self._prefixes, counts=self.tally.to_worker_counts())
        self.queue.refused_buckets.close_circuits(self._buckets)
        self._save("listing")

    def is_blocked(self) -> bool:
        """Return whether S3 denies access to one of the buckets, or a batch over these sources was stopped."""
        names = {str(source) for source in self.listings.sources}
        stopped = self.store.batches.find_unfinished(["stopped"])
        return bool(self.queue.refused_buckets.open_circuits(self._buckets)) or any(
            set(batch.get("sources", ())) == names for batch in stopped
        )

    def is_idle(self) -> bool:
        """Return whether no image of this batch or any other is queued or in progress."""
        return is_idle(self.store, self.queue)

    def list_and_queue(
        self, *, dry_run: bool = False, pause: Callable[[float], None] = time.sleep
    ) -> Iterator[BatchCounts]:
        """List the sources and queue the unread images; yield the counts after each page, and while the queue is full.

        Args:
            dry_run: only list and count.
        """
        retry = _Retry(pause)
        with closing(self.listings.first_pages(pause)) as pages:
            for source_page in pages:
                page = retry(self._process_page, source_page.listed.refs, dry_run=dry_run)
                # Before the counts of this page are saved: otherwise a resumed batch would count the page twice.
                source_page.mark_done()
                if not dry_run:
                    retry(self._save_if_due, "listing")
                    if self.checkpoint.cancel_requested_at:
                        return
                yield self.numbers
                if not dry_run and page.unread:
                    yield from self._wait_for_room("listing", retry)
                    if self.checkpoint.cancel_requested_at:
                        return
        if not dry_run:
            retry(self._save, "reading")

    def wait(self, *, pause: Callable[[float], None] = time.sleep) -> Iterator[BatchCounts]:
        """Yield the counts at intervals until every listed image has a record or a failed job.

        Redis and MongoDB may be unavailable for a time: calls to them are retried.
        """
        retry = _Retry(pause)
        while True:
            step = retry(self._check)
            yield self.numbers
            if step == "reconcile":
                yield from self._reconcile(retry)
            if self.ended:
                return
            if step == "wait":
                pause(self._schedule.intervals.poll_seconds)

    def detach(self, state: str, *, problem: str | None = None) -> None:
        """Stop watching. The workers continue with the queued images and count them for the batch.

        If Redis or MongoDB is unavailable, nothing is stored. The next run resumes the batch anyway, because its owner,
        this process, has exited by then.

        Args:
            state: the state to store.
            problem: why the batch stopped early, for users.
        """
        with suppress(AccessDenied, TransientError):
            self._refresh()
        with suppress(BatchTaken, TransientError):
            self.checkpoint.save(state, self.tally, self.listings, problem=problem, release=True)

    @property
    def _prefixes(self) -> list[str]:
        return [source.id_prefix for source in self.listings.sources]

    @property
    def _buckets(self) -> set[str]:
        return {source.bucket for source in self.listings.sources}

    @functools.cached_property
    def _reconciler(self) -> Reconciler:
        # Created when first used, because `open` may change the start time of the batch.
        refresh = self.checkpoint.options["refresh"]
        return Reconciler(self.store, self.queue, started_at=self.started_at, refresh=refresh)

    def _wait_for_room(self, state: str, retry: _Retry) -> Iterator[BatchCounts]:
        """While the queue is full, yield the counts and pause, each time longer."""
        attempt = 0
        while retry(self.queue.is_full):
            attempt += 1
            if attempt == 1:
                log.info(
                    "wait: the queue is full (MAX_QUEUED images), so the listing pauses",
                    extra={"action": "wait", "batch": self.id},
                )
            retry(self._refresh)
            retry(self._save_if_due, state)
            yield self.numbers
            if self.checkpoint.cancel_requested_at:
                return
            retry.pause(
                backoff_seconds(
                    attempt, first_seconds=MIN_FULL_QUEUE_PAUSE_SECONDS, max_seconds=MAX_FULL_QUEUE_PAUSE_SECONDS
                )
            )

    def _process_page(self, refs: list[ImageRef], *, dry_run: bool) -> Page:
        options = self.checkpoint.options
        page = triage_page(refs, self.store, refresh=options["refresh"])
        if not dry_run:
            self._queue_page(page)
        self._refresh()
        self.tally.add_page(page, started_at=self.started_at, requeue_failed=not options["verify"])
        return page

    def _queue_page(self, page: Page) -> None:
        if page.empty:
            # There is nothing to read in an empty object, so its record is made here.
            for error in self.store.records.upsert([empty_record(ref) for ref in page.empty]):
                if error:
                    raise error
            COUNTS.empty_objects += len(page.empty)
        if page.failed and not self.checkpoint.options["verify"]:
            # An image has one job: requeue the failed one instead of adding a second.
            self.store.jobs.requeue([ref.id for ref in page.failed])
        self.queue.enqueue(page.unread)

    def _check(self) -> Literal["wait", "reconcile", "ended"]:
        """Update the counts, and return what to do next."""
        batch_is_known = self._refresh()
        self._save_if_due("reading")
        if self.checkpoint.cancel_requested_at:
            return "ended" if self._cancel(self.checkpoint.cancel_requested_at) else "wait"
        if self.numbers.queued == 0 and not self.resumed:
            self._end(None)
            return "ended"
        if not batch_is_known:
            log.warning(
                "requeue: Redis has lost this batch; images without a record are queued again",
                extra={"action": "requeue", "batch": self.id},
            )
            self.queue.batches.open(self.id, self._prefixes)
            return "reconcile"
        now = time.monotonic()
        if not self._schedule.may_reconcile(now):
            return "wait"
        if self.tally.is_complete or self.is_idle() or self._schedule.is_stalled(self.numbers.done, now):
            return "reconcile"
        return "wait"

    def _reconcile(self, retry: _Retry) -> Iterator[BatchCounts]:
        """List the sources again, requeue lost images, and end the batch if nothing is pending.

        Yield the counts after each page.
        """
        result, began = ReconcileResult(), time.monotonic()
        with closing(self.listings.all_pages(retry.pause)) as pages:
            for source_page in pages:
                until = self.listings.listed_until(source_page)
                page_result, missing = retry(self._compare_page, source_page.listed, until)
                result.add(page_result)
                source_page.mark_done()
                retry(self._refresh)
                retry(self._save_if_due, "reading")
                yield self.numbers
                if missing:
                    yield from self._wait_for_room("reading", retry)
                if self.checkpoint.cancel_requested_at:
                    return
        if self.listings.started_over:
            # Some objects were listed twice, so the result is wrong. Reconcile again: the next listing is sequential.
            result.pending += 1
        self._schedule.reconciled(began, time.monotonic())
        if not result.pending:
            retry(self._refresh)
            retry(self._end, result)

    def _compare_page(self, listed: ListedPage, until: datetime) -> tuple[ReconcileResult, int]:
        """Return the results of a page's objects, and how many of them were queued again."""
        result, missing = self._reconciler.compare(listed, until)
        self._queue_page(missing)
        return result, len(missing.unread)

    def _refresh(self) -> bool:
        """Update the counts with those of the workers. Return whether Redis knows the batch.

        Raises: AccessDenied if S3 has begun to deny access to one of the buckets: its images are not delivered.
        """
        for message in self.queue.refused_buckets.open_circuits(self._buckets).values():
            raise AccessDenied(message)
        counts = self.queue.batches.counts(self.id)
        self.tally.update(counts)
        return bool(counts)

    def _end(self, result: ReconcileResult | None) -> None:
        if result:
            self.tally.correct(result, listed_once=self.listings.listed_once)
        close_covered(self.store, self.queue, self.id, self.listings.sources)
        self._close("done")

    def _cancel(self, requested_at: datetime) -> bool:
        """Remove the images of the batch from the queue. End the batch and return True if none is in progress."""
        if not cancel_pending(self.queue, self.store, self.id, self.listings.sources, requested_at=requested_at):
            return False
        self._refresh()
        self._close("cancelled")
        return True

    def _close(self, state: str) -> None:
        self._save(state)
        self.queue.batches.close(self.id)
        self.ended = True

    def _save(self, state: str) -> None:
        self.checkpoint.save(state, self.tally, self.listings)

    def _save_if_due(self, state: str) -> None:
        self.checkpoint.save_if_due(state, self.tally, self.listings)
