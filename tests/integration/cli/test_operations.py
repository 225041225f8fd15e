"""The commands for operators: status, failures, queue, purge; and structured logs."""

from __future__ import annotations

import json
import re
import sys
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from exifinator.cli import migrate, serve
from exifinator.paths import COMMAND
from exifinator.storage.mongodb import connect_mongodb
from tests.integration.conftest import Bucket, Installation, SharedInstallation, invoke
from tests.photos import make_jpeg
from tests.servers import end, reserve_port, running

Run = Callable[..., Result]
# An address on which no server listens.
NOBODY = "127.0.0.1:9"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return run(installation, "status", "--json", typed=..., NAME=value), which runs a command with these settings."""

    def run_command(installation: Installation, *arguments: str, typed: str | None = None, **settings: str) -> Result:
        return invoke(installation, monkeypatch, *arguments, typed=typed, **settings)

    return run_command


def run_json(run: Run, installation: Installation, *arguments: str, **settings: str) -> Any:
    result = run(installation, *arguments, "--json", **settings)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_failures__object_is_gone__is_grouped_shown_logged_and_requeued(
    installation: Installation, bucket: Bucket, run: Run
) -> None:
    body = make_jpeg()
    bucket.put("gone.jpg", body)
    bucket.put("there.jpg", make_jpeg(seed=2))
    batch = installation.queue_batch(bucket.name)
    bucket.delete("gone.jpg")
    # The logs are in JSON even in the worker's first seconds, before it knows which batches run.
    worker = installation.start_worker("download", "write", EXIFINATOR_LOG_FORMAT="json")
    installation.finish(batch)

    (group,) = run_json(run, installation, "failures")
    assert (group["exception"], group["count"]) == ("ObjectGone", 1)
    (listed,) = run_json(run, installation, "failures", "list", "--exception", "ObjectGone")
    assert (listed["bucket"], listed["key"]) == (bucket.name, "gone.jpg")
    assert run_json(run, installation, "failures", "list", "--exception", "AccessDenied") == []
    shown = run(installation, "failures", "show", listed["id"]).output
    assert f"Image     {bucket.name}/gone.jpg" in shown
    assert "\nTraceback:\nTraceback (most recent call last):\n" in shown
    assert "(none)" not in shown
    # The image is accepted as an id too.
    assert run_json(run, installation, "failures", "show", f"{bucket.name}/gone.jpg")["id"] == listed["id"]

    bucket.put("gone.jpg", body)
    requeued = run(installation, "failures", "requeue", "--exception", "AccessDenied")
    assert requeued.output == "Requeued 0 images.\n"
    assert run_json(run, installation, "failures", "requeue", listed["id"]) == {"requeued": 1}
    stored = {"key": "gone.jpg", "status": "ok"}
    installation.wait_until(lambda: installation.store.records.collection.find_one(stored), [worker])
    installation.wait_until(lambda: run_json(run, installation, "failures") == [], [worker])

    end(worker)
    lines = [json.loads(line) for line in (installation.logs / "worker-0.log").read_text().splitlines()]
    (failed,) = [line for line in lines if line["message"] == "Job failed"]
    assert failed["level"] == "ERROR"
    assert (failed["bucket"], failed["key"], failed["job"]) == (bucket.name, "gone.jpg", listed["id"])
    assert failed["logger"] == "mrq.worker"
    assert any(line["message"].startswith("Starting worker on") for line in lines)
    assert {"time", "level", "logger", "message"} <= set.intersection(*(set(line) for line in lines))


def test_failures__invalid_or_unknown_ids__exit_with_an_error(installation: Installation, run: Run) -> None:
    assert run(installation, "failures").output == "No failures.\n"
    assert run(installation, "failures", "show", "nonsense").exit_code == 2
    assert run(installation, "failures", "show", "a" * 24).exit_code == 1
    assert run(installation, "failures", "requeue", "a" * 24).exit_code == 1
    for arguments in ([], ["a" * 24, "--all"], ["--all", "--exception", "X"]):
        assert run(installation, "failures", "requeue", *arguments).exit_code == 2


def test_failures__control_characters_in_a_key__are_escaped(installation: Installation, run: Run) -> None:
    params = {"bucket": "b", "key": "\x1b[31m[red]\nx.jpg", "size": 1}
    failed = {
        "path": "exifinator.worker.tasks.Download",
        "status": "failed",
        "exceptiontype": "X[/]\x1b",
        "params": params,
    }
    job_id = installation.store.jobs.collection.insert_one({**failed, "traceback": "\x1b]0;evil\x07"}).inserted_id
    for arguments in (["list"], ["group"], ["show", str(job_id)], []):
        result = run(installation, "failures", *arguments)
        assert result.exit_code == 0, result.output
        assert "\x1b" not in result.output
        assert "\x07" not in result.output
    assert "[red]\\nx.jpg" in run(installation, "failures", "list").output
    assert "\x1b" not in run(installation, "status").output


def test_queue__is_paused__workers_take_nothing_until_it_is_resumed(
    installation: Installation, bucket: Bucket, run: Run
) -> None:
    bucket.put("first.jpg", make_jpeg())
    assert run(installation, "queue", "pause").exit_code == 0
    batch = installation.queue_batch(bucket.name)
    # A worker that starts while the queue is paused must not take anything, even with its first poll.
    intervals = {"MRQ_REPORT_INTERVAL": "0.2", "MRQ_PAUSED_QUEUES_REFRESH_INTERVAL": "0.2"}
    worker = installation.start_worker("download", "write", **intervals)
    workers = installation.store.jobs.collection.database["mrq_workers"]
    # The worker has polled, and taken nothing.
    installation.wait_until(lambda: workers.find_one({"status": "wait"}), [worker])
    assert not installation.redis.exists(installation.queue.keys.deliveries)
    status = run_json(run, installation, "status")
    assert worker.poll() is None
    assert [(q["name"], q["images"], q["paused"]) for q in status["queues"][:2]] == [
        ("download", 1, True), ("write", 0, True),
    ]  # fmt: skip
    assert status["queues"][0]["oldest_seconds"] > 0
    (host,) = status["hosts"]
    assert host["processes"] == 1

    assert run(installation, "queue", "resume").output == "Resumed: download, write.\n"
    assert installation.finish(batch).stored == 1

    # A running worker notices the pause too.
    paused_key = f"{installation.config.mrq_database}:s:paused"
    with installation.redis.monitor() as monitor:
        run(installation, "queue", "pause", "write")
        commands = (each["command"] for each in monitor.listen() if paused_key in each["command"])
        while not next(commands).startswith("SADD"):
            pass
        # When the worker reads the paused queues for the second time, it has processed the first response.
        for _ in range(2):
            assert next(commands).startswith("SMEMBERS")
    assert installation.control.paused() == ["write"]
    bucket.put("second.jpg", make_jpeg(seed=2))
    batch = installation.queue_batch(bucket.name)
    installation.wait_until(lambda: installation.control.stats().in_write_queue == 1, [worker])
    assert run(installation, "queue").output.splitlines()[1].endswith("PAUSED")
    run(installation, "queue", "resume", "write")
    assert installation.finish(batch).stored == 1
    assert run(installation, "queue", "pause", "nonsense").exit_code == 2


def test_status__a_worker_and_a_batch_are_running__shows_both(
    shared: SharedInstallation, bucket: Bucket, run: Run
) -> None:
    bucket.put("a.jpg", make_jpeg())
    # More than one process may be counted: workers that other tests have killed are counted for a while.
    (host,) = shared.wait_until(lambda: run_json(run, shared, "status")["hosts"], shared.readers)
    with shared.stopped():
        batch = shared.queue_batch(bucket.name)
        status = run_json(run, shared, "status")
    assert (host["processes"] >= 1, host["cores"] > 0, host["load"] >= 0) == (True, True, True)
    (shown_batch,) = [b for b in status["batches"] if b["id"] == batch.id]
    assert shown_batch["numbers"]["listed"] == 1
    services = {service["name"]: service for service in status["services"]}
    assert services["MongoDB"]["version"] == shared.mongodb.server_info()["version"]
    assert services["Valkey"]["up"]
    assert services["Valkey"]["version"]
    assert status["redis"]["memory_bytes"] > 100_000
    assert status["mongodb"]["disk_free_bytes"] > 0
    shared.finish(batch)
    shown = run(shared, "status").output
    for words in (batch.id, host["name"], "download", "records", "images/s"):
        assert words in shown


@pytest.mark.parametrize(
    ("setting", "unavailable", "available"),
    [("REDIS_URL", "Redis", "mongodb"), ("MONGODB_URI", "MongoDB", "redis")],
    ids=["redis", "mongodb"],
)
def test_status__a_server_is_unavailable__shows_the_rest(
    installation: Installation, run: Run, setting: str, unavailable: str, available: str
) -> None:
    address = {"REDIS_URL": f"redis://:hush@{NOBODY}/0", "MONGODB_URI": f"mongodb://waldo:hush@{NOBODY}"}[setting]
    status = run_json(run, installation, "status", **{setting: address})
    assert status[available] is not None
    (problem,) = status["problems"]
    assert problem.startswith(f"{unavailable} cannot report its state")
    shown = run(installation, "status", **{setting: address})
    assert shown.exit_code == 0
    assert f"! {problem}" in shown.output
    assert "hush" not in shown.output


def test_status__both_servers_are_unavailable__reports_them_as_down(installation: Installation, run: Run) -> None:
    result = run(installation, "status", REDIS_URL=f"redis://{NOBODY}/0", MONGODB_URI=f"mongodb://{NOBODY}")
    assert result.exit_code == 1
    assert result.output.count("down") >= 2
    assert "./start_workers.sh" in result.output


@pytest.mark.parametrize(
    ("arguments", "setting"),
    [
        ("failures requeue --all", "MONGODB_URI"),
        ("migrate", "MONGODB_URI"),
        ("worker", "MONGODB_URI"),
        ("queue", "REDIS_URL"),
        ("purge --queues", "REDIS_URL"),
        ("worker", "REDIS_URL"),
    ],
)
def test_commands__a_server_is_unavailable__report_its_address_and_the_remedy(
    installation: Installation, run: Run, monkeypatch: pytest.MonkeyPatch, arguments: str, setting: str
) -> None:
    # Without this, a worker that was started nevertheless would replace this process.
    monkeypatch.setattr(serve, "_become", lambda command: pytest.fail(f"started {command}"))
    # Wait 300 ms for MongoDB instead of ten seconds, the time for servers to elect another primary.
    monkeypatch.setattr(migrate, "connect_mongodb", partial(connect_mongodb, serverSelectionTimeoutMS=300))
    address = f"redis://:hush@{NOBODY}/0" if setting == "REDIS_URL" else f"mongodb://{NOBODY}"
    result = run(installation, *arguments.split(), **{setting: address})
    assert result.exit_code == 1
    (line,) = result.output.splitlines()
    assert re.match(rf"Error: {'Redis' if setting == 'REDIS_URL' else 'MongoDB'} cannot .*: .*127\.0\.0\.1:9\b", line)
    assert line.endswith(f"; check {setting}, or run `{COMMAND} doctor`")
    assert "hush" not in line


def test_worker__unknown_queue__is_a_usage_error(
    installation: Installation, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "_become", lambda command: pytest.fail(f"started {command}"))
    result = run(installation, "worker", "downlaod")
    assert result.exit_code == 2
    assert "There is no queue 'downlaod'. Use download or write." in result.output


def test_purge__queues_of_a_running_batch__ends_the_batch(installation: Installation, bucket: Bucket, run: Run) -> None:
    for i in range(3):
        bucket.put(f"{i}.jpg", make_jpeg(seed=i))
    batch = installation.queue_batch(bucket.name)
    assert run(installation, "purge", "--queues", typed="n\n").exit_code == 1
    assert installation.queue.sizes() == (3, 0)
    assert run(installation, "purge", "--records", typed=f"{installation.config.mongodb_database}\n").exit_code == 1

    result = run(installation, "purge", "--queues", "--yes")

    assert "Deleted 3 queued images" in result.output
    assert installation.queue.sizes() == (0, 0)
    # The process that watches the batch does not requeue missing images.
    installation.finish(batch)
    assert installation.queue.sizes() == (0, 0)
    assert installation.store.batches.find(batch.id)["state"] == "cancelled"  # type: ignore[index]
    assert "Deleted 1 ended batches" in run(installation, "purge", "--batches", "--yes").output
    assert installation.store.batches.find(batch.id) is None


def test_purge__records__are_removed_only_if_the_database_name_is_typed(installation: Installation, run: Run) -> None:
    store, name = installation.store, installation.config.mongodb_database
    store.ensure_indexes()
    store.records.collection.insert_one({"_id": "b/k"})
    store.records.thumbnails.insert_one({"_id": "b/k"})
    for typed in ("", "y\n", "\n", f"{name[:-1]}\n"):
        assert run(installation, "purge", "--records", "--yes", typed=typed).exit_code == 1
    for arguments in (["--queues"], ["--failures"], ["--batches"]):
        assert run(installation, "purge", *arguments, "--yes").exit_code == 0
    assert store.records.collection.count_documents({}) == store.records.thumbnails.count_documents({}) == 1

    assert run(installation, "purge", "--records", "--yes", typed=f"{name}\n").exit_code == 0

    assert store.records.collection.count_documents({}) == store.records.thumbnails.count_documents({}) == 0
    assert "taken_local" in store.records.collection.index_information()


def test_purge__failures_of_one_exception__keeps_the_others(installation: Installation, run: Run) -> None:
    job = {"path": "exifinator.worker.tasks.Download", "status": "failed"}
    installation.store.jobs.collection.insert_many([{**job, "exceptiontype": name} for name in ("A", "A", "B")])
    installation.store.jobs.collection.insert_one({"path": "another.Task", "status": "failed", "exceptiontype": "A"})
    assert "2  failed jobs (A)" in run(installation, "purge", "--failures", "--exception", "A", typed="y\n").output
    left = sorted(job["exceptiontype"] + job["path"][:1] for job in installation.store.jobs.collection.find())
    assert left == ["Aa", "Be"]


def test_purge__without_a_target__is_a_usage_error(installation: Installation, run: Run) -> None:
    assert run(installation, "purge").exit_code == 2
    assert run(installation, "purge", "--queues", "--exception", "A").exit_code == 2


@pytest.mark.parametrize("program", ["api", "exifinator.dashboard.server"])
def test_logs__json_format_in_web_servers__has_one_object_per_line(
    installation: Installation, tmp_path: Path, program: str
) -> None:
    port = reserve_port()
    ports = {"EXIFINATOR_API_PORT": str(port), "EXIFINATOR_DASHBOARD_PORT": str(reserve_port())}
    if program != "api":
        ports = {"EXIFINATOR_API_PORT": str(reserve_port()), "EXIFINATOR_DASHBOARD_PORT": str(port)}
    environment = {**installation.environment, **ports, "EXIFINATOR_LOG_FORMAT": "json"}
    log = tmp_path / "web.log"
    with running([sys.executable, "-m", program], port, log, environment):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/").close()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert lines
    # On a busy machine, the API may warn that Redis responds slowly.
    assert "INFO" in {line["level"] for line in lines} <= {"INFO", "WARNING"}
    assert all(line["logger"] and line["message"] for line in lines)
