"""The schema's version, and a made-up migration over some thousand records that is killed in the middle."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import ObjectId
from click.testing import CliRunner
from pymongo import UpdateOne

from exifinator import migrations
from exifinator.cells import cells_of
from exifinator.cli import main
from exifinator.config import load_config
from exifinator.errors import ConfigError
from exifinator.migrations import META, Migration, Schema, check_schema, migrate, newest_version, read_schema
from exifinator.store import Store
from tests.integration.conftest import Bucket, Installation
from tests.photos import make_jpeg
from tests.servers import ROOT

Install = Callable[..., Installation]

RECORDS = 3000
A_BATCH = 100


def in_feet(_: Store, records: Sequence[dict[str, Any]]) -> list[UpdateOne]:
    """The made-up migration: metres become feet. What has none any more is changed already."""
    return [
        UpdateOne(
            {"_id": record["_id"]},
            {
                "$set": {"photo.altitude_feet": record["photo"]["altitude_metres"] * 3},
                "$unset": {"photo.altitude_metres": 1},
            },
        )
        for record in records
        if "altitude_metres" in record["photo"]
    ]


def nothing(_: Store, records: Sequence[dict[str, Any]]) -> list[UpdateOne]:
    return []


FEET = (Migration("altitudes in feet", in_feet),)

# In a process of its own; after so many ranges it dies between two writes, as of kill -9.
MIGRATE = """
import os, signal, sys
from exifinator import migrations
from exifinator.config import load_config
from exifinator.migrations import Migration, migrate
from exifinator.mongodb import connect_mongodb
from exifinator.store import Store
from tests.integration.test_migrations import A_BATCH, in_feet
deadly, seen = int(sys.argv[1]), []
def change(store, records):
    seen.append(len(records))
    return in_feet(store, records)
def note(*arguments, noted=migrations._note):
    if len(seen) == deadly:
        os.kill(os.getpid(), signal.SIGKILL)
    noted(*arguments)
migrations._note = note
config = load_config()
store = Store(connect_mongodb(config), config)
for _ in migrate(store, migrations=(Migration("", change),), records_a_batch=A_BATCH):
    pass
