"""Fixtures of the integration tests: buckets, and installations of EXIFinator on the shared servers."""

from __future__ import annotations

import contextlib
import gc
import logging
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest
import redis
from botocore.config import Config as BotoConfig
from click.testing import CliRunner, Result
from pymongo import MongoClient

from exifinator import logging_setup
from exifinator.batches.model import BatchCounts
from exifinator.batches.runner import Batch, Intervals
from exifinator.cli.main import main
from exifinator.config import Config, build_config, load_config
from exifinator.models import ImageRef
from exifinator.queue.admin import QueueAdmin
from exifinator.queue.image_queue import ImageQueue, Outcome
from exifinator.queue.redis_client import connect_redis, read_clock
from exifinator.sources.s3.client import S3Client
from exifinator.sources.source import parse_source
from exifinator.storage.mongodb import connect_mongodb
from exifinator.storage.store import Store
from exifinator.worker.isolated import read_image
from tests.integration.api.fixtures import api, fail, failing_library, guarded_api, library, own_library, wire_api
from tests.s3_proxy import Proxy, run_proxy
from tests.servers import end, start
from tests.waiting import ReadySocket, eventually
from tests.waiting import Result as Awaited

__all__ = ["api", "fail", "failing_library", "guarded_api", "library", "own_library", "wire_api"]


# Short intervals, so that tests wait for images and not for the next poll.
INTERVALS = Intervals(poll_seconds=0.03, reconcile_seconds=0.1)


