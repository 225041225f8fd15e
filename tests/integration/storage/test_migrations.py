"""The schema's version and its migrations. A made-up migration of thousands of records is killed halfway."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from mrq.utils import load_class_by_path
from pymongo import UpdateOne

from exifinator.cli import migrate as migrate_cli
from exifinator.config import Config
from exifinator.errors import ConfigError
from exifinator.processes import workers
from exifinator.storage.failed_jobs import FailedJobs, failed_filter
from exifinator.storage.jobs import FORMER_TASKS, IMAGE_TASKS
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
from tests.integration.storage.old_records import RECORDS, Install, fill
from tests.photos import make_jpeg
from tests.servers import ROOT

DOCUMENTS_PER_RANGE = 100


def in_feet(_: Store, records: Sequence[dict[str, Any]]) -> list[UpdateOne]:
    """Return the writes of a made-up migration from metres to feet. A record without metres is converted already."""
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

# Run in a subprocess, and die after a number of ranges, between writing a range and saving the progress.
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


def run_migrate(it: Installation, deadly: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", MIGRATE, str(deadly)]
    return subprocess.run(command, cwd=ROOT, env=dict(it.environment), capture_output=True, text=True, check=False)


def test_migrate__killed_twice__resumes_and_changes_each_record_once(install: Install) -> None:
    it = install()
    fill(it)

    for deadly in (12, 7):
        assert run_migrate(it, deadly).returncode == -signal.SIGKILL
    # The last range was written, but its progress was not saved. It is read again, and not converted a second time.
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


def test_migrate__two_simultaneously__the_second_stops(install: Install) -> None:
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
