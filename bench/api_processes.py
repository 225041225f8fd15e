"""Compare one process of the API with several: `python -m bench.api_processes --records 100000 --seconds 20`.

Generates records in a MongoDB of its own (or uses a running one: --mongodb), and starts a Redis. In each round, runs
the API with one process and then with API_PROCESSES, sends the same mix of requests from many clients to both, and
prints the rates, the median and the 99th percentile of the response times, the errors, and the CPU time for each
request. The clients, the API and MongoDB share the machine.
"""

from __future__ import annotations

import argparse
import os
import random
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import psutil
import pymongo

from bench.api import DATABASE, load, run_api, run_mongodb, table, wait_for_counts
from bench.api_requests import COLLECTION, Client, percentile, photo_cases
from bench.http_load import Load, send_requests
from exifinator.config import Config
from tests.servers import run_redis
from tests.waiting import eventually

_SAMPLED_PATHS = 500


@dataclass
class Result:
    """One measurement.

    Attributes:
        load: What the clients saw.
        cpu_seconds: CPU time of all processes of the API.
        mongodb_cpu_seconds: CPU time of MongoDB.
        memory_mb: Memory of all processes of the API.
    """

    load: Load
    cpu_seconds: float
    mongodb_cpu_seconds: float
    memory_mb: float

    def row(self, name: str) -> list[str]:
        seconds, errors = self.load.seconds, self.load.errors
        n_requests = max(1, len(seconds))
        times = (self.cpu_seconds, self.mongodb_cpu_seconds, self.load.cpu_seconds)
        return [
            name,
            f"{len(seconds) / self.load.wall_seconds:,.0f}",
            f"{percentile(seconds, 0.5):.0f}" if seconds else "",
            f"{percentile(seconds, 0.99):.0f}" if seconds else "",
            ", ".join(f"{count} {kind}" for kind, count in errors.items()) or "0",
            *(f"{cpu_seconds / n_requests * 1000:.2f}" for cpu_seconds in times),
            f"{self.memory_mb:.0f}",
        ]


def _cpu_seconds(main: psutil.Process) -> float:
    times = [process.cpu_times() for process in (main, *main.children(recursive=True))]
    return sum(cpu.user + cpu.system for cpu in times)


def measure_api(
    mongodb: Any, mongodb_uri: str, redis_url: str, processes: int, paths: list[str], options: Any
) -> Result:
    with run_api(mongodb_uri, processes=processes, REDIS_URL=redis_url) as (port, pid):
        main = psutil.Process(pid)
        eventually(lambda: len(main.children()) >= (processes if processes > 1 else 0))
        wait_for_counts(Client(port))
        before, mongodb_before = _cpu_seconds(main), _mongodb_cpu_seconds(mongodb)
        load = send_requests(port, paths, options.clients, options.seconds)
        cpu_seconds, mongodb_cpu_seconds = _cpu_seconds(main) - before, _mongodb_cpu_seconds(mongodb) - mongodb_before
        memory = [process.memory_full_info().uss for process in (main, *main.children(recursive=True))]
        return Result(load, cpu_seconds, mongodb_cpu_seconds, sum(memory) / 2**20)


def _mongodb_cpu_seconds(mongodb: Any) -> float:
    status = mongodb.command("serverStatus")["extra_info"]
    return float(status["user_time_us"] + status["system_time_us"]) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000, help="number of records to generate")
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=20.0, help="duration of each measurement")
    parser.add_argument("--rounds", type=int, default=3, help="number of pairs of measurements")
    parser.add_argument("--processes", type=int, default=Config().api_process_count, help="compared with one process")
    parser.add_argument("--path", help="send only this request, such as /photos?limit=50, instead of the mix")
    parser.add_argument("--mongodb", help="URI of a server whose database bench_api may be dropped")
    parser.add_argument("--keep", action="store_true", help="use the records that an earlier run generated")
    options = parser.parse_args()
    rows = []
    with (
        nullcontext(options.mongodb) if options.mongodb else run_mongodb() as mongodb_uri,
        run_redis() as redis_url,
        pymongo.MongoClient[dict[str, Any]](mongodb_uri) as client,
    ):
        database = client[DATABASE]
        if not options.keep:
            client.drop_database(DATABASE)
            load(database, options.records)
        cases = photo_cases(database, random.Random(3), database[COLLECTION].estimated_document_count())[2:14]
        paths = [options.path] if options.path else [case.make_path() for case in cases for _ in range(_SAMPLED_PATHS)]
        random.Random(4).shuffle(paths)
        for number in range(1, options.rounds + 1):
            for processes in (1, options.processes):
                result = measure_api(database, mongodb_uri, redis_url, processes, paths, options)
                rows.append(result.row(f"{number}: API_PROCESSES={processes}"))
    headers = ["round", "requests/s", "p50 ms", "p99 ms", "errors", "API, CPU ms", "MongoDB", "clients", "MB"]
    print(f"{options.clients} clients on {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}\n")
    print(table(headers, rows))


if __name__ == "__main__":
    main()
