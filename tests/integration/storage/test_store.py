"""Store and find records, jobs and worker reports in a real MongoDB."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import gevent.pool
import pytest

from exifinator.errors import DeliveryLost, RecordRefused, StoreUnavailable
from exifinator.models import ExifRecord
from exifinator.storage.jobs import image_job_id
from exifinator.storage.mongodb import connect_mongodb
from exifinator.storage.store import Store
from exifinator.storage.workers import is_silent
from tests.integration.conftest import Installation

# Long enough ago that the deliveries of the tests, some seconds later, are not in the future.
NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1)


def record(key: str, thumbnail: bytes | None = None, **fields: Any) -> ExifRecord:
    return ExifRecord(
        {
            "_id": f"b/{key}", "bucket": "b", "key": key, "etag": "e", "size": 1, "last_modified": NOW,
            "status": "ok", "extractor_version": 1, "extracted_at": NOW, **fields,
        },
        thumbnail,
    )  # fmt: skip


def test_upsert__new_and_replaced_records__are_stored_completely(installation: Installation) -> None:
    store = installation.store
    assert store.records.upsert([record("1", b"jpeg", old=1), record("2")]) == [None, None]
    assert store.records.upsert([record("1", new=2), record("3")]) == [None, None]

    assert store.records.collection.count_documents({}) == 3
    doc = store.records.collection.find_one({"_id": "b/1"})
    assert doc is not None
    assert "old" not in doc
    assert doc["new"] == 2
    assert store.records.thumbnails.count_documents({}) == 0, "the thumbnail of the previous version has to be removed"


def test_upsert__record_with_a_thumbnail__stores_it_under_the_same_id(installation: Installation) -> None:
    installation.store.records.upsert([record("1", b"\xff\xd8jpeg")])

    assert installation.store.records.thumbnails.find_one() == {"_id": "b/1", "etag": "e", "data": b"\xff\xd8jpeg"}


def delivered(key: str, second: int, thumbnail: bytes | None = None) -> ExifRecord:
    """Return a record of a delivery at this second after NOW."""
    return record(key, thumbnail, made=second, delivered_at=NOW + timedelta(seconds=second))


def test_upsert__record_of_an_earlier_delivery__does_not_replace_a_later_one(installation: Installation) -> None:
    store = installation.store
    store.records.upsert([delivered("1", 2, b"new"), delivered("2", 2), delivered("3", 1)])

    outcome = store.records.upsert(
        [delivered("1", 1, b"old"), delivered("2", 1, b"old"), delivered("3", 2), delivered("4", 1)]
    )

    assert [type(o) for o in outcome] == [DeliveryLost, DeliveryLost, type(None), type(None)]
    made = {doc["key"]: doc["made"] for doc in store.records.collection.find()}
    assert made == {"1": 2, "2": 2, "3": 2, "4": 1}
    assert store.records.thumbnails.find_one({"_id": "b/1"}, {"_id": 0, "data": 1}) == {"data": b"new"}


def test_upsert__records_without_thumbnails__keep_the_thumbnail_of_a_later_delivery(installation: Installation) -> None:
    """The thumbnail of the later delivery may be stored before its record."""
    records = installation.store.records
    records.upsert([delivered("1", 1, b"old"), delivered("2", 1, b"old")])
    records.thumbnails.update_one(
        {"_id": "b/1"}, {"$set": {"data": b"new", "delivered_at": NOW + timedelta(seconds=3)}}
    )

    assert records.upsert([delivered("1", 2), delivered("2", 5)]) == [None, None]

    assert {item["_id"]: item["data"] for item in records.thumbnails.find()} == {"b/1": b"new"}


def test_upsert__earlier_delivery_without_a_thumbnail__keeps_the_thumbnail_of_the_later_one(
    installation: Installation,
) -> None:
    store = installation.store
    store.records.upsert([delivered("1", 2, b"new")])

    [outcome] = store.records.upsert([delivered("1", 1)])

    assert isinstance(outcome, DeliveryLost)
    assert store.records.thumbnails.count_documents({}) == 1


@pytest.mark.parametrize("stored_at", [5, 3600])
def test_upsert__record_from_the_future__is_replaced(installation: Installation, stored_at: int) -> None:
    store = installation.store
    store.records.upsert([delivered("1", stored_at, b"future"), delivered("2", 2)])

    outcome = store.records.upsert(
        [delivered("1", 1, b"now"), delivered("2", 1)], clock=lambda: NOW + timedelta(seconds=3)
    )

    assert [type(o) for o in outcome] == [type(None), DeliveryLost]
    assert {doc["key"]: doc["made"] for doc in store.records.collection.find()} == {"1": 1, "2": 2}


def test_upsert__record_of_an_earlier_version__is_replaced(installation: Installation) -> None:
    store = installation.store
    store.records.upsert([record("1", b"old")])

    assert store.records.upsert([delivered("1", 1, b"new")]) == [None]


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param({"huge": "x" * 17_000_000}, id="over 16 MB"),
        pytest.param({"integer": 2**70}, id="over 64 bits"),
        pytest.param({"type": object()}, id="not a BSON type"),
        pytest.param({"text": "\ud800"}, id="not UTF-8"),
    ],
)
def test_upsert__one_record_cannot_be_encoded__fails_alone(installation: Installation, bad: dict[str, Any]) -> None:
    outcome = installation.store.records.upsert([record("1"), record("2", **bad), record("3")])

    assert outcome[0] is None
    assert isinstance(outcome[1], RecordRefused)
    assert outcome[2] is None
    assert installation.store.records.collection.count_documents({}) == 2


def test_upsert__mongodb_refuses_one_record__fails_alone(installation: Installation) -> None:
    store = installation.store
    store.records.collection.database.create_collection(store.records.collection.name, validator={"key": {"$ne": "2"}})

    outcome = store.records.upsert([record("1"), record("2"), record("3")])

    assert [type(o) for o in outcome] == [type(None), RecordRefused, type(None)]


def test_upsert__same_new_record_from_many_greenlets__is_stored_once(installation: Installation) -> None:
    store = installation.store
    pool = gevent.pool.Pool(8)
    outcomes = pool.map(lambda i: store.records.upsert([record(str(k), n=i) for k in range(20)]), range(8))

    assert all(o is None for outcome in outcomes for o in outcome)
    assert store.records.collection.count_documents({}) == 20


def test_store__mongodb_is_down__raises_store_unavailable_with_one_line(install: Callable[..., Installation]) -> None:
    installation = install()
    unreachable = installation.config.model_copy(
        update={"mongodb_uri": type(installation.config.mongodb_uri)("mongodb://127.0.0.1:1")}
    )
    client = connect_mongodb(unreachable, serverSelectionTimeoutMS=300)
    store = Store(client, unreachable)
    with pytest.raises(StoreUnavailable) as caught:
        store.records.find(["a"])
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300
    [outcome] = store.records.upsert([record("1")])
    assert isinstance(outcome, StoreUnavailable)
    client.close()


def test_find__record_is_stored__returns_its_etag_and_time(installation: Installation) -> None:
    installation.store.records.upsert([record("1")])

    records = installation.store.records.find(["b/1", "b/2"])

    assert set(records) == {"b/1"}
    assert (records["b/1"].etag, records["b/1"].last_modified) == ("e", NOW)


@pytest.mark.parametrize(
    "ids",
    [
        pytest.param(["b/003", "b/absent", "b/004"], id="neighbours"),
        pytest.param(["b/000", "b/019"], id="many others between them"),
        pytest.param(["b/007", "b/002", "b/012"], id="unordered"),
        pytest.param(["b/\U0001f40e", "b/\uffee", "b/é"], id="ordered by code points"),
        pytest.param(["b/zzz"], id="unknown"),
        pytest.param([], id="none"),
    ],
)
def test_find__ids_in_any_order__returns_only_their_records(installation: Installation, ids: list[str]) -> None:
    keys = [*(f"{number:03}" for number in range(20)), "\U0001f40e", "\uffee", "é"]
    installation.store.records.upsert([record(key) for key in keys])

    assert set(installation.store.records.find(ids)) == set(ids) & {f"b/{key}" for key in keys}


def test_requeue__failed_and_running_jobs__changes_only_the_failed(installation: Installation) -> None:
    jobs = installation.store.jobs.collection
    for key, status in (("1", "failed"), ("2", "started"), ("3", "timeout")):
        jobs.insert_one({"_id": image_job_id(f"b/{key}"), "status": status, "params": {"bucket": "b", "key": key}})

    assert installation.store.jobs.requeue(["b/1", "b/2", "b/3"]) == 2
    assert installation.store.jobs.find_statuses(["b/1", "b/2", "b/3"]) == {
        "b/1": "queued",
        "b/2": "started",
        "b/3": "queued",
    }
    assert installation.store.jobs.count_pending() == 3
    requeued = jobs.find_one({"_id": image_job_id("b/1")})
    assert requeued is not None
    assert requeued["retry_count"] == 0
    assert requeued["datequeued"] == requeued["dateupdated"]


@pytest.mark.parametrize(("silent_seconds", "is_active"), [(0, True), (29, True), (31, False)])
def test_find_active__last_report_of_a_worker__is_active_for_30_s(
    installation: Installation, silent_seconds: int, is_active: bool
) -> None:
    reported_at = NOW - timedelta(seconds=silent_seconds)
    report = {
        "name": "camera-host.7", "status": "wait", "done_jobs": 0, "usage_avg": 0, "config": {"queues": []},
        "process": {"mem": {"total": 0}, "cpu": {"percent": 0}}, "datereported": reported_at,
    }  # fmt: skip
    workers = installation.store.workers
    workers.collection.insert_many([report, {**report, "_id": "stopped", "status": "stop", "datereported": NOW}])

    assert [worker["host"] for worker in workers.find_active(NOW)] == ["camera-host"] * is_active
    assert is_silent(reported_at, NOW) is not is_active
    assert len(workers.find_since(NOW - timedelta(minutes=10))) == 1


def test_ensure_indexes__new_collection__is_compressed_with_zstd(installation: Installation) -> None:
    store = installation.store
    store.ensure_indexes()
    store.ensure_indexes()
    stats = store.records.collection.database.command("collStats", store.records.collection.name)
    assert "block_compressor=zstd" in stats["wiredTiger"]["creationString"]


def test_ensure_indexes__existing_collection__is_kept(installation: Installation) -> None:
    store = installation.store
    store.records.upsert([record("1")])
    store.ensure_indexes()
    assert store.records.collection.count_documents({}) == 1


def test_upsert__new_and_known_records_mixed__stores_each_once(installation: Installation) -> None:
    store = installation.store
    store.records.upsert([record(str(n), b"old", old=1) for n in range(5)])
    # Mostly new records, then mostly existing ones, then mostly new ones again.
    for known, new in ((2, 10), (5, 2), (2, 10), (1, 10)):
        made = store.records.collection.count_documents({})
        keys = [*(str(n) for n in range(known)), *(f"{made}-{n}" for n in range(new))]
        assert store.records.upsert([record(key, made=made) for key in keys]) == [None] * (known + new)
        assert store.records.collection.count_documents({}) == made + new
        assert store.records.collection.count_documents({"made": made}) == known + new
    assert store.records.collection.count_documents({"old": 1}) == 0
    assert store.records.thumbnails.count_documents({}) == 0
