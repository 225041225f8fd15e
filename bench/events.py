"""Measure the time from a put to the record in MongoDB, through SQS, `exifinator watch` and one worker.

`python -m bench.events [--puts N] [--rate N]` prints percentiles. S3 and SQS are moto's. Moto does not send
notifications, so this program sends one after each put.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import boto3
from pymongo import MongoClient

from tests.photos import make_jpeg
from tests.servers import end, run_mongod, run_moto, run_redis, start
from tests.waiting import ReadySocket, eventually

BUCKET = "photos"
POLL_SECONDS = 0.02
LIMIT_SECONDS = 120.0


def measure(puts: int, puts_per_second: float, folder: Path) -> list[float]:
    """Return the time from each put until its record was seen, in seconds. Puts whose record is missing are omitted."""
    with ExitStack() as stack:
        for name in ("redis", "mongodb", "moto"):
            (folder / name).mkdir(parents=True)
        moto = stack.enter_context(run_moto(folder / "moto"))
        mongodb = stack.enter_context(run_mongod(folder / "mongodb"))
        redis = stack.enter_context(run_redis(folder / "redis"))
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "secret", "region_name": "us-east-1"}
        s3 = boto3.client("s3", endpoint_url=moto, **keys)
        sqs = boto3.client("sqs", endpoint_url=moto, **keys)
        s3.create_bucket(Bucket=BUCKET)
        queue_url = f"{moto}/{sqs.create_queue(QueueName='events')['QueueUrl'].split('/', 3)[3]}"
        settings = {
            "MONGODB_URI": mongodb,
            "REDIS_URL": redis,
            "S3_ENDPOINT_URL": moto,
            "S3_BUCKETS": BUCKET,
            "AWS_ACCESS_KEY": "test",
            "AWS_SECRET_KEY": "secret",
            "EVENTS_SQS_URL": queue_url,
        }
        environment = {f"EXIFINATOR_{name}": value for name, value in settings.items()}
        for name in ("worker", "watch"):
            ready = stack.enter_context(closing(ReadySocket()))
            program = start(
                [sys.executable, "-m", "exifinator", name], folder / f"{name}.log", {**environment, **ready.environment}
            )
            stack.callback(end, program, signal.SIGKILL)
            eventually(ready.is_ready, watching=[program])
        seen: dict[str, float] = {}
        client: MongoClient[dict[str, Any]] = MongoClient(mongodb)
        stack.callback(client.close)
        collection = client["waldo"]["exif_data"]
        ended = threading.Event()

        def poll() -> None:
            while not ended.wait(POLL_SECONDS):
                now = time.monotonic()
                for record in collection.find({}, {"key": 1}):
                    seen.setdefault(record["key"], now)

        poller = threading.Thread(target=poll, daemon=True)
        poller.start()
        put_at: dict[str, float] = {}
        began_at, body = time.monotonic(), make_jpeg()
        for i in range(puts):
            time.sleep(max(0.0, began_at + i / puts_per_second - time.monotonic()))
            key = f"{i:06}.jpg"
            s3.put_object(Bucket=BUCKET, Key=key, Body=body)
            put_at[key] = time.monotonic()
            record = {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": BUCKET}, "object": {"key": key}}}
            sqs.send_message(QueueUrl=queue_url, MessageBody=json.dumps({"Records": [record]}))
        deadline = time.monotonic() + LIMIT_SECONDS
        while len(seen) < puts and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        ended.set()
        poller.join()
        return sorted(seen[key] - put_at[key] for key in put_at if key in seen)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--puts", type=int, default=1000, help="number of objects to put")
    parser.add_argument("--rate", type=float, default=50, help="puts per second")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        seconds = measure(options.puts, options.rate, Path(folder))
    print(f"{len(seconds)} of {options.puts} records seen")
    for percent in (50, 90, 99, 100):
        if seconds:
            print(f"p{percent}: {seconds[max(0, -(-percent * len(seconds) // 100) - 1)]:.2f} s")
    sys.exit(len(seconds) < options.puts)


if __name__ == "__main__":
    main()
