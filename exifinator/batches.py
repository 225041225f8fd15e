"""A batch: list the sources, queue what has to be read, wait until every listed image has a record or a failed job.

The listing is the truth. When the counts say that a batch is done, its sources are listed once more and compared with
what is stored: what is neither stored nor failed nor under way is queued again, until nothing is missing. So it does
not matter what died or was lost meanwhile, Redis included.

The document of a batch says how far its listing came, with the numbers of that moment. A run over the same sources
whose process is gone is gone on with from there, under the same id.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime
from typing import Any, Literal

from exifinator import local_s3
from exifinator.batch_state import UNDER_WAY, Numbers, Verdict, new_batch_id
from exifinator.comparison import Comparison
from exifinator.errors import AccessDenied, BatchTaken, TransientError
from exifinator.key_ranges import THREADS, Listing
from exifinator.left_batches import close_abandoned, close_covered, find_broken_off, is_idle, withdraw
from exifinator.listing import Lister, Page, Source, covering, sort_page
from exifinator.metrics import COUNTS
from exifinator.migrations import check_schema
from exifinator.mongodb import Document
from exifinator.ownership import this_process
from exifinator.parse import empty_record
from exifinator.patience import insist
from exifinator.queues import ImageQueue
from exifinator.rates import RateMeter
from exifinator.records import ImageRef, ListedPage
from exifinator.store import Store

log = logging.getLogger(__name__)

POLL_SECONDS = 0.5
# Between two second listings, while images are still under way.
RECONCILE_PAUSE_SECONDS = 5.0
SAVE_EVERY_SECONDS = 1.0
# Where nothing ends for so long, the second listing looks why; each time it waits twice as long.
STALLED_SECONDS = 60.0
LONGEST_WAIT_FOR_ROOM_SECONDS = 2.0


class Batch:
    """One run over some sources.

    refresh: images that an older extractor read are read again. verify: images that failed are let be.
    Every method may raise TransientError, AccessDenied, BucketGone, or BatchTaken.
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
    ) -> None:
        self.sources = covering(sources)
        self.lister = lister
        self.store = store
        self.queue = queue
        self.started_at = datetime.now(UTC)
        self.id = batch_id or new_batch_id(self.started_at)
        self.options = {"refresh": refresh, "verify": verify}
        self.numbers = Numbers()
        # Images that came to an end without being queued: empty ones, and failed ones that are let be.
        self.empty = 0
        self.failed_before = 0
        # Of the unchanged ones, those that an older extractor read.
        self.older = 0
        # Whether this goes on with a batch that was broken off.
        self.resumed = False
        self.ended = False
        self._id_is_given = batch_id is not None
        self._owner: dict[str, Any] | None = None
        self._listings: dict[Source, Listing] = {}
        # By source, what the checkpoint says is left of its listing.
        self._left: dict[Source, list[list[str | None]]] = {}
        # Sources whose server does not list in order.
        self._unordered: set[Source] = set()
        self._progress = (0, time.monotonic())
        self._stall_seconds = STALLED_SECONDS
        self._began = time.monotonic()
        # By source: the server's clock when its listing ended. What came later is the next batch's.
        self._listed_until: dict[Source, datetime] = {}
        self._next_save = self._next_reconcile = 0.0
        self._rate = RateMeter()
        # When somebody asked for the end of this batch.
        self._cancel_requested_at: datetime | None = None

    @property
    def settled(self) -> int:
        """Images that came to an end without being queued."""
        return self.empty + self.failed_before

    @property
    def _uncounted(self) -> dict[str, int]:
        """What the workers do not count, for it was not queued."""
        return {"empty": self.empty, "failed_before": self.failed_before}

    @functools.cached_property
    def _comparison(self) -> Comparison:
        return Comparison(self.store, self.queue, started_at=self.started_at, refresh=self.options["refresh"])

    def open(self, *, waits: bool = True) -> None:
        """Make the batch known to the workers, who count for it, and to whoever looks into MongoDB.

        Where a batch over the same sources was broken off, this one becomes that one: `resumed` tells.
        waits: False for one that nobody will watch; it goes on only with a listing that was broken off.
        Raises: ConfigError where the records that are there are of another schema.
        """
        # A listing stores records too, and may be the first to do so.
        check_schema(self.store, writes=True)
        close_abandoned(self.store, self.queue)
        broken_off = self._find_broken_off(waits)
        if broken_off:
            self._take_over(broken_off)
        self._owner = self._owner or this_process()
        prefixes = [source.id_prefix for source in self.sources]
        if self.queue.batch_counts(self.id) is None:
            self.queue.open_batch(self.id, prefixes, counts=self.numbers.as_counts(**self._uncounted))
        self.queue.permit({source.bucket for source in self.sources})
        self._save("listing")

    def was_refused(self) -> bool:
        """Is a bucket of this batch refused at present, or did a batch like it stop lately, for whatever reason?"""
        same = {str(source) for source in self.sources}
        stopped = (
            known for known in self.store.batches.find_unfinished(["stopped"]) if set(known.get("sources", ())) == same
        )
        return bool(self.queue.refusals({source.bucket for source in self.sources})) or any(stopped)

    def _find_broken_off(self, waits: bool) -> Document | None:
        """The batch that this one goes on with."""
        if self._id_is_given:
            known = self.store.batches.find(self.id)
            return known if known and known.get("checkpoint") else None
        return find_broken_off(self.store, self.sources, self.options, waits=waits)

    def _take_over(self, known: Document) -> None:
        owner = this_process()
        if not self.store.batches.claim(known, owner):
            # Another run was quicker.
            return
        self.id, self.started_at, self._owner = known["_id"], known["started_at"], owner
        self.numbers = Numbers.from_dict(known["numbers"])
        self.empty, self.failed_before = known.get("empty", 0), known.get("failed_before", 0)
        self._began = time.monotonic() - self.numbers.seconds
        ranges = {item["source"]: item["ranges"] for item in known["checkpoint"]}
        self._left = {source: ranges[str(source)] for source in self.sources if str(source) in ranges}
        self.resumed = True

    def _listing(self, source: Source, pause: Callable[[float], None], *, left: bool = False) -> Listing:
        # rclone walks through the whole folder for each page.
        alone = source in self._unordered or local_s3.lookup(source.bucket) is not None
        return Listing(
            self.lister,
            source,
            ranges=self._left.get(source) if left else None,
            threads=1 if alone else THREADS,
            pause=None if pause is time.sleep else pause,
        )

    def list_and_queue(
        self, *, dry_run: bool = False, pause: Callable[[float], None] = time.sleep
    ) -> Iterator[Numbers]:
        """List the sources and queue what has to be read; yields the numbers so far after each page, and while the
        queue is full.

        dry_run: only list and count.
        """
        for source in self.sources:
            listing = self._listings[source] = self._listing(source, pause, left=True)
            with closing(listing.pages()) as pages:
                for listed in pages:
                    page = insist(functools.partial(self._take_page, listed.refs, dry_run=dry_run), pause)
                    listing.take()
                    self._note_served(source, listed)
                    if not dry_run:
                        insist(functools.partial(self._save_now_and_then, "listing"), pause)
                        if self._cancel_requested_at:
                            return
                    yield self.numbers
                    if not dry_run and page.unread:
                        yield from self._await_room("listing", pause)
                        if self._cancel_requested_at:
                            return
            if listing.started_over:
                self._unordered.add(source)
        if not dry_run:
            insist(functools.partial(self._save, "reading"), pause)

    def _note_served(self, source: Source, listed: ListedPage) -> None:
        until = self._listed_until.get(source)
        self._listed_until[source] = max(until, listed.served_at) if until else listed.served_at

    def _await_room(self, state: str, pause: Callable[[float], None]) -> Iterator[Numbers]:
        """While the queue holds all it may, yield the numbers and wait, longer each time."""
        next_pause = 0.05
        while insist(self.queue.is_full, pause):
            if next_pause == 0.05:
                log.info("wait: the queue holds MAX_QUEUED images, so the listing waits")
            insist(self._refresh, pause)
            insist(functools.partial(self._save_now_and_then, state), pause)
            yield self.numbers
            if self._cancel_requested_at:
                return
            pause(next_pause)
            next_pause = min(2 * next_pause, LONGEST_WAIT_FOR_ROOM_SECONDS)

    def _take_page(self, refs: list[ImageRef], *, dry_run: bool) -> Page:
        page = sort_page(refs, self.store, refresh=self.options["refresh"])
        if not dry_run:
            self._queue_page(page)
        self._refresh()
        numbers = self.numbers
        # Read for this batch already: listed again after it was broken off, or read while it is being listed.
        read = [ref for ref, image in page.current if image.extracted_at >= self.started_at]
        empty = len(page.empty) + sum(ref.size_bytes == 0 for ref in read)
        failed_before = len(page.failed) if self.options["verify"] else 0
        numbers.listed += page.listed
        numbers.folders += len(page.folders)
        numbers.unchanged += len(page.current) - len(read)
        numbers.queued += len(page.unread) + len(page.pending) + len(page.failed) - failed_before
        numbers.queued += sum(ref.size_bytes > 0 for ref in read)
        numbers.damaged += empty
        numbers.failed += failed_before
        self.empty += empty
        self.failed_before += failed_before
        self.older += page.older
        return page

    def _queue_page(self, page: Page) -> None:
        if page.empty:
            # There is nothing to read in them, so their record is made here.
            for error in self.store.upsert_records([empty_record(ref) for ref in page.empty]):
                if error:
                    raise error
            COUNTS.empty += len(page.empty)
        if page.failed and not self.options["verify"]:
            # An image has one job: the one that failed goes again, instead of a second beside it.
            self.store.requeue_jobs([ref.id for ref in page.failed])
        self.queue.enqueue(page.unread)

    def wait(self, *, pause: Callable[[float], None] = time.sleep) -> Iterator[Numbers]:
        """Yield the numbers, about twice a second, until every listed image has a record or a failed job.

        Redis and MongoDB may go away and come back meanwhile.
        """
        while True:
            step = insist(self._look, pause)
            yield self.numbers
            if step == "compare":
                yield from self._compare(pause)
            if self.ended:
                return
            if step == "wait":
                pause(POLL_SECONDS)

    def _look(self) -> Literal["wait", "compare", "ended"]:
        """See how far the batch is; says what comes next."""
        counted = self._refresh()
        self._save_now_and_then("reading")
        if self._cancel_requested_at:
            return "ended" if self._cancel(self._cancel_requested_at) else "wait"
        if self.numbers.queued == 0 and not self.resumed:
            self._end(None)
            return "ended"
        if not counted:
            log.warning("Redis has lost this batch: what is missing is queued again")
            self.queue.open_batch(self.id, [source.id_prefix for source in self.sources])
            return "compare"
        now = time.monotonic()
        if now < self._next_reconcile:
            return "wait"
        if self._counts_are_complete() or self.is_idle() or self._is_stalled(now):
            return "compare"
        return "wait"

    def _is_stalled(self, now: float) -> bool:
        if self.numbers.done != self._progress[0]:
            self._progress = (self.numbers.done, now)
            self._stall_seconds = STALLED_SECONDS
        if now - self._progress[1] < self._stall_seconds:
            return False
        self._stall_seconds *= 2
        return True

    def _compare(self, pause: Callable[[float], None]) -> Iterator[Numbers]:
        """List the sources again, queue what is neither stored nor failed nor under way, and end the batch where
        nothing is missing; yields the numbers after each page."""
        verdict, began = Verdict(), time.monotonic()
        for source in self.sources:
            listing = self._listing(source, pause)
            with closing(listing.pages()) as pages:
                for listed in pages:
                    # Where it was listed by a process that is gone, what is there now counts.
                    until = self._listed_until.setdefault(source, listed.served_at)
                    part, missing = insist(functools.partial(self._compare_page, listed, until), pause)
                    verdict.add(part)
                    listing.take()
                    insist(self._refresh, pause)
                    insist(functools.partial(self._save_now_and_then, "reading"), pause)
                    yield self.numbers
                    if missing:
                        yield from self._await_room("reading", pause)
                    if self._cancel_requested_at:
                        return
            if listing.started_over:
                # Some objects came twice: once more, page by page.
                self._unordered.add(source)
                verdict.pending += 1
        ended = time.monotonic()
        self._next_reconcile = ended + max(RECONCILE_PAUSE_SECONDS, ended - began)
        if not verdict.pending:
            insist(self._refresh, pause)
            insist(functools.partial(self._end, verdict), pause)

    def _compare_page(self, listed: ListedPage, until: datetime) -> tuple[Verdict, int]:
        """What became of a page's objects, and how many of them were queued again."""
        verdict, missing = self._comparison.look(listed, until)
        self._queue_page(missing)
        return verdict, len(missing.unread)

    def is_idle(self) -> bool:
        """Is nothing under way, of this batch or any other?"""
        return is_idle(self.store, self.queue)

    def _counts_are_complete(self) -> bool:
        return self.numbers.done - self.settled >= self.numbers.queued

    def _refresh(self) -> bool:
        """Take over what the workers counted. Returns: whether Redis knows the batch."""
        self._check_refusals()
        counts = self.queue.batch_counts(self.id)
        self.numbers.take_over_counts(counts, **self._uncounted)
        self.numbers.seconds = time.monotonic() - self._began
        return bool(counts)

    def _check_refusals(self) -> None:
        """Raises: AccessDenied where S3 has come to refuse one of the buckets: nothing would go on."""
        for sentence in self.queue.refusals({source.bucket for source in self.sources}).values():
            raise AccessDenied(sentence)

    def _end(self, verdict: Verdict | None) -> None:
        """Close the batch. Where the counts do not add up (Redis was lost, another batch ran over the same images),
        the numbers are those of the second listing."""
        numbers = self.numbers
        adds_up = numbers.done - self.settled == numbers.queued
        whole = numbers.listed == numbers.folders + numbers.unchanged + numbers.done
        if verdict and not (adds_up and whole and not self._unordered):
            numbers.listed, numbers.folders = verdict.listed, verdict.folders
            numbers.unchanged, numbers.failed = verdict.unchanged, verdict.failed
            numbers.stored = verdict.by_status["ok"]
            numbers.no_exif, numbers.unsupported = verdict.by_status["no_exif"], verdict.by_status["unsupported"]
            numbers.damaged = verdict.by_status["damaged"]
            numbers.queued = max(0, numbers.done - verdict.empty - self.failed_before)
        close_covered(self.store, self.queue, self.id, self.sources)
        self._save("done")
        self.queue.close_batch(self.id)
        self.ended = True

    def _cancel(self, requested_at: datetime) -> bool:
        """Take out of the queue what nobody has begun. Returns whether what was in hand has ended, and the batch."""
        if not withdraw(self.queue, self.store, self.id, self.sources, requested_at=requested_at):
            return False
        self._refresh()
        self.queue.close_batch(self.id)
        self._save("cancelled")
        self.ended = True
        return True

    def leave(self, state: str, *, problem: str | None = None) -> None:
        """Stop watching: the workers go on with what is queued, and count for the batch.

        Where Redis or MongoDB is away nobody is told; a batch whose process is gone is gone on with all the same.
        """
        with suppress(AccessDenied, TransientError):
            self._refresh()
        with suppress(BatchTaken, TransientError):
            self._save(state, problem=problem, let_go=True)

    def _save_now_and_then(self, state: str) -> None:
        now = time.monotonic()
        if now >= self._next_save:
            self._save(state)
            self._next_save = now + SAVE_EVERY_SECONDS

    def _save(self, state: str, *, problem: str | None = None, let_go: bool = False) -> None:
        under_way = state in UNDER_WAY and not let_go
        done = max(0, self.numbers.done - self.settled)
        checkpoint = [{"source": str(source), "ranges": self._ranges_left(source)} for source in self.sources]
        self._cancel_requested_at = self.store.batches.save(
            {
                "_id": self.id,
                "sources": [str(source) for source in self.sources],
                "options": self.options,
                "state": state,
                "started_at": self.started_at,
                "updated_at": datetime.now(UTC),
                "numbers": self.numbers.as_dict(),
                **self._uncounted,
                "rate": self._rate.update(done, time.monotonic()) if under_way else None,
                "problem": problem,
                "owner": self._owner if under_way else None,
                "checkpoint": checkpoint,
                "endpoints": [
                    {"bucket": bucket, "endpoint": self.lister.endpoint(bucket)}
                    for bucket in {source.bucket for source in self.sources}
                ],
            },
            owner=self._owner,
        )

    def _ranges_left(self, source: Source) -> list[list[str | None]]:
        if source in self._listings:
            return self._listings[source].left()
        return self._left.get(source, [["", None]])
