"""The commands `run --verify` and `run --prune`: their output, their effects, their exit codes."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable

import pytest
from click.testing import Result

from exifinator.processes import workers
from exifinator.storage.jobs import image_job_id
from exifinator.storage.migrations import check_schema
from tests.integration.batches.test_prune import LONG_AGO, recorded_keys, save_finished_batch, store_records
from tests.integration.cli.runs import numbers_of
from tests.integration.conftest import Bucket, Installation, SharedInstallation, invoke
from tests.photos import make_jpeg
from tests.servers import ROOT

KEYS = ("a.jpg", "b.jpg", "c.jpg")


Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return run(installation, "bucket", "--json"), which runs the command `run` as if the workers were started."""
    monkeypatch.setattr(
        workers, "start_workers", lambda config: workers.WorkersReport("already running", False, "", "")
    )

    def run_command(installation: Installation, *arguments: str) -> Result:
        return invoke(installation, monkeypatch, "run", *arguments)

    return run_command


def run_at_terminal(installation: Installation, typed: str, *arguments: str) -> tuple[int, str]:
    """Run `run` on a terminal, and type the answer to its question. Return the exit code and the output."""
    person, terminal = pty.openpty()
    try:
        with subprocess.Popen(
            [sys.executable, "-m", "exifinator", "run", *arguments],
            cwd=ROOT,
            env={**os.environ, **installation.environment},
            stdin=terminal,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            os.write(person, f"{typed}\n".encode())
            output, _ = process.communicate()
            return process.returncode, output
    finally:
        os.close(terminal)
        os.close(person)


@pytest.fixture
def photos(bucket: Bucket) -> Bucket:
    for seed, key in enumerate(KEYS):
        bucket.put(key, make_jpeg(seed=seed))
    return bucket


# --- Verify -----------------------------------------------------------------------------------------------------------


def test_verify__one_record_is_missing__indexes_only_that_image(
    shared: SharedInstallation, photos: Bucket, run: Run
) -> None:
    assert numbers_of(run(shared, "--json", photos.name))["stored"] == 3
    before = shared.records(photos.name)

    whole = numbers_of(run(shared, "--verify", "--json", photos.name))
    assert (whole["listed"], whole["unchanged"], whole["queued"]) == (3, 3, 0)
    assert shared.records(photos.name) == before

    shared.store.records.collection.delete_one({"_id": f"{photos.name}/b.jpg"})
    repaired = numbers_of(run(shared, "--verify", "--json", photos.name))
    assert (repaired["listed"], repaired["unchanged"], repaired["queued"], repaired["stored"]) == (3, 2, 1, 1)
    after = shared.records(photos.name)
    assert after.pop("b.jpg")["photo"] == before["b.jpg"]["photo"]
    assert after == {key: before[key] for key in ("a.jpg", "c.jpg")}


def test_verify__failed_image__is_counted_but_not_requeued(
    shared: SharedInstallation, photos: Bucket, run: Run
) -> None:
    job_id = image_job_id(f"{photos.name}/b.jpg")
    failed = {
        "path": "exifinator.worker.tasks.Download",
        "status": "failed",
        "queue": "download",
        "dateupdated": LONG_AGO,
    }
    params = {"bucket": photos.name, "key": "b.jpg"}
    shared.store.jobs.collection.insert_one({"_id": job_id, "params": params, **failed})

    numbers = numbers_of(run(shared, "--verify", "--json", photos.name), code=1)

    assert (numbers["stored"], numbers["failed"], numbers["queued"]) == (2, 1, 2)
    assert set(shared.records(photos.name)) == {"a.jpg", "c.jpg"}
    job = shared.store.jobs.collection.find_one({"_id": job_id})
    assert job == {"_id": job_id, "params": params, **failed, "dateupdated": job and job["dateupdated"]}


# --- Prune ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def known(installation: Installation, photos: Bucket) -> set[str]:
    """Store four records of the bucket, one of them for an object that was deleted, and a record of another bucket."""
    # Without a stored schema version, the records would count as those of the first schema.
    check_schema(installation.store, writes=True)
    store_records(installation, photos.name, *KEYS, "gone.jpg")
    store_records(installation, f"{photos.name}-2", "other bucket's")
    save_finished_batch(installation, photos.name)
    return {*KEYS, "gone.jpg", "other bucket's"}


def test_prune__without_a_terminal__is_refused(
    installation: Installation, run: Run, photos: Bucket, known: set[str]
) -> None:
    done = run(installation, "--prune", photos.name)

    assert (done.exit_code, done.stdout) == (2, "")
    assert "add --yes or --dry-run" in done.stderr
    assert recorded_keys(installation) == known


def test_prune__on_a_terminal__removes_only_after_the_answer_yes(
    installation: Installation, run: Run, photos: Bucket, known: set[str]
) -> None:
    code, output = run_at_terminal(installation, "n", "--prune", photos.name)
    assert code == 0
    assert "3 listed. 1 record and 0 failed jobs belong to images that are no longer in the bucket." in output
    assert f"  {photos.name}/gone.jpg" in output
    assert "Removed 0 records and 0 failed jobs." in output
    assert recorded_keys(installation) == known

    code, output = run_at_terminal(installation, "y", "--prune", photos.name)
    assert code == 0
    assert "Removed 1 record and 0 failed jobs." in output
    assert recorded_keys(installation) == known - {"gone.jpg"}


def test_prune__dry_run_then_yes__shows_and_removes_without_asking(
    installation: Installation, run: Run, photos: Bucket, known: set[str]
) -> None:
    counts = {"listed": 3, "records": 1, "failed_jobs": 0}
    dry = numbers_of(run(installation, "--prune", "--dry-run", "--json", photos.name))
    assert dry == {**counts, "removed_records": 0, "removed_failed_jobs": 0}
    assert recorded_keys(installation) == known

    done = numbers_of(run(installation, "--prune", "--yes", "--json", photos.name))
    assert done == {**counts, "removed_records": 1, "removed_failed_jobs": 0}
    assert recorded_keys(installation) == known - {"gone.jpg"}


@pytest.mark.parametrize(
    ("bucket_too", "message"), [(False, "is empty"), (True, "Bucket not found")], ids=["empty", "gone"]
)
def test_prune__bucket_is_empty_or_gone__removes_nothing(
    installation: Installation, run: Run, photos: Bucket, known: set[str], bucket_too: bool, message: str
) -> None:
    for key in KEYS:
        photos.delete(key)
    if bucket_too:
        photos.client.delete_bucket(Bucket=photos.name)

    done = run(installation, "--prune", "--yes", photos.name)

    assert (done.exit_code, done.stdout) == (2, "")
    assert message in done.stderr
    assert recorded_keys(installation) == known
