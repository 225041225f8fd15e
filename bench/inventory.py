"""Measure the speed and the memory with which `run --inventory` queues the keys of a generated report.

`python -m bench.inventory [--keys N] [--kills N]` adds a row to bench/EVENTS.md. rclone serves the report. The process
is killed the given number of times while it queues, and started again with the same command. In the end, each key must
be in the queue once.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, cast

import redis

from bench.event_stream import add_row
from exifinator.batches.model import new_batch_id
from tests.data.inventory import COLUMNS, manifest
from tests.photos import make_jpeg
from tests.servers import ROOT, run_mongod, run_rclone, run_redis

PAGE = Path(__file__).parent / "EVENTS.md"
# S3 writes files of about this many keys.
KEYS_PER_FILE = 500_000
POLL_SECONDS = 0.005


@dataclass
class Result:
    """Measurements of a run.

    Attributes:
        queued: The number of images in the queue in the end.
        kills: Number of times that the process was killed.
        seconds: Running time of the last process.
        cpu_seconds: CPU time of the last process.
        memory_mb: The largest resident memory of any of the processes.
        redis_cpu_seconds: Redis's CPU time while the last process ran.
        redis_bytes_per_key: Redis's memory per queued image.
    """

    queued: int
    kills: int
    seconds: float
    cpu_seconds: float
    memory_mb: float
    redis_cpu_seconds: float
    redis_bytes_per_key: float


def write_report(keys: int, folder: Path) -> None:
    """Write a CSV report of `keys` objects in a bucket, and the first of these objects."""
    reports, photos = folder / "reports", folder / "photos"
    for path in (reports, photos):
        path.mkdir(parents=True)
    body = make_jpeg()
    (photos / _key(0)).parent.mkdir(parents=True)
    (photos / _key(0)).write_bytes(body)
    files: dict[str, bytes] = {}
    for start in range(0, keys, KEYS_PER_FILE):
        name = f"{start:09}.csv.gz"
        with gzip.open(reports / name, "wt", compresslevel=1) as file:
            writer = csv.writer(cast(IO[str], file), quoting=csv.QUOTE_ALL, lineterminator="\n")
            for i in range(start, min(keys, start + KEYS_PER_FILE)):
                etag = hashlib.md5(b"%d" % i, usedforsecurity=False).hexdigest()
                writer.writerow(("photos", _key(i), str(len(body)), "2026-05-17T18:30:00.000Z", etag, "STANDARD"))
        files[name] = (reports / name).read_bytes()
    (reports / "manifest.json").write_bytes(manifest("photos", files, datetime.now(UTC), schema=", ".join(COLUMNS)))


def _key(number: int) -> str:
    return f"2026/{number // 1000:06}/IMG_{number:09}.jpg"


def measure(keys: int, kills: int, folder: Path) -> Result:
    """Queue the keys of a report. Kill the process each time that it has queued a further part of the keys."""
    write_report(keys, folder / "s3")
    with ExitStack() as stack:
        for name in ("redis", "mongodb"):
            (folder / name).mkdir()
        url = stack.enter_context(run_redis(folder / "redis"))
        settings = {
            "MONGODB_URI": stack.enter_context(run_mongod(folder / "mongodb")),
            "REDIS_URL": url,
            "S3_ENDPOINT_URL": stack.enter_context(run_rclone(folder / "s3")),
            "AWS_ACCESS_KEY": "test",
            "AWS_SECRET_KEY": "secret",
            "MAX_QUEUED": keys + 1,
        }
        environment = {**os.environ, **{f"EXIFINATOR_{name}": str(value) for name, value in settings.items()}}
        # With an id, `run` starts no workers, so the images stay in the queue.
        batch = ["--no-wait", "--batch-id", new_batch_id(datetime.now(UTC))]
        command = [sys.executable, "-m", "exifinator", "run", "--inventory", "s3://reports/manifest.json", *batch]
        client = stack.enter_context(redis.Redis.from_url(url))
        base_bytes = client.info("memory")["used_memory"]
        peak_mb, kills_done = 0.0, 0
        for i in range(kills + 1):
            with (folder / "run.log").open("ab") as log:
                process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
            started_at, redis_cpu_seconds = time.monotonic(), _redis_cpu_seconds(client)
            limit = keys * (i + 1) // (kills + 1) if i < kills else keys + 1
            usage = _await_end(process, client, limit)
            code = process.returncode
            peak_mb, kills_done = max(peak_mb, usage.ru_maxrss / 1024), kills_done + (code == -signal.SIGKILL)
            if code not in (0, -signal.SIGKILL):
                raise RuntimeError((folder / "run.log").read_text()[-3000:])
        seconds, cpu_seconds = time.monotonic() - started_at, usage.ru_utime + usage.ru_stime
        redis_cpu_seconds = _redis_cpu_seconds(client) - redis_cpu_seconds
        redis_bytes = client.info("memory")["used_memory"] - base_bytes
        return Result(
            _count_queued(client), kills_done, seconds, cpu_seconds, peak_mb, redis_cpu_seconds, redis_bytes / keys
        )


def _await_end(process: subprocess.Popen[bytes], client: redis.Redis, limit: int) -> resource.struct_rusage:
    """Wait until a process ends, and return what it used. Kill it when more than `limit` images are queued."""
    while True:
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        if ended:
            process.returncode = os.waitstatus_to_exitcode(status)
            return usage
        if _count_queued(client) > limit:
            # Popen.kill would collect the exit status, which wait4 has to collect.
            os.kill(process.pid, signal.SIGKILL)
        time.sleep(POLL_SECONDS)


def _redis_cpu_seconds(client: redis.Redis) -> float:
    usage = client.info("cpu")
    return float(usage["used_cpu_user"] + usage["used_cpu_sys"])


def _count_queued(client: redis.Redis) -> int:
    return sum(int(client.zcard(name)) for name in client.scan_iter("mrq:q:*", _type="ZSET"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=10_000_000, help="number of keys in the report")
    parser.add_argument("--kills", type=int, default=0, help="number of times that the process is killed")
    parser.add_argument("--no-row", action="store_true", help="do not add a row to bench/EVENTS.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(options.keys, options.kills, Path(folder))
    row = {"Date": time.strftime("%Y-%m-%d"), "Keys": f"{options.keys:,}", "Kills": result.kills}
    row |= {"Queued": f"{result.queued:,}", "Seconds": f"{result.seconds:.1f}"}
    row |= {"Keys/s": f"{options.keys / result.seconds:,.0f}", "Memory (MB)": f"{result.memory_mb:.0f}"}
    row |= {"CPU (us per key)": f"{result.cpu_seconds / options.keys * 1e6:.1f}"}
    row |= {"Redis's CPU (us per key)": f"{result.redis_cpu_seconds / options.keys * 1e6:.1f}"}
    row |= {"Redis (bytes per key)": f"{result.redis_bytes_per_key:.0f}"}
    print(*(f"{name}: {value}" for name, value in row.items()), sep="\n")
    if not options.no_row:
        add_row(PAGE, row)
    sys.exit(result.queued != options.keys)


if __name__ == "__main__":
    main()
