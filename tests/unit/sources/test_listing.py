"""Each object is listed exactly once, for any keys, any split of the listing and any point at which it resumes."""

from __future__ import annotations

import random
import threading
import uuid
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from exifinator.errors import AccessDenied, PermanentError, SourceUnavailable
from exifinator.models import ImageRef, ListedPage
from exifinator.sources.key_ranges import find_split_points
from exifinator.sources.listing import PartitionedListing
from exifinator.sources.source import Source
from tests.keys import KEYS

NOON = datetime(2024, 5, 17, 12, tzinfo=UTC)
PAGE = 10
SOURCE = Source("b")


@pytest.fixture(autouse=True)
def many_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start all threads: a fake bucket responds immediately, so one thread would list all of it."""
    monkeypatch.setattr("exifinator.sources.listing.STARVED_SHARE", -1.0)
    monkeypatch.setattr("exifinator.sources.listing.PAGES_PER_CHECK", 1)


class FakeBucket:
    """Lists as S3 does, ten keys a page. order: the server's sort key; heeds: whether it supports StartAfter."""

    def __init__(self, keys: list[str], *, order: Callable[[str], object] = str.encode, heeds: bool = True) -> None:
        self.order, self.heeds = order, heeds
        self.keys = sorted(keys, key=order)  # type: ignore[arg-type]
        self._places = [order(key) for key in self.keys]
        self.asked: list[tuple[str | None, str, int]] = []
        self.threads: set[int] = set()

    def list_page(
        self, bucket: str, prefix: str, token: str | None, *, start_after: str = "", max_keys: int = PAGE
    ) -> ListedPage:
        self.asked.append((token, start_after, max_keys))
        self.threads.add(threading.get_ident())
        start = 0
        if token:
            start = int(token)
        elif start_after and self.heeds:
            start = bisect_right(self._places, self.order(start_after))  # type: ignore[type-var]
        end = min(start + min(max_keys, PAGE), len(self.keys))
        refs = [ImageRef(bucket, key, "e", 1, NOON) for key in self.keys[start:end]]
        return ListedPage(refs, str(end) if end < len(self.keys) else None, NOON)


def listed(listing: PartitionedListing) -> Iterator[str]:
    for page in listing.pages():
        yield from (ref.key for ref in page.refs)
        listing.mark_processed()


def utf16(key: str) -> bytes:
    return key.encode("utf-16-be")


def scrambled(key: str) -> int:
    return zlib.crc32(key.encode())


chance = random.Random(5)
SPACES = {
    "one long start": ["photos/archive/of/the/whole/family/" * 20 + f"{i:07}.jpg" for i in range(3000)],
    "digits": [str(i) for i in range(3000)],
    "uuids": [str(uuid.UUID(int=chance.getrandbits(128))) for _ in range(3000)],
    "dates": [f"20{i % 24:02}/{i % 12 + 1:02}/{i:05}.jpg" for i in range(3000)],
    "each the start of the next": ["a" * i for i in range(1, 900)],
    "unicode": ["".join(chance.choices("aé中\ud7ff\ue000\uffee😀/", k=6)) for _ in range(3000)],
    "odd": [f"{key[:500]}{i}" for key in KEYS for i in range(60)],
    "few": ["a", "b"],
    "none": [],
}


@pytest.mark.parametrize("name", SPACES)
def test_listing__in_parallel__lists_each_object_once(name: str) -> None:
    keys = list(dict.fromkeys(SPACES[name]))
    bucket = FakeBucket(keys)
    listing = PartitionedListing(bucket, SOURCE, threads=6)

    assert sorted(listed(listing)) == sorted(keys)
    assert not listing.started_over
    assert listing.remaining() == []
    assert len(bucket.threads) > 1 or len(keys) < 50


@pytest.mark.parametrize("name", ["one long start", "digits", "uuids", "dates", "unicode"])
def test_find_split_points__many_keys__parts_are_a_fraction_of_them(name: str) -> None:
    bucket = FakeBucket(SPACES[name])

    def probe(text: str) -> str | None:
        page = bucket.list_page("b", "", None, start_after=text, max_keys=1)
        return page.refs[0].key if page.refs else None

    splits = list(find_split_points(probe, bucket.keys[50], None))

    assert splits == sorted(splits)
    bounds = ["", *splits, "\U0010ffff"]
    parts = [sum(a < key <= b for key in bucket.keys) for a, b in pairwise(bounds)]
    assert len(parts) > 2
    assert max(parts) < 2000
    assert len(bucket.asked) < 60


