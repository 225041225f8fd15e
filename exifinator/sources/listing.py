"""List the objects of a source.

A listing can be resumed. In a big bucket, threads list several ranges of keys in parallel: see range_threads.py. Some
servers do not list keys in order, or cannot start a listing after a given key. Their buckets are listed page by page
from start to end.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence

from exifinator.models import ListedPage
from exifinator.sources.key_ranges import PAGES_BEFORE_SPLIT, KeyRange
from exifinator.sources.page_fetcher import PageFetcher, UnorderedListing
from exifinator.sources.range_lister import RangeLister
from exifinator.sources.range_threads import RangeThreads
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
        self._fetcher = PageFetcher(lister, source, pause=pause, clock=clock)
        self._clock = clock
        self._is_strict = is_strict
        self._max_threads = threads
        self._ranges = [KeyRange(after or "", end) for after, end in ranges] if ranges is not None else [KeyRange()]
        needs_order = any(key_range.after or key_range.end for key_range in self._ranges)
        self._lister = RangeLister(self._fetcher, is_strict=is_strict, is_ordered=True, needs_order=needs_order)
        self._threads = RangeThreads(self._lister, self._ranges, threads)
        # The page that was yielded last: its range, its last key, and whether it is the last page of the range.
        self._pending: tuple[KeyRange, str, bool] | None = None

    @property
    def started_threads(self) -> int:
        """The number of threads that have been started to list ranges."""
        return self._threads.count

    def remaining(self) -> list[list[str | None]]:
        """Return the ranges that are still to be processed, as [after, end], so that another process can resume."""
        with self._lister.changed:
            if not self._lister.is_ordered and self._ranges:
                return [["", None]]
            return [[key_range.after, key_range.end] for key_range in self._ranges]

    def mark_processed(self) -> None:
        """Mark the last page that `pages` yielded as processed, so that `remaining` no longer includes its keys."""
        if self._pending is None:
            return
        key_range, last_key, is_last = self._pending
        self._pending = None
        with self._lister.changed:
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
            self._threads.stop()
            self.started_over = True
            self._ranges, self._fetcher.stop = [KeyRange()], threading.Event()
            # Threads may still be using the old lister.
            self._lister = RangeLister(self._fetcher, is_strict=self._is_strict, is_ordered=False, needs_order=False)
            yield from self._list_inline(self._ranges[0], None)
        finally:
            self._threads.stop()

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
        for page, is_last in self._lister.pages(key_range):
            key_range.page_count += 1
            yield from self._yield_page(key_range, page, is_last)
            if is_last:
                return
            may_hand_over = self._lister.is_ordered and self._max_threads > 1
            if check_pages and key_range.page_count % check_pages == 0 and may_hand_over:
                now = self._clock()
                if self._fetcher.idle_seconds > STARVED_SHARE * (now - checked_at):
                    return
                self._fetcher.idle_seconds, checked_at = 0.0, now

    def _list_in_parallel(self) -> Iterator[ListedPage]:
        """Yield the pages that other threads list. Start more threads if this thread waits too long for pages."""
        threads = self._threads
        threads.add_ranges()
        pages_taken, waited_seconds, checked_at = 0, 0.0, self._clock()
        while True:
            now = self._clock()
            is_starved = pages_taken >= PAGES_PER_CHECK and waited_seconds > STARVED_SHARE * (now - checked_at)
            if not threads.count or (is_starved and self._lister.is_ordered):
                threads.start_more()
            if pages_taken >= PAGES_PER_CHECK:
                pages_taken, waited_seconds, checked_at = 0, 0.0, now
            taken = threads.next_page()
            if taken is None:
                return
            waited_seconds += self._clock() - now
            pages_taken += 1
            yield from self._yield_page(*taken)


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
