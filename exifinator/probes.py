"""Redis and MongoDB asked how they are: for commands that must answer, soon, whether or not the servers do."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pymongo.errors
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from exifinator.config import Config
from exifinator.mongodb import Document, connect_mongodb
from exifinator.mongodb import translated as store_translated
from exifinator.queue_control import QueueControl
from exifinator.queues import ImageQueue, translated
from exifinator.services import without_credentials
from exifinator.store import Store

CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class RedisInfo:
    """product: Redis or Valkey; disk_bytes: the append-only file and its rewrite, 0 without one; offset_seconds: how
    far its clock is ahead of ours. `info` is all that it says of itself."""

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
    """memory_bytes: what it holds resident, else its cache; data_bytes: records and thumbnails as they lie on the
    disk, with indexes; disk_free_bytes: None where it does not say; `hello` is what it says of itself."""

    address: str
    version: str
    memory_bytes: int
    data_bytes: int
    disk_free_bytes: int | None
    disk_total_bytes: int | None
    records: int
    offset_seconds: float
    hello: Document


class Probe:
    """Clients that give up soon; they connect when first used."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.redis = redis.Redis.from_url(
            config.redis_url.get_secret_value(),
            socket_connect_timeout=CONNECT_SECONDS,
            socket_timeout=ANSWER_SECONDS,
            retry=Retry(NoBackoff(), 0),
            health_check_interval=0,
        )
        self.mongodb = connect_mongodb(
            config,
            serverSelectionTimeoutMS=int(1000 * CONNECT_SECONDS),
            connectTimeoutMS=int(1000 * CONNECT_SECONDS),
            socketTimeoutMS=int(1000 * ANSWER_SECONDS),
        )
        self.queue = ImageQueue(self.redis, config)
        self.control = QueueControl(self.queue, config)
        self.store = Store(self.mongodb, config)

    def close(self) -> None:
        """Close the connections."""
        self.redis.close()
        self.mongodb.close()

    def read_redis(self) -> RedisInfo:
        """Raises: QueueUnavailable."""
        with translated("tell how it is"):
            info: Any = self.redis.info()
            asked_at = time.time()
            clock: Any = self.redis.time()
            answered_at = time.time()
        is_valkey = "valkey_version" in info
        return RedisInfo(
            without_credentials(self.config.redis_url.get_secret_value()),
            "Valkey" if is_valkey else "Redis",
            str(info["valkey_version"] if is_valkey else info.get("redis_version", "")),
            int(info.get("used_memory", 0)),
            int(info.get("maxmemory", 0)),
            int(info.get("aof_current_size", 0)),
            clock[0] + clock[1] / 1_000_000 - (asked_at + answered_at) / 2,
            info,
        )

    def read_mongodb(self) -> MongoInfo:
        """Raises: StoreUnavailable, RecordRefused (not authorised)."""
        with store_translated("tell how it is"):
            asked_at = time.time()
            hello = self.mongodb.admin.command("hello")
            answered_at = time.time()
            version = str(self.mongodb.server_info()["version"])
            stats = self.store.images.database.command("dbStats")
            try:
                server = self.mongodb.admin.command("serverStatus", repl=0, metrics=0, locks=0)
            except pymongo.errors.OperationFailure:
                # It takes the role clusterMonitor.
                server = {}
            records = self.store.images.estimated_document_count()
        clock: datetime = hello["localTime"].replace(tzinfo=UTC)
        # Of a database that is not there yet it says 0.
        total = stats.get("fsTotalSize")
        cache = server.get("wiredTiger", {}).get("cache", {})
        return MongoInfo(
            without_credentials(self.config.mongodb_uri.get_secret_value()).rstrip("/"),
            version,
            int(server.get("mem", {}).get("resident", 0)) * 1024**2
            or int(cache.get("bytes currently in the cache", 0)),
            int(stats.get("storageSize", 0) + stats.get("indexSize", 0)),
            int(total - stats["fsUsedSize"]) if total else None,
            int(total) if total else None,
            records,
            clock.timestamp() - (asked_at + answered_at) / 2,
            hello,
        )
