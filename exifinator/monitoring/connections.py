"""Connections with short timeouts to Redis and MongoDB, and the state that the two servers report.

Commands and pages use these connections if they must respond within seconds, even if a server is down.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pymongo.errors
import redis

from exifinator.config import Config
from exifinator.net import without_credentials
from exifinator.own_servers import mongodb_uri, redis_url
from exifinator.queue.admin import QueueAdmin
from exifinator.queue.image_queue import ImageQueue
from exifinator.queue.redis_client import connect_redis_once, redis_errors
from exifinator.queue.worker_health import WorkerHealth
from exifinator.storage.mongodb import Document, connect_mongodb, mongodb_errors
from exifinator.storage.records import count_exactly
from exifinator.storage.store import Store

CONNECT_TIMEOUT_SECONDS = 2.0
RESPONSE_TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class RedisInfo:
    """State of the Redis server.

    Attributes:
        address: The URL of the server, without credentials.
        product: `Redis` or `Valkey`.
        version: Empty if the user may not run INFO.
        memory_limit_bytes: `maxmemory`; 0 means no limit.
        disk_bytes: The size of the append-only file; 0 if there is none.
        offset_seconds: How far the server's clock is ahead of this machine's.
        info: The server's full response to INFO; empty if the user may not run INFO.
    """

    address: str
    product: str
    version: str
    memory_bytes: int
    memory_limit_bytes: int
    disk_bytes: int
    offset_seconds: float
    info: dict[str, Any]


@dataclass(frozen=True, slots=True)
class MongoInfo:
    """State of the MongoDB server.

    Attributes:
        address: The URL of the server, without credentials.
        memory_bytes: The server's resident memory, or the size of its cache if it does not report its resident memory.
        data_bytes: The disk space of records and thumbnails, with their indexes.
        disk_free_bytes, disk_total_bytes: None if the server does not report them.
        records: The number of records.
        offset_seconds: How far the server's clock is ahead of this machine's.
        hello: The server's full response to `hello`.
    """

    address: str
    version: str
    memory_bytes: int
    data_bytes: int
    disk_free_bytes: int | None
    disk_total_bytes: int | None
    records: int
    offset_seconds: float
    hello: Document


class Connections:
    """Clients for Redis and MongoDB, with short timeouts and without retries. They connect when they are first used."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.redis = connect_redis_once(
            redis_url(config),
            connect_seconds=CONNECT_TIMEOUT_SECONDS,
            response_seconds=RESPONSE_TIMEOUT_SECONDS,
        )
        self.mongodb = connect_mongodb(
            config,
            serverSelectionTimeoutMS=int(1000 * CONNECT_TIMEOUT_SECONDS),
            connectTimeoutMS=int(1000 * CONNECT_TIMEOUT_SECONDS),
            socketTimeoutMS=int(1000 * RESPONSE_TIMEOUT_SECONDS),
        )
        self.queue = ImageQueue(self.redis, config)
        self.worker_health = WorkerHealth(self.redis, self.queue.keys)
        self.queue_admin = QueueAdmin(self.queue, config)
        self.store = Store(self.mongodb, config)

    def close(self) -> None:
        """Close the connections."""
        self.redis.close()
        self.mongodb.close()

    def read_redis(self) -> RedisInfo:
        """Read the state of Redis.

        Raises:
            QueueUnavailable: Redis did not respond.
        """
        with redis_errors("report its state"):
            try:
                info: Any = self.redis.info()
            except redis.exceptions.NoPermissionError:
                # Managed servers often deny INFO, which EXIFinator does not need for its work.
                info = {}
            requested_at = time.time()
            clock: Any = self.redis.time()
            responded_at = time.time()
        is_valkey = "valkey_version" in info
        return RedisInfo(
            without_credentials(redis_url(self.config)),
            "Valkey" if is_valkey else "Redis",
            str(info["valkey_version"] if is_valkey else info.get("redis_version", "")),
            int(info.get("used_memory", 0)),
            int(info.get("maxmemory", 0)),
            int(info.get("aof_current_size", 0)),
            clock[0] + clock[1] / 1_000_000 - (requested_at + responded_at) / 2,
            info,
        )

    def read_mongodb(self) -> MongoInfo:
        """Read the state of MongoDB.

        Raises:
            StoreUnavailable, RecordRefused: MongoDB did not respond, or rejected the request.
        """
        with mongodb_errors("report its state"):
            requested_at = time.time()
            hello = self.mongodb.admin.command("hello")
            responded_at = time.time()
            version = str(self.mongodb.server_info()["version"])
            try:
                stats = self.store.records.collection.database.command("dbStats")
            except pymongo.errors.OperationFailure:
                # dbStats needs more than access to the collections. Without it, the sizes are reported as 0.
                stats = {}
            try:
                server = self.mongodb.admin.command("serverStatus", repl=0, metrics=0, locks=0)
            except pymongo.errors.OperationFailure:
                # serverStatus needs the role clusterMonitor. Without it, the memory is reported as 0.
                server = {}
            records = count_exactly(self.store.records.collection)
        clock: datetime = hello["localTime"].replace(tzinfo=UTC)
        # fsTotalSize is 0 if the database does not exist yet.
        total_bytes = stats.get("fsTotalSize")
        cache = server.get("wiredTiger", {}).get("cache", {})
        return MongoInfo(
            without_credentials(mongodb_uri(self.config)).rstrip("/"),
            version,
            int(server.get("mem", {}).get("resident", 0)) * 1024**2
            or int(cache.get("bytes currently in the cache", 0)),
            int(stats.get("storageSize", 0) + stats.get("indexSize", 0)),
            int(total_bytes - stats["fsUsedSize"]) if total_bytes else None,
            int(total_bytes) if total_bytes else None,
            records,
            clock.timestamp() - (requested_at + responded_at) / 2,
            hello,
        )
