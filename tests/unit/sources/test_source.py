"""The next step for each object of a listing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from exifinator import EXTRACTOR_VERSION
from exifinator.batches.triage import triage_page
from exifinator.errors import ConfigError, SourceUnavailable
from exifinator.models import ImageRef, ListedPage
from exifinator.sources.listing import list_pages
from exifinator.sources.patterns import make_patterns
from exifinator.sources.source import Source, parse_source, parse_user_source, remove_covered
from exifinator.storage.records import StoredImage

NOON = datetime(2024, 5, 17, 12, tzinfo=UTC)


def ref(key: str, *, etag: str = "e1", size: int = 10, modified: datetime = NOON) -> ImageRef:
    return ImageRef("b", key, etag, size, modified)


@dataclass
class Known:
    """Records and jobs in memory."""

    images: dict[str, StoredImage] = field(default_factory=dict)
    statuses: dict[str, str] = field(default_factory=dict)
    asked: list[int] = field(default_factory=list)

    @property
    def records(self) -> Known:
        return self

    @property
    def jobs(self) -> Known:
        return self

    def find(self, ids: list[str]) -> dict[str, StoredImage]:
        self.asked.append(len(ids))
        return {i: self.images[i] for i in ids if i in self.images}

    def find_statuses(self, image_ids: list[str]) -> dict[str, str]:
        self.asked.append(len(image_ids))
        return {i: self.statuses[i] for i in image_ids if i in self.statuses}


def stored(*, etag: str = "e1", size: int = 10, version: int = EXTRACTOR_VERSION, at: datetime = NOON) -> StoredImage:
    return StoredImage("ok", etag, size, at, version, NOON)


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("bucket", Source("bucket")),
        ("bucket/", Source("bucket")),
        ("bucket/a/b", Source("bucket", "a/b")),
        ("s3://bucket/a/", Source("bucket", "a/")),
        ("s3://bucket//a", Source("bucket", "/a")),
    ],
)
def test_parse_source__bucket_and_prefix__are_distinguished(text: str, source: Source) -> None:
    assert parse_source(text) == source


@pytest.mark.parametrize("text", ["", "s3://", "/", "s3:///a", "https://host/bucket", "../x"])
def test_parse_source__no_bucket__is_a_config_error(text: str) -> None:
    with pytest.raises(ConfigError, match="Not a bucket: "):
        parse_source(text)


@pytest.mark.parametrize("name", ["my photos", "UPPER_case!", "b\n", "bücher", "-x", "x" * 256])
def test_parse_user_source__name_that_no_bucket_has__is_a_config_error(name: str) -> None:
    with pytest.raises(ConfigError, match="Not a bucket name: "):
        parse_user_source(f"{name}/2024")


def test_parse_user_source__names_that_buckets_have__are_taken() -> None:
    access_point = "arn:aws:s3:eu-west-1:123456789012:accesspoint:photos"
    for text in ("my-bucket/2024/", "Old_Bucket.1", access_point):
        assert parse_user_source(text) == parse_source(text)


def test_remove_covered__overlapping_sources__keeps_the_wider() -> None:
    assert remove_covered([Source("b", "a/x"), Source("b", "a"), Source("c"), Source("b", "a")]) == [
        Source("b", "a"),
        Source("c"),
    ]


def test_remove_covered__bucket_whose_name_starts_with_another__is_kept() -> None:
    assert remove_covered([Source("photos"), Source("photos-2")]) == [Source("photos"), Source("photos-2")]


@pytest.mark.parametrize(
    ("image", "listed", "current"),
    [
        pytest.param(stored(), ref("k"), True, id="same"),
        pytest.param(stored(etag="e2"), ref("k"), False, id="another etag"),
        pytest.param(stored(size=11), ref("k"), False, id="another size"),
        pytest.param(stored(version=EXTRACTOR_VERSION - 1), ref("k"), True, id="older extractor"),
        pytest.param(stored(at=NOON - timedelta(days=1)), ref("k"), True, id="same etag, copied later"),
        pytest.param(stored(etag=""), ref("k", etag=""), True, id="no etags, same time"),
        pytest.param(
            stored(etag=""), ref("k", etag="", modified=NOON + timedelta(milliseconds=7)), True, id="part of a second"
        ),
        pytest.param(stored(etag=""), ref("k", etag="", modified=NOON + timedelta(seconds=1)), False, id="later"),
    ],
)
def test_sort_page__stored_image__is_current_or_unread(image: StoredImage, listed: ImageRef, current: bool) -> None:
    page = triage_page([listed], Known(images={"b/k": image}))

    assert (len(page.current), len(page.unread)) == (int(current), int(not current))


@pytest.mark.parametrize(("version", "current"), [(-1, False), (0, True), (1, True)])
def test_sort_page__refresh__has_what_an_older_extractor_read_read_again(version: int, current: bool) -> None:
    image = stored(version=EXTRACTOR_VERSION + version)
    page = triage_page([ref("k")], Known(images={"b/k": image}), refresh=True)

    assert (len(page.current), len(page.unread)) == (int(current), int(not current))
    assert triage_page([ref("k")], Known(images={"b/k": image})).older_extractor == (version < 0)


def test_sort_page__folders_and_empty_objects__are_set_aside() -> None:
    page = triage_page([ref("a/", size=0), ref("full/", size=3), ref("empty.jpg", size=0)], Known())

    assert [r.key for r in page.folders] == ["a/"]
    assert [r.key for r in page.empty] == ["empty.jpg"]
    assert [r.key for r in page.unread] == ["full/"]


def test_sort_page__archived_objects__are_set_aside_unless_they_are_indexed() -> None:
    archived = [replace(ref(key), is_archived=True) for key in ("new", "indexed")]
    known = Known(images={"b/indexed": stored()}, statuses={"b/new": "failed"})

    page = triage_page([*archived, ref("readable")], known)

    assert [r.key for r in page.archived] == ["new"]
    assert [r.key for r, _ in page.current] == ["indexed"]
    assert [r.key for r in page.unread] == ["readable"]
    assert page.listed == 3
    assert triage_page(archived[:1], Known(), refresh=True).unread == archived[:1]


@pytest.mark.parametrize(
    ("status", "place"),
    [("failed", "failed"), ("timeout", "failed"), ("retry", "pending"), ("started", "pending"), ("cancel", "unread")],
)
def test_sort_page__image_with_a_job__goes_where_its_status_says(status: str, place: str) -> None:
    page = triage_page([ref("k")], Known(statuses={"b/k": status}))

    assert getattr(page, place) == [ref("k")]
    assert page.listed == 1


def test_sort_page__page__asks_twice() -> None:
    known = Known()
    triage_page([ref(str(i)) for i in range(1000)], known)

    assert known.asked == [1000, 1000]


class Pages:
    def __init__(self, failures: int) -> None:
        self.failures = failures

    def endpoint(self, bucket: str) -> str:
        return "here"

    def can_list_ranges(self, bucket: str) -> bool:
        return True

    def list_page(
        self, bucket: str, prefix: str, token: str | None, *, start_after: str = "", max_keys: int = 1000
    ) -> ListedPage:
        if token == "2" and self.failures:
            self.failures -= 1
            raise SourceUnavailable("SlowDown")
        return ListedPage([ref(token or "1")], None if token == "3" else str(int(token or "1") + 1), NOON)


def test_list_pages__page_with_transient_errors__is_retried() -> None:
    pauses: list[float] = []
    pages = list(list_pages(Pages(3), Source("b"), pause=pauses.append))

    assert [page.refs[0].key for page in pages] == ["1", "2", "3"]
    assert len(pauses) == 3
    assert pauses == sorted(pauses)


def test_list_pages__page_that_keeps_failing__ends_the_listing() -> None:
    with pytest.raises(SourceUnavailable):
        list(list_pages(Pages(99), Source("b"), pause=lambda seconds: None))


def test_remove_covered__overlapping_sources_with_patterns__are_kept_only_if_each_object_is_listed_once() -> None:
    jpegs, heics = make_patterns(["*.jpg"]), make_patterns(["*.heic"])
    whole, some, part = Source("b"), Source("b", "", jpegs), Source("b", "a/", heics)
    assert remove_covered([some, whole, part]) == [whole]
    assert remove_covered([part, Source("b", "a/1/", heics), Source("b", "b/", jpegs)]) == [
        part,
        Source("b", "b/", jpegs),
    ]
    for sources in ([some, part], [part, Source("b", "a/", jpegs)], [Source("b", "a/"), some]):
        with pytest.raises(ConfigError, match="different patterns"):
            remove_covered(sources)
