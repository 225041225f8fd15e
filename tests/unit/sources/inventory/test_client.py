"""InventoryClient lists objects from inventory reports."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from exifinator.errors import ConfigError, PermanentError, SourceUnavailable
from exifinator.models import ImageRef, RangeRead
from exifinator.sources.inventory import rows
from exifinator.sources.inventory.client import InventoryClient
from exifinator.sources.source import Source
from tests.data.inventory import COLUMNS, csv_file, manifest, parquet_file

CREATED = datetime(2024, 5, 1, 12, tzinfo=UTC)
# The modification time of all objects, as in a report and as a datetime.
TIME = "2024-04-30T20:00:07.000Z"
MODIFIED = datetime(2024, 4, 30, 20, 0, 7, tzinfo=UTC)

# Clients that _small_pages closes after a test.
OPENED: list[InventoryClient] = []


class Objects:
    """Reads objects in memory by their key, and records the keys."""

    def __init__(self, objects: dict[str, bytes]) -> None:
        self.objects = objects
        self.reads: list[str] = []

    def endpoint(self, bucket: str) -> str:
        return f"server of {bucket}"

    def read_range(self, ref: ImageRef, start: int, length: int, *, if_match: str = "") -> RangeRead:
        self.reads.append(ref.key)
        data = self.objects[ref.key]
        return RangeRead(start, data[start : start + length], len(data), "etag", MODIFIED)


def row(key: str, size: int = 10, etag: str = "e", storage_class: str = "STANDARD", **more: str) -> list[str]:
    return ["photos", key, str(size), TIME, etag, storage_class, *more.values()]


def open_report(files: dict[str, bytes], /, **options: Any) -> tuple[InventoryClient, Objects]:
    objects = Objects({**files, "2024/manifest.json": manifest("photos", files, CREATED, **options)})
    client = InventoryClient(objects, "s3://reports/2024/manifest.json")
    OPENED.append(client)
    return client, objects


def pages(client: InventoryClient, prefix: str = "", token: str | None = None) -> Iterator[list[str]]:
    while True:
        page = client.list_page("photos", prefix, token)
        yield [ref.key for ref in page.refs]
        token = page.next_token
        if token is None:
            return


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(rows, "ROWS_PER_BATCH", 2)
    yield
    while OPENED:
        OPENED.pop().close()


def test_list_page__csv_report__contains_the_objects():
    client, _ = open_report({"1.csv.gz": csv_file([row("a%2Bb+c/%C3%A9.jpg", 7, "abc")])})

    page = client.list_page("photos", "", None)

    assert page.refs == [ImageRef("photos", "a+b c/é.jpg", "abc", 7, MODIFIED)]
    assert page.served_at == CREATED
    assert client.endpoint("photos") == "server of photos"


def test_list_page__parquet_report__contains_the_latest_objects():
    from arro3.core import Array, DataType

    text = DataType.string()
    schema = (
        "message s3.inventory { required binary bucket (STRING); required binary key (STRING); optional int64 size; "
        "optional int64 last_modified_date (TIMESTAMP(MILLIS,true)); optional binary e_tag (STRING); "
        "optional boolean is_latest; optional binary intelligent_tiering_access_tier (STRING);}"
    )
    data = parquet_file(
        {
            "bucket": Array(["photos"] * 3, text),
            "key": Array(["a+b.jpg", "old.jpg", "cold.jpg"], text),
            "size": Array([7, 8, 9], DataType.int64()),
            "last_modified_date": Array([round(1000 * MODIFIED.timestamp())] * 3, DataType.int64()).cast(
                DataType.timestamp("ms", tz="UTC")
            ),
            "e_tag": Array(["abc", "def", "ghi"], text),
            "is_latest": Array([True, False, True], DataType.bool()),
            "intelligent_tiering_access_tier": Array([None, None, "ARCHIVE_ACCESS"], text),
        }
    )
    client, _ = open_report({"1.parquet": data}, file_format="Parquet", schema=schema)
    first, second = client.list_page("photos", "", None), client.list_page("photos", "", "0:1")
    # Keys in Parquet are not encoded.
    assert first.refs == [ImageRef("photos", "a+b.jpg", "abc", 7, MODIFIED)]
    assert second.refs == [ImageRef("photos", "cold.jpg", "ghi", 9, MODIFIED, is_archived=True)]


def test_list_page__several_files__are_fetched_once_each():
    files = {f"{n}.csv.gz": csv_file([row(f"{n}-{i}.jpg") for i in range(5)]) for n in range(3)}
    client, objects = open_report(files)

    assert [key for page in pages(client) for key in page] == [f"{n}-{i}.jpg" for n in range(3) for i in range(5)]
    assert objects.reads == ["2024/manifest.json", *files]


@pytest.mark.parametrize("token", ["1:1", "1:0"])
def test_list_page__token_from_another_client__continues_at_its_row(token):
    files = {f"{n}.csv.gz": csv_file([row(f"{n}-{i}.jpg") for i in range(4)]) for n in range(3)}
    client, objects = open_report(files)

    rest = [key for page in pages(client, token=token) for key in page]

    assert rest[0] == ("1-2.jpg" if token == "1:1" else "1-0.jpg")
    assert rest[-1] == "2-3.jpg"
    assert "0.csv.gz" not in objects.reads


def test_close__report_half_read__ends_the_thread_that_reads_ahead():
    client, _ = open_report({"1": csv_file([row(f"{i}.jpg") for i in range(9)])})
    client.list_page("photos", "", None)
    assert _readers()
    client.close()
    assert not _readers()


def _readers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("inventory")]


def test_list_page__old_versions_and_delete_markers__are_omitted():
    columns = (*COLUMNS, "IsLatest", "IsDeleteMarker")
    lines = [
        [*row("now.jpg"), "true", "false"],
        [*row("now.jpg", etag="old"), "false", "false"],
        [*row("gone.jpg"), "true", "true"],
        [*row("also.jpg"), "true", "false"],
    ]
    client, _ = open_report({"1": csv_file(lines)}, schema=", ".join(columns))
    assert list(pages(client)) == [["now.jpg"], ["also.jpg"], []]


@pytest.mark.parametrize(
    ("storage_class", "tier", "is_archived"),
    [
        ("STANDARD", "", False),
        ("GLACIER_IR", "", False),
        ("GLACIER", "", True),
        ("DEEP_ARCHIVE", "", True),
        ("INTELLIGENT_TIERING", "FREQUENT", False),
        ("INTELLIGENT_TIERING", "ARCHIVE_ACCESS", True),
        ("INTELLIGENT_TIERING", "DEEP_ARCHIVE_ACCESS", True),
    ],
)
def test_list_page__storage_class_and_tier__tell_whether_the_object_is_archived(storage_class, tier, is_archived):
    schema = ", ".join((*COLUMNS, "IntelligentTieringAccessTier"))
    client, _ = open_report({"1": csv_file([[*row("a.jpg", storage_class=storage_class), tier]])}, schema=schema)
    assert client.list_page("photos", "", None).refs[0].is_archived is is_archived


def test_list_page__prefix__omits_other_keys():
    client, _ = open_report({"1": csv_file([row("2019/a.jpg"), row("2020/b.jpg"), row("2019/c.jpg")])})
    assert list(pages(client, "2019/")) == [["2019/a.jpg"], ["2019/c.jpg"], []]


def test_list_page__report_without_files__is_empty():
    client, _ = open_report({})
    assert list(pages(client)) == [[]]


def test_list_page__start_after__is_refused():
    client, _ = open_report({"1": csv_file([row("a.jpg")])})
    with pytest.raises(PermanentError):
        client.list_page("photos", "", None, start_after="a")


def test_list_page__file_with_another_checksum__raises_source_unavailable():
    client, objects = open_report({"1": csv_file([row("a.jpg")])})
    objects.objects["1"] = csv_file([row("b.jpg")])
    with pytest.raises(SourceUnavailable, match="checksum of s3://reports/1 "):
        client.list_page("photos", "", None)


@pytest.mark.parametrize(
    "data",
    [
        b"no gzip",
        csv_file([row(f"{i}.jpg") for i in range(9)])[:-20],
        csv_file([["photos", "a.jpg"]]),
        csv_file([["photos", "a.jpg", "many", TIME, "e", "STANDARD"]]),
        csv_file([["photos", "a.jpg", "1", "yesterday", "e", "STANDARD"]]),
        gzip.compress(b"\xff\xfe\n", mtime=0),
    ],
    ids=["no gzip", "truncated", "too few columns", "invalid size", "invalid time", "no UTF-8"],
)
def test_list_page__damaged_file__raises_an_error_with_its_name(data):
    client, _ = open_report({"1.csv.gz": data})
    with pytest.raises(PermanentError, match=r"s3://reports/1\.csv\.gz cannot be read"):
        list(pages(client))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"file_format": "ORC"}, "format 'ORC'"),
        ({"schema": "Bucket, Key, Size, LastModifiedDate"}, "no column ETag"),
        ({"schema": "Bucket, Key, ETag, LastModifiedDate"}, "no column Size"),
        ({"creationTimestamp": "today"}, "not the manifest"),
        ({"sourceBucket": 7}, "not the manifest"),
        ({"sourceBucket": ""}, "names no bucket"),
    ],
)
def test_open__unsupported_or_invalid_manifest__is_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        open_report({}, **changes)


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"\xff", b'{"files": []}'])
def test_open__object_that_is_no_manifest__is_refused(data):
    with pytest.raises(ConfigError, match="s3://reports/data is not the manifest"):
        InventoryClient(Objects({"data": data}), "s3://reports/data")


def test_open__source_bucket_as_arn__is_the_bucket_name():
    client, _ = open_report({}, sourceBucket="arn:aws:s3:::photos")
    assert client.manifest.bucket == "photos"


def test_find_sources__sources__must_be_in_the_bucket_of_the_report():
    client, _ = open_report({})
    assert client.find_sources(()) == [Source("photos")]
    assert client.find_sources(("s3://photos/2019/", "photos/x")) == [Source("photos", "2019/"), Source("photos", "x")]
    with pytest.raises(ConfigError, match="of the bucket photos, not of others"):
        client.find_sources(("others",))


def test_close__downloaded_file__is_deleted():
    client, _ = open_report({"1": csv_file([row("a.jpg")])})
    client.list_page("photos", "", None)
    downloaded = client._file
    assert downloaded is not None
    assert not downloaded.closed
    client.close()
    assert downloaded.closed
