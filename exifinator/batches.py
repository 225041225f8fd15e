"""A batch: list the sources, queue what has to be read, wait until every listed image has a record or a failed job.

The listing is the truth. When the counts say that a batch is done, its sources are listed once more and compared with
what is stored: what is neither stored nor failed nor under way is queued again, until nothing is missing. So it does
not matter what died or was lost meanwhile, Redis included.
"""

from __future__ import annotations

import functools
import logging
import random
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from exifinator.errors import QueueUnavailable, StoreUnavailable
from exifinator.listing import Lister, Page, Source, list_pages, sort_page
from exifinator.parse import empty_record
from exifinator.queues import ImageQueue
from exifinator.records import ImageRef, Status
from exifinator.store import Store

log = logging.getLogger(__name__)

Result = TypeVar("Result")

POLL_SECONDS = 0.5
# Between two second listings, while images are still under way.
RECONCILE_PAUSE_SECONDS = 5.0
SAVE_EVERY_SECONDS = 5.0
# How long a run puts up with Redis or MongoDB being away.
PATIENCE_SECONDS = 600.0
LONGEST_PAUSE_SECONDS = 10.0
# A batch that nobody has watched for so long was left, or its run was killed.
ABANDONED_AFTER = timedelta(seconds=60)
# An image that was queued again this often, and whose new record is still not that of the listing, is let be.
TRIES_TO_AGREE = 2


@dataclass(slots=True)
class Numbers:
    """What a batch has done. listed = folders + unchanged + stored + no_exif + unsupported + damaged + failed, at the
    end; `stored` are the records with EXIF, `queued` the images that were not known or had failed."""

    listed: int = 0
    folders: int = 0
    unchanged: int = 0
    queued: int = 0
    stored: int = 0
    no_exif: int = 0
    unsupported: int = 0
    damaged: int = 0
    failed: int = 0
    bytes_read: int = 0
    requests: int = 0
    seconds: float = 0.0

    @property
    def done(self) -> int:
        """Images of this batch that have come to an end."""
        return self.stored + self.no_exif + self.unsupported + self.damaged + self.failed

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "seconds": round(self.seconds, 3)}


def covering(sources: Sequence[Source]) -> list[Source]:
    """The sources without those that another of them covers, so that no image is listed twice."""

    def is_covered(source: Source) -> bool:
        return any(source != other and source.id_prefix.startswith(other.id_prefix) for other in sources)

    return [source for source in dict.fromkeys(sources) if not is_covered(source)]


def insist(action: Callable[[], Result], pause: Callable[[float], None]) -> Result:
    """What `action` returns, once Redis and MongoDB let it; it is tried again with growing pauses while they are away.

    Raises: QueueUnavailable, StoreUnavailable when they have been away for PATIENCE_SECONDS.
    """
    waited, next_pause = 0.0, 0.5
    while True:
        try:
            return action()
        except (QueueUnavailable, StoreUnavailable) as exc:
            if waited > PATIENCE_SECONDS:
                raise
            log.warning("retry: %s", exc)
            seconds = next_pause * random.uniform(0.5, 1)  # noqa: S311
            pause(seconds)
            waited += seconds
            next_pause = min(2 * next_pause, LONGEST_PAUSE_SECONDS)


@dataclass(slots=True)
class Verdict:
    """What a second listing found. by_status: records made since the batch began; pending: not yet at an end."""

    unchanged: int = 0
    folders: int = 0
    failed: int = 0
    pending: int = 0
    by_status: Counter[Status] = field(default_factory=Counter)

    @property
    def listed(self) -> int:
        return self.unchanged + self.folders + self.failed + self.pending + self.by_status.total()


