"""Records on a real MongoDB: bulk upserts in which each record ends with its own outcome."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import gevent.pool
import pytest

from exifinator.errors import RecordRefused, StoreUnavailable
from exifinator.records import ExifRecord
from exifinator.store import image_job_id
from tests.integration.conftest import Installation

NOW = datetime.now(UTC).replace(microsecond=0)


def record(key: str, thumbnail: bytes | None = None, **fields: Any) -> ExifRecord:
    return ExifRecord(
        {
            "_id": f"b/{key}", "bucket": "b", "key": key, "etag": "e", "size": 1, "last_modified": NOW,
            "status": "ok", "extractor_version": 1, "extracted_at": NOW, **fields,
        },
        thumbnail,
    )  # fmt: skip


def test_upsert_records__new_and_replaced__are_stored_whole(installation: Installation) -> None:
    store = installation.store
    assert store.upsert_records([record("1", b"jpeg", old=1), record("2")]) == [None, None]
    assert store.upsert_records([record("1", new=2), record("3")]) == [None, None]

    assert store.images.count_documents({}) == 3
    doc = store.images.find_one({"_id": "b/1"})
    assert doc is not None
    assert "old" not in doc
    assert doc["new"] == 2
    assert store.thumbnails.count_documents({}) == 0, "the thumbnail of the image before has to go"


def test_upsert_records__thumbnail__lies_under_the_same_id(installation: Installation) -> None:
    installation.store.upsert_records([record("1", b"\xff\xd8jpeg")])

    assert installation.store.thumbnails.find_one() == {"_id": "b/1", "etag": "e", "data": b"\xff\xd8jpeg"}


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param({"huge": "x" * 17_000_000}, id="over 16 MB"),
        pytest.param({"integer": 2**70}, id="over 64 bits"),
        pytest.param({"type": object()}, id="no BSON type"),
    ],
)
def test_upsert_records__one_bad_record__fails_alone(installation: Installation, bad: dict[str, Any]) -> None:
    outcome = installation.store.upsert_records([record("1"), record("2", **bad), record("3")])

    assert outcome[0] is None
    assert isinstance(outcome[1], RecordRefused)
    assert outcome[2] is None
    assert installation.store.images.count_documents({}) == 2


def test_upsert_records__refused_by_the_server__fails_alone(installation: Installation) -> None:
    store = installation.store
    store.images.database.create_collection(store.images.name, validator={"key": {"$ne": "2"}})

    outcome = store.upsert_records([record("1"), record("2"), record("3")])

    assert [type(o) for o in outcome] == [type(None), RecordRefused, type(None)]


def test_upsert_records__same_new_record_from_many_greenlets__is_stored_once(installation: Installation) -> None:
    store = installation.store
    pool = gevent.pool.Pool(8)
    outcomes = pool.map(lambda i: store.upsert_records([record(str(k), n=i) for k in range(20)]), range(8))

    assert all(o is None for outcome in outcomes for o in outcome)
    assert store.images.count_documents({}) == 20


def test_store__mongodb_gone__is_store_unavailable_in_one_line(install: Callable[..., Installation]) -> None:
    from exifinator.mongodb import connect_mongodb
    from exifinator.store import Store

    installation = install()
    away = installation.config.model_copy(
        update={"mongodb_uri": type(installation.config.mongodb_uri)("mongodb://127.0.0.1:1")}
    )
    client = connect_mongodb(away, serverSelectionTimeoutMS=300)
    store = Store(client, away)
    with pytest.raises(StoreUnavailable) as caught:
        store.find_images(["a"])
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300
    [outcome] = store.upsert_records([record("1")])
    assert isinstance(outcome, StoreUnavailable)
    client.close()


def test_find_images__stored__tells_what_a_listing_needs(installation: Installation) -> None:
    installation.store.upsert_records([record("1")])

    found = installation.store.find_images(["b/1", "b/2"])

    assert set(found) == {"b/1"}
    assert (found["b/1"].etag, found["b/1"].last_modified) == ("e", NOW)


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(["b/003", "b/absent", "b/004"], id="side by side"),
        pytest.param(["b/000", "b/019"], id="more between them than is asked for"),
        pytest.param(["b/007", "b/002", "b/012"], id="in no order"),
        pytest.param(["b/\U0001f40e", "b/\uffee", "b/é"], id="in MongoDB's order, which is that of code points"),
        pytest.param(["b/zzz"], id="unknown"),
        pytest.param([], id="none"),
    ],
)
def test_find_images__wherever_they_lie__are_those_asked_for(installation: Installation, asked: list[str]) -> None:
    keys = [*(f"{number:03}" for number in range(20)), "\U0001f40e", "\uffee", "é"]
    installation.store.upsert_records([record(key) for key in keys])

    assert set(installation.store.find_images(asked)) == set(asked) & {f"b/{key}" for key in keys}


def test_requeue_jobs__failed_and_others__touches_the_failed(installation: Installation) -> None:
    jobs = installation.store.jobs
    for key, status in (("1", "failed"), ("2", "started"), ("3", "timeout")):
        jobs.insert_one({"_id": image_job_id(f"b/{key}"), "status": status, "params": {"bucket": "b", "key": key}})

    assert installation.store.requeue_jobs(["b/1", "b/2", "b/3"]) == 2
    assert installation.store.find_job_statuses(["b/1", "b/2", "b/3"]) == {
        "b/1": "queued",
        "b/2": "started",
        "b/3": "queued",
    }
    assert installation.store.count_pending_jobs() == 3


def test_ensure_indexes__new_collection__is_compressed_with_zstd(installation: Installation) -> None:
    store = installation.store
    store.ensure_indexes()
    store.ensure_indexes()
    stats = store.images.database.command("collStats", store.images.name)
    assert "block_compressor=zstd" in stats["wiredTiger"]["creationString"]


def test_ensure_indexes__collection_that_is_there__stays(installation: Installation) -> None:
    store = installation.store
    store.upsert_records([record("1")])
    store.ensure_indexes()
    assert store.images.count_documents({}) == 1


def test_upsert_records__new_among_known__each_is_stored_once(installation: Installation) -> None:
    store = installation.store
    store.upsert_records([record(str(n), b"old", old=1) for n in range(5)])
    # Inserted, with some that are there; then replaced, with some that are not; then inserted again.
    for known, new in ((2, 10), (5, 2), (2, 10), (1, 10)):
        made = store.images.count_documents({})
        keys = [*(str(n) for n in range(known)), *(f"{made}-{n}" for n in range(new))]
        assert store.upsert_records([record(key, made=made) for key in keys]) == [None] * (known + new)
        assert store.images.count_documents({}) == made + new
        assert store.images.count_documents({"made": made}) == known + new
    assert store.images.count_documents({"old": 1}) == 0
    assert store.thumbnails.count_documents({}) == 0
