"""The servers that all integration tests share, and an installation of EXIFinator for each of them."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import redis
from botocore.config import Config as BotoConfig
from pymongo import MongoClient

from exifinator.batch_state import Numbers
from exifinator.batches import Batch
from exifinator.config import Config, build_config
from exifinator.listing import parse_source
from exifinator.mongodb import connect_mongodb
from exifinator.queues import ImageQueue, connect_redis
from exifinator.s3 import S3
from exifinator.store import Store
from tests.integration.api_fixtures import api, guarded_api, library, mongodb_address
from tests.integration.doors import checkout
from tests.integration.tls import fortress
from tests.servers import ROOT, end, run_mongod, run_moto, run_rclone, run_redis

__all__ = ["api", "checkout", "fortress", "guarded_api", "library", "mongodb_address"]


@pytest.fixture(scope="session")
def mongodb_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with run_mongod(tmp_path_factory.mktemp("mongodb")) as uri:
        yield uri


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with run_redis(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture(scope="session")
def moto_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with run_moto(tmp_path_factory.mktemp("moto")) as url:
        yield url


@pytest.fixture(scope="session")
def rclone_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A subfolder of it is a bucket of rclone_url."""
    folder = tmp_path_factory.mktemp("rclone") / "buckets"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def rclone_url(rclone_folder: Path) -> Iterator[str]:
    with run_rclone(rclone_folder) as url:
        yield url


class Bucket:
    """A bucket of the S3 server that takes every key."""

    def __init__(self, url: str) -> None:
        self.name = f"bucket-{secrets.token_hex(4)}"
        self.client = boto3.client(
            "s3",
            endpoint_url=url,
            aws_access_key_id="test",
            aws_secret_access_key="secret",
            region_name="us-east-1",
            config=BotoConfig(s3={"addressing_style": "path"}),
        )
        self.client.create_bucket(Bucket=self.name)

    @classmethod
    def of(cls, url: str, name: str) -> Bucket:
        """One that is there already."""
        bucket = cls(url)
        bucket.name = name
        return bucket

    def put(self, key: str, body: bytes) -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=body)

    def delete(self, key: str) -> None:
        self.client.delete_object(Bucket=self.name, Key=key)


@pytest.fixture
def bucket(moto_url: str) -> Bucket:
    return Bucket(moto_url)


class Installation:
    """EXIFinator with databases and queues of its own, on the servers that the tests share."""

    def __init__(self, settings: dict[str, Any], logs: Path) -> None:
        self.name = f"t{secrets.token_hex(4)}"
        self.settings: dict[str, Any] = {
            "MONGODB_DATABASE": f"{self.name}-photos",
            "MRQ_DATABASE": f"{self.name}-mrq",
            "AWS_ACCESS_KEY": "test",
            "AWS_SECRET_KEY": "secret",
            "RETRY_DELAY_SECONDS": 0.1,
            "MAX_RETRIES": 1,
            **settings,
        }
        self.config: Config = build_config(self.settings, {})
        self.logs = logs
        self.s3 = S3(self.config)
        self.mongodb: MongoClient[dict[str, Any]] = connect_mongodb(self.config)
        self.redis: redis.Redis = connect_redis(self.config)
        self.store = Store(self.mongodb, self.config)
        self.queue = ImageQueue(self.redis, self.config)
        self._workers: list[subprocess.Popen[bytes]] = []

    @property
    def environment(self) -> dict[str, str]:
        return {f"EXIFINATOR_{name}": str(value) for name, value in self.settings.items()}

    def start_worker(self, *queues: str, **environment: str) -> subprocess.Popen[bytes]:
        """`mrq-worker QUEUE ...` as typed in the checkout."""
        log = self.logs / f"worker-{len(self._workers)}.log"
        with log.open("wb") as out:
            worker = subprocess.Popen(
                [str(Path(sys.prefix) / "bin" / "mrq-worker"), *queues],
                cwd=ROOT,
                env={**os.environ, **self.environment, **environment},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )
        self._workers.append(worker)
        return worker

    def batch(self, *sources: str, **options: bool) -> Batch:
        return Batch([parse_source(source) for source in sources], self.s3, self.store, self.queue, **options)  # type: ignore[arg-type]

    def queue_batch(self, *sources: str, **options: bool) -> Batch:
        batch = self.batch(*sources, **options)
        batch.open()
        for _ in batch.list_and_queue():
            pass
        return batch

    def finish(self, batch: Batch, seconds: float = 60) -> Numbers:
        deadline = time.monotonic() + seconds
        for numbers in batch.wait():
            assert time.monotonic() < deadline, (
                f"not done after {seconds} s: {numbers}\n{self.queued()}\n{self.worker_logs()}"
            )
        return batch.numbers

    def queued(self) -> str:
        """Some of what is in the download queue: in how many seconds it is due, and how often it was handed out."""
        now = float(self.redis.time()[0])
        times = self.redis.hgetall(self.queue.deliveries_key)
        found = self.redis.zrange(self.queue.set_key, 0, 9, withscores=True)
        return "\n".join(f"{member!r} in {due - now:.0f} s, {times.get(member)}" for member, due in found)

    def run(self, *sources: str, seconds: float = 60) -> Numbers:
        return self.finish(self.queue_batch(*sources), seconds)

    def wait_until(self, true: Callable[[], Any], seconds: float = 40) -> Any:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if result := true():
                return result
            time.sleep(0.1)
        raise AssertionError(f"not so after {seconds} s\n{self.worker_logs()}")

    def worker_logs(self) -> str:
        return "\n".join(log.read_text(errors="replace")[-3000:] for log in sorted(self.logs.glob("worker-*.log")))

    def close(self) -> None:
        for worker in self._workers:
            if worker.poll() is None:
                end(worker, seconds=10)
        for database in (self.config.mongodb_database, self.config.mrq_database):
            self.mongodb.drop_database(database)
        # A test may have ended its own Redis already.
        with contextlib.suppress(redis.ConnectionError):
            for key in self.redis.scan_iter(f"{self.config.mrq_database}:*"):
                self.redis.delete(key)
        self.redis.close()
        self.mongodb.close()


@pytest.fixture
def install(mongodb_uri: str, redis_url: str, moto_url: str, tmp_path: Path) -> Iterator[Callable[..., Installation]]:
    """install(NAME=value, ...) gives an installation with those settings."""
    with contextlib.ExitStack() as stack:

        def build(**settings: Any) -> Installation:
            base = {"MONGODB_URI": mongodb_uri, "REDIS_URL": redis_url, "S3_ENDPOINT_URL": moto_url}
            logs = tmp_path / f"logs-{secrets.token_hex(2)}"
            logs.mkdir()
            installation = Installation({**base, **settings}, logs)
            stack.callback(installation.close)
            return installation

        yield build


@pytest.fixture
def installation(install: Callable[..., Installation]) -> Installation:
    return install()
