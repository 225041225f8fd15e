"""Upkeep repairs MongoDB after it has lost its data, or has restarted with a wrong number of records."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from api.database import QUERY_MS, RecordTotal, open_store
from exifinator.config import Config, build_config
from exifinator.errors import EXIFinatorError
from exifinator.models import ExifRecord
from exifinator.monitoring.checks import mongodb
from exifinator.monitoring.connections import Connections
from exifinator.storage.indexes import index_definitions
from exifinator.storage.migrations import check_schema, newest_version, read_schema
from exifinator.storage.mongodb import connect_mongodb
from exifinator.storage.store import Store
from exifinator.storage.upkeep import Upkeep
from tests.conftest import FAIL_POINTS
from tests.integration.conftest import Installation
from tests.servers import end, mongod_command, mongod_is_ready, reserve_port, start
from tests.waiting import eventually

BEGAN = datetime(2026, 5, 17, 12, tzinfo=UTC)


def add_record(store: Store, key: str, at: datetime) -> None:
    document = {
        "_id": f"b/{key}", "bucket": "b", "key": key, "etag": "e", "size": 1, "last_modified": BEGAN, "status": "ok",
        "extractor_version": 1, "extracted_at": at,
    }  # fmt: skip
    assert store.records.upsert([ExifRecord(document, None)]) == [None]


@pytest.fixture
def store(installation: Installation) -> Store:
    check_schema(installation.store, writes=True)
    installation.store.ensure_indexes()
    return installation.store


def lose_data(store: Store) -> None:
    """Drop the database, as if its data folder had been emptied. Then store three records, as workers would."""
    store.client.drop_database(store.records.collection.database.name)
    for i in range(3):
        add_record(store, str(i), BEGAN + timedelta(seconds=i))


def test_check__mongodb_lost_its_data__restores_schema_and_indexes(installation: Installation, store: Store) -> None:
    upkeep = Upkeep(store, since=BEGAN)
    upkeep.check()
    lose_data(store)
    connections = Connections(installation.config)
    assert mongodb.check_schema(connections).level == mongodb.check_indexes(connections).level == "error"

    upkeep.check()

    assert (read_schema(store).version, read_schema(store).is_stored) == (newest_version(), True)
    assert {index.name for index in index_definitions(installation.config)} <= set(
        store.records.collection.index_information()
    )
    check_schema(store, writes=True)
    assert mongodb.check_schema(connections).level == mongodb.check_indexes(connections).level == "ok"
    connections.close()


def test_check__only_the_records_were_lost__restores_the_indexes(installation: Installation, store: Store) -> None:
    upkeep = Upkeep(store, since=BEGAN)
    upkeep.check()
    store.records.collection.drop()
    add_record(store, "1", BEGAN)

    upkeep.check()

    assert len(store.records.collection.index_information()) == len(index_definitions(installation.config)) + 1


def test_check__older_records_have_no_version__are_not_marked_as_new(store: Store) -> None:
    lose_data(store)

    Upkeep(store, since=BEGAN + timedelta(seconds=1)).check()

    assert (read_schema(store).version, read_schema(store).is_stored) == (1, False)
    with pytest.raises(EXIFinatorError, match="schema 1"):
        check_schema(store, writes=True)


def test_check__new_database__stores_no_schema_version(installation: Installation) -> None:
    Upkeep(installation.store, since=BEGAN).check()

    assert not read_schema(installation.store).is_stored


def test_schema__newer_than_this_code__is_reported_by_doctor(installation: Installation, store: Store) -> None:
    meta = store.records.collection.database["exifinator_meta"]
    meta.update_one({"_id": "schema"}, {"$set": {"version": 99}})
    connections = Connections(installation.config)

    finding = mongodb.check_schema(connections)

    assert (finding.level, "schema 99" in finding.message) == ("error", True)
    connections.close()


async def count_in_api(config: Config) -> list[int]:
    """Return the number of records as the API counts it, twice. The second count uses what the first one has cached."""
    async with open_store(config).client as client:
        total = RecordTotal(client[config.mongodb_database][config.mongodb_collection])
        return [await total.count(QUERY_MS) for _ in range(2)]


def test_count__mongodb_was_killed__is_right_everywhere_and_repaired_by_a_check(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder, port = tmp_path_factory.mktemp("mongodb"), reserve_port()
    (folder / "data").mkdir()

    def run_mongod() -> subprocess.Popen[bytes]:
        # By default, MongoDB makes a checkpoint each minute, which would store the right number.
        process = start(mongod_command(folder / "data", port, "--syncdelay", "0", *FAIL_POINTS), folder / "log")
        eventually(lambda: mongod_is_ready(port, process), watching=[process])
        return process

    process = run_mongod()
    config = build_config({"MONGODB_URI": f"mongodb://127.0.0.1:{port}"}, {})
    client = connect_mongodb(config)
    try:
        store = Store(client, config)
        add_record(store, "before", BEGAN)
        # MongoDB stores the number of documents only with checkpoints, such as this one.
        store.client.admin.command("fsync")
        for i in range(20):
            add_record(store, str(i), BEGAN)
        store.records.collection.delete_many({"key": {"$in": ["1", "2", "3"]}})
        upkeep = Upkeep(store, since=BEGAN)
        upkeep.check()
        process.kill()
        process.wait()
        process = run_mongod()
        assert store.records.collection.estimated_document_count() != 18, "the number must be wrong after the restart"
        assert store.records.count() == 18
        with contextlib.closing(Connections(config)) as connections:
            assert mongodb.check_count(connections).level == "error"
            assert connections.read_mongodb().records == 18
        assert asyncio.run(count_in_api(config)) == [18, 18], "before a worker has repaired the number"

        upkeep.check()

        assert store.records.collection.estimated_document_count() == 18
        with contextlib.closing(Connections(config)) as connections:
            assert mongodb.check_count(connections).level == "ok"
        assert asyncio.run(count_in_api(config)) == [18, 18]
    finally:
        client.close()
        end(process)
