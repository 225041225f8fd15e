"""Sources, the pages of their listings, and the triage of listed objects."""

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
class FakeStore:
    """Records and jobs in memory. `lookups` has the number of ids in each request."""

    images: dict[str, StoredImage] = field(default_factory=dict)
    statuses: dict[str, str] = field(default_factory=dict)
    lookups: list[int] = field(default_factory=list)

    @property
    def records(self) -> FakeStore:
        return self

    @property
    def jobs(self) -> FakeStore:
        return self

    def find(self, ids: list[str]) -> dict[str, StoredImage]:
        self.lookups.append(len(ids))
        return {i: self.images[i] for i in ids if i in self.images}

    def find_statuses(self, image_ids: list[str]) -> dict[str, str]:
        self.lookups.append(len(image_ids))
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
def test_parse_source__text__is_a_bucket_and_prefix(text: str, source: Source) -> None:
    assert parse_source(text) == source


@pytest.mark.parametrize("text", ["", "s3://", "/", "s3:///a", "https://host/bucket", "../x"])
def test_parse_source__text_without_a_bucket__raises_config_error(text: str) -> None:
    with pytest.raises(ConfigError, match="Not a bucket: "):
        parse_source(text)


@pytest.mark.parametrize("name", ["my photos", "UPPER_case!", "b\n", "bücher", "-x", "x" * 256])
def test_parse_user_source__impossible_bucket_name__raises_config_error(name: str) -> None:
    with pytest.raises(ConfigError, match="Not a bucket name: "):
        parse_user_source(f"{name}/2024")


def test_parse_user_source__possible_bucket_name__is_accepted() -> None:
    access_point = "arn:aws:s3:eu-west-1:123456789012:accesspoint:photos"
    for text in ("my-bucket/2024/", "Old_Bucket.1", access_point):
        assert parse_user_source(text) == parse_source(text)


def test_remove_covered__overlapping_sources__keeps_only_the_wider_one() -> None:
    assert remove_covered([Source("b", "a/x"), Source("b", "a"), Source("c"), Source("b", "a")]) == [
        Source("b", "a"),
        Source("c"),
    ]


def test_remove_covered__bucket_whose_name_begins_like_another__is_kept() -> None:
    assert remove_covered([Source("photos"), Source("photos-2")]) == [Source("photos"), Source("photos-2")]


@pytest.mark.parametrize(
    ("image", "listed", "is_current"),
    [
        pytest.param(stored(), ref("k"), True, id="same"),
        pytest.param(stored(etag="e2"), ref("k"), False, id="another etag"),
        pytest.param(stored(size=11), ref("k"), False, id="another size"),
        pytest.param(stored(version=EXTRACTOR_VERSION - 1), ref("k"), True, id="older extractor"),
        pytest.param(stored(at=NOON - timedelta(days=1)), ref("k"), True, id="same etag, copied later"),
        pytest.param(stored(etag=""), ref("k", etag=""), True, id="no etags, same time"),
        pytest.param(
            stored(etag=""),
            ref("k", etag="", modified=NOON + timedelta(milliseconds=7)),
            True,
            id="part of a second",
        ),
        pytest.param(stored(etag=""), ref("k", etag="", modified=NOON + timedelta(seconds=1)), False, id="later"),
    ],
)
def test_triage_page__stored_image__is_current_only_if_it_is_unchanged(
    image: StoredImage, listed: ImageRef, is_current: bool
) -> None:
    page = triage_page([listed], FakeStore(images={"b/k": image}))

    assert (len(page.current), len(page.unread)) == (int(is_current), int(not is_current))


@pytest.mark.parametrize(("version_difference", "is_current"), [(-1, False), (0, True), (1, True)])
def test_triage_page__refresh__makes_images_of_an_older_extractor_unread(
    version_difference: int, is_current: bool
) -> None:
    image = stored(version=EXTRACTOR_VERSION + version_difference)
    page = triage_page([ref("k")], FakeStore(images={"b/k": image}), refresh=True)

    assert (len(page.current), len(page.unread)) == (int(is_current), int(not is_current))
    assert triage_page([ref("k")], FakeStore(images={"b/k": image})).older_extractor == (version_difference < 0)


def test_triage_page__folders_and_empty_objects__are_not_unread() -> None:
    page = triage_page([ref("a/", size=0), ref("full/", size=3), ref("empty.jpg", size=0)], FakeStore())

    assert [r.key for r in page.folders] == ["a/"]
    assert [r.key for r in page.empty] == ["empty.jpg"]
    assert [r.key for r in page.unread] == ["full/"]


def test_triage_page__archived_object__is_archived_unless_it_is_indexed() -> None:
    archived = [replace(ref(key), is_archived=True) for key in ("new", "indexed")]
    store = FakeStore(images={"b/indexed": stored()}, statuses={"b/new": "failed"})

    page = triage_page([*archived, ref("readable")], store)

    assert [r.key for r in page.archived] == ["new"]
    assert [r.key for r, _ in page.current] == ["indexed"]
    assert [r.key for r in page.unread] == ["readable"]
    assert page.listed == 3
    assert triage_page(archived[:1], FakeStore(), refresh=True).unread == archived[:1]


@pytest.mark.parametrize(
    ("status", "group"),
    [("failed", "failed"), ("timeout", "failed"), ("retry", "pending"), ("started", "pending"), ("cancel", "unread")],
)
def test_triage_page__image_with_a_job__is_grouped_by_the_status_of_the_job(status: str, group: str) -> None:
    page = triage_page([ref("k")], FakeStore(statuses={"b/k": status}))

    assert getattr(page, group) == [ref("k")]
    assert page.listed == 1


def test_triage_page__page_of_1000_objects__makes_two_lookups() -> None:
    store = FakeStore()
    triage_page([ref(str(i)) for i in range(1000)], store)

    assert store.lookups == [1000, 1000]


class FlakyClient:
    """A client whose listing has three pages with one key each. The first requests for the second page fail."""

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
    pages = list(list_pages(FlakyClient(3), Source("b"), pause=pauses.append))

    assert [page.refs[0].key for page in pages] == ["1", "2", "3"]
    assert len(pauses) == 3
    assert pauses == sorted(pauses)


def test_list_pages__page_that_always_fails__raises() -> None:
    with pytest.raises(SourceUnavailable):
        list(list_pages(FlakyClient(99), Source("b"), pause=lambda seconds: None))


def test_remove_covered__overlapping_sources_with_patterns__are_reduced_or_raise_config_error() -> None:
    jpegs, heics = make_patterns(["*.jpg"]), make_patterns(["*.heic"])
    bucket, bucket_jpegs, folder_heics = Source("b"), Source("b", "", jpegs), Source("b", "a/", heics)
    assert remove_covered([bucket_jpegs, bucket, folder_heics]) == [bucket]
    assert remove_covered([folder_heics, Source("b", "a/1/", heics), Source("b", "b/", jpegs)]) == [
        folder_heics,
        Source("b", "b/", jpegs),
    ]
    for sources in (
        [bucket_jpegs, folder_heics],
        [folder_heics, Source("b", "a/", jpegs)],
        [Source("b", "a/"), bucket_jpegs],
    ):
        with pytest.raises(ConfigError, match="different patterns"):
            remove_covered(sources)
