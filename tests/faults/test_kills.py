"""Kill each program of an installation (SIGKILL) during a batch, which is completed without manual repair."""

from __future__ import annotations

import contextlib
import json
import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC
from typing import Any
from urllib.parse import quote

import psutil
import pytest
import redis
from pymongo import MongoClient

from exifinator.sockets import prepare_socket
from tests.faults.conftest import (
    IMAGES,
    PATIENT,
    PHOTOS,
    Document,
    Keeper,
    count_stored,
    differences,
    finish_whole,
)
from tests.integration.conftest import Installation
from tests.s3_proxy import Gate, Proxy
from tests.servers import reserve_port
from tests.system.checkout import Checkout
from tests.waiting import eventually

KILLS = 20


class Running:
    """A checkout with its services and workers, and a batch that has stored some of the photos."""

    def __init__(self, checkout: Callable[..., Checkout], s3: Proxy, gate: Gate) -> None:
        self.checkout = checkout(
            REDIS_URL=f"redis://127.0.0.1:{reserve_port()}/0",
            MONGODB_URI=f"mongodb://127.0.0.1:{reserve_port()}",
            S3_ENDPOINT_URL=s3.url,
            AWS_ACCESS_KEY="test",
            AWS_SECRET_KEY="secret",
            GREENLETS=5,
            LEASE_SECONDS=5,
            **PATIENT,
        )
        self.gate = gate
        socket = quote(str(prepare_socket("mongodb", self.checkout.path)), safe="")
        self.client: MongoClient[Document] = MongoClient(f"mongodb://{socket}", tz_aware=True, tzinfo=UTC)
        self.images = self.client["waldo"]["exif_data"]
        self.run = self.start_run()
        self.wait(lambda: self.images.count_documents({}) > 50)

    def start_run(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "exifinator", "run", "--json", PHOTOS],
            cwd=self.checkout.path,
            env=self.checkout.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait(self, true: Callable[[], Any]) -> Any:
        def explain() -> str:
            output = "" if self.run.poll() is None else str(self.run.communicate())
            return f"{output}\n{self.checkout.logs()}"

        def look() -> Any:
            try:
                return true()
            except (OSError, redis.RedisError):
                return None

        return eventually(look, explain=explain)

    def find(self, *words: str) -> psutil.Process | None:
        """Return the running process whose command line has all these words, or None."""
        for process in self.checkout.processes():
            try:
                line, state = " ".join(process.cmdline()), process.status()
            except (psutil.Error, OSError):
                continue
            if all(word in line for word in words) and state != psutil.STATUS_ZOMBIE:
                return process
        return None

    def kill(self, *words: str) -> psutil.Process:
        """Kill the process whose command line has these words (SIGKILL), while images are still queued.

        The gate in front of S3 stays closed until `finish`.
        """
        process = self.find(*words)
        assert process is not None, f"{words} does not run"
        assert self.images.count_documents({}) < IMAGES
        process.kill()
        return process

    def finish(self, run: subprocess.Popen[str] | None = None) -> Document:
        """Wait until a run has finished, and return the counts that it prints."""
        self.gate.open()
        run = run or self.run
        output, errors = run.communicate()
        assert run.returncode == 0, f"{errors}\n{self.checkout.logs()}"
        return dict(json.loads(output))

    def assert_whole(self, expected: dict[str, Document]) -> None:
        found = {}
        for record in self.images.find():
            record.pop("extracted_at")
            record.pop("delivered_at", None)
            record.pop("fingerprint", None)
            found[str(record.pop("_id"))] = record
        assert found.keys() == expected.keys()
        assert differences(found, expected) == {}
        unfinished = {"params.bucket": {"$exists": True}, "status": {"$ne": "success"}}
        assert self.client["mrq"]["mrq_jobs"].count_documents(unfinished) == 0
        assert [batch["state"] for batch in self.client["waldo"]["exifinator_batches"].find()] == ["done"]

    def close(self) -> None:
        if self.run.poll() is None:
            self.run.kill()
            self.run.communicate()
        self.client.close()


@pytest.fixture
def under_way(checkout: Callable[..., Checkout], proxy: Proxy, gate: Gate) -> Iterator[Running]:
    running = Running(checkout, proxy, gate)
    try:
        yield running
    finally:
        running.close()


