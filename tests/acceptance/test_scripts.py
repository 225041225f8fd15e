"""The scripts, as a person runs them on a fresh machine. The tests of this file build on one another, in order."""

from __future__ import annotations

import json
import os
import re
import signal
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.acceptance.conftest import Checkout
from tests.integration.conftest import Bucket
from tests.photos import make_jpeg
from tests.s3_proxy import Answer, Proxy, s3_error

DEMO_PHOTOS = 240


def get_json(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=20) as response:
        return json.load(response)


def photos_of(checkout: Checkout, **query: str) -> Any:
    return get_json(f"{checkout.api}/waldo/exif_data?{urllib.parse.urlencode(query)}")


def numbers_of(stdout: str) -> dict[str, Any]:
    """stdout is one JSON object and nothing else."""
    numbers = json.loads(stdout)
    parts = ("folders", "unchanged", "stored", "no_exif", "unsupported", "damaged", "failed")
    assert numbers["listed"] == sum(numbers[part] for part in parts)
    return dict(numbers)


@pytest.mark.parametrize("script", ["setup.sh", "run.sh", "start_workers.sh", "stop.sh", "test.sh"])
def test_help__any_script__answers_before_any_setup(checkout: Checkout, script: str) -> None:
    done = checkout.run(script, "--help", seconds=5)

    assert done.returncode == 0
    assert done.stdout.startswith(f"Usage: ./{script}")
    assert not (checkout.path / "venv").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--nope"], "no option --nope"),
        (["./no/such/folder"], "there is no folder"),
        (["/no/such"], "there is no folder"),
    ],
)
def test_run__wrong_usage__is_said_before_any_setup(checkout: Checkout, arguments: list[str], said: str) -> None:
    done = checkout.run("run.sh", *arguments, seconds=5)

    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert not (checkout.path / "venv").exists()


def test_run__fresh_machine__reads_the_demo_library(checkout: Checkout) -> None:
    done = checkout.run("run.sh", "--json", cwd=Path("/"))

    assert done.returncode == 0, done.stderr
    numbers = numbers_of(done.stdout)
    assert (numbers["listed"], numbers["failed"], numbers["unchanged"]) == (DEMO_PHOTOS, 0, 0)
    assert numbers["stored"] > 200
    for status in ("no_exif", "unsupported", "damaged"):
        assert numbers[status] > 0
    counted = photos_of(checkout, query='{"bucket":"demo"}', count="1")
    assert DEMO_PHOTOS in (counted if isinstance(counted, dict) else {"n": counted}).values()


def test_run__again__is_all_unchanged(checkout: Checkout) -> None:
    before = checkout.lasting_processes()
    done = checkout.run("run.sh", "--json", seconds=60)

    numbers = numbers_of(done.stdout)
    assert (done.returncode, numbers["unchanged"], numbers["queued"]) == (0, DEMO_PHOTOS, 0)
    assert checkout.lasting_processes() == before


def test_run__summary__names_the_addresses_and_they_answer(checkout: Checkout) -> None:
    done = checkout.run("run.sh", seconds=60)

    addresses = re.findall(r"http://\S+", done.stdout)
    assert len(addresses) >= 2
    for address in addresses:
        with urllib.request.urlopen(address, timeout=20) as response:
            assert response.status == 200


def test_run__folder_seen_from_elsewhere__is_read(checkout: Checkout, tmp_path: Path) -> None:
    folder = tmp_path / "my photos, 'all'"
    folder.mkdir()
    for i in range(5):
        (folder / f"photo {i}.jpg").write_bytes(make_jpeg(seed=i))

    done = checkout.run("run.sh", "--json", folder.name, cwd=tmp_path, seconds=60)

    assert done.returncode == 0, done.stderr
    assert numbers_of(done.stdout)["stored"] == 5


def test_run__no_such_bucket__is_said_with_exit_code_2(checkout: Checkout) -> None:
    done = checkout.run("run.sh", "--json", "no-such-bucket", seconds=60)

    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no bucket" in done.stderr
    assert "Traceback" not in done.stderr


def test_run__wrong_settings__are_all_said_with_exit_code_2(checkout: Checkout) -> None:
    done = checkout.run("run.sh", seconds=60, EXIFINATOR_GREENLETS="many", EXIFINATOR_MAX_RETRIES="-1")

    assert done.returncode == 2
    assert "GREENLETS" in done.stderr
    assert "MAX_RETRIES" in done.stderr
    assert "Traceback" not in done.stderr