@pytest.mark.parametrize("order", [str.encode, utf16], ids=["UTF-8", "UTF-16"])
@pytest.mark.parametrize("name", ["unicode", "uuids"])
def test_listing__stopped_at_any_page__resumes_there(name: str, order: Callable[[str], object]) -> None:
    keys = set(SPACES[name])
    found: list[str] = []
    left = None
    started_over = False
    for stop_after in (3, 40, 7, 60, 10_000):
        listing = PartitionedListing(FakeBucket(list(keys), order=order), SOURCE, ranges=left, threads=4)
        for number, page in enumerate(listing.pages()):
            if number == stop_after:
                # The process was killed before it took this page, so the page is listed again.
                break
            found += [ref.key for ref in page.refs]
            listing.mark_processed()
        left = listing.remaining()
        started_over = started_over or listing.started_over

    assert left == []
    assert set(found) == keys
    assert order is utf16 or (len(found) == len(keys) and not started_over)


def test_listing__server_that_ignores_start_after__is_listed_page_by_page() -> None:
    bucket = FakeBucket(SPACES["digits"], heeds=False)
    listing = PartitionedListing(bucket, SOURCE, threads=4)

    found = list(listed(listing))

    assert sorted(found) == sorted(SPACES["digits"])
    assert not listing.started_over
    assert sum(1 for _, start, _ in bucket.asked if start) == 1


def test_listing__resumed_at_a_server_that_ignores_start_after__starts_over() -> None:
    listing = PartitionedListing(FakeBucket(SPACES["digits"], heeds=False), SOURCE, ranges=[["2", "4"], ["7", None]])

    assert set(listed(listing)) == set(SPACES["digits"])
    assert listing.started_over


def test_listing__unordered_server__lists_each_object_once() -> None:
    keys = SPACES["uuids"]
    listing = PartitionedListing(FakeBucket(keys, order=scrambled), SOURCE, threads=4)

    assert sorted(listed(listing)) == sorted(keys)
    assert listing.remaining() == []


def test_listing__unordered_server_stopped_halfway__starts_over() -> None:
    bucket = FakeBucket(SPACES["uuids"], order=scrambled)
    listing = PartitionedListing(bucket, SOURCE, threads=4)
    pages = listing.pages()
    for _ in range(50):
        next(pages)
        listing.mark_processed()
    pages.close()

    assert set(listed(PartitionedListing(bucket, SOURCE, ranges=listing.remaining()))) == set(SPACES["uuids"])


def test_listing__split_point_already_passed__lists_each_object_once() -> None:
    class SlowProbes(FakeBucket):
        def __init__(self, keys: list[str]) -> None:
            super().__init__(keys)
            self.pages_listed = 0
            self.listed = threading.Condition()

        def list_page(self, bucket: str, prefix: str, token: str | None, **more: object) -> ListedPage:
            with self.listed:
                if more.get("max_keys") == 1:
                    # By then the listing thread has passed the first split points.
                    self.listed.wait_for(lambda: self.pages_listed >= 150)
                else:
                    self.pages_listed += 1
                    self.listed.notify_all()
            return super().list_page(bucket, prefix, token, **more)  # type: ignore[arg-type]

    assert sorted(listed(PartitionedListing(SlowProbes(SPACES["digits"]), SOURCE, threads=2))) == sorted(
        SPACES["digits"]
    )