class Bucket:
    """New bucket with a random name on an S3 server that accepts nearly every key (moto)."""

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
        """Return a bucket that already exists."""
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
    """Installation of EXIFinator with its own databases and queues, on the servers that all tests share."""

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
        self.s3 = S3Client(self.config)
        self.mongodb: MongoClient[dict[str, Any]] = connect_mongodb(self.config)
        self.redis: redis.Redis = connect_redis(self.config)
        self.store = Store(self.mongodb, self.config)
        self.queue = ImageQueue(self.redis, self.config)
        self.control = QueueAdmin(self.queue, self.config)
        self._workers: list[subprocess.Popen[bytes]] = []
        self._readers: list[subprocess.Popen[bytes]] = []

    @property
    def environment(self) -> dict[str, str]:
        return {f"EXIFINATOR_{name}": str(value) for name, value in self.settings.items()}

    def start_worker(self, *queues: str, restarted: bool = False, **environment: str) -> subprocess.Popen[bytes]:
        """Start `mrq-worker QUEUE ...` as typed in the checkout, without waiting until it is ready.

        Args:
            restarted: Whether the test restarts this worker when it exits, so that `finish` must not fail then.
        """
        log = self.logs / f"worker-{len(self._workers)}.log"
        command = [str(Path(sys.prefix) / "bin" / "mrq-worker"), *queues]
        worker = start(command, log, {**self.environment, **environment})
        self._workers.append(worker)
        self._readers = [] if restarted else [worker]
        return worker

    def start_ready_worker(self, *queues: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start a worker, and wait until it polls its queues."""
        with contextlib.closing(ReadySocket()) as ready:
            worker = self.start_worker(*queues, **ready.environment, **environment)
            self.wait_until(ready.is_ready, watching=[worker])
        return worker

    def batch(self, *sources: str, **options: bool) -> Batch:
        """Return a batch that is not open yet."""
        parsed_sources = [parse_source(source) for source in sources]
        return Batch(parsed_sources, self.s3, self.store, self.queue, intervals=INTERVALS, **options)  # type: ignore[arg-type]

    def queue_batch(self, *sources: str, **options: bool) -> Batch:
        """Open a batch, and list and queue all of its images."""
        batch = self.batch(*sources, **options)
        batch.open()
        for _ in batch.list_and_queue():
            pass
        return batch

    def finish(self, batch: Batch) -> BatchCounts:
        """Wait until the workers have finished all images of a batch, and return its counts."""
        steps = batch.wait()
        eventually(
            lambda: next(steps, None) is None,
            watching=self.readers,
            explain=lambda: f"{batch.counts}\n{self.queued()}\n{self.worker_logs()}",
        )
        return batch.counts

    @property
    def readers(self) -> list[subprocess.Popen[bytes]]:
        """Return the worker processes that must not exit before a batch ends."""
        return self._readers

    def finish_here(self, batch: Batch) -> BatchCounts:
        """Index all images of a batch in this process, without a worker."""
        for _ in batch.wait(pause=lambda seconds: self.read_queued()):
            pass
        return batch.counts

    def read_queued(self) -> None:
        """Index the images that are due, in this process, as a worker does."""
        for delivery in self.queue.take_downloads(1000):
            ref = ImageRef.from_member(delivery.member)
            record, cost = read_image(self.s3, ref, self.config)
            assert self.store.records.upsert([record]) == [None]
            self.queue.acknowledge(
                [
                    Outcome(
                        delivery.member,
                        ref.id,
                        record.status,
                        cost.bytes_read,
                        cost.requests,
                        delivery.number,
                        cost.storage_class,
                    )
                ]
            )

    def empty_redis(self) -> None:
        """Delete the data of this installation, as after a FLUSHALL."""
        for key in list(self.redis.scan_iter(f"{self.config.mrq_database}:*")):
            self.redis.delete(key)

    def end_leases(self, bucket: str) -> None:
        """Expire the leases of a bucket's images, and make its delayed images due now.

        Images whose metadata bytes are in the write queue stay parked.
        """
        now = read_clock(self.redis).timestamp()
        for member, due in self.redis.zrange(self.queue.keys.downloads, 0, -1, withscores=True):
            if ImageRef.from_member(member).bucket == bucket and due <= now + self.queue.lease_seconds:
                self.redis.zadd(self.queue.keys.downloads, {member: now - 1}, xx=True)

    def records(self, bucket: str) -> dict[str, dict[str, Any]]:
        """Return the records of a bucket's images, by key."""
        return {record["key"]: record for record in self.store.records.collection.find({"bucket": bucket})}

    def failed_jobs(self, bucket: str) -> list[dict[str, Any]]:
        """Return the failed jobs of a bucket's images."""
        return list(self.store.jobs.collection.find({"status": "failed", "params.bucket": bucket}))

    def queued(self) -> str:
        """Return the first entries of the download queue, with the seconds until they are due and their deliveries."""
        now = float(self.redis.time()[0])
        times = self.redis.hgetall(self.queue.keys.deliveries)
        images = self.redis.zrange(self.queue.keys.downloads, 0, 9, withscores=True)
        return "\n".join(f"{member!r} in {due - now:.0f} s, {times.get(member)}" for member, due in images)

    def run(self, *sources: str) -> BatchCounts:
        """Run a whole batch with the workers, and return its counts."""
        return self.finish(self.queue_batch(*sources))

    def wait_until(self, predicate: Callable[[], Awaited], watching: Iterable[subprocess.Popen[bytes]] = ()) -> Awaited:
        """Wait as `eventually` does, and show the workers' logs if the wait fails."""
        return eventually(predicate, watching=watching, explain=self.worker_logs)

    def worker_logs(self) -> str:
        return "\n".join(log.read_text(errors="replace")[-3000:] for log in sorted(self.logs.glob("worker-*.log")))

    def close(self) -> None:
        for worker in self._workers:
            if worker.poll() is None:
                end(worker)
        for database in (self.config.mongodb_database, self.config.mrq_database):
            self.mongodb.drop_database(database)
        # A test may have stopped its own Redis already.
        with contextlib.suppress(redis.ConnectionError):
            for key in self.redis.scan_iter(f"{self.config.mrq_database}:*"):
                self.redis.delete(key)
        self.redis.close()
        self.mongodb.close()


@pytest.fixture
def install(mongodb_uri: str, redis_url: str, moto_url: str, tmp_path: Path) -> Iterator[Callable[..., Installation]]:
    """Yield install(NAME=value, ...), which makes an installation with those settings."""
    with contextlib.ExitStack() as stack:

        def build(**settings: Any) -> Installation:
            base = {"MONGODB_URI": mongodb_uri, "REDIS_URL": redis_url, "S3_ENDPOINT_URL": moto_url}
            logs = tmp_path / f"logs-{secrets.token_hex(2)}"
            logs.mkdir()
            installation = Installation({**base, **settings}, logs)
            stack.callback(installation.close)
            return installation

        yield build


def invoke(
    installation: Installation,
    monkeypatch: pytest.MonkeyPatch,
    *arguments: str,
    typed: str | None = None,
    **settings: str,
) -> Result:
    """Run a command of `python -m exifinator` in this process, with an installation's settings and `settings`."""
    # Commands change this state of the process, and do not restore it.
    root = logging.getLogger()
    handlers, level, providers = list(root.handlers), root.level, list(logging_setup._context_providers)
    on_sigterm, thresholds = signal.getsignal(signal.SIGTERM), gc.get_threshold()
    with monkeypatch.context() as patch:
        # Frozen garbage of earlier tests would stay in memory until the process ends.
        patch.setattr(gc, "freeze", lambda: None)
        for name, value in {**installation.environment, **settings}.items():
            patch.setenv(name if name.startswith("EXIFINATOR_") else f"EXIFINATOR_{name}", value)
        load_config.cache_clear()
        try:
            return CliRunner().invoke(main, list(arguments), input=typed)
        finally:
            load_config.cache_clear()
            root.handlers[:], root.level, logging_setup._context_providers[:] = handlers, level, providers
            signal.signal(signal.SIGTERM, on_sigterm)
            gc.set_threshold(*thresholds)


class SharedInstallation(Installation):
    """Installation that all tests of a pytest process share, with one worker that keeps running.

    Each test uses a separate bucket. Requests to S3 go through `proxy`, where `proxy.buckets` has rules for individual
    buckets. The worker has few greenlets, so that it cannot lease a few dozen images at once.
    """

    def __init__(self, settings: dict[str, Any], logs: Path, proxy: Proxy) -> None:
        # No lease expires on its own, even on a slow machine: tests call `end_leases`.
        super().__init__({**settings, "S3_ENDPOINT_URL": proxy.url, "GREENLETS": 10, "LEASE_SECONDS": 1800}, logs)
        self.proxy = proxy
        self.worker = self.start_ready_worker("download", "write")

    @property
    def readers(self) -> list[subprocess.Popen[bytes]]:
        return [self.worker]

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop the worker (SIGSTOP) during the block, so that it does not index images queued meanwhile."""
        self.worker.send_signal(signal.SIGSTOP)
        try:
            state = psutil.Process(self.worker.pid).status
            self.wait_until(lambda: state() == psutil.STATUS_STOPPED, watching=[self.worker])
            yield
        finally:
            self.worker.send_signal(signal.SIGCONT)


@pytest.fixture(scope="package")
def shared(
    mongodb_uri: str, redis_url: str, moto_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SharedInstallation]:
    """Yield the installation that the tests of a folder share. GROUPS of tests/conftest.py keep them in one process."""
    settings = {"MONGODB_URI": mongodb_uri, "REDIS_URL": redis_url}
    with run_proxy(moto_url) as proxy:
        shared = SharedInstallation(settings, tmp_path_factory.mktemp("shared-worker"), proxy)
        try:
            yield shared
        finally:
            shared.close()


@pytest.fixture
def installation(install: Callable[..., Installation]) -> Installation:
    return install()
