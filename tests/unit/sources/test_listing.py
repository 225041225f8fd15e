"""PartitionedListing lists each object exactly once, for any keys, however it is split and wherever it is resumed."""

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
PAGE_KEYS = 10
SOURCE = Source("b")


@pytest.fixture(autouse=True)
def many_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start all threads: a fake bucket responds immediately, so one thread would list all of it."""
    monkeypatch.setattr("exifinator.sources.listing.STARVED_SHARE", -1.0)
    monkeypatch.setattr("exifinator.sources.listing.PAGES_PER_CHECK", 1)


class FakeBucket:
    """Lists keys as S3 does, in pages of PAGE_KEYS.

    Args:
        order: Returns the value by which the server sorts a key.
        supports_start_after: Whether the server observes StartAfter.
    """

    def __init__(
        self,
        keys: list[str],
        *,
        order: Callable[[str], object] = str.encode,
        supports_start_after: bool = True,
    ) -> None:
        self.order, self.supports_start_after = order, supports_start_after
        self.keys = sorted(keys, key=order)  # type: ignore[arg-type]
        self._sort_values = [order(key) for key in self.keys]
        self.requests: list[tuple[str | None, str, int]] = []
        self.threads: set[int] = set()

    def list_page(
        self, bucket: str, prefix: str, token: str | None, *, start_after: str = "", max_keys: int = PAGE_KEYS
    ) -> ListedPage:
        self.requests.append((token, start_after, max_keys))
        self.threads.add(threading.get_ident())
        start = 0
        if token:
            start = int(token)
        elif start_after and self.supports_start_after:
            start = bisect_right(self._sort_values, self.order(start_after))  # type: ignore[type-var]
        end = min(start + min(max_keys, PAGE_KEYS), len(self.keys))
        refs = [ImageRef(bucket, key, "e", 1, NOON) for key in self.keys[start:end]]
        return ListedPage(refs, str(end) if end < len(self.keys) else None, NOON)


def list_keys(listing: PartitionedListing) -> Iterator[str]:
    for page in listing.pages():
        yield from (ref.key for ref in page.refs)
        listing.mark_processed()


def utf16(key: str) -> bytes:
    return key.encode("utf-16-be")


def hash_order(key: str) -> int:
    return zlib.crc32(key.encode())


rng = random.Random(5)
# Keys of different shapes, by a description.
KEY_SETS = {
    "long common prefix": ["photos/archive/of/the/whole/family/" * 20 + f"{i:07}.jpg" for i in range(3000)],
    "digits": [str(i) for i in range(3000)],
    "uuids": [str(uuid.UUID(int=rng.getrandbits(128))) for _ in range(3000)],
    "dates": [f"20{i % 24:02}/{i % 12 + 1:02}/{i:05}.jpg" for i in range(3000)],
    "each a prefix of the next": ["a" * i for i in range(1, 900)],
    "unicode": ["".join(rng.choices("aé中\ud7ff\ue000\uffee😀/", k=6)) for _ in range(3000)],
    "unusual": [f"{key[:500]}{i}" for key in KEYS for i in range(60)],
    "few": ["a", "b"],
    "none": [],
}


@pytest.mark.parametrize("name", KEY_SETS)
def test_listing__in_parallel__lists_each_object_once(name: str) -> None:
    keys = list(dict.fromkeys(KEY_SETS[name]))
    bucket = FakeBucket(keys)
    listing = PartitionedListing(bucket, SOURCE, threads=6)

    assert sorted(list_keys(listing)) == sorted(keys)
    assert not listing.started_over
    assert listing.remaining() == []
    assert len(bucket.threads) > 1 or len(keys) < 50


@pytest.mark.parametrize("name", ["long common prefix", "digits", "uuids", "dates", "unicode"])
def test_find_split_points__many_keys__divide_them_into_parts_with_few_probes(name: str) -> None:
    bucket = FakeBucket(KEY_SETS[name])

    def probe(text: str) -> str | None:
        page = bucket.list_page("b", "", None, start_after=text, max_keys=1)
        return page.refs[0].key if page.refs else None

    splits = list(find_split_points(probe, bucket.keys[50], None))

    assert splits == sorted(splits)
    bounds = ["", *splits, "\U0010ffff"]
    parts = [sum(a < key <= b for key in bucket.keys) for a, b in pairwise(bounds)]
    assert len(parts) > 2
    assert max(parts) < 2000
    assert len(bucket.requests) < 60


@pytest.mark.parametrize("order", [str.encode, utf16], ids=["UTF-8", "UTF-16"])
@pytest.mark.parametrize("name", ["unicode", "uuids"])
def test_listing__stopped_at_any_page__resumes_at_this_page(name: str, order: Callable[[str], object]) -> None:
    keys = set(KEY_SETS[name])
    listed: list[str] = []
    remaining = None
    started_over = False
    for stop_after in (3, 40, 7, 60, 10_000):
        listing = PartitionedListing(FakeBucket(list(keys), order=order), SOURCE, ranges=remaining, threads=4)
        for number, page in enumerate(listing.pages()):
            if number == stop_after:
                # The process is killed before it processes this page, so the page is listed again.
                break
            listed += [ref.key for ref in page.refs]
            listing.mark_processed()
        remaining = listing.remaining()
        started_over = started_over or listing.started_over

    assert remaining == []
    assert set(listed) == keys
    assert order is utf16 or (len(listed) == len(keys) and not started_over)


def test_listing__server_that_ignores_start_after__lists_page_by_page() -> None:
    bucket = FakeBucket(KEY_SETS["digits"], supports_start_after=False)
    listing = PartitionedListing(bucket, SOURCE, threads=4)

    listed = list(list_keys(listing))

    assert sorted(listed) == sorted(KEY_SETS["digits"])
    assert not listing.started_over
    assert sum(1 for _, start, _ in bucket.requests if start) == 1


def test_listing__resumed_on_a_server_that_ignores_start_after__starts_over() -> None:
    listing = PartitionedListing(
        FakeBucket(KEY_SETS["digits"], supports_start_after=False), SOURCE, ranges=[["2", "4"], ["7", None]]
    )

    assert set(list_keys(listing)) == set(KEY_SETS["digits"])
    assert listing.started_over


def test_listing__unordered_server__lists_each_object_once() -> None:
    keys = KEY_SETS["uuids"]
    listing = PartitionedListing(FakeBucket(keys, order=hash_order), SOURCE, threads=4)

    assert sorted(list_keys(listing)) == sorted(keys)
    assert listing.remaining() == []


def test_listing__resumed_on_an_unordered_server__starts_over() -> None:
    bucket = FakeBucket(KEY_SETS["uuids"], order=hash_order)
    listing = PartitionedListing(bucket, SOURCE, threads=4)
    pages = listing.pages()
    for _ in range(50):
        next(pages)
        listing.mark_processed()
    pages.close()

    assert set(list_keys(PartitionedListing(bucket, SOURCE, ranges=listing.remaining()))) == set(KEY_SETS["uuids"])


def test_listing__split_point_found_too_late__lists_each_object_once() -> None:
    class SlowProbes(FakeBucket):
        def __init__(self, keys: list[str]) -> None:
            super().__init__(keys)
            self.pages_listed = 0
            self.listed = threading.Condition()

        def list_page(self, bucket: str, prefix: str, token: str | None, **more: object) -> ListedPage:
            with self.listed:
                if more.get("max_keys") == 1:
                    # By then, the listing thread has passed the first split points.
                    self.listed.wait_for(lambda: self.pages_listed >= 150)
                else:
                    self.pages_listed += 1
                    self.listed.notify_all()
            return super().list_page(bucket, prefix, token, **more)  # type: ignore[arg-type]

    assert sorted(list_keys(PartitionedListing(SlowProbes(KEY_SETS["digits"]), SOURCE, threads=2))) == sorted(
        KEY_SETS["digits"]
    )


def test_listing__keys_out_of_order_after_the_split__lists_all_objects() -> None:
    # Most keys are in UTF-8 order, so the listing is split before the other keys appear.
    keys = [*KEY_SETS["digits"], *(f"9{c}{i}" for c in "\uffee😀" for i in range(40))]
    listing = PartitionedListing(FakeBucket(keys, order=utf16), SOURCE, threads=4)

    assert set(list_keys(listing)) == set(keys)


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.mark.parametrize(("server_seconds", "consumer_seconds"), [(1, 0), (0, 1)], ids=["slow server", "slow consumer"])
def test_listing__slow_server__starts_threads_after_the_first_pages(
    monkeypatch: pytest.MonkeyPatch, server_seconds: int, consumer_seconds: int
) -> None:
    monkeypatch.undo()
    clock = Clock()

    class SlowServer(FakeBucket):
        def list_page(self, bucket: str, prefix: str, token: str | None, **more: object) -> ListedPage:
            clock.seconds += server_seconds
            return super().list_page(bucket, prefix, token, **more)  # type: ignore[arg-type]

    bucket = SlowServer(KEY_SETS["digits"][:400])
    listing = PartitionedListing(bucket, SOURCE, threads=6, clock=clock)
    listed = []
    for key in list_keys(listing):
        listed.append(key)
        clock.seconds += consumer_seconds

    assert sorted(listed) == sorted(KEY_SETS["digits"][:400])
    assert bool(listing.started_threads) is bool(server_seconds)
    assert threading.get_ident() in bucket.threads
    assert len(bucket.threads) > 1 or not server_seconds


@pytest.mark.parametrize(("consumer_seconds", "threads"), [(0, 6), (100, 1)], ids=["waiting consumer", "slow consumer"])
def test_listing__consumer_that_waits__makes_the_listing_start_threads(
    monkeypatch: pytest.MonkeyPatch, consumer_seconds: int, threads: int
) -> None:
    monkeypatch.undo()
    consumer = threading.get_ident()

    class TickingClock(Clock):
        """Advances by a second whenever the consumer's thread reads it, so each wait for a page takes a second."""

        def __call__(self) -> float:
            self.seconds += threading.get_ident() == consumer
            return self.seconds

    clock = TickingClock()
    listing = PartitionedListing(
        FakeBucket(KEY_SETS["digits"]), SOURCE, ranges=[["", "5"], ["5", None]], threads=6, clock=clock
    )
    listed = []
    for page in listing.pages():
        listed += [ref.key for ref in page.refs]
        listing.mark_processed()
        clock.seconds += consumer_seconds

    assert sorted(listed) == sorted(KEY_SETS["digits"])
    assert listing.started_threads == threads


