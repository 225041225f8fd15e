"""Measure the search over many records: `python -m bench.search --records 1000000`.

Starts a MongoDB (or uses a running one: --mongodb), generates records with tens of thousands of different words, reads
pages of searches and suggestions, and writes bench/SEARCH.md. Besides the wall-clock time, it measures the CPU time of
MongoDB and of this process, which other load on the machine hardly changes.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any, cast

import pymongo
from pymongo import AsyncMongoClient
from pymongo.errors import ExecutionTimeout

from api.aggregations.facet_counter import FacetCounter
from api.aggregations.facets import MAX_VALUES
from api.aggregations.suggestions import Suggester
from api.database import Document
from api.query.filters import Filters, read_search
from api.query.pagination import read_page, spell_out_ranges
from api.query.sort_order import Order
from api.serializers import SUMMARY_FIELDS
from bench.api import ROOT, run_mongodb, table
from bench.api_requests import percentile
from bench.search_records import NAMES, make_search_records, word_of_rank
from exifinator.search_keys.search_text import search_terms
from exifinator.storage.indexes import INDEXES

DATABASE, COLLECTION = "bench_search", "exif_data"
# Only these indexes are created, so that a million records load in a few minutes.
INDEX_NAMES = ("taken_local", "words_taken_local", "iso_taken_local")
PAGE_MS, SUGGESTIONS_MS = 20, 50
WRITE_SAMPLE = 2_000
MakeSearch = Callable[[random.Random], str]


def _word(low: int, high: int) -> MakeSearch:
    return lambda rng: word_of_rank(rng.randrange(low, high))


def _pair(first: MakeSearch, second: MakeSearch, pattern: str = "{} {}") -> MakeSearch:
    return lambda rng: pattern.format(first(rng), second(rng))


def _one_of(*searches: str) -> MakeSearch:
    return lambda rng: rng.choice(searches)


COMMON, MAKER = _one_of("beach", "harbour", "snow", "market"), _one_of("canon", "sony", "apple", "nikon")
FREQUENT, RARE = _word(100, 300), _word(5_000, 20_000)
CASES: dict[str, MakeSearch] = {
    "a common word": COMMON,
    "a rare word": RARE,
    "two common words": _pair(COMMON, MAKER),
    "a common and a rare word": _pair(COMMON, RARE),
    "two words of a few thousand photos each": _pair(FREQUENT, FREQUENT),
    "one letter": lambda rng: rng.choice("bcdfghjklm"),
    "two letters": _one_of("be", "ca", "so", "ha", "ji"),
    "three letters": lambda rng: word_of_rank(rng.randrange(100, 20_000))[:3],
    "DSC0": lambda rng: f"DSC0{rng.randrange(10)}",
    "DSC013": lambda rng: f"DSC0{rng.randrange(10, 99)}",
    "DSC01314": lambda rng: f"DSC0{rng.randrange(1000, 9999)}",
    "IMG_12": lambda rng: f"IMG_{rng.randrange(10, 99)}",
    "a common word, not another": _pair(COMMON, MAKER, "{} -{}"),
    "not a common word": _pair(COMMON, COMMON, "-{}"),
    "a phrase": _pair(_word(1, 9), _word(1, 9), '"{} {}"'),
    "camera:x-t4 iso:800-": _one_of("camera:x-t4 iso:800-"),
    "CJK": _one_of("京都", "京都の秋", "タワー", "京"),
    "a word that no photo has": _one_of("qqqqzz"),
}


class CpuClock:
    """Measures the CPU time, in milliseconds, of MongoDB and of this process."""

    def __init__(self, client: pymongo.MongoClient[Document]) -> None:
        self._client = client
        self._overhead = 0.0
        self._overhead = min(self.measure(self.start()) for _ in range(20))

    def start(self) -> float:
        """Return the time at which a measurement starts."""
        extra = self._client.admin.command({"serverStatus": 1, "repl": 0, "metrics": 0, "locks": 0})["extra_info"]
        return float(extra["user_time_us"] + extra["system_time_us"]) / 1000 + time.process_time() * 1000

    def measure(self, start: float) -> float:
        """Return the time since `start`, without the cost of measuring it."""
        return max(0.0, self.start() - start - self._overhead)


def load(collection: Any, count: int) -> None:
    records = make_search_records(count)
    while chunk := list(itertools.islice(records, 2000)):
        collection.insert_many(chunk, ordered=False)
    for index in INDEXES:
        if index.name in INDEX_NAMES:
            collection.create_index(list(index.keys), name=index.name, **index.options)


def measure_writes(database: Any, clock: CpuClock) -> list[list[str]]:
    """Measure what the search adds to the write of one record.

    Returns:
        Rows of the report: the words and bytes of a record, and the CPU time in microseconds.
    """
    records = list(make_search_records(WRITE_SAMPLE, seed=2))
    start = time.process_time()
    for record in records:
        search_terms(record["key"], record["photo"])
    terms_us = (time.process_time() - start) / WRITE_SAMPLE * 1e6
    (words,) = (index for index in INDEXES if index.name == "words_taken_local")
    scratch = database["writes"]

    def insert(*, indexed: bool) -> float:
        """Insert the records. Return the CPU time of each in microseconds."""
        scratch.drop()
        if indexed:
            scratch.create_index(list(words.keys), name=words.name)
        started = clock.start()
        for at in range(0, WRITE_SAMPLE, 1000):
            scratch.insert_many(records[at : at + 1000], ordered=False)
        return clock.measure(started) / WRITE_SAMPLE * 1000

    insert(indexed=False)
    insert_us = min(insert(indexed=False) for _ in range(2))
    index_us = min(insert(indexed=True) for _ in range(2)) - insert_us
    scratch.drop()
    print(json.dumps([terms_us, index_us, insert_us]), flush=True)
    word_count = sum(len(record["words"]) for record in records) / WRITE_SAMPLE
    text_bytes = sum(len(record["search_text"].encode()) for record in records) / WRITE_SAMPLE
    return [
        ["words of a record", f"{word_count:.0f}"],
        ["bytes of `search_text`", f"{text_bytes:.0f}"],
        ["splitting its values into words, in the worker", f"{terms_us:.0f} us"],
        ["inserting its words into the index, in MongoDB", f"{index_us:.0f} us"],
        ["an insert without that index", f"{insert_us:.0f} us"],
    ]


async def measure(request: Callable[[], Awaitable[int]], times: int, clock: CpuClock) -> tuple[list[str], set[str]]:
    """Send a request repeatedly.

    Returns:
        Median and 99th percentile of the wall-clock time, and then of the CPU time, in milliseconds; and remarks.
    """
    wall_seconds, cpu_seconds, remarks = [], [], set()
    for _ in range(times):
        started, start = clock.start(), time.perf_counter()
        try:
            await request()
        except ExecutionTimeout:
            remarks.add("timed out")
        wall_seconds.append(time.perf_counter() - start)
        cpu_seconds.append(clock.measure(started) / 1000)
    figures = [percentile(values, part) for values in (wall_seconds, cpu_seconds) for part in (0.5, 0.99)]
    return [f"{figure:.1f}" for figure in figures], remarks


async def measure_pages(collection: Any, times: int, clock: CpuClock) -> list[list[str]]:
    rng = random.Random(5)
    order = Order.named("-taken")
    rows = []
    for name, make in CASES.items():

        async def request(make: MakeSearch = make) -> int:
            filter_ = Filters.model_validate({"q": make(rng)}).to_filter()
            filters = await spell_out_ranges(collection, filter_, order)
            return len((await read_page(collection, filters, order, after=None, limit=50, fields=SUMMARY_FIELDS))[0])

        rows.append(make_row(name, *await measure(request, times, clock), PAGE_MS))
    return rows


def make_row(name: str, figures: list[str], remarks: set[str], limit_ms: float) -> list[str]:
    """Print and return the row of a case."""
    if float(figures[-1]) > limit_ms:
        remarks.add(f"above {limit_ms} ms of CPU time")
    row = [name, *figures, ", ".join(sorted(remarks))]
    print(json.dumps(row), flush=True)
    return row


class _FullFacets:
    """Facets with as many values as the API keeps."""

    def __init__(self) -> None:
        words = [f"{NAMES[n % len(NAMES)]} {word_of_rank(n)} {word_of_rank(n * 7)}" for n in range(MAX_VALUES)]
        self.counts = {word: n for n, word in enumerate(words)}

    async def count_values(self, _name: str) -> dict[str, int]:
        return self.counts


async def measure_suggestions(times: int, clock: CpuClock) -> list[list[str]]:
    rng = random.Random(6)
    suggester = Suggester(cast(FacetCounter, _FullFacets()))
    cases: dict[str, MakeSearch] = {
        "one letter": lambda rng: rng.choice("abcdefghijkl"),
        "three letters": lambda rng: word_of_rank(rng.randrange(5000))[:3],
        "three words": _pair(_one_of("anna", "karl"), _pair(_word(1, 5000), _one_of("b", "co"))),
    }
    rows = []
    for name, make in cases.items():

        async def request(make: MakeSearch = make) -> int:
            groups, _ = await suggester.suggest(read_search(make(rng), is_typing=True))
            return len(groups)

        await request()  # Sort the words, as a refresh does in the background.
        rows.append(make_row(name, *await measure(request, times, clock), SUGGESTIONS_MS))
    return rows


async def measure_all(uri: str, database: str, times: int, clock: CpuClock) -> tuple[list[list[str]], list[list[str]]]:
    async with AsyncMongoClient[Document](uri) as client:
        pages = await measure_pages(client[database][COLLECTION], times, clock)
    return pages, await measure_suggestions(times, clock)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000, help="number of records to generate")
    parser.add_argument("--times", type=int, default=200, help="number of searches of each kind")
    parser.add_argument("--mongodb", help=f"URI of a server whose database {DATABASE} may be dropped")
    parser.add_argument("--keep", action="store_true", help="use the records that an earlier run generated")
    parser.add_argument("--database", default=DATABASE, help="name of the database")
    parser.add_argument("--output", type=Path, default=ROOT / "bench" / "SEARCH.md", help="file for the report")
    arguments = parser.parse_args()
    with (
        nullcontext(arguments.mongodb) if arguments.mongodb else run_mongodb() as uri,
        pymongo.MongoClient[Document](uri) as client,
    ):
        database = client[arguments.database]
        if not arguments.keep:
            client.drop_database(arguments.database)
            load(database[COLLECTION], arguments.records)
        clock = CpuClock(client)
        load_before = os.getloadavg()[0]
        pages, suggestions = asyncio.run(measure_all(uri, arguments.database, arguments.times, clock))
        writes = measure_writes(database, clock)
        stats = database.command("collstats", COLLECTION)
    arguments.output.write_text(report(stats, pages, suggestions, writes, load_before))
    print(json.dumps({"records": stats["count"], "written": str(arguments.output)}))


def report(
    stats: Document, pages: list[list[str]], suggestions: list[list[str]], writes: list[list[str]], load_before: float
) -> str:
    headers = ["search", "p50, clock", "p99, clock", "p50, CPU", "p99, CPU", ""]
    index_bytes = stats["indexSizes"]["words_taken_local"]
    sections = [
        "# The speed of the search",
        f"`python -m bench.search --records {stats['count']}` on {os.cpu_count()} cores. {stats['count']:,} records of "
        f"{stats['avgObjSize']:,} bytes, {stats['storageSize'] / 1e6:,.0f} MB on disk. The index over `words` takes "
        f"{index_bytes / 1e6:,.0f} MB, {index_bytes / max(1, stats['count']):,.0f} bytes per record. Load average (1 "
        f"minute) before and after: {load_before:.1f} and {os.getloadavg()[0]:.1f}. Times in milliseconds. CPU time is "
        "that of MongoDB and of the API's code, and hardly depends on other load.",
        f"## Pages of 50 photos, newest first\n\nThe target is a p99 of {PAGE_MS} ms on an idle machine.",
        table(headers, pages),
        f"## Suggestions\n\nTen facets of {MAX_VALUES:,} values. The target is a p99 of {SUGGESTIONS_MS} ms.",
        table(headers, suggestions),
        "## The cost of a write\n\nThe CPU time per record.",
        table(["", ""], writes),
    ]
    return "\n\n".join(sections) + "\n"


if __name__ == "__main__":
    main()