class Batch:
    """One run over some sources. Every method may raise TransientError, AccessDenied or BucketGone."""

    def __init__(self, sources: Sequence[Source], lister: Lister, store: Store, queue: ImageQueue) -> None:
        self.sources = covering(sources)
        self.lister = lister
        self.store = store
        self.queue = queue
        self.started_at = datetime.now(UTC)
        self.id = f"{self.started_at:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
        self.numbers = Numbers()
        self.empty = 0
        self._began = time.monotonic()
        # By source: the server's clock when its listing ended. What came later is the next batch's.
        self._listed_until: dict[Source, datetime] = {}
        self._disputed: Counter[str] = Counter()
        self._next_save = self._next_reconcile = 0.0

    def open(self) -> None:
        """Make the batch known to the workers, who count for it, and to whoever looks into MongoDB."""
        self._close_abandoned()
        self.queue.open_batch(self.id, [source.id_prefix for source in self.sources])
        self._save("listing")

    def _close_abandoned(self) -> None:
        """Stop to count for batches that were left and have nothing under way any more."""
        if not self.is_idle():
            return
        for batch_id in self.queue.open_batches():
            known = self.store.find_batch(batch_id)
            if known is None or known["updated_at"] < datetime.now(UTC) - ABANDONED_AFTER:
                self.queue.close_batch(batch_id)

    def list_and_queue(
        self, *, dry_run: bool = False, pause: Callable[[float], None] = time.sleep
    ) -> Iterator[Numbers]:
        """List the sources and queue what has to be read; yields the numbers so far after each page.

        dry_run: only list and count.
        """
        for source in self.sources:
            for listed in list_pages(self.lister, source, pause=pause):
                insist(functools.partial(self._take_page, listed.refs, dry_run=dry_run), pause)
                self._listed_until[source] = listed.served_at
                yield self.numbers
        if not dry_run:
            self._save("reading")

    def _take_page(self, refs: list[ImageRef], *, dry_run: bool) -> None:
        page = sort_page(refs, self.store)
        if not dry_run:
            self._queue_page(page)
        self._refresh()
        numbers = self.numbers
        numbers.listed += page.listed
        numbers.folders += len(page.folders)
        numbers.unchanged += len(page.current)
        numbers.queued += len(page.unread) + len(page.failed) + len(page.pending)
        numbers.damaged += len(page.empty)
        self.empty += len(page.empty)

    def _queue_page(self, page: Page) -> None:
        if page.empty:
            # There is nothing to read in them, so their record is made here.
            for error in self.store.upsert_records([empty_record(ref) for ref in page.empty]):
                if error:
                    raise error
        if page.failed:
            # An image has one job: the one that failed goes again, instead of a second beside it.
            self.store.requeue_jobs([ref.id for ref in page.failed])
        self.queue.enqueue(page.unread)

    def wait(self, *, pause: Callable[[float], None] = time.sleep) -> Iterator[Numbers]:
        """Yield the numbers, about twice a second, until every listed image has a record or a failed job.

        Redis and MongoDB may go away and come back meanwhile.
        """
        while not insist(self._look, pause):
            yield self.numbers
            pause(POLL_SECONDS)
        yield self.numbers

    def _look(self) -> bool:
        """See how far the batch is, repair it where it stands still. Returns whether it has ended."""
        counted = self._refresh()
        if self.numbers.queued == 0:
            self._end(None)
            return True
        now = time.monotonic()
        if now >= self._next_save:
            self._save("reading")
            self._next_save = now + SAVE_EVERY_SECONDS
        if not counted:
            log.warning("Redis has lost this batch: what is missing is queued again")
            self.queue.open_batch(self.id, [source.id_prefix for source in self.sources])
        elif now < self._next_reconcile or not (self._counts_are_complete() or self.is_idle()):
            return False
        verdict = self.reconcile()
        self._next_reconcile = time.monotonic() + RECONCILE_PAUSE_SECONDS
        if verdict.pending:
            return False
        self._refresh()
        self._end(verdict)
        return True

    def reconcile(self) -> Verdict:
        """List the sources again, and queue what is neither stored nor failed nor under way."""
        verdict = Verdict()
        for source in self.sources:
            for listed in list_pages(self.lister, source):
                until = self._listed_until.get(source)
                page = sort_page([r for r in listed.refs if until is None or r.last_modified <= until], self.store)
                for _, image in page.current:
                    if image.extracted_at >= self.started_at:
                        verdict.by_status[image.status] += 1
                    else:
                        verdict.unchanged += 1
                verdict.folders += len(page.folders)
                verdict.failed += len(page.failed)
                self._let_be(page, verdict)
                verdict.pending += len(page.pending) + len(page.unread) + len(page.empty)
                waits = self.queue.still_queued(page.unread)
                missing = [ref for ref, queued in zip(page.unread, waits, strict=True) if not queued]
                self._disputed.update(ref.id for ref in missing if ref.id in page.outdated)
                if missing or page.empty:
                    log.warning("%d images were queued again", len(missing))
                    self._queue_page(Page(empty=page.empty, unread=missing))
        return verdict

    def _let_be(self, page: Page, verdict: Verdict) -> None:
        """Take out of a page the images that S3 lists with another ETag, size or time than it answers with.

        Else a server of that kind would keep a batch going for ever.
        """
        given_up = [ref for ref in page.unread if self._disputed[ref.id] >= TRIES_TO_AGREE]
        for ref in given_up:
            log.warning("S3 lists another ETag, size or time for %s than it sends with it", ref.id)
            verdict.by_status[page.outdated[ref.id]] += 1
        page.unread = [ref for ref in page.unread if ref not in given_up]

    def _counts_are_complete(self) -> bool:
        return self.numbers.done - self.empty >= self.numbers.queued

    def is_idle(self) -> bool:
        """Is nothing under way, of this batch or any other?"""
        waiting, writing = self.queue.sizes()
        return waiting == 0 and writing == 0 and self.store.count_pending_jobs() == 0

    def _refresh(self) -> bool:
        """Take over what the workers counted. Returns: whether Redis knows the batch."""
        counts = self.queue.batch_counts(self.id)
        numbers = self.numbers
        if counts:
            numbers.stored = counts.get("ok", 0)
            numbers.no_exif = counts.get("no_exif", 0)
            numbers.unsupported = counts.get("unsupported", 0)
            numbers.damaged = counts.get("damaged", 0) + self.empty
            numbers.failed = counts.get("failed", 0)
            numbers.bytes_read = counts.get("bytes_read", 0)
            numbers.requests = counts.get("requests", 0)
        numbers.seconds = time.monotonic() - self._began
        return bool(counts)

    def _end(self, verdict: Verdict | None) -> None:
        """Close the batch. Where the counts do not add up (Redis was lost, another batch ran over the same images),
        the numbers are those of the second listing."""
        numbers = self.numbers
        if verdict and numbers.done - self.empty != numbers.queued:
            numbers.listed, numbers.folders = verdict.listed, verdict.folders
            numbers.unchanged, numbers.failed = verdict.unchanged, verdict.failed
            numbers.stored = verdict.by_status["ok"]
            numbers.no_exif, numbers.unsupported = verdict.by_status["no_exif"], verdict.by_status["unsupported"]
            numbers.damaged = verdict.by_status["damaged"]
        self.queue.close_batch(self.id)
        self._save("done")

    def leave(self, state: str) -> None:
        """Stop watching: the workers go on with what is queued, and count for the batch."""
        self._refresh()
        self._save(state)

    def _save(self, state: str) -> None:
        self.store.save_batch(
            {
                "_id": self.id,
                "sources": [str(source) for source in self.sources],
                "state": state,
                "started_at": self.started_at,
                "updated_at": datetime.now(UTC),
                "numbers": self.numbers.as_dict(),
            }
        )
