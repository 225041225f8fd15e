"""Compare one process of the API with several: `python -m bench.api_processes --records 100000 --seconds 20`.

Generates records in a MongoDB of its own (or uses a running one: --mongodb), and starts a Redis. In each round, runs
the API with one process and then with API_PROCESSES, sends the same mix of requests from many clients to both, and
prints the rates, the median and the 99th percentile of the response times, and the errors. The clients, the API and
MongoDB share the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import random
import time
from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import psutil
import pymongo

from bench.api import DATABASE, load, run_api, run_mongodb, table, wait_for_counts
from bench.api_requests import COLLECTION, Client, percentile, photo_cases
from exifinator.config import Config
from tests.servers import run_redis
from tests.waiting import eventually

_SAMPLED_PATHS = 500


@dataclass
class Result:
    """Measurements of the clients' requests, and of the API meanwhile.

    Attributes:
        seconds: The duration of each request that the API answered.
        errors: How many requests failed, by status or exception.
        cpu_seconds: CPU time of all processes of the API.
        memory_mb: Memory of all processes of the API.
        wall_seconds: The duration of the measurement.
    """

    seconds: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    cpu_seconds: float = 0.0
    memory_mb: float = 0.0
    wall_seconds: float = 0.0

    def row(self, name: str) -> list[str]:
        """Return the row of the report for this result."""
        n_requests = max(1, len(self.seconds))
        errors = ", ".join(f"{count} {error}" for error, count in self.errors.items()) or "0"
        return [
            name,
            f"{len(self.seconds) / self.wall_seconds:,.0f}",
            f"{percentile(self.seconds, 0.5):.0f}" if self.seconds else "",
            f"{percentile(self.seconds, 0.99):.0f}" if self.seconds else "",
            errors,
            f"{self.cpu_seconds / n_requests * 1000:.2f}",
            f"{self.memory_mb:.0f}",
        ]


async def _send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> str:
    """Send a GET request on a kept connection, and read the response. Return its status."""
    target = quote(path, safe="/?&=%,.:-")
    writer.write(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    status = head.split(b" ", 2)[1].decode()
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    await reader.readexactly(int(length.split(b":")[1]))
    return status


async def measure(port: int, paths: list[str], clients: int, seconds: float) -> Result:
    """Let concurrent clients send requests for this many seconds. Each client has a connection of its own."""
    result = Result()
    ends_at = time.perf_counter() + seconds
    order = itertools.cycle(paths)

    async def run() -> None:
        while time.perf_counter() < ends_at:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 22)
            except OSError as error:
                result.errors[type(error).__name__] += 1
                continue
            try:
                while time.perf_counter() < ends_at:
                    start = time.perf_counter()
                    status = await _send(reader, writer, next(order))
                    result.seconds.append(time.perf_counter() - start)
                    if status != "200":
                        result.errors[status] += 1
            except (OSError, asyncio.IncompleteReadError) as error:
                result.errors[type(error).__name__] += 1
            finally:
                writer.close()

    start = time.perf_counter()
    await asyncio.gather(*(run() for _ in range(clients)))
    result.wall_seconds = time.perf_counter() - start
    return result


def _cpu_seconds(main: psutil.Process) -> float:
    times = [process.cpu_times() for process in (main, *main.children(recursive=True))]
    return sum(cpu.user + cpu.system for cpu in times)


def measure_api(mongodb_uri: str, redis_url: str, processes: int, paths: list[str], options: Any) -> Result:
    with run_api(mongodb_uri, processes=processes, REDIS_URL=redis_url) as (port, pid):
        main = psutil.Process(pid)
        eventually(lambda: len(main.children()) >= (processes if processes > 1 else 0))
        wait_for_counts(Client(port))
        before = _cpu_seconds(main)
        result = asyncio.run(measure(port, paths, options.clients, options.seconds))
        result.cpu_seconds = _cpu_seconds(main) - before
        memory = [process.memory_full_info().uss for process in (main, *main.children(recursive=True))]
        result.memory_mb = sum(memory) / 2**20
        return result


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
                result = measure_api(mongodb_uri, redis_url, processes, paths, options)
                rows.append(result.row(f"{number}: API_PROCESSES={processes}"))
    headers = ["round", "requests/s", "p50 ms", "p99 ms", "errors", "CPU ms per request", "memory MB"]
    print(f"{options.clients} clients on {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}\n")
    print(table(headers, rows))


if __name__ == "__main__":
    main()
