"""The shell scripts, as a user runs them. test_fresh_install.py covers them without a virtual environment."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import Bucket
from tests.photos import make_jpeg
from tests.s3_proxy import Answer, Proxy, s3_error
from tests.servers import NO_PROXY, end
from tests.system.clone import Clone
from tests.waiting import eventually


def get_json(url: str) -> Any:
    with NO_PROXY.open(url) as response:
        return json.load(response)


def counts_of(stdout: str) -> dict[str, Any]:
    """Return the counts of a run from its stdout, which must be one JSON object. Check that they add up."""
    counts = json.loads(stdout)
    parts = ("folders", "excluded", "unchanged", "archived", "stored", "no_exif", "unsupported", "damaged", "failed")
    assert counts["listed"] == sum(counts[part] for part in parts)
    return dict(counts)


@pytest.fixture
def photos(bucket: Bucket) -> Bucket:
    """Return a bucket with three photos."""
    for i in range(3):
        bucket.put(f"{i}.jpg", make_jpeg(seed=i))
    return bucket


@pytest.mark.parametrize("script", ["setup.sh", "run.sh", "start_workers.sh", "stop.sh", "test.sh"])
def test_help__any_script__is_printed_before_any_setup(bare_clone: Clone, script: str) -> None:
    done = bare_clone.run(script, "--help")

    assert done.returncode == 0
    assert done.stdout.startswith(f"Usage: ./{script}")
    assert not (bare_clone.path / "venv").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--nope"], "unknown option --nope"),
        # What follows these options is not interpreted as an option or a folder.
        (["--include", "/2024/**", "--exclude", "-x", "--exclude-from=/a", "--nope"], "unknown option --nope"),
        (["--include", "/2024/**", "/no/such"], "folder not found: /no/such."),
        (["./no/such/folder"], "folder not found"),
        (["/no/such"], "folder not found"),
    ],
)
def test_run__wrong_usage__is_refused_before_any_setup(bare_clone: Clone, arguments: list[str], message: str) -> None:
    done = bare_clone.run("run.sh", *arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert not (bare_clone.path / "venv").exists()


def test_setup__complete_environment__installs_nothing(clone: Clone) -> None:
    """Check that setup.sh accepts the clone's environment: otherwise, each test here would install the packages."""
    done = clone.run("setup.sh", "--no-services")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not (clone.path / "logs" / "setup.log").exists()


def test_run__second_time__counts_all_images_as_unchanged(running_clone: Clone, photos: Bucket) -> None:
    first = running_clone.run("run.sh", "--json", photos.name, cwd=Path("/"))
    before = running_clone.supervised()
    again = running_clone.run("run.sh", "--json", photos.name)

    assert (first.returncode, counts_of(first.stdout)["stored"]) == (0, 3), first.stderr
    counts = counts_of(again.stdout)
    assert (again.returncode, counts["unchanged"], counts["queued"]) == (0, 3, 0)
    assert running_clone.supervised() == before


def test_run__addresses_in_the_summary__respond(running_clone: Clone, photos: Bucket) -> None:
    done = running_clone.run("run.sh", EXIFINATOR_S3_BUCKETS=photos.name)

    addresses = re.findall(r"http://\S+", done.stdout)
    assert len(addresses) >= 2
    for address in addresses:
        with NO_PROXY.open(address) as response:
            assert response.status == 200


