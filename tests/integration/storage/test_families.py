"""Merge sidecars into photos and group files into stacks, whatever the order and interruptions of the writes."""

from __future__ import annotations

import copy
import random
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId

from exifinator.models import ExifRecord
from exifinator.storage.families import FamilyStore
from exifinator.storage.mongodb import server_process
from exifinator.storage.records import RecordStore
from exifinator.storage.store import Store
from tests.integration.conftest import Installation
from tests.unit.families.records import Record, photo, resolve_all, takeout, xmp

NOON = datetime(2024, 5, 1, 12)
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
RAW, SIDECAR = "b/f/IMG_1.CR2", "b/f/IMG_1.xmp"
# Fields that every record has, and that merging does not change.
BASE = ("bucket", "etag", "size", "last_modified", "extracted_at", "extractor_version", "delivered_at")


class Killed(BaseException):
    """Stands for the death of the process."""


def as_delivered(record: Record, second: int = 0) -> ExifRecord:
    """Return a record as a worker stores it, for a delivery at this second after BEGAN."""
    at = BEGAN + timedelta(seconds=second)
    base = {"bucket": "b", "etag": f"e{second}", "size": 1, "last_modified": BEGAN, "extractor_version": 3,
            "extracted_at": at, "delivered_at": at}  # fmt: skip
    return ExifRecord({**copy.deepcopy(record), **base})


def library() -> list[Record]:
    """Return the records of eight families of five files, and of four photos without a family."""
    records: list[Record] = []
    for number in range(8):
        name, long = f"b/f/IMG_{number}", f"b/f/{'long' * 12}{number}"
        records += [
            photo(f"{name}.CR2", NOON, rating=1, title="Own"), photo(f"{name}.JPG", NOON),
            xmp(f"{name}.xmp", rating=5, keywords=["sea"]),
            photo(f"{long}.jpg"), takeout(f"{name}.JPG.json", "IMG", description="Hi"),
        ]  # fmt: skip
    # The name of this sidecar was cut to fifty characters. Its title says which of the eight long names it belongs to.
    records.append(takeout(f"b/f/{'long' * 12}"[:50] + ".json", f"{'long' * 12}3.jpg", description="Cut"))
    return [*records, *(photo(f"b/alone/{number}.jpg") for number in range(4))]


def stored_records(store: Store) -> dict[str, Record]:
    """Return all records by id, without the fields BASE."""
    records = store.records.families._collection.find({})
    return {record["_id"]: {name: value for name, value in record.items() if name not in BASE} for record in records}


def test_upsert__photo_and_sidecar_in_either_order__are_merged(installation: Installation) -> None:
    store = installation.store
    for order in ([photo(RAW, rating=1), xmp(SIDECAR, rating=5)], [xmp(SIDECAR, rating=5), photo(RAW, rating=1)]):
        store.records.collection.delete_many({})
        for record in order:
            assert store.records.upsert([as_delivered(record)]) == [None]
        record = stored_records(store)[RAW]
        assert (record["photo"]["rating"], record["own"]["photo"]["rating"]) == (5, 1)
        assert stored_records(store)[SIDECAR]["sidecar"]["of"] == [RAW]


def test_upsert__changed_photo__keeps_the_values_of_its_sidecar(installation: Installation) -> None:
    store = installation.store
    store.records.upsert([as_delivered(photo(RAW, rating=1)), as_delivered(xmp(SIDECAR, rating=5))])
    store.records.upsert([as_delivered(photo(RAW, rating=2, title="New"), second=1)])
    record = stored_records(store)[RAW]
    assert (record["photo"]["rating"], record["photo"]["title"]) == (5, "New")
    store.records.upsert([as_delivered(xmp(SIDECAR, label="Red"), second=2)])
    record = stored_records(store)[RAW]
    assert (record["photo"]["rating"], record["photo"]["label"]) == (2, "Red")


def test_remove__sidecar_or_photo__updates_the_rest_of_its_family(installation: Installation) -> None:
    store = installation.store
    records = [photo(RAW, rating=1), xmp(SIDECAR, rating=5)]
    store.records.upsert([as_delivered(record) for record in records])
    assert store.records.remove([SIDECAR], before=BEGAN + timedelta(days=1)) == 1
    assert stored_records(store) == {RAW: records[0]}
    store.records.upsert([as_delivered(records[1])])
    assert store.records.remove([RAW], before=BEGAN + timedelta(days=1)) == 1
    assert stored_records(store) == {SIDECAR: records[1]}