def test_listing__thread_fails__raises_its_error() -> None:
    class FailingBucket(FakeBucket):
        def list_page(self, bucket: str, prefix: str, token: str | None, **more: object) -> ListedPage:
            if len(self.requests) > 60:
                raise AccessDenied("no more")
            return super().list_page(bucket, prefix, token, **more)  # type: ignore[arg-type]

    with pytest.raises(AccessDenied, match="no more"):
        list(list_keys(PartitionedListing(FailingBucket(KEY_SETS["digits"]), SOURCE, threads=4)))


def test_listing__server_with_transient_errors__lists_each_object_once() -> None:
    class FlakyBucket(FakeBucket):
        def __init__(self, keys: list[str]) -> None:
            super().__init__(keys)
            self.failed: set[str] = set()

        def list_page(self, bucket: str, prefix: str, token: str | None, **more: object) -> ListedPage:
            request = f"{token} {more}"
            if zlib.crc32(request.encode()) % 20 == 0 and request not in self.failed:
                self.failed.add(request)
                raise SourceUnavailable("SlowDown")
            return super().list_page(bucket, prefix, token, **more)  # type: ignore[arg-type]

    bucket = FlakyBucket(KEY_SETS["digits"])
    listing = PartitionedListing(bucket, SOURCE, threads=4, pause=lambda seconds: None)

    assert sorted(list_keys(listing)) == sorted(KEY_SETS["digits"])
    assert bucket.failed


def test_listing__server_that_rejects_start_after__lists_page_by_page() -> None:
    class BucketWithoutStartAfter(FakeBucket):
        def list_page(self, bucket: str, prefix: str, token: str | None, **more: object) -> ListedPage:
            if more.get("start_after"):
                raise PermanentError("NotImplemented")
            return super().list_page(bucket, prefix, token)

    assert sorted(
        list_keys(PartitionedListing(BucketWithoutStartAfter(KEY_SETS["digits"]), SOURCE, threads=4))
    ) == sorted(KEY_SETS["digits"])
    assert set(
        list_keys(PartitionedListing(BucketWithoutStartAfter(KEY_SETS["digits"]), SOURCE, ranges=[["5", None]]))
    ) == set(KEY_SETS["digits"])
