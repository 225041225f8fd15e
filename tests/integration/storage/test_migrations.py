"""The schema version and its checks, and migrations that are killed halfway, refused or repeated."""

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
    """Return the writes of a migration for tests, from metres to feet. Records without metres are converted already."""
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

# Migrate in a subprocess, which dies after a number of ranges, between writing a range and saving the progress.
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


def run_migrate(installation: Installation, deadly: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", MIGRATE, str(deadly)]
    return subprocess.run(
        command, cwd=ROOT, env=dict(installation.environment), capture_output=True, text=True, check=False
    )


def test_migrate__process_is_killed_twice__changes_each_record_once(install: Install) -> None:
    installation = install()
    fill(installation)

    for deadly in (12, 7):
        assert run_migrate(installation, deadly).returncode == -signal.SIGKILL
    # The last range was written, but its progress was not saved. It is read again, but not converted a second time.
    assert read_schema(installation.store) == Schema(
        1, f"bucket/{17 * DOCUMENTS_PER_RANGE - 1:05}.jpg", 17 * DOCUMENTS_PER_RANGE
    )
    assert (
        installation.store.records.collection.count_documents({"photo.altitude_feet": {"$exists": True}})
        == 18 * DOCUMENTS_PER_RANGE
    )
    seen = []

    def change(store: Store, records: Sequence[dict[str, Any]]) -> list[UpdateOne]:
        seen.append(len(records))
        return in_feet(store, records)

    list(migrate(installation.store, migrations=(Migration("", change),), documents_per_range=DOCUMENTS_PER_RANGE))

    assert sum(seen) == RECORDS - 17 * DOCUMENTS_PER_RANGE
    assert read_schema(installation.store).version == 2
    photos = {record["_id"]: record["photo"] for record in installation.store.records.collection.find()}
    assert photos == {f"bucket/{i:05}.jpg": {"altitude_feet": 3.0 * i} for i in range(RECORDS)}


def test_failed_jobs__stored_with_a_former_task_path__are_found_and_requeued(installation: Installation) -> None:
    jobs = installation.store.jobs
    jobs.collection.insert_many(
        [{"path": path, "status": "failed", "exceptiontype": "AccessDenied"} for path in IMAGE_TASKS]
    )
    failed = FailedJobs(jobs)
    (group,) = failed.group(failed_filter())
    assert (group["exception"], group["count"]) == ("AccessDenied", 4)
    assert failed.requeue(failed_filter()) == 4
    assert jobs.collection.count_documents({"status": "queued", "retry_count": 0}) == 4


def test_former_tasks__each_former_path__imports_the_present_class_with_its_settings() -> None:
    settings = mrq_config.tasks(Config(download_queue="reads", write_queue="writes"))
    for former, present in FORMER_TASKS.items():
        assert load_class_by_path(former) is load_class_by_path(present)
        assert settings[former] == settings[present]
    assert {settings[path]["queue"] for path in FORMER_TASKS} == {"reads", "writes"}


def test_migrate__several_migrations__run_in_order(install: Install) -> None:
    installation = install()
    fill(installation, 5)
    steps = (Migration("first", nothing), *FEET)
    seen = [schema.version for schema in migrate(installation.store, migrations=steps, documents_per_range=2)]
    assert seen == [1, 1, 1, 2, 2, 2, 2, 3]
    assert list(migrate(installation.store, migrations=steps)) == []


def test_migrate__second_process_starts__first_process_stops(install: Install) -> None:
    installation = install()
    fill(installation, 10)
    first, second = (migrate(installation.store, migrations=FEET, documents_per_range=2) for _ in range(2))
    next(first)
    next(second)
    with pytest.raises(ConfigError, match="Another `migrate` is running"):
        next(first)
    assert list(second)[-1].version == 2


def test_migrate__workers_are_running__is_refused(install: Install) -> None:
    installation = install()
    fill(installation, 1)
    installation.store.workers.collection.insert_one(
        {
            "name": "camera-host.7", "status": "wait", "done_jobs": 0, "usage_avg": 0, "config": {"queues": []},
            "process": {"mem": {"total": 0}, "cpu": {"percent": 0}}, "datereported": datetime.now(UTC),
        }
    )  # fmt: skip
    with pytest.raises(ConfigError, match="Workers are running on camera-host"):
        list(migrate(installation.store, migrations=FEET))
    assert installation.store.records.collection.find_one({}, {"_id": 0}) == {"photo": {"altitude_metres": 0.0}}


def test_schema__new_database__is_the_newest_one(install: Install) -> None:
    installation = install()
    check_schema(installation.store, writes=True, migrations=FEET)
    fill(installation, 1)
    assert read_schema(installation.store) == Schema(2)
    assert installation.store.records.collection.database[META_COLLECTION].count_documents({}) == 1


def test_schema__records_without_a_version__is_the_first_one(install: Install) -> None:
    installation = install()
    fill(installation, 1)
    check_schema(installation.store, writes=True, migrations=())
    with pytest.raises(ConfigError, match=r"have schema 1, .* writes schema 2; run `.* migrate`"):
        check_schema(installation.store, writes=True, migrations=FEET)
    check_schema(installation.store, writes=False, migrations=FEET)


@pytest.fixture
def newer(install: Install) -> Installation:
    """Return an installation whose database was written by a later version of EXIFinator."""
    installation = install()
    installation.store.records.collection.database[META_COLLECTION].insert_one({"_id": "schema", "version": 99})
    return installation


REFUSED = f"records in MongoDB have schema 99, but this EXIFinator supports schemas up to {newest_version()}"


@pytest.mark.parametrize("command", ["run", "migrate"])
def test_schema__newer_than_this_code__is_refused_by_run_and_migrate(
    newer: Installation, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    bucket.put("a.jpg", make_jpeg())
    monkeypatch.setattr(workers, "start_workers", lambda *_, **__: pytest.fail("workers started"))
    arguments = [command, "--no-wait", bucket.name] if command == "run" else [command]
    done = invoke(newer, monkeypatch, *arguments)
    assert done.exit_code == 2, done.output
    assert REFUSED in done.stderr


def test_schema__newer_than_this_code__is_refused_by_the_api(newer: Installation) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "exifinator", "api"],
        cwd=ROOT, env=dict(newer.environment), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert REFUSED in done.stderr
    assert "Traceback" not in done.stderr


def test_schema__newer_than_this_code__is_refused_by_the_worker(newer: Installation) -> None:
    worker = newer.start_worker("download", "write")
    assert worker.wait() == 1
    assert "schema 99" in newer.worker_logs()


def test_migrate_command__before_and_after_a_migration__reports_what_remains(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation = install()
    fill(installation, 4)

    def output_of(*arguments: str) -> str:
        done = invoke(installation, monkeypatch, *arguments)
        assert done.exit_code == 0, done.output
        return done.output

    monkeypatch.setattr(migrate_cli, "MIGRATIONS", ())
    assert "Schema 1: nothing to do." in output_of("migrate")
    monkeypatch.setattr(migrate_cli, "MIGRATIONS", FEET)
    for _ in range(2):
        assert "Schema 1, 4 records:\n  to schema 2: altitudes in feet\n" in output_of("migrate", "--dry-run")
    assert "Schema 2: all records have been upgraded." in output_of("migrate")
    assert "Schema 2: nothing to do." in output_of("migrate")
    assert installation.store.records.collection.count_documents({"photo.altitude_feet": {"$exists": True}}) == 4
