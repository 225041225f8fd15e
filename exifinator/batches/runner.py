"""Run a batch: list the sources, queue images, and wait until every listed image has a record or a failed job.

The listing decides when a batch is complete. When all queued images seem to be done according to the counts, the
sources are listed again, and the listing is compared with what is stored. An image that has no record, no job and no
place in the queue is queued again. This check is repeated until no image is missing, so a batch is complete even if
processes died or Redis lost its data in the meantime.

The document of the batch holds a checkpoint of the listing. If the process that runs the batch dies, the next run over
the same sources resumes the batch from the checkpoint, under the same id.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from datetime import datetime
from typing import Literal

from exifinator.batches.cancellation import cancel_pending
from exifinator.batches.model import BatchCounts, ReconcileResult
from exifinator.batches.reconcile import Reconciler
from exifinator.batches.reconcile_schedule import Intervals, ReconcileSchedule
from exifinator.batches.recovery import close_abandoned, close_covered, is_full, is_idle
from exifinator.batches.source_listings import SourceListings, SourcePage
from exifinator.batches.sources import raise_together
from exifinator.batches.stored_batch import StoredBatch, make_options
from exifinator.batches.tally import BatchTally
from exifinator.batches.triage import Page, triage_page
from exifinator.errors import AccessDenied, BatchTaken, EXIFinatorError, TransientError
from exifinator.metadata.parse import empty_record
from exifinator.metrics import COUNTS
from exifinator.queue.image_queue import ImageQueue
from exifinator.retry import Retry, backoff_seconds
from exifinator.sources.source import Lister, Source, remove_covered
from exifinator.storage.migrations import check_schema
from exifinator.storage.store import Store
from exifinator.storage.upkeep import Upkeep

log = logging.getLogger(__name__)

DEFAULT_INTERVALS = Intervals()
# The listing pauses while the queue is full. Its pauses grow from the minimum to the maximum.
MIN_FULL_QUEUE_PAUSE_SECONDS = 0.05
MAX_FULL_QUEUE_PAUSE_SECONDS = 2.0


class Batch:
    """One run over some sources.

    The methods that list, wait or store may raise TransientError, PermanentError (such as AccessDenied) or BatchTaken.

    Args:
        batch_id: The id to use. If None, `open` resumes an interrupted batch over the same sources, or creates an id.
        refresh: Whether to index images again that an older extractor indexed.
        verify: Whether to leave failed images as they are instead of requeueing them.
        includes_junk: Whether to index junk files.
        inventory: The address of the inventory report from which `lister` takes the objects; None if it lists them.
        intervals: How often the batch is checked and saved.

    Attributes:
        stored: The document of the batch.
        ended: Whether the batch is done or cancelled.
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
        includes_junk: bool = False,
        inventory: str | None = None,
        intervals: Intervals = DEFAULT_INTERVALS,
    ) -> None:
        self.store = store
        self.queue = queue
        kept = remove_covered(sources)
        self.listings = SourceListings(kept, lister, is_strict=verify, includes_junk=includes_junk)
        self.tally = BatchTally()
        self.stored = StoredBatch(
            store,
            make_options(kept, refresh=refresh, verify=verify, includes_junk=includes_junk, inventory=inventory),
            batch_id=batch_id,
            save_interval_seconds=intervals.save_seconds,
        )
        self.ended = False
        self._schedule = ReconcileSchedule(intervals)

    @property
    def id(self) -> str:
        return self.stored.id

    @property
    def started_at(self) -> datetime:
        return self.stored.started_at

    @property
    def resumed(self) -> bool:
        """Whether this process took over a batch that another process started."""
        return self.stored.resumed

    @property
    def counts(self) -> BatchCounts:
        return self.tally.counts

    def open(self, *, will_watch: bool = True, pause: Callable[[float], None] = time.sleep) -> None:
        """Store the document of the batch, and make the workers count images for the batch.

        If the batch with the given id was interrupted, or without an id a batch over the same sources, this batch takes
        over its id and progress, and `resumed` is True. While Redis or MongoDB is unavailable, calls are retried.

        Args:
            will_watch: Whether the caller will watch the batch. If False, resume only a batch whose listing was
                interrupted.
            pause: Sleeps for a number of seconds.

        Raises:
            ConfigError: The stored records have another schema version.
        """
        # The listing itself stores the records of empty objects. Check the schema here, because the workers may not
        # have checked it yet.
        retry = Retry(pause)
        retry(check_schema, self.store, writes=True)
        retry(close_abandoned, self.store, self.queue)
        interrupted = retry(self.stored.resume, self.listings.sources, will_watch=will_watch)
        if interrupted:
            self.tally.resume(interrupted)
            self.listings.resume(interrupted["checkpoint"])
        self.stored.set_owner()
        if retry(self.queue.batches.counts, self.id) is None:
            retry(self.queue.batches.open, self.id, self._prefixes, counts=self.tally.to_worker_counts())
        retry(self.queue.refused_buckets.close_circuits, self._buckets)
        retry(self._save, "listing")

    def is_blocked(self) -> bool:
        """Return whether S3 denies access to one of the buckets, or an earlier batch over these sources is stopped."""
        names = {str(source) for source in self.listings.sources}
        stopped = self.store.batches.find_unfinished(["stopped"])
        return bool(self.queue.refused_buckets.refusals(self._buckets)) or any(
            set(batch.get("sources", ())) == names for batch in stopped
        )

    def is_idle(self) -> bool:
        """Return whether no image of this batch or any other is queued or in progress."""
        return is_idle(self.store, self.queue)

    def list_and_queue(
        self, *, dry_run: bool = False, pause: Callable[[float], None] = time.sleep
    ) -> Iterator[BatchCounts]:
        """List the sources and queue the images that must be indexed.

        Yield the counts after each page, and repeatedly while the queue is full.

        Args:
            dry_run: Whether to only list and count.
            pause: Sleeps for a number of seconds.
        """
        retry = Retry(pause)
        with closing(self.listings.first_pages(pause)) as pages:
            for source_page in pages:
                page = retry(self._process_page, source_page, dry_run=dry_run)
                # Move the checkpoint past this page before the counts of the page are saved. Otherwise a resumed batch
                # would count the page twice.
                source_page.mark_done()
                if not dry_run:
                    retry(self._save_if_due, "listing")
                    if self.stored.cancel_requested_at:
                        return
                yield self.counts
                if not dry_run and page.unread:
                    yield from self._wait_for_room("listing", retry)
                    if self.stored.cancel_requested_at:
                        return
        if self.failures and len(self.failures) == len(self.listings.sources):
            raise self.failures[0]
        if not dry_run:
            retry(self._save, "reading")

    @property
    def failures(self) -> list[EXIFinatorError]:
        """Why sources could not be listed. The batch indexes the other sources first, and then raises these errors."""
        return list(self.listings.failures.values())

    def wait(self, *, pause: Callable[[float], None] = time.sleep) -> Iterator[BatchCounts]:
        """Yield the counts at intervals until every listed image has a record or a failed job.

        If the batch is cancelled, stop earlier. While Redis or MongoDB is unavailable, calls are retried.

        Args:
            pause: Sleeps for a number of seconds.
        """
        retry = Retry(pause)
        while True:
            step = retry(self._check)
            yield self.counts
            if step == "reconcile":
                yield from self._reconcile(retry)
            if self.ended:
                return
            if step == "wait":
                pause(self._schedule.intervals.poll_seconds)

    def detach(self, state: str, *, problem: str | None = None) -> None:
        """Stop watching the batch. The workers continue with the queued images and count them for the batch.

        If MongoDB is unavailable, the new state is not stored. The next run can resume the batch anyway: it finds that
        this process, which owns the batch, has exited.

        Args:
            state: The state to store.
            problem: Why the batch stopped early, for users.
        """
        with suppress(AccessDenied, TransientError):
            self._refresh()
        with suppress(BatchTaken, TransientError):
            self.stored.save(state, self.tally, self.listings, problem=problem, detach=True)

    @property
    def _prefixes(self) -> list[str]:
        return [source.id_prefix for source in self.listings.sources]

    @property
    def _buckets(self) -> set[str]:
        return {source.bucket for source in self.listings.sources}

    @functools.cached_property
    def _reconciler(self) -> Reconciler:
        # Created when first used, because `open` may change the start time of the batch.
        return Reconciler(self.store, self.queue, started_at=self.started_at, options=self.stored.options)

    def _wait_for_room(self, state: str, retry: Retry) -> Iterator[BatchCounts]:
        """While the queue is full, yield the counts and pause. Each pause is longer than the last, up to a maximum."""
        attempt = 0
        while retry(is_full, self.queue):
            attempt += 1
            if attempt == 1:
                log.info(
                    "wait: the queue is full (MAX_QUEUED images), so the listing pauses",
                    extra={"action": "wait", "batch": self.id},
                )
            retry(self._refresh)
            retry(self._save_if_due, state)
            yield self.counts
            if self.stored.cancel_requested_at:
                return
            retry.pause(
                backoff_seconds(
                    attempt, first_seconds=MIN_FULL_QUEUE_PAUSE_SECONDS, max_seconds=MAX_FULL_QUEUE_PAUSE_SECONDS
                )
            )

    def _process_page(self, source_page: SourcePage, *, dry_run: bool) -> Page:
        options = self.stored.options
        refs, excluded = source_page.listed.refs, len(source_page.excluded)
        page = triage_page(refs, self.store, refresh=options["refresh"], excluded=excluded)
        if not dry_run:
            self._queue_page(page)
        self._refresh()
        self.tally.add_page(page, started_at=self.started_at, requeue_failed=not options["verify"])
        return page

    def _queue_page(self, page: Page) -> None:
        if page.empty:
            # An empty object has nothing to read, so store its record here instead of queueing it.
            for error in self.store.records.upsert([empty_record(ref) for ref in page.empty]):
                if error:
                    raise error
            COUNTS.empty_objects += len(page.empty)
        if page.failed and not self.stored.options["verify"]:
            # An image can have only one stored job, so requeue the failed job instead of adding the image to the queue.
            self.store.jobs.requeue([ref.id for ref in page.failed])
        self.queue.enqueue(page.unread)

    def _check(self) -> Literal["wait", "reconcile", "ended"]:
        """Update the counts, and return what to do next."""
        has_worker_counts = self._refresh()
        self._save_if_due("reading")
        if self.stored.cancel_requested_at:
            return "ended" if self._cancel(self.stored.cancel_requested_at) else "wait"
        if self.counts.queued == 0 and not self.resumed:
            self._end(None)
            return "ended"
        if not has_worker_counts:
            log.warning(
                "requeue: Redis no longer has the counts of this batch; images without a record are queued again",
                extra={"action": "requeue", "batch": self.id},
            )
            self.queue.batches.open(self.id, self._prefixes, counts=self.tally.to_worker_counts())
            return "reconcile"
        now = time.monotonic()
        if not self._schedule.may_reconcile(now):
            return "wait"
        if self.tally.is_complete or self.is_idle() or self._schedule.is_stalled(self.counts.done, now):
            return "reconcile"
        return "wait"

    def _reconcile(self, retry: Retry) -> Iterator[BatchCounts]:
        """List the sources again, queue lost images again, and end the batch if nothing is pending.

        Yield the counts after each page.
        """
        result, began = ReconcileResult(), time.monotonic()
        with closing(self.listings.all_pages(retry.pause)) as pages:
            for source_page in pages:
                until = self.listings.listed_until(source_page)
                page_result, missing = retry(self._compare_page, source_page, until)
                result.add(page_result)
                source_page.mark_done()
                retry(self._refresh)
                retry(self._save_if_due, "reading")
                yield self.counts
                if missing:
                    yield from self._wait_for_room("reading", retry)
                if self.stored.cancel_requested_at:
                    return
        if self.listings.started_over:
            # Some objects were listed twice, so the result is wrong. Reconcile again: the next pass lists that source
            # sequentially, and therefore without duplicates.
            result.pending += 1
        self._schedule.note_reconciliation(began, time.monotonic())
        if not result.pending:
            retry(self._refresh)
            retry(self._end, result)

    def _compare_page(self, page: SourcePage, until: datetime) -> tuple[ReconcileResult, int]:
        """Return the counts of a page's objects by result, and how many of the objects were queued again."""
        result, missing = self._reconciler.compare(page.listed, until, excluded=page.excluded)
        self._queue_page(missing)
        return result, len(missing.unread)

    def _refresh(self) -> bool:
        """Update the counts with those of the workers. Return whether Redis still has the workers' counts.

        Raises:
            EXIFinatorError: None of the sources can be listed and read. If this concerns only some of the sources, the
                others are indexed first.
        """
        refusals = self.queue.refused_buckets.refusals(self._buckets)
        self.listings.note_refusals({bucket: AccessDenied(message) for bucket, message in refusals.items()})
        if refusals and len(self.failures) == len(self.listings.sources):
            raise self.failures[0]
        counts = self.queue.batches.counts(self.id)
        self.tally.update(counts)
        return bool(counts)

    def _end(self, result: ReconcileResult | None) -> None:
        raise_together(self.failures, "The other sources were indexed")
        if result:
            self.tally.correct(result, listed_once=self.listings.listed_once)
        close_covered(self.store, self.queue, self.id, self.listings.sources, self.stored.options)
        Upkeep(self.store, since=self.started_at).check()
        if self.counts.queued:
            for source in self.listings.sources:
                self.store.records.families.repair(source.id_prefix, since=self.started_at)
        self._close("done")

    def _cancel(self, requested_at: datetime) -> bool:
        """Remove the images of the batch from the queue. If no image is in progress, end the batch and return True."""
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
        self.stored.save(state, self.tally, self.listings)

    def _save_if_due(self, state: str) -> None:
        self.stored.save_if_due(state, self.tally, self.listings)
