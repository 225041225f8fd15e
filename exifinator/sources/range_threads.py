"""Threads that list ranges of keys in parallel, and split long ranges. key_ranges.py describes how ranges are split."""

from __future__ import annotations

import logging
import threading
from collections import deque
from dataclasses import dataclass, field

from exifinator.errors import PermanentError, TransientError
from exifinator.models import ListedPage
from exifinator.sources.key_ranges import PAGES_BEFORE_SPLIT, KeyRange, find_split_points
from exifinator.sources.page_fetcher import UnorderedListing
from exifinator.sources.range_lister import RangeLister

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _State:
    """State that the threads of a listing share. Access requires the lock of RangeLister.changed.

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


class RangeThreads:
    """Lists the ranges of a listing in several threads.

    Args:
        lister: Lists single ranges.
        ranges: The ranges of the listing. Pieces of split ranges are added to it.
        limit: The maximum number of threads.

    Attributes:
        count: The number of threads that have been started.
    """

    def __init__(self, lister: RangeLister, ranges: list[KeyRange], limit: int) -> None:
        self.count = 0
        self._lister = lister
        self._ranges = ranges
        self._limit = limit
        self._state = _State()

    def add_ranges(self) -> None:
        """Let the threads list the ranges of the listing."""
        self._state.waiting.extend(self._ranges)

    def next_page(self) -> tuple[KeyRange, ListedPage, bool] | None:
        """Wait for a page. Return it with its range and whether it is the range's last; None if all have been returned.

        Raises:
            Exception: The first error in a thread.
        """
        state, changed = self._state, self._lister.changed
        with changed:
            while not state.pages and state.failure is None and not state.is_done:
                changed.wait(1.0)
            if state.failure is not None:
                raise state.failure
            if not state.pages:
                return None
            page = state.pages.popleft()
            changed.notify_all()
        return page

    def start_more(self) -> None:
        """Double the number of threads, up to the maximum."""
        count = min(max(1, self.count), self._limit - self.count)
        for _ in range(count):
            threading.Thread(target=self._run_thread, daemon=True).start()
        self.count += count

    def stop(self) -> None:
        """Make the threads exit once their current requests are done."""
        self._lister.fetcher.stop.set()
        with self._lister.changed:
            self._state.stopped = True
            self._lister.changed.notify_all()

    def _run_thread(self) -> None:
        """List waiting ranges until all ranges are listed. If none is waiting, split one that another thread lists."""
        state = self._state
        try:
            while True:
                with self._lister.changed:
                    to_split = None
                    while not state.stopped and not state.waiting and (to_split := self._range_to_split()) is None:
                        if state.is_done:
                            self._lister.changed.notify_all()
                            return
                        self._lister.changed.wait()
                    if state.stopped:
                        return
                    if to_split is not None:
                        to_split.is_being_split = True
                        state.splits_in_progress += 1
                    else:
                        key_range = state.waiting.popleft()
                        state.active.append(key_range)
                if to_split is not None:
                    self._split(to_split)
                else:
                    self._list_range(key_range)
        except BaseException as exc:  # noqa: BLE001  raised again in the thread that consumes the pages
            with self._lister.changed:
                state.failure = state.failure or exc
                state.stopped = True
                self._lister.changed.notify_all()

    def _list_range(self, key_range: KeyRange) -> None:
        """List a range, and queue its pages for the consumer. The queue holds at most one page per thread."""
        state = self._state
        for page, is_last in self._lister.pages(key_range):
            with self._lister.changed:
                while len(state.pages) >= self._limit and not state.stopped:
                    self._lister.changed.wait()
                if state.stopped:
                    return
                state.pages.append((key_range, page, is_last))
                key_range.page_count += 1
                if is_last:
                    state.active.remove(key_range)
                self._lister.changed.notify_all()

    def _range_to_split(self) -> KeyRange | None:
        """Of the ranges that may be split, return the one with the most pages so far; None if there is none."""
        if not self._lister.is_ordered:
            return None
        candidates = [
            key_range
            for key_range in self._state.active
            if key_range.page_count >= key_range.pages_before_split and not key_range.is_being_split
        ]
        return max(candidates, key=lambda key_range: key_range.page_count, default=None)

    def _split(self, key_range: KeyRange) -> None:
        """Split the unlisted part of a range. Other threads can list a piece as soon as its end is known."""
        state, source = self._state, self._lister.fetcher.source
        unlisted: KeyRange | None = None
        try:
            for split in find_split_points(self._lister.fetcher.first_key_after, key_range.reached, key_range.end):
                with self._lister.changed:
                    if unlisted is not None:
                        piece = KeyRange(unlisted.after, split)
                        unlisted.after = unlisted.reached = split
                        self._ranges.append(piece)
                        state.waiting.append(piece)
                    elif key_range.reached < split and key_range in state.active:
                        self._lister.needs_order = True
                        unlisted = KeyRange(split, key_range.end)
                        key_range.end = split
                        self._ranges.append(unlisted)
                    self._lister.changed.notify_all()
        except TransientError as exc:
            log.info("skip: listing %s: cannot split a range now: %s", source, exc, extra={"action": "skip"})
        except (PermanentError, UnorderedListing) as exc:
            log.info("skip: listing %s without splitting ranges further: %s", source, exc, extra={"action": "skip"})
            self._lister.is_ordered = False
        with self._lister.changed:
            if unlisted is not None:
                state.waiting.append(unlisted)
                key_range.page_count, key_range.pages_before_split = 0, PAGES_BEFORE_SPLIT
            else:
                key_range.pages_before_split = 2 * key_range.page_count + PAGES_BEFORE_SPLIT
            key_range.is_being_split = False
            state.splits_in_progress -= 1
            self._lister.changed.notify_all()