def test_run__relative_folder_from_elsewhere__is_indexed(running_clone: Clone, tmp_path: Path) -> None:
    folder = tmp_path / "my photos, 'all'"
    folder.mkdir()
    for i in range(5):
        (folder / f"photo {i}.jpg").write_bytes(make_jpeg(seed=i))

    done = running_clone.run("run.sh", "--json", folder.name, cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert counts_of(done.stdout)["stored"] == 5


def test_run__no_such_bucket__is_reported_with_exit_code_2(running_clone: Clone) -> None:
    done = running_clone.run("run.sh", "--json", "no-such-bucket")

    assert (done.returncode, done.stdout) == (2, "")
    assert "Bucket not found" in done.stderr
    assert "Traceback" not in done.stderr


def test_run__wrong_settings__are_all_reported_with_exit_code_2(clone: Clone) -> None:
    done = clone.run("run.sh", EXIFINATOR_GREENLETS="many", EXIFINATOR_MAX_RETRIES="-1")

    assert done.returncode == 2
    assert "GREENLETS" in done.stderr
    assert "MAX_RETRIES" in done.stderr
    assert "Traceback" not in done.stderr


@contextlib.contextmanager
def denying_access(proxy: Proxy, key: str) -> Iterator[None]:
    """Make S3 deny access to a key during the block."""

    def deny(method: str, target: str, headers: dict[str, str], answer: Answer) -> Answer:
        return s3_error(403, "AccessDenied") if key in target else answer

    proxy.answer = deny
    try:
        yield
    finally:
        proxy.answer = None


def test_run__refused_image__is_a_failed_job_that_the_dashboard_requeues(
    running_clone: Clone, photos: Bucket, s3_proxy: Proxy
) -> None:
    photos.put("denied.jpg", make_jpeg())
    dashboard = running_clone.dashboard
    with denying_access(s3_proxy, f"{photos.name}/denied.jpg"):
        done = running_clone.run("run.sh", "--json", photos.name)

    counts = counts_of(done.stdout)
    assert (done.returncode, counts["stored"], counts["failed"]) == (1, 3, 1)
    jobs = get_json(f"{dashboard}/api/datatables/jobs?sEcho=1&status=failed")["aaData"]
    [job] = [job for job in jobs if job["params"]["bucket"] == photos.name]
    assert job["params"]["key"] == "denied.jpg"
    assert "AccessDenied" in get_json(f"{dashboard}/api/job/{job['_id']}/traceback")["traceback"]
    assert "denied.jpg" in get_json(f"{dashboard}/api/logs?job={job['_id']}")["logs"]
    causes = get_json(f"{dashboard}/api/datatables/taskexceptions?sEcho=1")["aaData"]
    assert {"path": "exifinator.worker.tasks.Download", "exceptiontype": "AccessDenied"} in [c["_id"] for c in causes]

    form = urllib.parse.urlencode({"id": job["_id"], "action": "requeue"}).encode()
    NO_PROXY.open(f"{dashboard}/api/jobaction", form).close()

    query = urllib.parse.urlencode({"query": json.dumps({"_id": f"{photos.name}/denied.jpg"})})
    eventually(lambda: b"denied.jpg" in NO_PROXY.open(f"{running_clone.api}/waldo/exif_data?{query}").read())
    job_of_id = f"{dashboard}/api/datatables/jobs?sEcho=1&id={job['_id']}"
    eventually(lambda: [job["status"] for job in get_json(job_of_id)["aaData"]] == ["success"])


def test_dashboard__queues_and_workers__are_shown(running_clone: Clone) -> None:
    queues = get_json(f"{running_clone.dashboard}/api/datatables/queues?sEcho=1")["aaData"]
    assert {"download_timed_set", "write_raw"} <= {queue["name"] for queue in queues}
    assert all(queue["size"] == 0 for queue in queues if queue["is_raw"])
    table = f"{running_clone.dashboard}/api/datatables/workers?sEcho=1&status=wait-full-spawn"
    # A worker reports itself some time after its start.
    eventually(lambda: ["download", "write"] in [w["config"]["queues"] for w in get_json(table)["aaData"]])


def test_start_workers__killed_worker__is_restarted(running_clone: Clone) -> None:
    before = running_clone.workers()
    killed = min(before)
    os.kill(killed, signal.SIGKILL)

    eventually(lambda: killed not in (now := running_clone.workers()) and len(now) == len(before))
    assert before - {killed} < running_clone.workers()


def test_start_workers__second_time__changes_nothing(running_clone: Clone) -> None:
    before = running_clone.supervised()
    done = running_clone.run("start_workers.sh")

    assert done.returncode == 0, done.stderr
    assert "already running" in done.stdout
    assert running_clone.supervised() == before


def test_start_workers__with_restart__applies_changed_settings(running_clone: Clone) -> None:
    before = running_clone.workers()
    wanted = len(before) % 2 + 1
    done = running_clone.run("start_workers.sh", "--restart", EXIFINATOR_WORKER_PROCESSES=str(wanted))

    assert done.returncode == 0, done.stderr
    # A process that supervisord has just started has supervisord's command line for a moment.
    eventually(lambda: len(running_clone.workers()) == wanted)
    assert not running_clone.workers() & before


@pytest.mark.last
def test_stop__without_and_with_all__stops_the_workers_and_then_everything(running_clone: Clone) -> None:
    assert running_clone.run("stop.sh").returncode == 0
    left = running_clone.command_lines()
    assert not [line for line in left if "mrq_worker" in line or "dashboard" in line]
    assert [line for line in left if "mongod" in line]

    assert running_clone.run("stop.sh", "--all").returncode == 0
    assert running_clone.command_lines() == []
    assert running_clone.run("stop.sh", "--all").returncode == 0
    assert running_clone.shell("git status --porcelain").stdout == ""


def test_clone_processes__process_in_the_folder_of_the_clone__is_found(bare_clone: Clone) -> None:
    """Check the helper of the test above, which could not fail if the helper found no processes."""
    sleeper = subprocess.Popen(["sleep", "600"], cwd=bare_clone.path)
    try:
        assert sleeper.pid in [process.pid for process in bare_clone.processes()]
    finally:
        end(sleeper)
