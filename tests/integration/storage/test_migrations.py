"""The schema's version and its migrations, with a made-up one over thousands of records that is killed half-way."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import ObjectId
from mrq.utils import load_class_by_path
from pymongo import UpdateOne

from exifinator.cli import migrate as migrate_cli
from exifinator.config import Config
from exifinator.errors import ConfigError
from exifinator.metadata.limits import MemoryBudget
from exifinator.metadata.sidecars import read_sidecar
from exifinator.models import ExifRecord
from exifinator.processes import workers
from exifinator.search_keys.geo_cells import cells_of
from exifinator.storage import migrations
from exifinator.storage.failed_jobs import FailedJobs, failed_filter
from exifinator.storage.jobs import DOWNLOAD_TASK, FORMER_TASKS, IMAGE_TASKS, WRITE_TASK
from exifinator.storage.migrations import (
    META_COLLECTION,
    Migration,
    Schema,
    check_schema,
    migrate,
    newest_version,
    read_schema,
)
from exifinator.storage.store import Store
from exifinator.worker import mrq_config
from tests.integration.conftest import Bucket, Installation, invoke
from tests.photos import make_jpeg
from tests.servers import ROOT

Install = Callable[..., Installation]

RECORDS = 3000
DOCUMENTS_PER_RANGE = 100


def in_feet(_: Store, records: Sequence[dict[str, Any]]) -> list[UpdateOne]:
    """Return the writes of a made-up migration from metres to feet. A record without metres is changed already."""
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

# Runs in a subprocess, and dies after so many ranges, between writing the range and saving the progress.
MIGRATE = """
import os, signal, sys
from exifinator.config import load_config
from exifinator.storage import migrations
from exifinator.storage.migrations import Migration, migrate
from exifinator.storage.mongodb import connect_mongodb
from exifinator.storage.store import Store
from exifinator.worker import mrq_config
from tests.integration.storage.test_migrations import DOCUMENTS_PER_RANGE, in_feet
deadly, seen = int(sys.argv[1]), []
def change(store, records):
    seen.append(len(records))
    return in_feet(store, records)
def die_or_save(*arguments, save=migrations._save_progress):
    if len(seen) == deadly:
        os.kill(os.getpid(), signal.SIGKILL)
    save(*arguments)
migrations._save_progress = die_or_save
config = load_config()
store = Store(connect_mongodb(config), config)
for _ in migrate(store, migrations=(Migration("", change),), documents_per_range=DOCUMENTS_PER_RANGE):
    pass
