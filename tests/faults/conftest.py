"""Fixtures for tests that kill servers: each test has its own servers, and workers that exit are restarted.

Most tests index a simulated bucket of IMAGES photos, and compare the records with those of an undisturbed batch.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import secrets
import shutil
import signal
import subprocess
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from pymongo.errors import PyMongoError

from exifinator.batches.model import BatchCounts
from exifinator.batches.runner import Batch
from exifinator.storage.jobs import FAILED_STATUSES
from tests.integration.conftest import Installation, bucket, install
from tests.s3_proxy import Gate, Proxy, run_proxy
from tests.servers import (
    data_folder,
    mongod_command,
    mongod_is_ready,
    redis_command,
    redis_is_ready,
    reserve_port,
    run_made_up_bucket,
    start,
    tail,
)
from tests.system.checkout import checkout
from tests.waiting import ProcessExited, eventually

__all__ = ["bucket", "checkout", "install"]

# ./test.sh --faults indexes 1,000.
IMAGES = int(os.environ.get("EXIFINATOR_TEST_IMAGES", "400"))
PHOTOS = "photos"
# The number of photos that the gate in front of S3 lets pass before a test breaks something. While the gate holds back
# a worker's reads, as many photos as the worker has greenlets are not stored, unless other workers write them.
FREE_IMAGES = 100
# Reads that the gate holds back must not time out.
PATIENT = {"S3_TIMEOUT_SECONDS": 300}
# What a worker logs when a server fails.
COMPLAINT = re.compile(r"retry:|this worker exits|could not be saved|cannot connect|Job interrupted", re.IGNORECASE)
Document = dict[str, Any]


class Server:
    """A server that can be killed and restarted, with or without its data."""

    def __init__(
        self,
        command: list[str],
        port: int,
        folder: Path,
        is_ready: Callable[[int, subprocess.Popen[bytes]], bool],
    ) -> None:
        self.command, self.port, self.folder = command, port, folder
        self.log = folder.parent / f"{folder.name}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self._is_ready = is_ready

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        self.process = process = start(self.command, self.log)
        ready = functools.partial(self._is_ready, self.port, process)
        eventually(ready, watching=[process], explain=lambda: tail(self.log))

    def kill(self, *, forget: bool = False) -> None:
        """Kill the server (SIGKILL). With `forget`, delete its data too."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if forget:
            shutil.rmtree(self.folder)
            self.folder.mkdir()

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Restart the server whenever it exits during the block, as a supervisor does."""
        stopped = threading.Event()

        def keep() -> None:
            while not stopped.wait(0.2):
                if self.process is None or self.process.poll() is not None:
                    with contextlib.suppress(ProcessExited, PyMongoError, redis.RedisError):
                        self.start()

        thread = threading.Thread(target=keep, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stopped.set()
            thread.join()


def mongod_server(folder: Path, *options: str) -> Server:
    """Return a mongod that is not started yet, with its data in a new subfolder `mongodb` of `folder`."""
    data, port = folder / "mongodb", reserve_port()
    data.mkdir()
    return Server(mongod_command(data, port, *options), port, data, mongod_is_ready)


def redis_server(folder: Path) -> Server:
    """Return a Redis that is not started yet, with its append-only file in a new subfolder `redis` of `folder`."""
    data, port = folder / "redis", reserve_port()
    data.mkdir()
    return Server(redis_command(data, port), port, data, redis_is_ready)


class Keeper:
    """Runs a worker, and restarts it after a pause whenever it exits, as the supervisor does."""

    def __init__(self, installation: Installation, *queues: str, **environment: str) -> None:
        self.installation, self.queues, self.environment = installation, queues, environment
        self.starts = 0
        self.stopped = threading.Event()
        self.process: subprocess.Popen[bytes] | None = None
        self.thread = threading.Thread(target=self._keep, daemon=True)
        self.thread.start()

    def _keep(self) -> None:
        while not self.stopped.is_set():
            self.process = self.installation.start_worker(*self.queues, restarted=True, **self.environment)
            self.starts += 1
            while self.process.poll() is None and not self.stopped.wait(0.1):
                pass
            self.stopped.wait(1)

    def kill(self) -> bool:
        """Kill the worker (SIGKILL), and return whether it was running."""
        if self.process is None or self.process.poll() is not None:
            return False
        self.process.send_signal(signal.SIGKILL)
        return True

    def stop(self) -> None:
        self.stopped.set()
        self.thread.join()


class Site:
    """An installation with a Redis and a MongoDB of its own, which a test may kill."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.redis, self.mongodb = redis_server(folder), mongod_server(folder)
        self.redis.start()
        self.mongodb.start()
        logs = folder / "logs"
        logs.mkdir()
        self.installation = Installation(
            {
                "REDIS_URL": f"redis://127.0.0.1:{self.redis.port}/0",
                "MONGODB_URI": f"mongodb://127.0.0.1:{self.mongodb.port}",
                "LEASE_SECONDS": 5,
                **PATIENT,
                **settings,
            },
            logs,
        )

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self.installation.close()
        self.redis.kill()
        self.mongodb.kill()


@pytest.fixture
def in_memory() -> Iterator[Path]:
    """Yield a folder for the data of servers, in memory if there is room."""
    folder = data_folder("faults")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def site(in_memory: Path, gate: Gate, proxy: Proxy) -> Iterator[Callable[..., Site]]:
    """Yield site(NAME=value, ...), which makes an installation on servers that the test may kill.

    Its S3 is behind the gate.
    """
    with contextlib.ExitStack() as stack:

        def build(**settings: Any) -> Site:
            folder = in_memory / secrets.token_hex(2)
            folder.mkdir()
            site = Site(folder, {"S3_ENDPOINT_URL": proxy.url, **settings})
            stack.callback(site.close)
            return site

        yield build


