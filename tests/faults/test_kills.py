"""Programs of an installation are killed (SIGKILL) during a batch, which is completed without manual repair."""

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
from pymongo.errors import PyMongoError

from exifinator.sockets import prepare_socket
from tests.faults.conftest import (
    IMAGES,
    PATIENT,
    PHOTOS,
    Document,
    Keeper,
    count_stored,
    differences,
    finish_and_check,
)
from tests.integration.conftest import Installation
from tests.s3_proxy import Gate, Proxy
from tests.servers import reserve_port
from tests.system.checkout import Checkout
from tests.waiting import eventually

KILLS = 20


class RunningSite:
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

    def wait(self, condition: Callable[[], Any]) -> Any:
        """Wait until the condition returns a true value, and return the value. Unavailable servers count as false."""

        def explain() -> str:
            output = "" if self.run.poll() is None else str(self.run.communicate())
            return f"{output}\n{self.checkout.logs()}"

        def look() -> Any:
            try:
                return condition()
            except (OSError, PyMongoError, redis.RedisError):
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
        process: psutil.Process = self.wait(lambda: self.find(*words))
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

    def assert_complete(self, expected: dict[str, Document]) -> None:
        result = {}
        for record in self.images.find():
            record.pop("extracted_at")
            record.pop("delivered_at", None)
            record.pop("fingerprint", None)
            result[str(record.pop("_id"))] = record
        assert result.keys() == expected.keys()
        assert differences(result, expected) == {}
        unfinished = {"params.bucket": {"$exists": True}, "status": {"$ne": "success"}}
        assert self.client["mrq"]["mrq_jobs"].count_documents(unfinished) == 0
        assert [batch["state"] for batch in self.client["waldo"]["exifinator_batches"].find()] == ["done"]

    def close(self) -> None:
        if self.run.poll() is None:
            self.run.kill()
            self.run.communicate()
        self.client.close()


@pytest.fixture
def running_site(checkout: Callable[..., Checkout], proxy: Proxy, gate: Gate) -> Iterator[RunningSite]:
    running = RunningSite(checkout, proxy, gate)
    try:
        yield running
    finally:
        running.close()


def test_run__all_but_the_supervisor_killed__is_complete(
    running_site: RunningSite, undisturbed: dict[str, Document]
) -> None:
    """The only worker, the API and the dashboard are killed."""
    programs = ("mrq_worker download", "-P -m api", "exifinator.dashboard")
    killed = [running_site.kill(words) for words in programs]

    counts = running_site.finish()

    assert (counts["listed"], counts["stored"], counts["failed"]) == (IMAGES, IMAGES, 0)
    running_site.assert_complete(undisturbed)
    for program, path, words in (("API", "/waldo/exif_data?limit=1", "-P -m api"), ("DASHBOARD", "/", "dash")):

        def is_restarted(words: str = words) -> bool:
            """Return whether another process runs. A child of the killed one may still run for a moment."""
            again = running_site.find(words)
            return again is not None and again.pid not in [process.pid for process in killed]

        running_site.wait(is_restarted)
        running_site.wait(lambda program=program, path=path: running_site.checkout.ask(program, path))


@pytest.mark.faults
def test_run__killed__continues_with_its_batch_when_run_again(
    running_site: RunningSite, undisturbed: dict[str, Document]
) -> None:
    running_site.run.kill()
    running_site.run.communicate()
    assert running_site.images.count_documents({}) < IMAGES

    counts = running_site.finish(running_site.start_run())

    assert (counts["listed"], counts["stored"], counts["failed"]) == (IMAGES, IMAGES, 0)
    running_site.assert_complete(undisturbed)


@pytest.mark.faults
def test_run__supervisor_killed__is_complete_when_run_again(
    running_site: RunningSite, undisturbed: dict[str, Document]
) -> None:
    running_site.kill("supervisord", "workers")
    worker = running_site.find("mrq_worker", "download")
    running_site.run.kill()
    running_site.run.communicate()

    again = running_site.start_run()
    running_site.wait(lambda: running_site.find("supervisord", "workers"))
    counts = running_site.finish(again)

    assert (counts["listed"], counts["stored"], counts["failed"]) == (IMAGES, IMAGES, 0)
    running_site.assert_complete(undisturbed)
    # The next run has stopped the orphaned worker.
    assert worker is not None
    assert not worker.is_running()


@pytest.mark.faults
def test_run__everything_killed_simultaneously__is_complete_when_run_again(
    running_site: RunningSite, undisturbed: dict[str, Document]
) -> None:
    """All programs are killed, as in a power failure: Redis, MongoDB, the workers and both supervisors."""
    # Programs that a supervisor has restarted in the meantime are killed too.
    while processes := running_site.checkout.processes():
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(processes)
    running_site.run.communicate()

    counts = running_site.finish(running_site.start_run())

    assert (counts["listed"], counts["failed"]) == (IMAGES, 0)
    running_site.assert_complete(undisturbed)


@pytest.mark.faults
def test_batch__20_kills_of_workers_at_random_moments__is_complete(
    install: Callable[..., Installation],
    keep: Callable[..., Keeper],
    proxy: Proxy,
    gate: Gate,
    undisturbed: dict[str, Document],
) -> None:
    """A moment is a number of photo reads that S3 has received, so that images are in progress at each kill."""
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
            counts = finish_and_check(here, batch, undisturbed)
        finally:
            is_over.set()

    assert len(kills.result()) == KILLS
    assert kills.result()[-1] < IMAGES
    assert counts.stored == IMAGES


def count_read(proxy: Proxy) -> int:
    """Return how many reads of photos have been requested."""
    return sum("IMG_" in target for _, target, _ in list(proxy.seen))