def test_run__refused_image__is_a_failed_job_that_the_dashboard_requeues(
    checkout: Checkout, bucket: Bucket, s3_proxy: tuple[Proxy, str]
) -> None:
    for i in range(3):
        bucket.put(f"{i}.jpg", make_jpeg(seed=i))
    bucket.put("denied.jpg", make_jpeg())

    def deny(method: str, target: str, headers: dict[str, str], answer: Answer) -> Answer:
        if "denied.jpg" not in target:
            return answer
        return s3_error(403, "AccessDenied")

    s3_proxy[0].answer = deny
    done = checkout.run("run.sh", "--json", bucket.name, seconds=60)
    s3_proxy[0].answer = None

    numbers = numbers_of(done.stdout)
    assert (done.returncode, numbers["stored"], numbers["failed"]) == (1, 3, 1)
    jobs = get_json(f"{checkout.dashboard}/api/datatables/jobs?sEcho=1&status=failed")["aaData"]
    [job] = [job for job in jobs if job["params"]["bucket"] == bucket.name]
    assert job["params"]["key"] == "denied.jpg"
    assert "AccessDenied" in get_json(f"{checkout.dashboard}/api/job/{job['_id']}/traceback")["traceback"]
    assert "denied.jpg" in get_json(f"{checkout.dashboard}/api/logs?job={job['_id']}")["logs"]
    causes = get_json(f"{checkout.dashboard}/api/datatables/taskexceptions?sEcho=1")["aaData"]
    assert {"path": "exifinator.tasks.Download", "exceptiontype": "AccessDenied"} in [c["_id"] for c in causes]

    form = urllib.parse.urlencode({"id": job["_id"], "action": "requeue"}).encode()
    urllib.request.urlopen(f"{checkout.dashboard}/api/jobaction", form, timeout=20).close()

    deadline = time.monotonic() + 30
    found: list[Any] = []
    while not found and time.monotonic() < deadline:
        time.sleep(0.5)
        answer = photos_of(checkout, query=json.dumps({"_id": f"{bucket.name}/denied.jpg"}))
        found = answer if isinstance(answer, list) else next(v for v in answer.values() if isinstance(v, list))
    assert found
    [job] = get_json(f"{checkout.dashboard}/api/datatables/jobs?sEcho=1&id={job['_id']}")["aaData"]
    assert job["status"] == "success"


def test_dashboard__queues_and_workers__are_right(checkout: Checkout) -> None:
    queues = get_json(f"{checkout.dashboard}/api/datatables/queues?sEcho=1")["aaData"]
    assert {"download_timed_set", "write_raw"} <= {queue["name"] for queue in queues}
    assert all(queue["size"] == 0 for queue in queues if queue["is_raw"])
    workers = get_json(f"{checkout.dashboard}/api/datatables/workers?sEcho=1&status=wait-full-spawn")["aaData"]
    assert {tuple(worker["config"]["queues"]) for worker in workers} >= {("download", "write")}


def test_start_workers__killed_worker__is_started_again(checkout: Checkout) -> None:
    def workers() -> set[int]:
        return {pid for pid, line in checkout.lasting_processes().items() if "mrq-worker download write" in line}

    before = workers()
    killed = min(before)
    os.kill(killed, signal.SIGKILL)

    deadline = time.monotonic() + 30
    while (killed in (now := workers()) or len(now) < len(before)) and time.monotonic() < deadline:
        pass
    assert len(now - {killed}) == len(before)


def test_start_workers__again__changes_nothing(checkout: Checkout) -> None:
    before = checkout.lasting_processes()
    done = checkout.run("start_workers.sh", seconds=60)

    assert done.returncode == 0, done.stderr
    assert "already running" in done.stdout
    assert checkout.lasting_processes() == before


def test_start_workers__restart__takes_over_settings(checkout: Checkout) -> None:
    done = checkout.run("start_workers.sh", "--restart", seconds=90, EXIFINATOR_WORKER_PROCESSES="3")

    assert done.returncode == 0, done.stderr
    workers = [line for line in checkout.processes().values() if "mrq-worker" in line]
    assert len(workers) == 3


def test_stop__workers_and_all__leaves_nothing(checkout: Checkout) -> None:
    assert checkout.run("stop.sh", seconds=60).returncode == 0
    left = checkout.processes().values()
    assert not [line for line in left if "mrq-worker" in line or "dashboard" in line]
    assert [line for line in left if "mongod" in line]

    assert checkout.run("stop.sh", "--all", seconds=60).returncode == 0
    assert checkout.processes() == {}
    assert checkout.run("stop.sh", "--all", seconds=60).returncode == 0


def test_git_status__after_all_this__is_clean(checkout: Checkout) -> None:
    done = checkout.shell("git status --porcelain")

    assert done.stdout == ""


def test_processes__of_this_test__are_found_by_the_helper(checkout: Checkout) -> None:
    sleeper = psutil.Popen(["sleep", "30"], cwd=checkout.path)
    try:
        assert sleeper.pid in checkout.processes()
    finally:
        sleeper.kill()
        sleeper.wait()
