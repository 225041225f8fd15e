"""Each object of a bucket comes once, whatever its keys are, however the listing is cut and wherever it is taken up."""

from __future__ import annotations

import random
import threading
import time
import uuid
from bisect import bisect_right
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from exifinator.errors import AccessDenied, PermanentError, SourceUnavailable
from exifinator.key_ranges import Listing, find_cuts
from exifinator.listing import Source
from exifinator.records import ImageRef, ListedPage
from tests.keys import KEYS

NOON = datetime(2024, 5, 17, 12, tzinfo=UTC)
PAGE = 10
SOURCE = Source("b")


@pytest.fixture(autouse=True)
def many_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bucket that answers at once keeps nobody waiting, and would be listed by one thread."""
    monkeypatch.setattr("exifinator.key_ranges.STARVED_SHARE", -1.0)
    monkeypatch.setattr("exifinator.key_ranges.PAGES_A_LOOK", 1)


class FakeBucket:
    """Lists as S3 does, ten keys a page. order: what the server sorts by; heeds: whether it knows StartAfter."""

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


def listed(listing: Listing) -> Iterator[str]:
    for page in listing.pages():
        yield from (ref.key for ref in page.refs)
        listing.take()


def utf16(key: str) -> bytes:
    return key.encode("utf-16-be")


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
def test_listing__side_by_side__brings_each_object_once(name: str) -> None:
    keys = list(dict.fromkeys(SPACES[name]))
    bucket = FakeBucket(keys)
    listing = Listing(bucket, SOURCE, threads=6)

    assert sorted(listed(listing)) == sorted(keys)
    assert not listing.started_over
    assert listing.left() == []
    assert len(bucket.threads) > 1 or len(keys) < 50


@pytest.mark.parametrize("name", ["one long start", "digits", "uuids", "dates", "unicode"])
def test_find_cuts__many_keys__parts_are_a_fraction_of_them(name: str) -> None:
    bucket = FakeBucket(SPACES[name])

    def probe(text: str) -> str | None:
        page = bucket.list_page("b", "", None, start_after=text, max_keys=1)
        return page.refs[0].key if page.refs else None

    cuts = list(find_cuts(probe, bucket.keys[50], None))

    assert cuts == sorted(cuts)
    bounds = ["", *cuts, "\U0010ffff"]
    parts = [sum(a < key <= b for key in bucket.keys) for a, b in pairwise(bounds)]
    assert len(parts) > 2
    assert max(parts) < 2000
    assert len(bucket.asked) < 60


@pytest.mark.parametrize("order", [str.encode, utf16], ids=["UTF-8", "UTF-16"])
@pytest.mark.parametrize("name", ["unicode", "uuids"])
def test_listing__stopped_at_any_page__goes_on_from_there(name: str, order: Callable[[str], object]) -> None:
    keys = set(SPACES[name])
    found: list[str] = []
    left = None
    started_over = False
    for stop_after in (3, 40, 7, 60, 10_000):
        listing = Listing(FakeBucket(list(keys), order=order), SOURCE, ranges=left, threads=4)
        for number, page in enumerate(listing.pages()):
            if number == stop_after:
                # Killed before this page was taken: it comes again.
                break
            found += [ref.key for ref in page.refs]
            listing.take()
        left = listing.left()
        started_over = started_over or listing.started_over

    assert left == []
    assert set(found) == keys
    assert order is utf16 or (len(found) == len(keys) and not started_over)


def test_listing__server_that_does_not_heed_the_start__is_listed_page_by_page() -> None:
    bucket = FakeBucket(SPACES["digits"], heeds=False)
    listing = Listing(bucket, SOURCE, threads=4)

    found = list(listed(listing))

    assert sorted(found) == sorted(SPACES["digits"])
    assert not listing.started_over
    assert sum(1 for _, start, _ in bucket.asked if start) == 1


def test_listing__taken_up_at_a_server_that_does_not_heed_the_start__starts_over() -> None:
    listing = Listing(FakeBucket(SPACES["digits"], heeds=False), SOURCE, ranges=[["2", "4"], ["7", None]])

    assert set(listed(listing)) == set(SPACES["digits"])
    assert listing.started_over


def test_listing__server_without_any_order__brings_each_object_once() -> None:
    keys = SPACES["uuids"]
    listing = Listing(FakeBucket(keys, order=lambda key: hash((key, 1))), SOURCE, threads=4)

    assert sorted(listed(listing)) == sorted(keys)
    assert listing.left() == []


def test_listing__server_without_any_order_stopped_halfway__starts_over() -> None:
    bucket = FakeBucket(SPACES["uuids"], order=lambda key: hash((key, 1)))
    listing = Listing(bucket, SOURCE, threads=4)
    pages = listing.pages()
    for _ in range(50):
        next(pages)
        listing.take()
    pages.close()

    assert set(listed(Listing(bucket, SOURCE, ranges=listing.left()))) == set(SPACES["uuids"])


def test_listing__cut_found_behind_what_was_listed_meanwhile__brings_each_object_once() -> None:
    class SlowProbes(FakeBucket):
        def list_page(self, bucket: str, prefix: str, token: str | None, **more: object) -> ListedPage:
            if more.get("max_keys") == 1:
                # The thread that lists is well past the first cuts by then.
                deadline = time.monotonic() + 10
                while sum(most > 1 for _, _, most in self.asked) < 150 and time.monotonic() < deadline:
                    time.sleep(0.001)
            return super().list_page(bucket, prefix, token, **more)  # type: ignore[arg-type]

    assert sorted(listed(Listing(SlowProbes(SPACES["digits"]), SOURCE, threads=2))) == sorted(SPACES["digits"])


def test_listing__order_that_breaks_late__starts_over_and_brings_all() -> None:
    # In order for most keys, so that it has been cut before it shows.
    keys = [*SPACES["digits"], *(f"9{c}{i}" for c in "\uffee😀" for i in range(40))]
    listing = Listing(FakeBucket(keys, order=utf16), SOURCE, threads=4)

    assert set(listed(listing)) == set(keys)


@pytest.mark.parametrize(("slow", "fewer"), [(True, False), (False, True)], ids=["slow server", "slow taker"])
def test_listing__threads__are_as_many_as_help(monkeypatch: pytest.MonkeyPatch, slow: bool, fewer: bool) -> None:
    monkeypatch.undo()

    class Timed(FakeBucket):
        def list_page(self, bucket: str, prefix: str, token: str | None, **more: object) -> ListedPage:
            time.sleep(0.01 if slow else 0)
            return super().list_page(bucket, prefix, token, **more)  # type: ignore[arg-type]

    bucket = Timed(SPACES["digits"][:400])
    found = []
    for key in listed(Listing(bucket, SOURCE, threads=6)):
        found.append(key)
        if not slow and len(found) % PAGE == 0:
            time.sleep(0.02)

    assert sorted(found) == sorted(SPACES["digits"][:400])
    # This thread lists the first pages, and all of them where it is kept waiting by nobody.
    assert (len(bucket.threads) == 1) is fewer
    assert len(bucket.threads) > 3 or fewer


def test_listing__thread_that_fails__ends_the_listing() -> None:
    class Refusing(FakeBucket):
        def list_page(self, bucket: str, prefix: str, token: str | None, **more: object) -> ListedPage:
            if len(self.asked) > 60:
                raise AccessDenied("no more")
            return super().list_page(bucket, prefix, token, **more)  # type: ignore[arg-type]

    with pytest.raises(AccessDenied, match="no more"):
        list(listed(Listing(Refusing(SPACES["digits"]), SOURCE, threads=4)))


def test_listing__server_that_fails_now_and_then__brings_each_object_once() -> None:
    luck = random.Random(3)

    class Flaky(FakeBucket):
        def list_page(self, bucket: str, prefix: str, token: str | None, **more: object) -> ListedPage:
            if luck.random() < 0.05:
                raise SourceUnavailable("SlowDown")
            return super().list_page(bucket, prefix, token, **more)  # type: ignore[arg-type]

    listing = Listing(Flaky(SPACES["digits"]), SOURCE, threads=4, pause=lambda seconds: None)

    assert sorted(listed(listing)) == sorted(SPACES["digits"])


def test_listing__server_that_refuses_the_start__is_listed_page_by_page() -> None:
    class Plain(FakeBucket):
        def list_page(self, bucket: str, prefix: str, token: str | None, **more: object) -> ListedPage:
            if more.get("start_after"):
                raise PermanentError("NotImplemented")
            return super().list_page(bucket, prefix, token)

    assert sorted(listed(Listing(Plain(SPACES["digits"]), SOURCE, threads=4))) == sorted(SPACES["digits"])
    assert set(listed(Listing(Plain(SPACES["digits"]), SOURCE, ranges=[["5", None]]))) == set(SPACES["digits"])