print(sum(seen))
"""


def fill(it: Installation, count: int = RECORDS) -> None:
    it.store.records.collection.insert_many(
        [{"_id": f"bucket/{i:05}.jpg", "photo": {"altitude_metres": float(i)}} for i in range(count)]
    )


def run_migrate(it: Installation, deadly: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", MIGRATE, str(deadly)]
    return subprocess.run(command, cwd=ROOT, env=dict(it.environment), capture_output=True, text=True, check=False)


def test_migrate__killed_twice__resumes_and_changes_each_record_once(install: Install) -> None:
    it = install()
    fill(it)

    for deadly in (12, 7):
        assert run_migrate(it, deadly).returncode == -signal.SIGKILL
    # The last range was written, and its progress was not saved: it is read again, and not changed a second time.
    assert read_schema(it.store) == Schema(1, f"bucket/{17 * DOCUMENTS_PER_RANGE - 1:05}.jpg", 17 * DOCUMENTS_PER_RANGE)
    assert (
        it.store.records.collection.count_documents({"photo.altitude_feet": {"$exists": True}})
        == 18 * DOCUMENTS_PER_RANGE
    )
    seen = []

    def change(store: Store, records: Sequence[dict[str, Any]]) -> list[UpdateOne]:
        seen.append(len(records))
        return in_feet(store, records)

    list(migrate(it.store, migrations=(Migration("", change),), documents_per_range=DOCUMENTS_PER_RANGE))

    assert sum(seen) == RECORDS - 17 * DOCUMENTS_PER_RANGE
    assert read_schema(it.store).version == 2
    photos = {record["_id"]: record["photo"] for record in it.store.records.collection.find()}
    assert photos == {f"bucket/{i:05}.jpg": {"altitude_feet": 3.0 * i} for i in range(RECORDS)}


def test_migrate__to_schema_2__adds_cells_and_thumbnail_bytes(install: Install) -> None:
    it = install()
    place = {"location": {"type": "Point", "coordinates": [2.35, 48.86]}}
    it.store.records.collection.insert_many(
        [
            {"_id": "b/both", "photo": place},
            {"_id": "b/neither", "photo": {}},
            {"_id": "b/other program's", "photo": "none"},
        ]
    )
    it.store.records.thumbnails.insert_one({"_id": "b/both", "data": b"\xff\xd8jpeg"})

    for _ in range(2):  # the second time as after a kill before the progress was saved
        list(migrate(it.store, migrations=migrations.MIGRATIONS[:1]))
        it.store.records.collection.database[META_COLLECTION].delete_one({"_id": "schema"})

    found = {record.pop("_id"): record for record in it.store.records.collection.find()}
    assert found == {
        "b/both": {"photo": place, "cells": cells_of(2.35, 48.86), "thumbnail_bytes": 6},
        "b/neither": {"photo": {}},
        "b/other program's": {"photo": "none"},
    }


def test_migrate__to_schema_3__adds_the_folders(install: Install) -> None:
    it = install()
    ids: list[Any] = ["b/2024/05/a.jpg", "b/top.jpg", "other program's", 5, ObjectId()]
    it.store.records.collection.insert_many([{"_id": id_} for id_ in ids])
    list(migrate(it.store, migrations=migrations.MIGRATIONS[:2]))
    found = {record["_id"]: record.get("folders") for record in it.store.records.collection.find()}
    assert found == {ids[0]: ["b/2024/", "b/2024/05/"], **dict.fromkeys(ids[1:])}


def test_migrate__to_schema_4__renames_the_tasks_of_stored_jobs(install: Install) -> None:
    it = install()
    fill(it, 1)
    jobs = it.store.jobs.collection
    former = [{"path": f"exifinator.tasks.{name}", "params": {"bucket": "b"}} for name in ("Download", "Write")] * 3
    jobs.insert_many([dict(job) for job in former])
    others = [DOWNLOAD_TASK, "another.program.Task", "exifinator.tasks.Another"]
    jobs.insert_many([{"path": path} for path in others])
    it.store.records.collection.database[META_COLLECTION].insert_one({"_id": "schema", "version": 3})

    steps = list(migrate(it.store, migrations=migrations.MIGRATIONS[:3], documents_per_range=4))

    assert [(schema.version, schema.documents) for schema in steps] == [(3, 4), (3, 6), (4, 0)]
    assert sorted(job["path"] for job in jobs.find()) == sorted([DOWNLOAD_TASK, WRITE_TASK] * 3 + others)
    assert jobs.count_documents({"params.bucket": "b"}) == 6, "a job's other fields have to stay"


def test_migrate__to_schema_5__adds_the_date_on_the_camera_s_clock(install: Install) -> None:
    it = install()
    taken = datetime(2024, 1, 1, 7, 30)
    photos = {
        "b/offset": {"taken_at": taken, "taken_offset": "-08:00"},
        "b/local": {"taken_at": taken},
        "b/new": {"taken_at": taken, "taken_offset": "-08:00", "taken_local": datetime(2024, 1, 1)},
        "b/odd": {"taken_at": taken, "taken_offset": 7},
        "b/undated": {"iso": 100},
        "b/text": "none",
    }
    it.store.records.collection.insert_many([{"_id": id_, "photo": photo} for id_, photo in photos.items()])
    it.store.records.collection.database[META_COLLECTION].insert_one({"_id": "schema", "version": 4})

    list(migrate(it.store, migrations=migrations.MIGRATIONS[:4]))

    found = {record["_id"]: record["photo"] for record in it.store.records.collection.find()}
    local = {id_: photo.get("taken_local") for id_, photo in found.items() if isinstance(photo, dict)}
    shown = {id_: date.replace(tzinfo=None) if date else None for id_, date in local.items()}
    assert shown == {
        "b/offset": datetime(2023, 12, 31, 23, 30),
        "b/local": taken,
        "b/new": datetime(2024, 1, 1),
        "b/odd": taken,
        "b/undated": None,
    }


def test_migrate__to_schema_6__adds_the_media_type(install: Install) -> None:
    it = install()
    files = {"a.JPG": "jpeg", "b.mov": "mov", "c.xmp": "xmp", "empty.heic": "unknown", "noise": "unknown"}
    it.store.records.collection.insert_many(
        [{"_id": f"b/{key}", "key": key, "format": form, "photo": {"iso": 100}} for key, form in files.items()]
        + [{"_id": "other program's", "photo": "none"}]
    )
    meta = it.store.records.collection.database[META_COLLECTION]
    for _ in range(2):  # the second time as after a kill before the progress was saved
        meta.replace_one({"_id": "schema"}, {"version": 5}, upsert=True)
        list(migrate(it.store, migrations=migrations.MIGRATIONS[:5]))

    found = {record["_id"]: record["photo"] for record in it.store.records.collection.find()}
    assert found.pop("other program's") == "none"
    assert {photo["iso"] for photo in found.values()} == {100}
    assert {id_[2:]: photo["media_type"] for id_, photo in found.items()} == {
        "a.JPG": "image", "b.mov": "video", "c.xmp": "other", "empty.heic": "image", "noise": "other",
    }  # fmt: skip


def test_migrate__to_schema_5__adds_places_and_kinds(install: Install) -> None:
    it = install()
    taken = datetime(2024, 7, 1, 12)
    girona = {"type": "Point", "coordinates": [2.82493, 41.98311]}
    photos: dict[str, dict[str, Any]] = {
        "b/local.jpg": {"taken_at": taken, "location": girona, "description": "Onyar", "people": ["Anna"]},
        "b/offset.jpg": {"taken_at": taken, "taken_offset": "+09:00", "location": girona},
        "b/sea.jpg": {"location": {"type": "Point", "coordinates": [-30.0, 0.5]}},
        "b/raw.nef": {"iso": 100},
    }
    it.store.records.collection.insert_many(
        [
            {"_id": id_, "key": id_[2:], "format": id_[-3:], "photo": photo, "xmp": {"dc:title[de-DE]": "Boot"}}
            for id_, photo in photos.items()
        ]
    )
    meta = it.store.records.collection.database[META_COLLECTION]
    for _ in range(2):  # the second time as after a kill before the progress was saved
        meta.replace_one({"_id": "schema"}, {"version": 4}, upsert=True)
        list(migrate(it.store, migrations=migrations.MIGRATIONS[:4]))

    found = {record["_id"]: record for record in it.store.records.collection.find()}
    local = found["b/local.jpg"]
    assert local["photo"]["taken_at"] == datetime(2024, 7, 1, 10, tzinfo=UTC)
    assert local["photo"]["taken_local"].replace(tzinfo=None) == taken
    assert (local["photo"]["taken_offset"], local["photo"]["taken_offset_inferred"]) == ("+02:00", True)
    assert (local["photo"]["time_zone"], local["photo"]["place"]["name"]) == ("Europe/Madrid", "Girona")
    assert (local["countries"], local["states"], local["cities"]) == (["Spain"], ["Catalonia"], ["Girona"])
    offset = found["b/offset.jpg"]["photo"]
    assert (offset["taken_at"].replace(tzinfo=None), offset["taken_offset"]) == (taken, "+09:00")
    assert "taken_offset_inferred" not in offset
    assert found["b/sea.jpg"]["photo"]["time_zone"] == "Etc/GMT+2"
    assert not {"place", "countries"} & (found["b/sea.jpg"].keys() | found["b/sea.jpg"]["photo"].keys())
    assert found["b/raw.nef"]["kinds"] == ["raw"]


def test_migrate__to_schema_6__renews_words_and_adds_their_text(install: Install) -> None:
    it = install()
    place = {"name": "Girona", "region": "Catalonia", "country": "Spain"}
    photos: dict[str, Any] = {
        "b/DSC01314.jpg": {"title": "京都の秋", "people": ["Zoë"], "place": place, "camera_model": "X-T4"},
        "b/other.jpg": None,
    }
    records = it.store.records.collection
    records.insert_many(
        {"_id": id_, "key": id_[2:], "photo": photo, "words": ["old"], "xmp": {"dc:title[de-DE]": "Boot"}}
        for id_, photo in photos.items()
    )
    meta = records.database[META_COLLECTION]
    seen = []
    for _ in range(2):  # the second time as after a kill before the progress was saved
        meta.replace_one({"_id": "schema"}, {"version": 5}, upsert=True)
        list(migrate(it.store))
        seen.append({record["_id"]: record for record in records.find()})

    assert seen[0] == seen[1]
    renewed = seen[0]["b/DSC01314.jpg"]
    assert {"dsc01314", "1314", "京都", "の秋", "zoe", "girona", "t4", "xt4", "boot"} <= set(renewed["words"])
    assert "|person: zoe " in renewed["search_text"]
    assert seen[0]["b/other.jpg"]["words"] == ["old"], "another program's record stays as it is"


def test_failed_jobs__stored_under_a_former_path__are_found_and_requeued(installation: Installation) -> None:
    jobs = installation.store.jobs
    jobs.collection.insert_many(
        [{"path": path, "status": "failed", "exceptiontype": "AccessDenied"} for path in IMAGE_TASKS]
    )
    failed = FailedJobs(jobs)
    (group,) = failed.group(failed_filter())
    assert (group["exception"], group["count"]) == ("AccessDenied", 4)
    assert failed.requeue(failed_filter()) == 4
    assert jobs.collection.count_documents({"status": "queued", "retry_count": 0}) == 4


def test_former_tasks__can_be_imported_and_run_with_the_present_settings() -> None:
    settings = mrq_config.tasks(Config(download_queue="reads", write_queue="writes"))
    for former, present in FORMER_TASKS.items():
        assert load_class_by_path(former) is load_class_by_path(present)
        assert settings[former] == settings[present]
    assert {settings[path]["queue"] for path in FORMER_TASKS} == {"reads", "writes"}


def test_migrate__several_steps__are_made_in_order(install: Install) -> None:
    it = install()
    fill(it, 5)
    steps = (Migration("first", nothing), *FEET)
    seen = [schema.version for schema in migrate(it.store, migrations=steps, documents_per_range=2)]
    assert seen == [1, 1, 1, 2, 2, 2, 2, 3]
    assert list(migrate(it.store, migrations=steps)) == []


def test_migrate__two_at_once__the_second_stops(install: Install) -> None:
    it = install()
    fill(it, 10)
    first, second = (migrate(it.store, migrations=FEET, documents_per_range=2) for _ in range(2))
    next(first)
    next(second)
    with pytest.raises(ConfigError, match="Another `migrate` is running"):
        next(first)
    assert list(second)[-1].version == 2


def test_migrate__workers_run__is_refused(install: Install) -> None:
    it = install()
    fill(it, 1)
    it.store.workers.collection.insert_one(
        {
            "name": "camera-host.7", "status": "wait", "done_jobs": 0, "usage_avg": 0, "config": {"queues": []},
            "process": {"mem": {"total": 0}, "cpu": {"percent": 0}}, "datereported": datetime.now(UTC),
        }
    )  # fmt: skip
    with pytest.raises(ConfigError, match="Workers are running on camera-host"):
        list(migrate(it.store, migrations=FEET))
    assert it.store.records.collection.find_one({}, {"_id": 0}) == {"photo": {"altitude_metres": 0.0}}


def test_schema__new_database__is_of_the_newest(install: Install) -> None:
    it = install()
    check_schema(it.store, writes=True, migrations=FEET)
    fill(it, 1)
    assert read_schema(it.store) == Schema(2)
    assert it.store.records.collection.database[META_COLLECTION].count_documents({}) == 1


def test_schema__records_from_before_versions__are_of_the_first(install: Install) -> None:
    it = install()
    fill(it, 1)
    check_schema(it.store, writes=True, migrations=())
    with pytest.raises(ConfigError, match=r"have schema 1, .* writes schema 2; run `.* migrate`"):
        check_schema(it.store, writes=True, migrations=FEET)
    check_schema(it.store, writes=False, migrations=FEET)


@pytest.fixture
def newer(install: Install) -> Installation:
    """Return an installation whose database a later version has written."""
    it = install()
    it.store.records.collection.database[META_COLLECTION].insert_one({"_id": "schema", "version": 99})
    return it


REFUSED = f"records in MongoDB have schema 99, but this EXIFinator supports schemas up to {newest_version()}"


@pytest.mark.parametrize("command", ["run", "migrate"])
def test_schema__newer_than_this_code__is_refused_in_a_sentence(
    newer: Installation, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    bucket.put("a.jpg", make_jpeg())
    monkeypatch.setattr(workers, "start_workers", lambda *_, **__: pytest.fail("workers started"))
    arguments = [command, "--no-wait", bucket.name] if command == "run" else [command]
    done = invoke(newer, monkeypatch, *arguments)
    assert done.exit_code == 2, done.output
    assert REFUSED in done.stderr


def test_schema__newer_than_this_code__no_api_starts(newer: Installation) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "exifinator", "api"],
        cwd=ROOT, env=dict(newer.environment), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert REFUSED in done.stderr
    assert "Traceback" not in done.stderr


def test_schema__newer_than_this_code__no_worker_starts(newer: Installation) -> None:
    worker = newer.start_worker("download", "write")
    assert worker.wait() == 1
    assert "schema 99" in newer.worker_logs()


def test_migrate_command__says_what_there_is_to_do(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    it = install()
    fill(it, 4)

    def say(*arguments: str) -> str:
        done = invoke(it, monkeypatch, *arguments)
        assert done.exit_code == 0, done.output
        return done.output

    monkeypatch.setattr(migrate_cli, "MIGRATIONS", ())
    assert "Schema 1: nothing to do." in say("migrate")
    monkeypatch.setattr(migrate_cli, "MIGRATIONS", FEET)
    for _ in range(2):
        assert "Schema 1, 4 records:\n  to schema 2: altitudes in feet\n" in say("migrate", "--dry-run")
    assert "Schema 2: all records have been upgraded." in say("migrate")
    assert "Schema 2: nothing to do." in say("migrate")
    assert it.store.records.collection.count_documents({"photo.altitude_feet": {"$exists": True}}) == 4


def test_migrate__to_schema_6__lets_a_sidecar_find_a_photo_that_was_stored_before(install: Install) -> None:
    it = install()
    ids = ["b/f/IMG_1.CR2", "b/f/img_2(1).jpg", "b/f/IMG_E1234.JPG"]
    it.store.records.collection.insert_many([{"_id": id_, "key": id_[2:], "photo": {"rating": 1}} for id_ in ids])
    it.store.records.collection.insert_one({"_id": ObjectId(), "photo": {}})
    meta = it.store.records.collection.database[META_COLLECTION]
    for _ in range(2):  # the second time as after a kill before the progress was saved
        meta.replace_one({"_id": "schema"}, {"version": 5}, upsert=True)
        list(migrate(it.store, migrations=migrations.MIGRATIONS[:5]))

    found = {
        record["_id"]: record.get("family") for record in it.store.records.collection.find({"key": {"$exists": 1}})
    }
    assert found == dict(zip(ids, ["b/f/img_1", "b/f/img_2(1)", "b/f/img_1234"], strict=True))
    assert {"family", "links", "sidecar"} <= it.store.records.collection.index_information().keys()
    sidecar = read_sidecar("b/f/IMG_1.xmp", "xmp", {"xmp:Rating": "5"}, b"", MemoryBudget(1))
    it.store.records.upsert([ExifRecord({"_id": "b/f/IMG_1.xmp", "etag": "e", "status": "unsupported", **sidecar})])
    assert it.store.records.collection.find_one({"_id": ids[0]})["photo"]["rating"] == 5
