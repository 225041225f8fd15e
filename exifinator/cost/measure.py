"""Read the images of a sample as a worker reads them, and measure what that takes. Nothing is stored."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from bson import encode as bson_encode

from exifinator.config import Config
from exifinator.errors import EXIFinatorError
from exifinator.metadata.fetch import fetch_metadata
from exifinator.metadata.fingerprint import add_fingerprint
from exifinator.metadata.parse import build_record
from exifinator.models import ImageRef, RangeRead, RangeReader

# The number of first reads in flight. Decoding works only in the main thread, because its time limit uses a signal.
THREADS = 8

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Measurement:
    """What it took to read one image.

    Attributes:
        requests: The number of ranged GETs.
        bytes_read: The number of bytes that they returned.
        first_read_bytes: The number of bytes that the first GET returns, according to the listing.
        storage_class: The storage class according to S3's responses. See RangeRead.
        record_bytes: The size of the record, as BSON.
        thumbnail_bytes: The size of the thumbnail.
        cpu_seconds: The CPU time of finding and decoding the metadata.
        wait_seconds: The time spent waiting for S3.
        problem: Why the image could not be read, or None.
    """

    requests: int
    bytes_read: int
    first_read_bytes: int
    storage_class: str = ""
    record_bytes: int = 0
    thumbnail_bytes: int = 0
    cpu_seconds: float = 0.0
    wait_seconds: float = 0.0
    problem: str | None = None


class _TimedReader:
    """Reads ranges, and adds up the time. The first range of an image is read in advance, in another thread."""

    def __init__(self, reader: RangeReader, first: Future[tuple[RangeRead, float]]) -> None:
        self.wait_seconds = 0.0
        self._reader = reader
        self._first: Future[tuple[RangeRead, float]] | None = first

    def read_range(self, ref: ImageRef, start: int, length: int, *, if_match: str = "") -> RangeRead:
        """Read a range. See models.RangeReader."""
        first, self._first = self._first, None
        read, seconds = first.result() if first else timed_read(self._reader, ref, start, length, if_match)
        self.wait_seconds += seconds
        return read


def timed_read(
    reader: RangeReader, ref: ImageRef, start: int, length: int, if_match: str = ""
) -> tuple[RangeRead, float]:
    """Read a range, and return it with the number of seconds that this took."""
    began = time.perf_counter()
    read = reader.read_range(ref, start, length, if_match=if_match)
    return read, time.perf_counter() - began


def measure(reader: RangeReader, refs: Sequence[ImageRef], config: Config) -> Generator[Measurement]:
    """Read images, and yield what each has taken, in order.

    An image that cannot be read is measured too: its requests cost the same during a run.
    """
    with ThreadPoolExecutor(THREADS) as threads:
        waiting = ((ref, threads.submit(timed_read, reader, ref, 0, config.first_read_bytes)) for ref in refs)
        for ref, first in _look_ahead(waiting, THREADS):
            yield _measure_one(_TimedReader(reader, first), ref, config)


def _measure_one(reader: _TimedReader, ref: ImageRef, config: Config) -> Measurement:
    began, first_read_bytes = time.thread_time(), min(ref.size_bytes, config.first_read_bytes)
    try:
        fetched = fetch_metadata(reader, ref, first_read_bytes=config.first_read_bytes)
    except EXIFinatorError as exc:
        return Measurement(exc.requests, exc.bytes_read, first_read_bytes, problem=str(exc))
    record = build_record(fetched, deadline_seconds=config.parse_deadline_seconds, memory_mb=config.parse_memory_mb)
    add_fingerprint(record, fetched)
    cpu_seconds = time.thread_time() - began
    return Measurement(
        fetched.requests,
        fetched.bytes_read,
        first_read_bytes,
        fetched.storage_class,
        len(bson_encode(record.document)),
        len(record.thumbnail or b""),
        cpu_seconds,
        reader.wait_seconds,
    )


def _look_ahead(items: Iterable[Item], count: int) -> Iterator[Item]:
    """Yield items, while `count` more of them have already been requested from the iterable."""
    rest = iter(items)
    ahead = deque(islice(rest, count))
    while ahead:
        item = ahead.popleft()
        ahead.extend(islice(rest, 1))
        yield item
