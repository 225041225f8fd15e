"""The listing of a source: resumable, and for a big bucket split into ranges of keys that threads list in parallel.

exifinator.sources.key_ranges explains where ranges are split. A server that does not list in the order of keys, or
does not start after the key that it is given, is listed page by page from the start to the end.
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
from exifinator.sources.source import Lister, Source

log = logging.getLogger(__name__)

# The maximum number of ranges that are listed at a time.
THREADS = 8
# The thread that takes the pages lists the source itself at first. If it waits for more than this share of the time,
# another thread takes over, and then twice as many. If S3 is as fast as pages are taken, threads only cost CPU time (10
# of 33 us a key), because Python computes in one thread at a time.
STARVED_SHARE = 0.3
PAGES_PER_CHECK = 3


@dataclass(slots=True)
class _State:
    """State that the threads of a listing share. Guarded by the listing's condition."""

    waiting: deque[KeyRange] = field(default_factory=deque)
    active: list[KeyRange] = field(default_factory=list)
    pages: deque[tuple[KeyRange, ListedPage, bool]] = field(default_factory=deque)
    splitting: int = 0
    failure: BaseException | None = None
    stopped: bool = False

    @property
    def is_done(self) -> bool:
        """Whether no more pages will be listed."""
        return not (self.waiting or self.active or self.splitting)