print(sum(seen))
"""


def fill(it: Installation, count: int = RECORDS) -> None:
    it.store.images.insert_many(
        [{"_id": f"bucket/{i:05}.jpg", "photo": {"altitude_metres": float(i)}} for i in range(count)]
    )


def run_migrate(it: Installation, deadly: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", MIGRATE, str(deadly)]
    return subprocess.run(
        command, cwd=ROOT, env=dict(it.environment), capture_output=True, text=True, timeout=100, check=False
    )


def test_migrate__killed_twice__changes_each_record_and_goes_on_where_it_was(install: Install) -> None:
    it = install()
    fill(it)

    for deadly in (12, 7):
        assert run_migrate(it, deadly).returncode == -signal.SIGKILL
    # The range that was written and not noted is looked at again, and is not changed a second time.
    assert read_schema(it.store) == Schema(1, f"bucket/{17 * A_BATCH - 1:05}.jpg", 17 * A_BATCH)
    assert it.store.images.count_documents({"photo.altitude_feet": {"$exists": True}}) == 18 * A_BATCH
    last = run_migrate(it, 0)

    assert (last.returncode, last.stdout.strip()) == (0, str(RECORDS - 17 * A_BATCH)), last.stderr
    assert read_schema(it.store).version == 2
    photos = {record["_id"]: record["photo"] for record in it.store.images.find()}
    assert photos == {f"bucket/{i:05}.jpg": {"altitude_feet": 3.0 * i} for i in range(RECORDS)}


def test_migrate__to_schema_2__adds_what_places_and_thumbnails_are_found_by(install: Install) -> None:
    it = install()
    place = {"location": {"type": "Point", "coordinates": [2.35, 48.86]}}
    it.store.images.insert_many(
        [
            {"_id": "b/both", "photo": place},
            {"_id": "b/neither", "photo": {}},
            {"_id": "b/other program's", "photo": "none"},
        ]
    )
    it.store.thumbnails.insert_one({"_id": "b/both", "data": b"\xff\xd8jpeg"})

    for _ in range(2):  # the second time as after a kill before the first range was noted
        list(migrate(it.store, migrations=migrations.MIGRATIONS[:1]))
        it.store.images.database[META].delete_one({"_id": "schema"})

    found = {record.pop("_id"): record for record in it.store.images.find()}
    assert found == {
        "b/both": {"photo": place, "cells": cells_of(2.35, 48.86), "thumbnail_bytes": 6},
        "b/neither": {"photo": {}},
        "b/other program's": {"photo": "none"},
    }


def test_migrate__to_schema_3__adds_the_folders(install: Install) -> None:
    it = install()
    ids: list[Any] = ["b/2024/05/a.jpg", "b/top.jpg", "other program's", 5, ObjectId()]
    it.store.images.insert_many([{"_id": id_} for id_ in ids])
    list(migrate(it.store, migrations=migrations.MIGRATIONS))
    found = {record["_id"]: record.get("folders") for record in it.store.images.find()}
    assert found == {ids[0]: ["b/2024/", "b/2024/05/"], **dict.fromkeys(ids[1:])}


def test_migrate__several_steps__are_made_in_order(install: Install) -> None:
    it = install()
    fill(it, 5)
    steps = (Migration("first", nothing), *FEET)
    seen = [schema.version for schema in migrate(it.store, migrations=steps, records_a_batch=2)]
    assert seen == [1, 1, 1, 2, 2, 2, 2, 3]
    assert list(migrate(it.store, migrations=steps)) == []


def test_migrate__two_at_once__the_second_stops(install: Install) -> None:
    it = install()
    fill(it, 10)
    first, second = (migrate(it.store, migrations=FEET, records_a_batch=2) for _ in range(2))
    next(first)
    next(second)
    with pytest.raises(ConfigError, match="another `migrate` is at work"):
        next(first)
    assert list(second)[-1].version == 2


def test_migrate__workers_run__is_refused(install: Install) -> None:
    it = install()
    fill(it, 1)
    it.store.jobs.database["mrq_workers"].insert_one(
        {
            "name": "camera-host.7", "status": "wait", "done_jobs": 0, "usage_avg": 0, "config": {"queues": []},
            "process": {"mem": {"total": 0}, "cpu": {"percent": 0}}, "datereported": datetime.now(UTC),
        }
    )  # fmt: skip
    with pytest.raises(ConfigError, match="workers run on camera-host"):
        list(migrate(it.store, migrations=FEET))
    assert it.store.images.find_one({}, {"_id": 0}) == {"photo": {"altitude_metres": 0.0}}


def test_schema__new_database__is_of_the_newest(install: Install) -> None:
    it = install()
    check_schema(it.store, writes=True, migrations=FEET)
    fill(it, 1)
    assert read_schema(it.store) == Schema(2)
    assert it.store.images.database[META].count_documents({}) == 1


def test_schema__records_from_before_versions__are_of_the_first(install: Install) -> None:
    it = install()
    fill(it, 1)
    check_schema(it.store, writes=True, migrations=())
    with pytest.raises(ConfigError, match=r"are of schema 1, .* writes schema 2: .* migrate` changes them"):
        check_schema(it.store, writes=True, migrations=FEET)
    check_schema(it.store, writes=False, migrations=FEET)


@pytest.fixture
def newer(install: Install) -> Installation:
    """An installation whose database a later version has written."""
    it = install()
    it.store.images.database[META].insert_one({"_id": "schema", "version": 99})
    return it


@pytest.mark.parametrize("command", ["run", "migrate", "api"])
def test_schema__newer_than_this_code__is_refused_in_a_sentence(
    newer: Installation, bucket: Bucket, command: str
) -> None:
    bucket.put("a.jpg", make_jpeg())
    arguments = [command, "--no-wait", bucket.name] if command == "run" else [command]
    done = subprocess.run(
        [sys.executable, "-m", "exifinator", *arguments],
        cwd=ROOT, env=dict(newer.environment), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert (
        f"records in MongoDB are of schema 99, and this EXIFinator knows schemas up to {newest_version()}"
        in done.stderr
    )
    assert "Traceback" not in done.stderr


def test_schema__newer_than_this_code__no_worker_starts(newer: Installation) -> None:
    worker = newer.start_worker("download", "write")
    assert worker.wait(60) == 1
    assert "schema 99" in newer.worker_logs()


def test_migrate_command__says_what_there_is_to_do(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    it = install()
    fill(it, 4)
    for name, value in it.environment.items():
        monkeypatch.setenv(name, value)
    load_config.cache_clear()
    try:
        monkeypatch.setattr(migrations, "MIGRATIONS", ())
        assert "there is nothing to do" in say("migrate")
        monkeypatch.setattr(migrations, "MIGRATIONS", FEET)
        for _ in range(2):
            assert "Schema 1, about 4 records:\n  to 2: altitudes in feet\n" in say("migrate", "--dry-run")
        assert "Schema 2: all records are changed." in say("migrate")
        assert "Schema 2: there is nothing to do." in say("migrate")
    finally:
        load_config.cache_clear()
    assert it.store.images.count_documents({"photo.altitude_feet": {"$exists": True}}) == 4


def say(*arguments: str) -> str:
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    return str(done.output)