def test_run__all_but_the_supervisor_killed__is_completed(under_way: Running, undisturbed: dict[str, Document]) -> None:
    """The only worker, the API and the dashboard are killed."""
    programs = ("mrq_worker download", "-P -m api", "exifinator.dashboard")
    killed = [under_way.kill(words) for words in programs]

    numbers = under_way.finish()

    assert (numbers["listed"], numbers["stored"], numbers["failed"]) == (IMAGES, IMAGES, 0)
    under_way.assert_whole(undisturbed)
    for program, path, words in (("API", "/waldo/exif_data?limit=1", "-P -m api"), ("DASHBOARD", "/", "dash")):
        under_way.wait(lambda program=program, path=path: under_way.checkout.ask(program, path))
        again = under_way.find(words)
        assert again is not None
        assert again.pid not in [process.pid for process in killed]


@pytest.mark.faults
def test_run__killed__continues_with_its_batch_when_run_again(
    under_way: Running, undisturbed: dict[str, Document]
) -> None:
    under_way.run.kill()
    under_way.run.communicate()
    assert under_way.images.count_documents({}) < IMAGES

    numbers = under_way.finish(under_way.start_run())

    assert (numbers["listed"], numbers["stored"], numbers["failed"]) == (IMAGES, IMAGES, 0)
    under_way.assert_whole(undisturbed)


@pytest.mark.faults
def test_run__supervisor_killed__is_complete_when_run_again(
    under_way: Running, undisturbed: dict[str, Document]
) -> None:
    under_way.kill("supervisord", "workers")
    worker = under_way.find("mrq_worker", "download")
    under_way.run.kill()
    under_way.run.communicate()

    again = under_way.start_run()
    under_way.wait(lambda: under_way.find("supervisord", "workers"))
    numbers = under_way.finish(again)

    assert (numbers["listed"], numbers["stored"], numbers["failed"]) == (IMAGES, IMAGES, 0)
    under_way.assert_whole(undisturbed)
    # The old workers are gone.
    assert worker is not None
    assert not worker.is_running()


@pytest.mark.faults
def test_run__everything_killed_simultaneously__is_complete_when_run_again(
    under_way: Running, undisturbed: dict[str, Document]
) -> None:
    """All programs are killed, as in a power failure: Redis, MongoDB, the workers and both supervisors."""
    # Programs that a supervisor has restarted in the meantime are killed too.
    while processes := under_way.checkout.processes():
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(processes)
    under_way.run.communicate()

    numbers = under_way.finish(under_way.start_run())

    assert (numbers["listed"], numbers["failed"]) == (IMAGES, 0)
    under_way.assert_whole(undisturbed)


@pytest.mark.faults
def test_batch__20_kills_of_workers_at_random_moments__is_complete(
    install: Callable[..., Installation],
    keep: Callable[..., Keeper],
    proxy: Proxy,
    gate: Gate,
    undisturbed: dict[str, Document],
) -> None:
    """A moment is a number of photo reads. At each moment, some image is being read or about to be stored."""
    here = install(S3_ENDPOINT_URL=proxy.url, LEASE_SECONDS=3, GREENLETS=10, **PATIENT)
    batch = here.queue_batch(PHOTOS)
    keepers = [keep(here, "download", "write"), keep(here, "download", "write"), keep(here, "write")]
    chance = random.Random(7)
    moments = sorted(chance.sample(range(20, IMAGES - 100), KILLS))
    is_over = threading.Event()

    def kill_at_each() -> list[int]:
        stored = []
        for moment in moments:
            gate.let_through(moment)
            here.wait_until(lambda moment=moment: count_read(proxy) >= moment or is_over.is_set())
            here.wait_until(lambda: chance.choice(keepers).kill() or is_over.is_set())
            stored.append(count_stored(here))
        gate.open()
        return stored

    with ThreadPoolExecutor(1) as pool:
        kills = pool.submit(kill_at_each)
        try:
            numbers = finish_whole(here, batch, undisturbed)
        finally:
            is_over.set()

    assert len(kills.result()) == KILLS
    assert kills.result()[-1] < IMAGES
    assert numbers.stored == IMAGES


def count_read(proxy: Proxy) -> int:
    """Return how many reads of photos have been requested."""
    return sum("IMG_" in target for _, target, _ in list(proxy.seen))