class PartitionedListing:
    """Lists the objects of one source, page by page.

    Args:
        lister: Lists the bucket.
        source: The bucket and prefix.
        ranges: The ranges to list, as `remaining` returned them; None for all keys.
        threads: The maximum number of ranges listed at a time.
        pause: Waits for a number of seconds; None to sleep until then or until the listing ends.
        clock: Returns the time in seconds.

    Attributes:
        started_over: Whether the listing had to start again, so that some objects came twice.
        started_threads: The number of threads started so far to list ranges.
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
    ) -> None:
        self.started_over = False
        self.started_threads = 0
        self._fetcher = PageFetcher(lister, source, pause=pause, clock=clock)
        self._threads = threads
        self._clock = clock
        self._ranges = [KeyRange(after or "", end) for after, end in ranges] if ranges is not None else [KeyRange()]
        self._pending: tuple[KeyRange, str, bool] | None = None
        self._is_ordered = True
        # Whether pages are requested from a key on, so that their order matters.
        self._is_bounded = ranges is not None and any(after or end for after, end in ranges)
        self._changed = threading.Condition()
        self._shared = _State()

    def remaining(self) -> list[list[str | None]]:
        """Return the ranges that are still to be processed, as [after, end], for another process to resume."""
        with self._changed:
            if not self._is_ordered and self._ranges:
                return [["", None]]
            return [[each.after, each.end] for each in self._ranges]

    def mark_processed(self) -> None:
        """Mark the last page of `pages` as processed, so that it is not part of `remaining`."""
        if self._pending is None:
            return
        key_range, last_key, is_last = self._pending
        self._pending = None
        with self._changed:
            key_range.after = max(key_range.after, last_key)
            if is_last and key_range in self._ranges:
                self._ranges.remove(key_range)

    def pages(self) -> Generator[ListedPage]:
        """Yield the remaining objects, whatever their names, a page at a time.

        A page that fails with a transient error is retried with growing pauses.

        Raises:
            AccessDenied, BucketGone: S3 denies the listing.
            SourceUnavailable: The last attempt at a page failed too.
        """
        try:
            yield from self._pages()
        except UnorderedListing as exc:
            source = self._fetcher.source
            extra = {"action": "restart", "bucket": source.bucket}
            log.warning("restart: listing %s again page by page: %s", source, exc, extra=extra)
            self._halt()
            self.started_over = True
            self._is_ordered = self._is_bounded = False
            self._ranges, self._fetcher.stop = [KeyRange()], threading.Event()
            yield from self._list_here(self._ranges[0], None)
        finally:
            self._halt()

    def _pages(self) -> Iterator[ListedPage]:
        if len(self._ranges) == 1:
            yield from self._list_here(self._ranges[0], PAGES_BEFORE_SPLIT)
        if self._ranges:
            yield from self._list_in_parallel()

    def _offer(self, key_range: KeyRange, page: ListedPage, is_last: bool) -> Iterator[ListedPage]:
        """Yield a page, and take it when the next one is asked for."""
        self._pending = (key_range, page.refs[-1].key if page.refs else "", is_last)
        yield page
        self.mark_processed()

    def _list_here(self, key_range: KeyRange, check_pages: int | None) -> Iterator[ListedPage]:
        """Yield the pages of a range; every `check_pages` pages, return if threads would list the rest faster."""
        self._fetcher.idle_seconds, checked_at = 0.0, self._clock()
        for page, is_last in self._list(key_range):
            key_range.pages += 1
            yield from self._offer(key_range, page, is_last)
            if is_last:
                return
            if check_pages and key_range.pages % check_pages == 0 and self._is_ordered and self._threads > 1:
                now = self._clock()
                if self._fetcher.idle_seconds > STARVED_SHARE * (now - checked_at):
                    return
                self._fetcher.idle_seconds, checked_at = 0.0, now

    def _list(self, key_range: KeyRange) -> Iterator[tuple[ListedPage, bool]]:
        """Yield a range's pages up to its end, each with whether it is the last."""
        while True:
            page = self._fetcher.fetch(key_range.token, "" if key_range.token else key_range.reached)
            self._check_order(key_range, page)
            with self._changed:
                is_last = page.next_token is None
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
        if self._is_bounded:
            raise UnorderedListing("the keys are not in order, or do not start after the requested one")
        # The server's own tokens lead through all of it, so nothing is lost.
        self._is_ordered = False

    # --- In parallel --------------------------------------------------------------------------------------------------

    def _list_in_parallel(self) -> Iterator[ListedPage]:
        """Yield the pages that threads list; start more threads while this one waits for pages."""
        shared = self._shared
        shared.waiting.extend(self._ranges)
        taken, waited_seconds, checked_at = 0, 0.0, self._clock()
        while True:
            now = self._clock()
            is_starved = taken >= PAGES_PER_CHECK and waited_seconds > STARVED_SHARE * (now - checked_at)
            if not self.started_threads or (is_starved and self._is_ordered):
                self._start_threads()
            if taken >= PAGES_PER_CHECK:
                taken, waited_seconds, checked_at = 0, 0.0, now
            with self._changed:
                while not shared.pages and shared.failure is None and not shared.is_done:
                    self._changed.wait(1.0)
                if shared.failure is not None:
                    raise shared.failure
                if not shared.pages:
                    return
                waited_seconds += self._clock() - now
                taken += 1
                key_range, page, is_last = shared.pages.popleft()
                self._changed.notify_all()
            yield from self._offer(key_range, page, is_last)

    def _start_threads(self) -> None:
        """Double the number of threads, up to the maximum."""
        count = min(max(1, self.started_threads), self._threads - self.started_threads)
        for _ in range(count):
            threading.Thread(target=self._work, daemon=True).start()
        self.started_threads += count

    def _halt(self) -> None:
        """Make the threads end after the requests that they are waiting for."""
        self._fetcher.stop.set()
        with self._changed:
            self._shared.stopped = True
            self._changed.notify_all()

    def _work(self) -> None:
        """Run a thread: list waiting ranges, or split one that another thread lists, until nothing is left."""
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
                        shared.splitting += 1
                    else:
                        key_range = shared.waiting.popleft()
                        shared.active.append(key_range)
                if to_split is not None:
                    self._split(to_split)
                else:
                    self._list_range(key_range)
        except BaseException as exc:  # noqa: BLE001  raised again in the thread that takes the pages
            with self._changed:
                shared.failure = shared.failure or exc
                shared.stopped = True
                self._changed.notify_all()

    def _list_range(self, key_range: KeyRange) -> None:
        """List a range and queue its pages for the thread that takes them, at most one page per thread."""
        shared = self._shared
        for page, is_last in self._list(key_range):
            with self._changed:
                while len(shared.pages) >= self._threads and not shared.stopped:
                    self._changed.wait()
                if shared.stopped:
                    return
                shared.pages.append((key_range, page, is_last))
                key_range.pages += 1
                if is_last:
                    shared.active.remove(key_range)
                self._changed.notify_all()

    def _range_to_split(self) -> KeyRange | None:
        """Return the range with the most pages so far among those that may be split."""
        able = [
            each for each in self._shared.active if each.pages >= each.pages_before_split and not each.is_being_split
        ]
        return max(able, key=lambda each: each.pages, default=None) if self._is_ordered else None

    def _split(self, key_range: KeyRange) -> None:
        """Split the unlisted part of a range. Each piece can be listed as soon as its end is found."""
        shared, source = self._shared, self._fetcher.source
        rest: KeyRange | None = None
        try:
            for split in find_split_points(self._fetcher.first_key_after, key_range.reached, key_range.end):
                with self._changed:
                    if rest is not None:
                        piece = KeyRange(rest.after, split)
                        rest.after = rest.reached = split
                        self._ranges.append(piece)
                        shared.waiting.append(piece)
                    elif key_range.reached < split and key_range in shared.active:
                        self._is_bounded = True
                        rest = KeyRange(split, key_range.end)
                        key_range.end = split
                        self._ranges.append(rest)
                    self._changed.notify_all()
        except TransientError as exc:
            log.info("skip: listing %s: no split point found: %s", source, exc, extra={"action": "skip"})
        except (PermanentError, UnorderedListing) as exc:
            log.info("skip: listing %s page by page: %s", source, exc, extra={"action": "skip"})
            self._is_ordered = False
        with self._changed:
            if rest is not None:
                shared.waiting.append(rest)
                key_range.pages, key_range.pages_before_split = 0, PAGES_BEFORE_SPLIT
            else:
                key_range.pages_before_split = 2 * key_range.pages + PAGES_BEFORE_SPLIT
            key_range.is_being_split = False
            shared.splitting -= 1
            self._changed.notify_all()


def list_pages(
    lister: Lister, source: Source, *, pause: Callable[[float], object] | None = None
) -> Iterator[ListedPage]:
    """Yield every object of a source, whatever its name, a page at a time, in the server's order.

    A page that fails with a transient error is retried with growing pauses.

    Raises:
        AccessDenied, BucketGone: S3 denies the listing.
        SourceUnavailable: The last attempt at a page failed too.
    """
    return PartitionedListing(lister, source, threads=1, pause=pause).pages()
