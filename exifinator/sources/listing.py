"""List the objects of a source.

A listing can be resumed. In a big bucket, threads list several ranges of keys in parallel: see key_ranges.py for how
ranges are split. Some servers do not list keys in order, or cannot start a listing after a given key. Their buckets are
listed page by page from start to end.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field

from exifinator.errors import PermanentError, TransientError
from exifinator.models import ListedPage
from exifinator.sources.key_ranges import PAGES_BEFORE_SPLIT, KeyRange, find_split_points
from exifinator.sources.page_fetcher import PageFetcher, UnorderedListing
from exifinator.sources.page_sequence import PageSequence
from exifinator.sources.source import Lister, Source

log = logging.getLogger(__name__)

# The maximum number of ranges listed in parallel.
THREADS = 8
# At first, the thread that processes the pages also lists the source. If it spends more than this share of its time
# waiting for pages, another thread takes over the listing. If it still waits as much, the number of threads is doubled,
# again and again up to the maximum. Threads are not used from the start: if S3 is as fast as the processing, they only
# cost CPU time (10 of 33 us per key), because Python runs one thread at a time.
STARVED_SHARE = 0.3
# The number of pages after which the share is measured again, while other threads list.
PAGES_PER_CHECK = 3


@dataclass(slots=True)
class _State:
    """State that the threads of a listing share. Access requires the lock of the listing's condition variable.

    Attributes:
        waiting: Ranges that no thread lists yet.
        active: Ranges that a thread is listing.
        pages: Pages that have been listed but not consumed, each with its range and whether it is the range's last.
        splits_in_progress: The number of threads that are looking for split points.
        failure: The first error in a thread. It is raised in the thread that consumes the pages.
        stopped: Whether the threads must exit.
    """

    waiting: deque[KeyRange] = field(default_factory=deque)
    active: list[KeyRange] = field(default_factory=list)
    pages: deque[tuple[KeyRange, ListedPage, bool]] = field(default_factory=deque)
    splits_in_progress: int = 0
    failure: BaseException | None = None
    stopped: bool = False

    @property
    def is_done(self) -> bool:
        """Whether no more pages will be listed."""
        return not (self.waiting or self.active or self.splits_in_progress)


class PartitionedListing:
    """Lists the objects of one source, page by page.

    Args:
        lister: Lists the bucket.
        source: The bucket and prefix.
        ranges: The ranges to list, as `remaining` returned them; None for all keys.
        threads: The maximum number of ranges listed in parallel.
        pause: Sleeps for a number of seconds. By default, the sleep ends early when the listing is stopped.
        clock: Returns the time in seconds.
        is_strict: Whether the listing fails if the server truncates a page without saying where the listing continues.

    Attributes:
        started_over: Whether the listing was restarted, so that some objects may have been yielded twice.
        started_threads: The number of threads that have been started to list ranges.
    """

    def __init__(
        self,
        lister: Lister,
        source: Source,
        *,
        ranges: Sequence[Sequence[str | None]] | None = None,
        threads: int = THREADS,
        pause: Callable[[float], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
        is_strict: bool = False,
    ) -> None:
        self.started_over = False
        self.started_threads = 0
        self._fetcher = PageFetcher(lister, source, pause=pause, clock=clock)
        self._threads = threads
        self._is_strict = is_strict
        self._sequence = PageSequence(self._fetcher, is_strict=is_strict)
        self._clock = clock
        self._ranges = [KeyRange(after or "", end) for after, end in ranges] if ranges is not None else [KeyRange()]
        self._pending: tuple[KeyRange, str, bool] | None = None
        self._is_ordered = True
        # Whether the keys must be in order. They must if a range starts or ends inside the bucket.
        self._needs_order = ranges is not None and any(after or end for after, end in ranges)
        self._changed = threading.Condition()
        self._shared = _State()

    def remaining(self) -> list[list[str | None]]:
        """Return the ranges that are still to be processed, as [after, end], so that another process can resume."""
        with self._changed:
            if not self._is_ordered and self._ranges:
                return [["", None]]
            return [[key_range.after, key_range.end] for key_range in self._ranges]

    def mark_processed(self) -> None:
        """Mark the last page that `pages` yielded as processed, so that `remaining` no longer includes its keys."""
        if self._pending is None:
            return
        key_range, last_key, is_last = self._pending
        self._pending = None
        with self._changed:
            key_range.after = max(key_range.after, last_key)
            if is_last and key_range in self._ranges:
                self._ranges.remove(key_range)

    def pages(self) -> Generator[ListedPage]:
        """Yield all remaining objects, one page at a time, including the empty objects that represent folders.

        If a request fails with a transient error, it is retried with growing pauses.

        Raises:
            AccessDenied: S3 denies the listing.
            BucketGone: The bucket does not exist.
            IncompleteListing: The server does not list the whole source.
            SourceUnavailable: All attempts to fetch a page failed.
            PermanentError: S3 rejected the request for another reason.
        """
        try:
            yield from self._pages()
        except UnorderedListing as exc:
            source = self._fetcher.source
            extra = {"action": "restart", "bucket": source.bucket}
            log.warning("restart: listing %s again page by page: %s", source, exc, extra=extra)
            self._stop_threads()
            self.started_over = True
            self._is_ordered = self._needs_order = False
            self._ranges, self._fetcher.stop = [KeyRange()], threading.Event()
            self._sequence = PageSequence(self._fetcher, is_strict=self._is_strict)
            yield from self._list_inline(self._ranges[0], None)
        finally:
            self._stop_threads()

    def _pages(self) -> Iterator[ListedPage]:
        if len(self._ranges) == 1:
            yield from self._list_inline(self._ranges[0], PAGES_BEFORE_SPLIT)
        if self._ranges:
            yield from self._list_in_parallel()

    def _yield_page(self, key_range: KeyRange, page: ListedPage, is_last: bool) -> Iterator[ListedPage]:
        """Yield a page, and mark it as processed when the next one is requested."""
        self._pending = (key_range, page.refs[-1].key if page.refs else "", is_last)
        yield page
        self.mark_processed()

    def _list_inline(self, key_range: KeyRange, check_pages: int | None) -> Iterator[ListedPage]:
        """List a range in this thread, and yield its pages.

        Args:
            key_range: The range.
            check_pages: After each group of this many pages, return if other threads would list the rest faster. None:
                list the whole range.
        """
        self._fetcher.idle_seconds, checked_at = 0.0, self._clock()
        for page, is_last in self._list(key_range):
            key_range.page_count += 1
            yield from self._yield_page(key_range, page, is_last)
            if is_last:
                return
            if check_pages and key_range.page_count % check_pages == 0 and self._is_ordered and self._threads > 1:
                now = self._clock()
                if self._fetcher.idle_seconds > STARVED_SHARE * (now - checked_at):
                    return
                self._fetcher.idle_seconds, checked_at = 0.0, now

    def _list(self, key_range: KeyRange) -> Iterator[tuple[ListedPage, bool]]:
        """Yield the pages of a range, each with a flag that is true for the last page."""
        while True:
            page = self._fetcher.fetch(key_range.token, "" if key_range.token else key_range.reached)
            with self._changed:
                if not self._sequence.accept(key_range, page):
                    continue
                self._check_order(key_range, page)
                is_last = page.next_token is None and not page.lacks_token
                if key_range.end is not None and page.refs and page.refs[-1].key >= key_range.end:
                    end = key_range.end
                    refs = [ref for ref in page.refs if ref.key <= end]
                    page = ListedPage(refs, page.next_token, page.served_at)
                    is_last = True
                if page.refs:
                    key_range.reached = page.refs[-1].key
                key_range.token = page.next_token
            yield page, is_last
            if is_last:
                return

    def _check_order(self, key_range: KeyRange, page: ListedPage) -> None:
        keys = [ref.key for ref in page.refs]
        if not keys or not self._is_ordered or (keys[0] > key_range.reached and keys == sorted(keys)):
            return
        if self._needs_order:
            raise UnorderedListing("the keys are not in order, or do not start after the requested one")
        # Continue page by page. The server's continuation tokens lead through the whole listing in any order.
        self._is_ordered = False

    # --- In parallel --------------------------------------------------------------------------------------------------

    def _list_in_parallel(self) -> Iterator[ListedPage]:
        """Yield the pages that other threads list. Start more threads if this thread waits too long for pages."""
        shared = self._shared
        shared.waiting.extend(self._ranges)
        pages_taken, waited_seconds, checked_at = 0, 0.0, self._clock()
        while True:
            now = self._clock()
            is_starved = pages_taken >= PAGES_PER_CHECK and waited_seconds > STARVED_SHARE * (now - checked_at)
            if not self.started_threads or (is_starved and self._is_ordered):
                self._start_threads()
            if pages_taken >= PAGES_PER_CHECK:
                pages_taken, waited_seconds, checked_at = 0, 0.0, now
            with self._changed:
                while not shared.pages and shared.failure is None and not shared.is_done:
                    self._changed.wait(1.0)
                if shared.failure is not None:
                    raise shared.failure
                if not shared.pages:
                    return
                waited_seconds += self._clock() - now
                pages_taken += 1
                key_range, page, is_last = shared.pages.popleft()
                self._changed.notify_all()
            yield from self._yield_page(key_range, page, is_last)

    def _start_threads(self) -> None:
        """Double the number of threads, up to the maximum."""
        count = min(max(1, self.started_threads), self._threads - self.started_threads)
        for _ in range(count):
            threading.Thread(target=self._run_thread, daemon=True).start()
        self.started_threads += count

    def _stop_threads(self) -> None:
        """Make the threads exit once their current requests are done."""
        self._fetcher.stop.set()
        with self._changed:
            self._shared.stopped = True
            self._changed.notify_all()

    def _run_thread(self) -> None:
        """List waiting ranges until all ranges are listed. If none is waiting, split one that another thread lists."""
        shared = self._shared
        try:
            while True:
                with self._changed:
                    to_split = None
                    while not shared.stopped and not shared.waiting and (to_split := self._range_to_split()) is None:
                        if shared.is_done:
                            self._changed.notify_all()
                            return
                        self._changed.wait()
                    if shared.stopped:
                        return
                    if to_split is not None:
                        to_split.is_being_split = True
                        shared.splits_in_progress += 1
                    else:
                        key_range = shared.waiting.popleft()
                        shared.active.append(key_range)
                if to_split is not None:
                    self._split(to_split)
                else:
                    self._list_range(key_range)
        except BaseException as exc:  # noqa: BLE001  raised again in the thread that consumes the pages
            with self._changed:
                shared.failure = shared.failure or exc
                shared.stopped = True
                self._changed.notify_all()

    def _list_range(self, key_range: KeyRange) -> None:
        """List a range, and queue its pages for the consumer. The queue holds at most one page per thread."""
        shared = self._shared
        for page, is_last in self._list(key_range):
            with self._changed:
                while len(shared.pages) >= self._threads and not shared.stopped:
                    self._changed.wait()
                if shared.stopped:
                    return
                shared.pages.append((key_range, page, is_last))
                key_range.page_count += 1
                if is_last:
                    shared.active.remove(key_range)
                self._changed.notify_all()

    def _range_to_split(self) -> KeyRange | None:
        """Of the ranges that may be split, return the one with the most pages so far; None if there is none."""
        candidates = [
            key_range
            for key_range in self._shared.active
            if key_range.page_count >= key_range.pages_before_split and not key_range.is_being_split
        ]
        return max(candidates, key=lambda key_range: key_range.page_count, default=None) if self._is_ordered else None

    def _split(self, key_range: KeyRange) -> None:
        """Split the unlisted part of a range. Other threads can list a piece as soon as its end is known."""
        shared, source = self._shared, self._fetcher.source
        unlisted: KeyRange | None = None
        try:
            for split in find_split_points(self._fetcher.first_key_after, key_range.reached, key_range.end):
                with self._changed:
                    if unlisted is not None:
                        piece = KeyRange(unlisted.after, split)
                        unlisted.after = unlisted.reached = split
                        self._ranges.append(piece)
                        shared.waiting.append(piece)
                    elif key_range.reached < split and key_range in shared.active:
                        self._needs_order = True
                        unlisted = KeyRange(split, key_range.end)
                        key_range.end = split
                        self._ranges.append(unlisted)
                    self._changed.notify_all()
        except TransientError as exc:
            log.info("skip: listing %s: cannot split a range now: %s", source, exc, extra={"action": "skip"})
        except (PermanentError, UnorderedListing) as exc:
            log.info("skip: listing %s without splitting ranges further: %s", source, exc, extra={"action": "skip"})
            self._is_ordered = False
        with self._changed:
            if unlisted is not None:
                shared.waiting.append(unlisted)
                key_range.page_count, key_range.pages_before_split = 0, PAGES_BEFORE_SPLIT
            else:
                key_range.pages_before_split = 2 * key_range.page_count + PAGES_BEFORE_SPLIT
            key_range.is_being_split = False
            shared.splits_in_progress -= 1
            self._changed.notify_all()


def list_pages(
    lister: Lister, source: Source, *, pause: Callable[[float], object] | None = None, is_strict: bool = False
) -> Iterator[ListedPage]:
    """Yield all objects of a source, one page at a time, in the server's order.

    They include the empty objects that represent folders. If a request fails with a transient error, it is retried with
    growing pauses.

    Args:
        is_strict: See PartitionedListing.

    Raises:
        AccessDenied: S3 denies the listing.
        BucketGone: The bucket does not exist.
        IncompleteListing: The server does not list the whole source.
        SourceUnavailable: All attempts to fetch a page failed.
        PermanentError: S3 rejected the request for another reason.
    """
    return PartitionedListing(lister, source, threads=1, pause=pause, is_strict=is_strict).pages()
