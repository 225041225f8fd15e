"""Pruning removes the records and failed jobs of objects that were deleted from the bucket, and no others."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from exifinator.batches.prune import Kind, Orphans, find_missing, find_orphans, remove_orphans
from exifinator.batches.sorted_listing import sort_ids
from exifinator.errors import BucketGone, ConfigError, IncompleteListing, SourceUnavailable, StoreUnavailable
from exifinator.metadata.parse import empty_record
from exifinator.models import ExifRecord, ImageRef
from exifinator.sources.s3.client import S3Client
from exifinator.sources.source import parse_source
from exifinator.storage.jobs import image_job_id
from tests.integration.conftest import Bucket, Installation
from tests.keys import KEYS
from tests.s3_proxy import Answer, run_proxy, s3_error
from tests.stub_s3 import Reply, Request, StubS3, run_stub

LONG_AGO = datetime.now(UTC) - timedelta(days=1)
# Keys whose order by bytes differs from that by UTF-16 code units and from that in dictionaries.
ODD = [
    *KEYS, "a", "A", "a/", "a-b", "a b", "Z", "z", "é", "e\u0301", "\ue000", "\uffee", "😀", "\U0010fffd", "\x01", "~",
]  # fmt: skip


def store_records(installation: Installation, bucket: str, *keys: str, at: datetime = LONG_AGO) -> None:
    """Store a record and a thumbnail for each image."""
    records = [empty_record(ImageRef(bucket, key, "e", 0, LONG_AGO)) for key in keys]
    for record in records:
        record.document["extracted_at"] = at
    assert installation.store.records.upsert([ExifRecord(r.document, b"jpeg") for r in records]) == [None] * len(keys)


def save_finished_batch(installation: Installation, bucket: str, endpoint: str | None = None) -> None:
    endpoints = [{"bucket": bucket, "endpoint": endpoint or installation.s3.endpoint(bucket)}]
    installation.store.batches.save({"_id": f"run-{bucket}", "state": "done", "endpoints": endpoints})


@contextmanager
def find(installation: Installation, *sources: str) -> Iterator[Orphans]:
    with find_orphans(
        [parse_source(source) for source in sources],
        installation.s3,
        installation.store,
        installation.queue,
        on_progress=lambda listed: None,
    ) as orphans:
        yield orphans


def prune(installation: Installation, *sources: str) -> tuple[int, int]:
    with find(installation, *sources) as orphans:
        return remove_orphans(orphans, installation.store)


def recorded_keys(installation: Installation) -> set[str]:
    keys = {doc["key"] for doc in installation.store.records.collection.find()}
    assert {doc["_id"].partition("/")[2] for doc in installation.store.records.thumbnails.find()} == keys
    return keys


def test_prune__odd_keys__removes_records_of_deleted_objects(installation: Installation, bucket: Bucket) -> None:
    listed, gone = ODD[::2], ODD[1::2]
    for key in listed:
        bucket.put(key, b"x")
    store_records(installation, bucket.name, *ODD)
    store_records(installation, f"{bucket.name}-2", "other bucket")
    save_finished_batch(installation, bucket.name)

    with find(installation, bucket.name) as orphans:
        assert (orphans.listed, orphans.records, orphans.jobs) == (len(listed), len(gone), 0)
        assert remove_orphans(orphans, installation.store) == (len(gone), 0)
    assert recorded_keys(installation) == {*listed, "other bucket"}
    assert prune(installation, bucket.name) == (0, 0)


def test_prune__source_with_a_prefix__keeps_records_outside_of_it(installation: Installation, bucket: Bucket) -> None:
    bucket.put("a/1", b"x")
    store_records(installation, bucket.name, "a/1", "a/2", "a", "ab", "b/3")
    save_finished_batch(installation, bucket.name)

    assert prune(installation, f"{bucket.name}/a/") == (1, 0)
    assert recorded_keys(installation) == {"a/1", "a", "ab", "b/3"}


def test_prune__record_stored_since_the_listing_began__is_kept(installation: Installation, bucket: Bucket) -> None:
    bucket.put("here", b"x")
    store_records(installation, bucket.name, "here", "gone", "came back")
    store_records(installation, bucket.name, "came", at=datetime.now(UTC) + timedelta(days=1))
    save_finished_batch(installation, bucket.name)
    with find(installation, bucket.name) as orphans:
        store_records(installation, bucket.name, "came back", at=datetime.now(UTC))
        assert remove_orphans(orphans, installation.store) == (1, 0)
    assert recorded_keys(installation) == {"here", "came", "came back"}


def test_prune__failed_jobs_of_deleted_objects__are_removed(installation: Installation, bucket: Bucket) -> None:
    bucket.put("here", b"x")
    store_records(installation, bucket.name, "here")
    save_finished_batch(installation, bucket.name)
    for key, status in (("here", "failed"), ("gone", "failed"), ("ended", "success")):
        params = {"bucket": bucket.name, "key": key}
        job_id = image_job_id(f"{bucket.name}/{key}")
        job = {"_id": job_id, "params": params, "status": status, "dateupdated": LONG_AGO}
        installation.store.jobs.collection.insert_one(job)

    assert prune(installation, bucket.name) == (0, 1)
    assert {job["params"]["key"] for job in installation.store.jobs.collection.find()} == {"here", "ended"}


def test_prune__empty_listing__is_refused(installation: Installation, bucket: Bucket) -> None:
    store_records(installation, bucket.name, "a")
    save_finished_batch(installation, bucket.name)

    with pytest.raises(ConfigError, match="is empty"):
        prune(installation, bucket.name)


def test_prune__listing_has_no_object_with_a_record__is_refused(installation: Installation, bucket: Bucket) -> None:
    bucket.put("b", b"x")
    store_records(installation, bucket.name, "a")
    save_finished_batch(installation, bucket.name)

    with pytest.raises(ConfigError, match="may be another bucket"):
        prune(installation, bucket.name)


def test_prune__source_without_records_and_objects__does_not_prevent_pruning_another(
    installation: Installation, bucket: Bucket
) -> None:
    bucket.put("a/1", b"x")
    bucket.put("c/1", b"x")
    store_records(installation, bucket.name, "a/1", "a/2")
    save_finished_batch(installation, bucket.name)

    assert prune(installation, *(f"{bucket.name}/{folder}/" for folder in "abc")) == (1, 0)


def test_prune__another_or_unknown_endpoint__is_refused(installation: Installation, bucket: Bucket) -> None:
    bucket.put("a", b"x")
    store_records(installation, bucket.name, "a", "gone")
    with pytest.raises(ConfigError, match="No run over "):
        prune(installation, bucket.name)
    save_finished_batch(installation, bucket.name, "https://minio.example.org")

    with pytest.raises(ConfigError, match=r"were read from https://minio\.example\.org"):
        prune(installation, bucket.name)


def test_prune__images_are_in_progress__is_refused(installation: Installation, bucket: Bucket) -> None:
    save_finished_batch(installation, bucket.name)
    installation.queue.enqueue([ImageRef(bucket.name, "a", "e", 1, LONG_AGO)])

    with pytest.raises(ConfigError, match="Images are being indexed"):
        prune(installation, bucket.name)


def list_by_folder(method: str, target: str, headers: dict[str, str], answer: Answer) -> Answer:
    """Reverse the order of the keys on a page of a listing."""
    contents = re.findall(rb"<Contents>.*?</Contents>", answer.body, re.DOTALL)
    if len(contents) < 2:
        return answer
    first, last = answer.body.index(contents[0]), answer.body.rindex(contents[-1]) + len(contents[-1])
    body = answer.body[:first] + b"".join(reversed(contents)) + answer.body[last:]
    return Answer(answer.status, {k: v for k, v in answer.headers.items() if k.lower() != "content-length"}, body)


@pytest.mark.parametrize("ids_per_file", [2, 1000])
def test_prune__server_lists_keys_out_of_order__removes_only_missing_records(
    install: Callable[..., Installation],
    bucket: Bucket,
    moto_url: str,
    ids_per_file: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys = ["2024-trip/c.jpg", "2024/a.jpg", "2024/b.jpg", "two\u00e4.jpg", "z"]
    for key in keys:
        bucket.put(key, b"x")
    monkeypatch.setattr("exifinator.batches.prune.sort_ids", functools.partial(sort_ids, ids_per_file=ids_per_file))
    with run_proxy(moto_url) as proxy:
        proxy.answer = list_by_folder
        installation = install(S3_ENDPOINT_URL=proxy.url)
        store_records(installation, bucket.name, *keys, "2024/gone.jpg", "zz")
        save_finished_batch(installation, bucket.name)

        assert prune(installation, bucket.name) == (2, 0)

    assert recorded_keys(installation) == set(keys)


@pytest.mark.parametrize("fault", ["denied", "never indexed", "empty"])
def test_prune__one_source_fails__prunes_the_others(
    installation: Installation, bucket: Bucket, moto_url: str, fault: str
) -> None:
    other = Bucket(moto_url)
    bucket.put("a", b"x")
    store_records(installation, bucket.name, "a", "gone")
    store_records(installation, other.name, "b")
    save_finished_batch(installation, bucket.name)
    if fault != "never indexed":
        save_finished_batch(installation, other.name)
    if fault == "denied":
        other.client.delete_bucket(Bucket=other.name)

    with find(installation, other.name, bucket.name) as orphans:
        assert [type(failure) for failure in orphans.failures] == [BucketGone if fault == "denied" else ConfigError]
        assert remove_orphans(orphans, installation.store) == (1, 0)

    assert recorded_keys(installation) == {"a", "b"}


@pytest.mark.parametrize("how", ["fails", "unordered"])
def test_prune__listing_fails__removes_nothing(
    install: Callable[..., Installation],
    bucket: Bucket,
    moto_url: str,
    how: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys = [f"{i:04}" for i in range(6)]
    for key in keys:
        bucket.put(key, b"x")

    def answer(method: str, target: str, headers: dict[str, str], answer: Answer) -> Answer:
        if how == "fails":
            return s3_error(503, "SlowDown") if "continuation" in target else answer
        return Answer(answer.status, answer.headers, answer.body.replace(b"<Key>0004<", b"<Key>0001<"))

    monkeypatch.setattr("exifinator.sources.page_fetcher.ATTEMPTS_PER_PAGE", 1)
    with run_proxy(moto_url) as proxy:
        proxy.request = lambda target: target + "&max-keys=3" if "list-type" in target else target
        proxy.answer = answer
        installation = install(S3_ENDPOINT_URL=proxy.url)
        store_records(installation, bucket.name, *keys, "gone")
        save_finished_batch(installation, bucket.name)
        with pytest.raises(SourceUnavailable):
            prune(installation, bucket.name)


@pytest.mark.parametrize(
    ("known", "listed", "missing"),
    [
        ("", "abc", ""),
        ("abc", "", "abc"),
        ("abc", "abc", ""),
        ("ace", "bd", "ace"),
        ("aabbc", "b", "aac"),
        ("z", "abc", "z"),
    ],
)
def test_find_missing__two_sorted_iterators__yields_the_ids_that_are_not_listed(
    known: str, listed: str, missing: str
) -> None:
    kinds: Iterator[tuple[str, Kind]] = ((character, "record") for character in known)
    rest: Any = iter(listed)

    image_ids = [image_id for image_id, _, is_missing in find_missing(kinds, rest) if is_missing]

    assert "".join(image_ids) == missing
    assert next(rest, None) is None


def test_prune__truncated_listing_without_a_token__removes_nothing(install: Callable[..., Installation]) -> None:
    def no_token(stub: StubS3, request: Request) -> Reply:
        keys, more = stub.keys_after(request, request.query.get("start-after", ""))
        return stub.page(request, keys, f"<IsTruncated>{str(more).lower()}</IsTruncated>")

    keys = [f"{i}.jpg" for i in range(9)]
    with run_stub(StubS3({"b": dict.fromkeys(keys, b"x")}, on_list={"b": no_token}, page_size=4)) as stub:
        installation = install(S3_ENDPOINT_URL=stub.url)
        store_records(installation, "b", *keys, "gone.jpg")
        save_finished_batch(installation, "b")

        with pytest.raises(IncompleteListing, match="does not say where it continues"):
            prune(installation, "b")
        assert recorded_keys(installation) == {*keys, "gone.jpg"}

        # Without --verify, a run accepts an incomplete listing, and indexes what it has listed.
        other = install(S3_ENDPOINT_URL=stub.url)
        with pytest.raises(IncompleteListing):
            other.queue_batch("b", verify=True)
        assert other.queue_batch("b").counts.listed == len(keys)


def test_prune__environment_names_another_server__removes_nothing(
    install: Callable[..., Installation], monkeypatch: pytest.MonkeyPatch
) -> None:
    with run_stub(StubS3({"b": {"a.jpg": b"x"}})) as old, run_stub(StubS3({"b": {"a.jpg": b"x"}})) as new:
        installation = install(S3_ENDPOINT_URL=None)
        monkeypatch.setenv("AWS_ENDPOINT_URL", old.url)
        store_records(installation, "b", "a.jpg", "only on the old server.jpg")
        save_finished_batch(installation, "b")
        monkeypatch.setenv("AWS_ENDPOINT_URL", new.url)
        installation.s3 = S3Client(installation.config)

        with pytest.raises(ConfigError, match=rf"were read from {old.url}, but it is now at {new.url}"):
            prune(installation, "b")
        assert len(recorded_keys(installation)) == 2


def test_batch__archived_objects__are_counted_without_a_request(install: Callable[..., Installation]) -> None:
    def archive(stub: StubS3, request: Request) -> Reply:
        body = stub.list_objects(request).body
        return Reply(200, body.replace(b"<Key>cold", b"<StorageClass>GLACIER</StorageClass><Key>cold"))

    objects = {"cold-1.jpg": b"x", "cold-2.jpg": b"x", "hot.jpg": b"x"}
    with run_stub(StubS3({"b": objects}, on_list={"b": archive})) as stub:
        installation = install(S3_ENDPOINT_URL=stub.url)
        batch = installation.queue_batch("b")
        counts = installation.finish_here(batch)

        assert (counts.listed, counts.archived, counts.unsupported, counts.failed) == (3, 2, 1, 0)
        assert {request.key for request in stub.seen} == {"", "hot.jpg"}
        assert batch.stored.id


@pytest.mark.parametrize("failing", ["first", "second"])
def test_find_orphans__mongodb_fails__raises_instead_of_blaming_a_source(
    installation: Installation, moto_url: str, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    buckets = sorted((Bucket(moto_url) for _ in range(2)), key=lambda bucket: bucket.name)
    for bucket in buckets:
        bucket.put("a.jpg", b"x")
        store_records(installation, bucket.name, "a.jpg", "b.jpg")
        save_finished_batch(installation, bucket.name)
    fails_for = buckets[0 if failing == "first" else 1].name
    scan_ids = installation.store.records.scan_ids

    def scan(id_prefix: str) -> Iterator[str]:
        if id_prefix.startswith(fails_for):
            raise StoreUnavailable("MongoDB cannot look up records")
        yield from scan_ids(id_prefix)

    monkeypatch.setattr(installation.store.records, "scan_ids", scan)

    with pytest.raises(StoreUnavailable), find(installation, *(bucket.name for bucket in buckets)):
        pass
