"""The clients that the jobs of a worker process share."""

from __future__ import annotations

import functools
import os
import platform

from exifinator.config import Config, load_config
from exifinator.metadata.first_read import FirstReads
from exifinator.queue.image_queue import ImageQueue
from exifinator.queue.redis_client import connect_redis
from exifinator.queue.worker_health import WorkerHealth
from exifinator.sources.client import SourceClient
from exifinator.sources.folders.client import FolderClient
from exifinator.sources.s3.client import S3Client
from exifinator.sources.s3.fast_client import FastS3Client
from exifinator.storage.mongodb import connect_mongodb
from exifinator.storage.store import Store
from exifinator.worker.circuit_breaker import BucketCircuitBreaker
from exifinator.worker.downloader import Downloader
from exifinator.worker.file_threads import FileThreads
from exifinator.worker.isolated import SubprocessReader
from exifinator.worker.read_limit import MeasuredReader, ReadLimit
from exifinator.worker.record_writer import RecordWriter

# The maximum number of local files that a worker process reads at the same time.
FILE_THREADS = 8


class WorkerContext:
    """What the jobs of one worker process share.

    Attributes:
        read_limit: How many images this process may fetch at the same time; None if GREENLETS is a number.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.subprocess_reader = SubprocessReader()
        self.read_limit = ReadLimit() if config.greenlets == "auto" else None
        note_trouble = self.read_limit.note_trouble if self.read_limit else None
        s3 = FastS3Client(config, on_slow_down=note_trouble) if config.s3_client == "lean" else S3Client(config)
        self.sources = SourceClient(s3, FolderClient(FileThreads(FILE_THREADS).call))
        self.queue = ImageQueue(connect_redis(config), config)
        self.store = Store(connect_mongodb(config), config)
        self.health = WorkerHealth(self.queue.client, self.queue.keys, f"{platform.node()}.{os.getpid()}")
        self.circuit_breaker = BucketCircuitBreaker(self.sources, self.queue.refused_buckets, self.health, self.store)
        reader = MeasuredReader(self.sources, self.read_limit) if self.read_limit else self.sources
        self.downloader = Downloader(
            reader,
            self.queue,
            first_read_bytes=config.default_first_read_bytes,
            first_reads=FirstReads(config.default_first_read_bytes) if config.first_read_bytes == "auto" else None,
            on_wait_for_room=note_trouble,
        )
        self.record_writer = RecordWriter(self.queue, self.store)


@functools.cache
def current_context() -> WorkerContext:
    """Return the context of this process.

    The context is global, because MRQ constructs the worker without arguments.
    """
    return WorkerContext(load_config())