@pytest.fixture
def keep(install: Callable[..., Installation], site: Callable[..., Site]) -> Iterator[Callable[..., Keeper]]:
    """Yield keep(installation, queue, ...), which starts a worker that is restarted whenever it exits.

    The fixture depends on `install` and `site`, so that the restarts stop before their servers stop.
    """
    keepers: list[Keeper] = []

    def build(installation: Installation, *queues: str, **environment: str) -> Keeper:
        keepers.append(Keeper(installation, *queues, **environment))
        return keepers[-1]

    yield build
    for keeper in keepers:
        keeper.stop()


def count_stored(here: Installation) -> int:
    return here.store.records.collection.count_documents({})


def start_batch(here: Installation) -> Batch:
    """Queue all photos, and return once more than half of FREE_IMAGES are stored."""
    batch = here.queue_batch(PHOTOS)
    here.wait_until(lambda: count_stored(here) > FREE_IMAGES // 2)
    assert count_stored(here) < IMAGES
    return batch


def count_complaints(here: Installation) -> int:
    """Return how often the workers' logs report a failing server."""
    return sum(len(COMPLAINT.findall(log.read_text(errors="replace"))) for log in here.logs.glob("worker-*.log"))


def wait_for_renewals(here: Installation, times: int = 8) -> None:
    """Wait until one image has had `times` different due times, because its living worker extends the lease.

    A worker extends a lease three times in LEASE_SECONDS. Moves between the two queues change the due time too, at most
    three times.
    """
    dues: defaultdict[bytes, set[float]] = defaultdict(set)

    def renewed() -> bool:
        for member, due in here.redis.zrange(here.queue.keys.downloads, 0, -1, withscores=True):
            dues[member].add(due)
        return any(len(seen) >= times for seen in dues.values())

    here.wait_until(renewed)


@pytest.fixture(scope="session")
def photos_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the address of an S3 server on which every bucket has IMAGES photos, generated in 200 variants."""
    with run_made_up_bucket(IMAGES, tmp_path_factory.mktemp("photos")) as url:
        yield url


@pytest.fixture
def proxy(photos_url: str) -> Iterator[Proxy]:
    """Yield a proxy in front of the server at `photos_url`."""
    with run_proxy(photos_url) as proxy:
        yield proxy


@pytest.fixture
def gate(proxy: Proxy) -> Iterator[Gate]:
    """Yield the gate of the proxy, which passes FREE_IMAGES photos, and the others once it is opened."""
    proxy.answer = gate = Gate(FREE_IMAGES)
    yield gate
    gate.open()


def assert_each_read_once(proxy: Proxy) -> None:
    """Assert that each photo took exactly one GET."""
    gets = [target.partition("?")[0] for method, target, _ in proxy.seen if method == "GET" and "IMG_" in target]
    assert len(gets) == len(set(gets)) == IMAGES


def records_of(installation: Installation) -> dict[str, Document]:
    """Return all records by id, without the fields that differ from batch to batch."""
    result = {}
    for record in installation.store.records.collection.find():
        record.pop("extracted_at")
        record.pop("delivered_at", None)
        # The fingerprint depends on FIRST_READ_BYTES, which some tests change.
        record.pop("fingerprint", None)
        result[str(record.pop("_id"))] = record
    return result


@pytest.fixture(scope="session")
def undisturbed(
    mongodb_uri: str, redis_url: str, photos_url: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Document]:
    """Return the records of the photos from an undisturbed batch."""
    settings = {"MONGODB_URI": mongodb_uri, "REDIS_URL": redis_url, "S3_ENDPOINT_URL": photos_url}
    installation = Installation(settings, tmp_path_factory.mktemp("undisturbed"))
    try:
        installation.start_worker("download", "write")
        assert installation.run(PHOTOS).stored == IMAGES
        return records_of(installation)
    finally:
        installation.close()


def differences(records: dict[str, Document], expected: dict[str, Document]) -> dict[str, Document]:
    """Return, by record id, the fields of `found` that differ from those expected, with the values in `found`."""
    return {
        name: {
            field: record.get(field)
            for field in record | expected[name]
            if record.get(field) != expected[name].get(field)
        }
        for name, record in records.items()
        if record != expected[name]
    }


def finish_and_check(here: Installation, batch: Batch, expected: dict[str, Document]) -> BatchCounts:
    """Wait until a batch over the photos is done, check that it is complete, and return its counts.

    All images must have been listed, none may have failed, and `assert_complete` must succeed.
    """
    numbers = here.finish(batch)
    assert (numbers.listed, numbers.failed) == (IMAGES, 0)
    assert_complete(here, expected)
    return numbers


def assert_complete(here: Installation, expected: dict[str, Document]) -> None:
    """Assert that each image has either the expected record or one failed job, and that the queues become empty.

    A batch may end before a worker has dropped the metadata of an image that was meanwhile delivered again.
    """
    records = records_of(here)
    failed = {
        f"{job['params']['bucket']}/{job['params']['key']}"
        for job in here.store.jobs.collection.find(
            {"status": {"$in": list(FAILED_STATUSES)}, "params.bucket": {"$exists": True}}
        )
    }
    assert records.keys() | failed == expected.keys()
    assert not records.keys() & failed
    assert differences(records, expected) == {}
    assert here.store.jobs.count_pending() == 0

    def count_all() -> tuple[int, int, int, int]:
        keys = here.queue.keys
        return (*here.queue.sizes(), int(here.redis.get(keys.write_bytes) or 0), here.redis.hlen(keys.deliveries))

    eventually(lambda: count_all() == (0, 0, 0, 0), explain=lambda: f"{count_all()}\n{here.worker_logs()}")
