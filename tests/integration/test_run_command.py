"""`run --verify` and `run --prune` as they are typed: what they say, what they change, their exit codes."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from exifinator.store import image_job_id
from tests.integration.conftest import Bucket, Installation
from tests.integration.doors import Checkout
from tests.integration.test_prune import LONG_AGO, know, known_keys, note_run
from tests.photos import make_jpeg

KEYS = ("a.jpg", "b.jpg", "c.jpg")


@dataclass
class Home:
    """A checkout, whose first run starts its workers, and its databases."""

    checkout: Checkout
    installation: Installation

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.checkout.command("run", *arguments)

    def run_at_terminal(self, typed: str, *arguments: str) -> tuple[int, str]:
        """The exit code and what was said, with somebody there who answers."""
        person, terminal = pty.openpty()
        try:
            with subprocess.Popen(
                [sys.executable, "-m", "exifinator", "run", *arguments],
                cwd=self.checkout.path,
                env=self.checkout.environment,
                stdin=terminal,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            ) as process:
                os.write(person, f"{typed}\n".encode())
                said, _ = process.communicate(timeout=120)
                return process.returncode, said
        finally:
            os.close(terminal)
            os.close(person)


@pytest.fixture(scope="module")
def home(mongodb_uri: str, redis_url: str, moto_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    folder = tmp_path_factory.mktemp("run")
    settings = {"MONGODB_URI": mongodb_uri, "REDIS_URL": redis_url, "S3_ENDPOINT_URL": moto_url}
    installation = Installation(settings, folder)
    checkout = Checkout(folder / "checkout", installation.settings)
    try:
        yield Home(checkout, installation)
    finally:
        checkout.close()
        installation.close()


@pytest.fixture
def photos(bucket: Bucket) -> Bucket:
    for seed, key in enumerate(KEYS):
        bucket.put(key, make_jpeg(seed=seed))
    return bucket


def numbers_of(done: subprocess.CompletedProcess[str], code: int = 0) -> dict[str, Any]:
    assert done.returncode == code, done.stderr
    return dict(json.loads(done.stdout))


def stored(home: Home, bucket: Bucket) -> dict[str, Any]:
    return {record["key"]: record for record in home.installation.store.images.find({"bucket": bucket.name})}


# --- Verify -----------------------------------------------------------------------------------------------------------


def test_verify__nothing_missing_then_a_record__reads_what_is_missing(home: Home, photos: Bucket) -> None:
    assert numbers_of(home.run("--json", photos.name))["stored"] == 3
    before = stored(home, photos)

    whole = numbers_of(home.run("--verify", "--json", photos.name))
    assert (whole["listed"], whole["unchanged"], whole["queued"]) == (3, 3, 0)
    assert stored(home, photos) == before

    home.installation.store.images.delete_one({"_id": f"{photos.name}/b.jpg"})
    mended = numbers_of(home.run("--verify", "--json", photos.name))
    assert (mended["listed"], mended["unchanged"], mended["queued"], mended["stored"]) == (3, 2, 1, 1)
    after = stored(home, photos)
    assert after.pop("b.jpg")["photo"] == before["b.jpg"]["photo"]
    assert after == {key: before[key] for key in ("a.jpg", "c.jpg")}


def test_verify__image_that_failed__is_counted_and_let_be(home: Home, photos: Bucket) -> None:
    job_id = image_job_id(f"{photos.name}/b.jpg")
    failed = {"path": "exifinator.tasks.Download", "status": "failed", "queue": "download", "dateupdated": LONG_AGO}
    params = {"bucket": photos.name, "key": "b.jpg"}
    home.installation.store.jobs.insert_one({"_id": job_id, "params": params, **failed})

    numbers = numbers_of(home.run("--verify", "--json", photos.name), code=1)

    assert (numbers["stored"], numbers["failed"], numbers["queued"]) == (2, 1, 2)
    assert set(stored(home, photos)) == {"a.jpg", "c.jpg"}
    job = home.installation.store.jobs.find_one({"_id": job_id})
    assert job == {"_id": job_id, "params": params, **failed, "dateupdated": job and job["dateupdated"]}


# --- Prune ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def known(home: Home, photos: Bucket) -> set[str]:
    """Of the bucket three records, and a fourth whose object has left it; of another one, a record."""
    installation = home.installation
    installation.store.images.delete_many({})
    installation.store.thumbnails.delete_many({})
    installation.store.jobs.delete_many({})
    know(installation, photos.name, *KEYS, "gone.jpg")
    know(installation, f"{photos.name}-2", "other bucket's")
    note_run(installation, photos.name)
    return {*KEYS, "gone.jpg", "other bucket's"}


def test_prune__nobody_there_to_ask__is_refused(home: Home, photos: Bucket, known: set[str]) -> None:
    done = home.run("--prune", photos.name)

    assert (done.returncode, done.stdout) == (2, "")
    assert "give --yes where nobody can answer" in done.stderr
    assert known_keys(home.installation) == known


def test_prune__asked__removes_what_it_showed_once_it_may(home: Home, photos: Bucket, known: set[str]) -> None:
    code, said = home.run_at_terminal("n", "--prune", photos.name)
    assert code == 0
    assert "3 listed; 1 records and 0 failed jobs are of images that have left the bucket." in said
    assert f"  {photos.name}/gone.jpg" in said
    assert "0 records and 0 failed jobs are removed." in said
    assert known_keys(home.installation) == known

    code, said = home.run_at_terminal("y", "--prune", photos.name)
    assert code == 0
    assert "1 records and 0 failed jobs are removed." in said
    assert known_keys(home.installation) == known - {"gone.jpg"}


def test_prune__dry_run_then_yes__shows_and_removes_without_asking(home: Home, photos: Bucket, known: set[str]) -> None:
    found = {"listed": 3, "records": 1, "failed_jobs": 0}
    dry = numbers_of(home.run("--prune", "--dry-run", "--json", photos.name))
    assert dry == {**found, "removed_records": 0, "removed_failed_jobs": 0}
    assert known_keys(home.installation) == known

    done = numbers_of(home.run("--prune", "--yes", "--json", photos.name))
    assert done == {**found, "removed_records": 1, "removed_failed_jobs": 0}
    assert known_keys(home.installation) == known - {"gone.jpg"}


@pytest.mark.parametrize(
    ("bucket_too", "said"), [(False, "came back empty"), (True, "there is no bucket")], ids=["empty", "gone"]
)
def test_prune__nothing_or_no_bucket_listed__removes_nothing(
    home: Home, photos: Bucket, known: set[str], bucket_too: bool, said: str
) -> None:
    for key in KEYS:
        photos.delete(key)
    if bucket_too:
        photos.client.delete_bucket(Bucket=photos.name)

    done = home.run("--prune", "--yes", photos.name)

    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert known_keys(home.installation) == known
