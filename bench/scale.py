"""Measure listing and queueing a bucket with a million keys, and listing it again when nothing has changed.

`python -m bench.scale [--keys N]` prints a table.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from bench.listing_server import ETAG, make_key
from exifinator import EXTRACTOR_VERSION
from exifinator.batches.runner import Batch
from exifinator.config import build_config
from exifinator.gc_tuning import freeze_startup_heap
from exifinator.queue.image_queue import ImageQueue
from exifinator.queue.redis_client import connect_redis
from exifinator.sources.s3.client import S3Client
from exifinator.sources.source import Source
from exifinator.storage.mongodb import connect_mongodb
from exifinator.storage.store import Store
from tests.servers import reserve_port, run_mongod, run_redis, running

SOURCE = Source("photos")


def measure(keys: int, folder: Path, latency_ms: float = 0) -> dict[str, float]:
    """Return the measured figures by name. The server delays each page of the listing by `latency_ms`."""
    for name in ("redis", "mongodb"):
        (folder / name).mkdir()
    port = reserve_port()
    server = [sys.executable, "-m", "bench.listing_server", str(port), str(keys), str(latency_ms)]
    with (
        running(server, port, folder / "listing.log"),
        run_redis(folder / "redis") as redis_url,
        run_mongod(folder / "mongodb") as mongodb_uri,
    ):
        config = build_config(
            {
                "S3_ENDPOINT_URL": f"http://127.0.0.1:{port}",
                "S3_ANONYMOUS": True,
                # No worker is running, so with a smaller limit the listing would wait for room in the queue forever.
                "MAX_QUEUED": 2 * keys,
                "REDIS_URL": redis_url,
                "MONGODB_URI": mongodb_uri,
            },
            {},
        )
        store = Store(connect_mongodb(config), config)
        redis = connect_redis(config)
        queue = ImageQueue(redis, config)
        # `exifinator run` freezes the heap, too.
        freeze_startup_heap()
        redis_bytes_before = redis.info("memory")["used_memory"]
        started_at, cpu_before = time.monotonic(), _cpu_seconds()
        batch = Batch([SOURCE], S3Client(config), store, queue)
        batch.open()
        for _ in batch.list_and_queue():
            pass
        seconds = time.monotonic() - started_at
        figures = {
            "keys": keys,
            "listed and queued, keys/s": keys / seconds,
            "listed and queued, CPU us per key": (_cpu_seconds() - cpu_before) / keys * 1e6,
            "Redis bytes per queued image": (redis.info("memory")["used_memory"] - redis_bytes_before) / keys,
            "peak MB of the run": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
        assert batch.counts.queued == keys
        redis.flushall()
        _store_records(store, keys)
        started_at, cpu_before = time.monotonic(), _cpu_seconds()
        second_batch = Batch([SOURCE], S3Client(config), store, queue)
        second_batch.open()
        for _ in second_batch.list_and_queue():
            pass
        seconds = time.monotonic() - started_at
        assert second_batch.counts.unchanged == keys
        figures["second run, all unchanged, keys/s"] = keys / seconds
        figures["second run, CPU us per key"] = (_cpu_seconds() - cpu_before) / keys * 1e6
        store.client.close()
        redis.close()
    return figures


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _store_records(store: Store, keys: int) -> None:
    at = datetime(2024, 5, 17, 12, tzinfo=UTC)
    for start in range(0, keys, 5000):
        store.records.collection.insert_many(
            [
                {
                    "_id": f"photos/{make_key(number)}", "status": "ok", "etag": ETAG, "size": 2_400_000,
                    "last_modified": at, "extractor_version": EXTRACTOR_VERSION, "extracted_at": at,
                }
                for number in range(start, min(start + 5000, keys))
            ],
            ordered=False,
        )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=1_000_000, help="number of keys in the bucket")
    parser.add_argument("--latency-ms", type=float, default=0, help="delay of each page of the listing")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(options.keys, Path(folder), options.latency_ms)
    print("| listing | |\n|---|--:|")
    for name, value in figures.items():
        print(f"| {name} | {value:,.0f} |")


if __name__ == "__main__":
    main()
