"""SourceListings applies the patterns of a batch's sources, and compiles them once."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any, Literal

import pytest

from exifinator.batches.source_listings import SourceListings
from exifinator.models import ImageRef, ListedPage
from exifinator.sources import patterns
from exifinator.sources.patterns import EVERYTHING, Patterns, make_patterns
from exifinator.sources.source import Source

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
KEYS = ["2024/", "2024/._a.jpg", "2024/a.heic", "2024/a.jpg", "2024/Thumbs.db", "drafts/b.jpg"]


class SameKeysClient:
    """A client of an S3 server whose buckets all contain the same keys."""

    def endpoint(self, bucket: str) -> str:
        return "https://s3.example.org"

    def can_list_ranges(self, bucket: str) -> bool:
        return False

    def list_page(
        self,
        bucket: str,
        prefix: str,
        token: str | None,
        *,
        start_after: str = "",
        max_keys: int = 1000,
        version: Literal[1, 2] = 2,
    ) -> ListedPage:
        return ListedPage([ImageRef(bucket, key, "e", 0 if key.endswith("/") else 5, NOON) for key in KEYS], None, NOON)


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count the automata that are built, and the keys that are matched."""
    counts: Counter[str] = Counter()

    class CountedGlobs(patterns.Globs):
        def __init__(self, texts: Any) -> None:
            counts["built"] += 1
            super().__init__(texts)

        def match(self, key: str) -> bool:
            counts["matched"] += 1
            return super().match(key)

    monkeypatch.setattr(patterns, "Globs", CountedGlobs)
    return counts


@pytest.mark.parametrize(
    ("source_patterns", "indexed"),
    [
        (EVERYTHING, ["2024/", "2024/a.heic", "2024/a.jpg", "drafts/b.jpg"]),
        (make_patterns(exclude=["drafts/"]), ["2024/", "2024/a.heic", "2024/a.jpg"]),
        (make_patterns(include=["*.jpg"]), ["2024/", "2024/a.jpg", "drafts/b.jpg"]),
        (make_patterns(include=["*.jpg"], exclude=["drafts/"]), ["2024/", "2024/a.jpg"]),
    ],
)
def test_pages__patterns_and_junk__are_compiled_once_for_all_sources_and_passes(
    counts: Counter[str], source_patterns: Patterns, indexed: list[str]
) -> None:
    sources = [Source(bucket, patterns=source_patterns) for bucket in ("a", "b", "c")]
    listings = SourceListings(sources, SameKeysClient())

    passes = [list(listings.first_pages(lambda _: None)), *(list(listings.all_pages(lambda _: None)) for _ in range(2))]

    assert [[ref.key for ref in page.listed.refs] for pages in passes for page in pages] == 9 * [indexed]
    assert all(len(page.excluded) == len(KEYS) - len(indexed) for pages in passes for page in pages)
    # One automaton for the include patterns, if there are any, and one for the exclude patterns and junk.
    automata = 2 if source_patterns.include else 1
    assert counts["built"] == automata
    assert counts["matched"] <= 9 * automata * (len(KEYS) - 1)


def test_pages__junk_included_and_no_patterns__matches_no_keys(counts: Counter[str]) -> None:
    listings = SourceListings([Source("a")], SameKeysClient(), includes_junk=True)

    assert [len(page.listed.refs) for page in listings.first_pages(lambda _: None)] == [len(KEYS)]
    assert not counts
