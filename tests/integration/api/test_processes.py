"""The API in several processes: whichever of them responds, shared state is the same."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import httpx2 as httpx
import psutil
import pytest
from pydantic import SecretStr

from exifinator.config import Config
from exifinator.storage.migrations import mark_schema
from exifinator.storage.mongodb import connect_mongodb
from exifinator.storage.store import Store
from exifinator.web_security import LoginThrottle
from tests.integration.api.batches import processes_of
from tests.integration.api.fixtures import TOKEN, WireApi, copy_library, guarded, run_api
from tests.waiting import eventually

EVENTS_TOKEN = "the-token-of-the-events"
GOOD = {"Authorization": f"Bearer {TOKEN}"}
WRONG = {"Authorization": "Bearer guess"}


@dataclass
class Pair:
    """An API of two processes, and a client for each process, by process id."""

    api: WireApi
    config: Config
    log: Path
    stack: contextlib.ExitStack
    clients: dict[int, httpx.Client] = field(default_factory=dict)

    @property
    def main_pid(self) -> int:
        assert self.api.process is not None
        return self.api.process.pid

    def connect(self) -> tuple[httpx.Client, httpx.Client]:
        """Return a client of each of the two processes, once both accept connections."""

        def find() -> bool:
            client = self.stack.enter_context(httpx.Client(base_url=self.api.url, timeout=None, trust_env=False))
            # The process of a client may have been killed. A client whose connection was idle for long connects again,
            # perhaps to the other process.
            clients = {process_of(client): client for client in (*self.clients.values(), client)}
            running = find_children(self.main_pid)
            self.clients = {pid: client for pid, client in clients.items() if pid in running}
            return len(running) == len(self.clients) == 2

        eventually(find)
        first, second = (client for _, client in sorted(self.clients.items()))
        return first, second


def process_of(client: httpx.Client) -> int | None:
    """Return the id of the process that a client is connected to, or None if the process was killed meanwhile."""
    with contextlib.suppress(httpx.TransportError):
        return int(client.get("/healthz").json()["process_pid"])
    return None


def find_children(pid: int) -> set[int]:
    """Return the ids of the children of a process that are running. A killed child may be a zombie for a moment."""
    found = set()
    for child in psutil.Process(pid).children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if child.status() != psutil.STATUS_ZOMBIE:
                found.add(child.pid)
    return found


@pytest.fixture(scope="module")
def pair(library: Config, moto_url: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("pair")
    settings = {
        "EXIFINATOR_API_PROCESSES": "2",
        "EXIFINATOR_EVENTS_TOKEN": EVENTS_TOKEN,
        "EXIFINATOR_LOG_FORMAT": "json",
    }
    with copy_library(library) as copy, contextlib.ExitStack() as stack:
        shared = {"redis_url": SecretStr(redis_url), "s3_endpoint_url": moto_url}
        config = guarded(copy.model_copy(update=shared))
        client = connect_mongodb(config)
        stack.callback(client.close)
        # Without a known schema version of the records, no batch would start.
        mark_schema(Store(client, config))
        api = stack.enter_context(run_api(config, folder, settings))
        yield Pair(api, config, next(folder.glob("api-*.log")), stack)


def test_healthz__two_processes_run__both_name_the_same_main_process(pair: Pair) -> None:
    answers = [client.get("/healthz").json() for client in pair.connect()]
    assert {answer["pid"] for answer in answers} == {pair.main_pid}
    children = find_children(pair.main_pid)
    assert {answer["process_pid"] for answer in answers} == children


def test_wrong_tokens__sent_to_both_processes__are_counted_together(pair: Pair) -> None:
    first, second = pair.connect()
    assert first.get("/photos", headers=GOOD).status_code == 200
    for _ in range(LoginThrottle.FREE_ATTEMPTS):
        assert first.get("/photos", headers=WRONG).status_code == 401
    # On a slow machine, the first pauses may already be over. If the processes counted separately, the second one
    # would answer none of these requests with 429.
    statuses = [second.get("/photos", headers=WRONG).status_code for _ in range(LoginThrottle.FREE_ATTEMPTS)]
    assert 429 in statuses
    # The right token passes, and ends the pause in both processes.
    assert second.get("/photos", headers=GOOD).status_code == 200
    assert [client.get("/photos", headers=WRONG).status_code for client in (first, second)] == [401, 401]
    assert first.get("/photos", headers=GOOD).status_code == 200


def test_facets__requested_from_both_processes__are_equal(pair: Pair) -> None:
    first, second = pair.connect()
    fields = {"fields": "camera,taken,gps,keyword"}
    answers = [client.get("/facets", params=fields, headers=GOOD).json() for client in (first, second)]
    assert [answer.pop("milliseconds") >= 0 for answer in answers] == [True, True]
    assert answers[0] == answers[1]
    assert answers[0]["facets"]["camera"]


def _malformed_events(client: httpx.Client) -> int:
    """Return the number of malformed events in the metrics."""
    pages = client.get("/metrics", headers=GOOD).text
    match = re.search(r'exifinator_events_total\{outcome="malformed"\} ([0-9.]+)', pages)
    return int(float(match[1])) if match else 0


def test_metrics__counted_by_both_processes__are_summed_and_survive_a_restart(pair: Pair) -> None:
    first, second = pair.connect()
    before = _malformed_events(first)
    sender = {"Authorization": f"Bearer {EVENTS_TOKEN}"}
    for client, times in ((first, 2), (second, 3)):
        for _ in range(times):
            assert client.post("/events/s3", content=b"{", headers=sender).status_code == 400
    eventually(lambda: {_malformed_events(first), _malformed_events(second)} == {before + 5})
    _kill_one(pair)
    for client in pair.connect():
        assert _malformed_events(client) == before + 5


def _kill_one(pair: Pair) -> int:
    """Kill one process, wait until another has replaced it, and return its pid."""
    victim = min(find_children(pair.main_pid))
    os.kill(victim, signal.SIGKILL)
    eventually(lambda: not psutil.pid_exists(victim))
    eventually(lambda: len(find_children(pair.main_pid)) == 2)
    return victim


def test_kill__one_process_under_load__fails_only_its_own_requests(pair: Pair) -> None:
    pair.connect()
    expected = json.loads(
        json.dumps(httpx.get(f"{pair.api.url}/photos?limit=50", headers=GOOD, trust_env=False).json())
    )
    victim = min(find_children(pair.main_pid))
    half_connected = threading.Event()
    results: list[str] = []

    def send_requests(at: int) -> None:
        """Send four requests on one connection, or fewer if the process that serves it is killed."""
        with httpx.Client(base_url=pair.api.url, timeout=None, trust_env=False) as client:
            pid = None
            try:
                pid = client.get("/healthz").json()["process_pid"]
                if at == 25:
                    half_connected.set()
                for _ in range(4):
                    answer = client.get("/photos?limit=50", headers=GOOD)
                    assert answer.status_code == 200
                    assert answer.json() == expected
                results.append("right")
            except httpx.TransportError:
                results.append("cut off" if pid in (None, victim) else f"cut off by {pid}")

    with ThreadPoolExecutor(50) as pool:
        requests = [pool.submit(send_requests, at) for at in range(50)]
        half_connected.wait()
        os.kill(victim, signal.SIGKILL)
        for request in requests:
            request.result()
    assert set(results) <= {"right", "cut off"}, results
    assert len(results) == 50
    pair.connect()
    log = pair.log
    eventually(lambda: '"process": "api-' in log.read_text() or "restart: process api-" in log.read_text())


@pytest.fixture
def bucket(moto_url: str) -> str:
    name = f"pair-{secrets.token_hex(4)}"
    client: Any = boto3.client(
        "s3", endpoint_url=moto_url, aws_access_key_id="test", aws_secret_access_key="secret", region_name="us-east-1"
    )
    client.create_bucket(Bucket=name)
    client.put_object(Bucket=name, Key="a.jpg", Body=b"x")
    return name


def test_batch__started_by_one_process__is_shown_and_cancelled_by_the_other(pair: Pair, bucket: str) -> None:
    first, second = pair.connect()
    with second.stream("GET", "/events", headers=GOOD) as events:
        lines = events.iter_lines()
        started = first.post("/batches", json={"source": bucket}, headers=GOOD)
        assert started.status_code == 202, started.text
        id_ = started.json()["id"]
        try:
            assert next(line for line in lines if id_ in line).startswith("data: ")
            with httpx.Client(base_url=pair.api.url, timeout=None, trust_env=False) as third:
                assert third.delete(f"/batches/{id_}", headers=GOOD).status_code == 202
            ended = next(line for line in lines if re.search(rf'"{id_}".*"state": ?"cancell', line))
            assert ended
        finally:
            for process in processes_of(id_):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
    assert first.get(f"/batches/{id_}", headers=GOOD).json()["state"] in ("cancelling", "cancelled")


def test_batch__api_process_that_started_it_is_killed__continues(pair: Pair, bucket: str) -> None:
    first, _ = pair.connect()
    starter = first.get("/healthz").json()["process_pid"]
    id_ = first.post("/batches", json={"source": bucket}, headers=GOOD).json()["id"]
    try:
        os.kill(starter, signal.SIGKILL)
        _, other = pair.connect()
        # No worker runs, so the batch waits for its image.
        eventually(lambda: other.get(f"/batches/{id_}", headers=GOOD).json()["state"] == "reading")
        assert processes_of(id_)
        for process in processes_of(id_):
            process.kill()
        # The API process that waited for the process of the batch is dead. The other one notices its end nevertheless.
        eventually(lambda: other.get(f"/batches/{id_}", headers=GOOD).json()["state"] == "left")
    finally:
        for process in processes_of(id_):
            process.kill()


def test_main_process__is_killed__other_processes_stop(pair: Pair, tmp_path: Path) -> None:
    with run_api(pair.config, tmp_path, {"EXIFINATOR_API_PROCESSES": "2"}) as api:
        assert api.process is not None
        children = psutil.Process(api.process.pid).children()
        api.process.kill()
        api.process.wait()
        # A process that has exited may stay a zombie, because its parent is gone.
        gone = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
        eventually(lambda: all(not child.is_running() or child.status() in gone for child in children))


def test_start__port_is_taken__is_reported_in_one_sentence(pair: Pair) -> None:
    environment = {**os.environ, "EXIFINATOR_API_PROCESSES": "2"}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        environment["EXIFINATOR_API_PORT"] = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-m", "api"], env=environment, capture_output=True, text=True, check=False
        )
    assert done.returncode == 1
    assert re.fullmatch(
        r"The API cannot start: 127\.0\.0\.1:\d+ cannot be bound \(Address already in use\); "
        r"check API_HOST and API_PORT\n",
        done.stderr,
    )