def test_remove__killed_before_it_removes_the_records__is_completed_by_the_next_call(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = installation.store
    records = [photo(RAW, rating=1), xmp(SIDECAR, rating=5)]
    store.records.upsert([as_delivered(record) for record in records])
    with monkeypatch.context() as patch:
        patch.setattr(RecordStore, "thumbnails", property(lambda _: _kill()), raising=False)
        with pytest.raises(Killed):
            store.records.remove([SIDECAR], before=BEGAN + timedelta(days=1))
    assert store.records.remove([SIDECAR], before=BEGAN + timedelta(days=1)) == 1
    assert stored_records(store) == {RAW: records[0]}


def _kill() -> Any:
    raise Killed


@pytest.mark.parametrize("since", [BEGAN, BEGAN + timedelta(seconds=1)], ids=["all", "the last"])
def test_repair__mongodb_lost_the_last_writes__merges_families_stored_since(
    installation: Installation, since: datetime
) -> None:
    """The RAW file was stored at second 0, its JPEG and sidecar at second 1. Then MongoDB lost the merges."""
    store = installation.store
    records = [photo(RAW, NOON, rating=1), photo("b/f/IMG_1.JPG", NOON), xmp(SIDECAR, rating=5)]
    store.records.upsert([as_delivered(record, second) for second, record in enumerate(records[:2])])
    without_sidecar = stored_records(store)
    store.records.upsert([as_delivered(records[2], second=1)])
    settled = stored_records(store)
    for lost in (without_sidecar, {record["_id"]: record for record in records}):
        for image_id, record in lost.items():
            kept = store.records.collection.find_one({"_id": image_id}, BASE)
            store.records.collection.replace_one({"_id": image_id}, {**record, **(kept or {})})
        store.records.families.repair("b/", since=since)
        assert stored_records(store) == settled


@pytest.mark.parametrize(("started_before", "is_settled"), [(timedelta(hours=1), False), (timedelta(0), True)])
def test_repair__stack_without_a_sidecar__is_restored_only_if_mongodb_was_restarted_since(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, started_before: timedelta, is_settled: bool
) -> None:
    store = installation.store
    process = ObjectId.from_datetime(BEGAN - started_before)
    monkeypatch.setattr("exifinator.storage.families.server_process", lambda _: process)
    store.records.upsert([as_delivered(photo(RAW, NOON)), as_delivered(photo("b/f/IMG_1.JPG", NOON))])
    store.records.collection.update_many({}, {"$unset": {"stack": ""}})
    store.records.families.repair("b/", since=BEGAN)
    assert all("stack" in record for record in stored_records(store).values()) is is_settled


def test_server_process__real_mongodb__has_the_time_of_its_start(installation: Installation) -> None:
    process = server_process(installation.store.client)
    assert process is not None
    assert datetime.now(UTC) - timedelta(days=1) < process.generation_time <= datetime.now(UTC)


@pytest.mark.parametrize("seed", range(3))
def test_upsert__concurrent_workers_are_killed__stores_the_same_records(
    install: Callable[..., Installation], monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Store a library with four workers in random order. Each delivery may be killed before or after a merge."""
    installation = install()
    installation.store.ensure_indexes()
    rng = random.Random(seed)
    write, kills = FamilyStore._write, threading.local()

    def write_or_die(self: FamilyStore, changes: Any) -> set[str]:
        if kills.rng.random() < 0.15:
            raise Killed
        refused = write(self, changes)
        if kills.rng.random() < 0.15:
            raise Killed
        return refused

    monkeypatch.setattr(FamilyStore, "_write", write_or_die)
    expected = library()
    # Earlier versions of ten files are among the deliveries.
    old = [{**record, "photo": {**record["photo"], "label": "Old"}} for record in expected if record["photo"]]
    work = [(record, 1) for record in expected] + [(record, 0) for record in rng.sample(old, 10)]
    rng.shuffle(work)
    errors: list[object] = []

    def run(number: int) -> None:
        kills.rng = random.Random(100 * seed + number)
        store = Store(installation.mongodb, installation.config)
        mine = work[number::4]
        while mine:
            chunk, mine = mine[:5], mine[5:]
            try:
                errors.extend(store.records.upsert([as_delivered(record, second) for record, second in chunk]))
            except Killed:
                # The images were not acknowledged, so they are delivered again.
                mine += chunk

    workers = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert {type(error).__name__ for error in errors} <= {"NoneType", "DeliveryLost"}
    assert stored_records(installation.store) == resolve_all(expected)


def test_upsert__photos_without_a_family__loads_no_families(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads: list[object] = []
    monkeypatch.setattr(FamilyStore, "_load", lambda self, keys: loads.append(keys))
    installation.store.records.upsert([as_delivered(photo(f"b/f/IMG_{number}.jpg")) for number in range(100)])
    assert loads == []


@pytest.mark.parametrize("change", [{"rating": 2}, {"keywords": ["new"], "rating": 1}])
def test_upsert__photo_is_stored_again_before_a_merge_is_written__keeps_its_new_values(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    store, write = installation.store, FamilyStore._write
    store.records.upsert([as_delivered(photo(RAW, title="Old"))])
    news = [as_delivered(photo(RAW, **change), second=9)]

    def write_too_late(self: FamilyStore, changes: Any) -> set[str]:
        while news:
            assert store.records._upsert([news.pop()], lambda _: {}) == [None]
        return write(self, changes)

    monkeypatch.setattr(FamilyStore, "_write", write_too_late)
    assert store.records.upsert([as_delivered(xmp(SIDECAR, label="Red"))]) == [None]
    record = stored_records(store)[RAW]
    assert record["photo"] == {"media_type": "image", **change, "label": "Red"}
    assert record["own"]["photo"] == {"media_type": "image", **change}


def test_find__by_family_or_link__uses_the_indexes(installation: Installation) -> None:
    store = installation.store
    store.ensure_indexes()
    store.records.upsert([as_delivered(photo(f"b/f/IMG_{number}.jpg")) for number in range(10)])
    by_family = store.records.families._find("family", ["b/f/img_1"], ("_id", "family"))
    by_link = store.records.families._find("links", ["burst:b/f/x", "live:b/f/y"], ("_id", "family", "links"))
    plans = [str(query.explain()["queryPlanner"]["winningPlan"]) for query in (by_family, by_link)]
    assert "FETCH" not in plans[0]
    assert all("IXSCAN" in plan and "COLLSCAN" not in plan for plan in plans)
