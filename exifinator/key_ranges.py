"""A source's listing that can be taken up again, and that a big bucket's is cut into ranges of keys for.

S3 lists keys in the order of their UTF-8 bytes, which is that of their code points, and so that of Python's strings.
A range is cut at a string, not at a key: what is not greater than it lies before the cut, what is greater behind it.
So each key is in one range, whatever keys there are. Where to cut is found by asking for the first key after a string:
that tells how long a start all remaining keys share, and which characters follow it.

A server whose pages are not in that order, or that does not begin after the key that it is given, is listed page by
page from the start to the end.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from exifinator.errors import AccessDenied, BucketGone, PermanentError, TransientError
from exifinator.records import ListedPage

if TYPE_CHECKING:
    from exifinator.listing import Lister, Source

log = logging.getLogger(__name__)

TRIES_A_PAGE = 5
# Ranges that are listed at a time, at most. A source is listed by whoever takes the pages, and then by a thread, and by
# twice as many, where that one has waited for more than this share of the time in which some came: where S3 is as fast
# as pages are taken, threads only cost computing (10 of 33 us a key), for Python computes in one of them at a time.
THREADS = 8
STARVED_SHARE = 0.3
PAGES_A_LOOK = 3
# Pages of a range that come before it is cut: one that holds few keys is listed faster than cut.
PAGES_BEFORE_A_CUT = 5
CUTS_AT_ONCE = 16
# Above these characters servers that compare UTF-16 have another order.
_FIRST_SURROGATE = 0xD800


@dataclass(slots=True, eq=False)
class KeyRange:
    """Keys that are still to be taken: those greater than `after` and not greater than `end`.

    after, end: "" and None where nothing bounds them. reached: the last key that was listed, which may be ahead of
    `after`, the last one that was taken. pages: how many came since it was made or cut. token: the server's own, of the
    page that follows.
    """

    after: str = ""
    end: str | None = None
    reached: str = ""
    pages: int = 0
    token: str | None = None
    pages_before_a_cut: int = PAGES_BEFORE_A_CUT
    being_cut: bool = False

    def __post_init__(self) -> None:
        self.reached = self.after


class _Unordered(Exception):
    """The server's order is not that of the keys, or it began elsewhere than it was asked to."""


def successor(text: str) -> str | None:
    """The first string, of this length, that is greater than all that start with `text`.

    None where servers could disagree on its place.
    """
    if _plain_length(text) < len(text):
        return None
    return text[:-1] + chr(ord(text[-1]) + 1)


def _plain_length(text: str) -> int:
    """How many characters come before the first whose place servers could disagree on."""
    return next((i for i, each in enumerate(text) if ord(each) >= _FIRST_SURROGATE - 1), len(text))


def find_cuts(
    probe: Callable[[str], str | None], low: str, end: str | None, *, most: int = CUTS_AT_ONCE
) -> Iterator[str]:
    """Strings, in order, between which the keys of a range lie that are greater than `low`; at most `most`.

    probe: gives the first key greater than a string, or None. low: a key, or "".
    """

    def first_after(text: str | None) -> str | None:
        key = probe(text) if text is not None else None
        return key if key is not None and (end is None or key <= end) else None

    key = first_after(low)
    if key is None:
        return
    # All that remain share a start with the first of them; how long it is, is halved down.
    shared, at_most = 0, _plain_length(key)
    while shared < at_most:
        middle = (shared + at_most + 1) // 2
        if first_after(successor(key[:middle])) is None:
            shared = middle
        else:
            at_most = middle - 1
    if shared == len(key):
        # The others go on where this one ends.
        key = first_after(key)
    found = 0
    while key is not None and found < most:
        cut = successor(key[: shared + 1])
        key = first_after(cut)
        if key is not None and cut is not None:
            found += 1
            yield cut


@dataclass(slots=True)
class _Shared:
    """What the threads of a listing share, under the condition's lock."""

    waiting: deque[KeyRange] = field(default_factory=deque)
    active: list[KeyRange] = field(default_factory=list)
    pages: deque[tuple[KeyRange, ListedPage, bool]] = field(default_factory=deque)
    cutting: int = 0
    failure: BaseException | None = None

    @property
    def is_done(self) -> bool:
        """Whether no more pages come."""
        return not (self.waiting or self.active or self.cutting)

    stopped: bool = False