def test_listing__order_that_breaks_late__starts_over_and_lists_all() -> None:
    # Most keys are in order, so the listing is split before the others appear.
    keys = [*SPACES["digits"], *(f"9{c}{i}" for c in "\uffee😀" for i in range(40))]
    listing = PartitionedListing(FakeBucket(keys, order=utf16), SOURCE, threads=4)

    assert set(listed(listing)) == set(keys)


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.mark.parametrize(("server_seconds", "taker_seconds"), [(1, 0), (0, 1)], ids=["slow server", "slow taker"])
def test_listing__first_pages__decide_whether_threads_list_the_rest(
    monkeypatch: pytest.MonkeyPatch, server_seconds: int, taker_seconds: int
) -> None:
    monkeypatch.undo()
    clock = Clock()

    class SlowServer(FakeBucket):
        def list_page(self, bucket: str, prefix: str, token: str | None, **more: object) -> ListedPage:
            clock.seconds += server_seconds
            return super().list_page(bucket, prefix, token, **more)  # type: ignore[arg-type]

    bucket = SlowServer(SPACES["digits"][:400])
    listing = PartitionedListing(bucket, SOURCE, threads=6, clock=clock)
    found = []
    for key in listed(listing):
        found.append(key)
        clock.seconds += taker_seconds

    assert sorted(found) == sorted(SPACES["digits"][:400])
    assert bool(listing.started_threads) is bool(server_seconds)
    assert threading.get_ident() in bucket.threads
    assert len(bucket.threads) > 1 or not server_seconds


@pytest.mark.parametrize(
    ("taker_seconds", "threads"), [(0, 6), (100, 1)], ids=["taker that waits", "taker that does not wait"]
)
def test_listing__in_parallel__starts_threads_while_the_taker_waits(
    monkeypatch: pytest.MonkeyPatch, taker_seconds: int, threads: int
) -> None:
    monkeypatch.undo()
    taker = threading.get_ident()

    class Ticking(Clock):
        """Advances by a second whenever the consumer's thread reads it, so each wait for a page takes a second."""

        def __call__(self) -> float:
            self.seconds += threading.get_ident() == taker
            return self.seconds

    clock = Ticking()
    listing = PartitionedListing(
        FakeBucket(SPACES["digits"]), SOURCE, ranges=[["", "5"], ["5", None]], threads=6, clock=clock
    )
    found = []
    for page in listing.pages():
        found += [ref.key for ref in page.refs]
        listing.mark_processed()
        clock.seconds += taker_seconds

    assert sorted(found) == sorted(SPACES["digits"])
    assert listing.started_threads == threads


def test_listing__thread_that_fails__ends_the_listing() -> None:
    class Refusing(FakeBucket):
        def list_page(self, bucket: str, prefix: str, token: str | None, **more: object) -> ListedPage:
            if len(self.asked) > 60:
                raise AccessDenied("no more")
            return super().list_page(bucket, prefix, token, **more)  # type: ignore[arg-type]

    with pytest.raises(AccessDenied, match="no more"):
        list(listed(PartitionedListing(Refusing(SPACES["digits"]), SOURCE, threads=4)))


def test_listing__server_with_transient_errors__lists_each_object_once() -> None:
    class Flaky(FakeBucket):
        def __init__(self, keys: list[str]) -> None:
            super().__init__(keys)
            self.failed: set[str] = set()

        def list_page(self, bucket: str, prefix: str, token: str | None, **more: object) -> ListedPage:
            request = f"{token} {more}"
            if zlib.crc32(request.encode()) % 20 == 0 and request not in self.failed:
                self.failed.add(request)
                raise SourceUnavailable("SlowDown")
            return super().list_page(bucket, prefix, token, **more)  # type: ignore[arg-type]

    bucket = Flaky(SPACES["digits"])
    listing = PartitionedListing(bucket, SOURCE, threads=4, pause=lambda seconds: None)

    assert sorted(listed(listing)) == sorted(SPACES["digits"])
    assert bucket.failed


def test_listing__server_that_rejects_start_after__is_listed_page_by_page() -> None:
    class Plain(FakeBucket):
        def list_page(self, bucket: str, prefix: str, token: str | None, **more: object) -> ListedPage:
            if more.get("start_after"):
                raise PermanentError("NotImplemented")
            return super().list_page(bucket, prefix, token)

    assert sorted(listed(PartitionedListing(Plain(SPACES["digits"]), SOURCE, threads=4))) == sorted(SPACES["digits"])
    assert set(listed(PartitionedListing(Plain(SPACES["digits"]), SOURCE, ranges=[["5", None]]))) == set(
        SPACES["digits"]
    )