class Listing:
    """The objects of one source, page by page.

    ranges: what of it is left, as `left` told; None: all of it. threads: ranges listed at a time, once it is big.
    started_over: whether the listing had to begin again, so that objects came twice.
    """

    def __init__(
        self,
        lister: Lister,
        source: Source,
        *,
        ranges: Sequence[Sequence[str | None]] | None = None,
        threads: int = THREADS,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        self.lister = lister
        self.source = source
        self.started_over = False
        self._threads = threads
        self._ordered = True
        self._ranges = [KeyRange(after or "", end) for after, end in ranges] if ranges is not None else [KeyRange()]
        self._taken: tuple[KeyRange, str, bool] | None = None
        self._pause = pause
        # Of the pages that were listed one by one lately, the time in which nothing was computed.
        self._idle_seconds = 0.0
        # Whether pages are asked for from a key on, so that their order matters.
        self._bounded = ranges is not None and any(after or end for after, end in ranges)
        self._stop = threading.Event()
        self._changed = threading.Condition()
        self._shared = _Shared()

    def left(self) -> list[list[str | None]]:
        """The ranges that are still to be taken, as [after, end]; to go on with in another process."""
        with self._changed:
            if not self._ordered and self._ranges:
                return [["", None]]
            return [[each.after, each.end] for each in self._ranges]

    def take(self) -> None:
        """Note that what the last page of `pages` asks for is done: it is not left any more."""
        if self._taken is None:
            return
        key_range, last_key, is_last = self._taken
        self._taken = None
        with self._changed:
            key_range.after = max(key_range.after, last_key)
            if is_last and key_range in self._ranges:
                self._ranges.remove(key_range)

    def pages(self) -> Generator[ListedPage]:
        """Every object that is left, whatever its name, a page at a time.

        A page that fails in a way that may pass is asked for again, after growing pauses.
        Raises: AccessDenied, BucketGone; SourceUnavailable after the last try.
        """
        try:
            yield from self._pages()
        except _Unordered as exc:
            log.warning("listing %s again from the start, page by page: %s", self.source, exc)
            self._halt()
            self.started_over = True
            self._ordered = self._bounded = False
            self._ranges, self._stop = [KeyRange()], threading.Event()
            yield from self._one_by_one(self._ranges[0], None)
        finally:
            self._halt()

    def _pages(self) -> Iterator[ListedPage]:
        if len(self._ranges) == 1:
            yield from self._one_by_one(self._ranges[0], PAGES_BEFORE_A_CUT)
        if self._ranges:
            yield from self._side_by_side()

    def _one_by_one(self, key_range: KeyRange, most: int | None) -> Iterator[ListedPage]:
        """The pages of a range; after `most` of them, and again, only where the rest is not to be cut."""
        self._idle_seconds, looked_at = 0.0, time.monotonic()
        for page, is_last in self._list(key_range):
            key_range.pages += 1
            self._taken = (key_range, page.refs[-1].key if page.refs else "", is_last)
            yield page
            self.take()
            if is_last:
                return
            if most and key_range.pages % most == 0 and self._ordered and self._threads > 1:
                now = time.monotonic()
                if self._idle_seconds > STARVED_SHARE * (now - looked_at):
                    return
                self._idle_seconds, looked_at = 0.0, now

    def _list(self, key_range: KeyRange) -> Iterator[tuple[ListedPage, bool]]:
        """A range's pages, cut at its end, and whether each is its last."""
        while True:
            page = self._ask(key_range)
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

    def _ask(self, key_range: KeyRange) -> ListedPage:
        token = key_range.token
        start_after = "" if token else key_range.reached
        for attempt in range(1, TRIES_A_PAGE + 1):
            began, computed = time.monotonic(), time.thread_time()
            try:
                page = self.lister.list_page(self.source.bucket, self.source.prefix, token, start_after=start_after)
                self._idle_seconds += time.monotonic() - began - (time.thread_time() - computed)
                return page
            except (AccessDenied, BucketGone):
                raise
            except PermanentError as exc:
                if start_after:
                    raise _Unordered(str(exc)) from exc
                raise
            except TransientError as exc:
                if attempt == TRIES_A_PAGE or self._stop.is_set():
                    raise
                log.warning("retry: listing %s: %s", self.source, exc)
                (self._pause or self._stop.wait)(random.uniform(0.5, 1) * 2**attempt)  # noqa: S311
        raise AssertionError("unreachable")

    def _check_order(self, key_range: KeyRange, page: ListedPage) -> None:
        keys = [ref.key for ref in page.refs]
        if not keys or not self._ordered or (keys[0] > key_range.reached and keys == sorted(keys)):
            return
        if self._bounded:
            raise _Unordered("its keys do not come in order, or not from the one on that was asked for")
        # All of it is listed by the server's own tokens, so nothing is lost.
        self._ordered = False

    # --- Side by side -------------------------------------------------------------------------------------------------

    def _side_by_side(self) -> Iterator[ListedPage]:
        shared = self._shared
        shared.waiting.extend(self._ranges)
        started, taken, waited, looked_at = 0, 0, 0.0, time.monotonic()
        while True:
            now = time.monotonic()
            starved = taken >= PAGES_A_LOOK and waited > STARVED_SHARE * (now - looked_at)
            if not started or (starved and self._ordered):
                more = min(max(1, started), self._threads - started)
                for _ in range(more):
                    threading.Thread(target=self._work, daemon=True).start()
                started += more
            if taken >= PAGES_A_LOOK:
                taken, waited, looked_at = 0, 0.0, now
            with self._changed:
                while not shared.pages and shared.failure is None and not shared.is_done:
                    self._changed.wait(1.0)
                if shared.failure is not None:
                    raise shared.failure
                if not shared.pages:
                    return
                waited += time.monotonic() - now
                taken += 1
                key_range, page, is_last = shared.pages.popleft()
                self._changed.notify_all()
            self._taken = (key_range, page.refs[-1].key if page.refs else "", is_last)
            yield page
            self.take()

    def _halt(self) -> None:
        """Have the threads end, when what they asked for has come."""
        self._stop.set()
        with self._changed:
            self._shared.stopped = True
            self._changed.notify_all()

    def _work(self) -> None:
        """What a thread does until nothing is left: list a range that waits, or cut one that another thread lists."""
        shared = self._shared
        try:
            while True:
                with self._changed:
                    to_cut = None
                    while not shared.stopped and not shared.waiting and (to_cut := self._to_cut()) is None:
                        if shared.is_done:
                            self._changed.notify_all()
                            return
                        self._changed.wait()
                    if shared.stopped:
                        return
                    if to_cut is not None:
                        to_cut.being_cut = True
                        shared.cutting += 1
                    else:
                        key_range = shared.waiting.popleft()
                        shared.active.append(key_range)
                if to_cut is not None:
                    self._cut(to_cut)
                else:
                    self._hand_over(key_range)
        except BaseException as exc:  # noqa: BLE001  raised again in the thread that takes the pages
            with self._changed:
                shared.failure = shared.failure or exc
                shared.stopped = True
                self._changed.notify_all()

    def _hand_over(self, key_range: KeyRange) -> None:
        """List a range and put its pages where `_side_by_side` takes them, no more than there are threads."""
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

    def _to_cut(self) -> KeyRange | None:
        """The range that has shown to be the longest of those that may be cut."""
        able = [each for each in self._shared.active if each.pages >= each.pages_before_a_cut and not each.being_cut]
        return max(able, key=lambda each: each.pages, default=None) if self._ordered else None

    def _cut(self, key_range: KeyRange) -> None:
        """Cut off what lies ahead of a range's listing; each piece may be listed as soon as its end is found."""
        shared = self._shared
        rest: KeyRange | None = None
        try:
            for cut in find_cuts(self._first_after, key_range.reached, key_range.end):
                with self._changed:
                    if rest is not None:
                        piece = KeyRange(rest.after, cut)
                        rest.after = rest.reached = cut
                        self._ranges.append(piece)
                        shared.waiting.append(piece)
                    elif key_range.reached < cut and key_range in shared.active:
                        self._bounded = True
                        rest = KeyRange(cut, key_range.end)
                        key_range.end = cut
                        self._ranges.append(rest)
                    self._changed.notify_all()
        except TransientError as exc:
            log.info("listing %s: no cut found: %s", self.source, exc)
        except (PermanentError, _Unordered) as exc:
            log.info("listing %s page by page: %s", self.source, exc)
            self._ordered = False
        with self._changed:
            if rest is not None:
                shared.waiting.append(rest)
                key_range.pages, key_range.pages_before_a_cut = 0, PAGES_BEFORE_A_CUT
            else:
                key_range.pages_before_a_cut = 2 * key_range.pages + PAGES_BEFORE_A_CUT
            key_range.being_cut = False
            shared.cutting -= 1
            self._changed.notify_all()

    def _first_after(self, text: str) -> str | None:
        page = self.lister.list_page(self.source.bucket, self.source.prefix, None, start_after=text, max_keys=1)
        if not page.refs:
            return None
        if page.refs[0].key <= text:
            raise _Unordered("its server does not begin after the key that it is given")
        return page.refs[0].key
