"""Read the images of a sample as a worker reads them, and measure what that takes. Nothing is stored."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeVar

from bson import encode as bson_encode

from exifinator.config import Config
from exifinator.errors import EXIFinatorError
from exifinator.metadata.fetch import fetch_metadata
from exifinator.metadata.fingerprint import add_fingerprint
from exifinator.metadata.first_read import MIN_IMAGES, FirstReads
from exifinator.metadata.parse import build_record
from exifinator.models import ImageRef, RangeRead, RangeReader

# The number of first reads in flight. Decoding works only in the main thread, because its time limit uses a signal.
THREADS = 8
# How much of each image is kept until the size of first reads has been learned.
KEPT_BYTES = 128 * 1024
# The costs of a new folder start as the costs of its bucket, with the weight of this many images. The weight is higher
# than in a run, because a folder has few images in the sample, so chance decides more. See FirstReads.
INHERITED_IMAGES = 128

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Measurement:
    """What it took to read one image.

    Attributes:
        requests: The number of ranged GETs that a run is expected to take.
        bytes_read: The number of bytes that they return.
        first_read_bytes: The number of bytes that the first GET returns, according to the listing.
        storage_class: The storage class according to S3's responses. See RangeRead.
        record_bytes: The size of the record, as BSON.
        thumbnail_bytes: The size of the thumbnail.
        cpu_seconds: The CPU time of finding and decoding the metadata.
        wait_seconds: The time spent waiting for S3.
        problem: Why the image could not be read, or None.
        sample_requests: The number of ranged GETs that the measurement itself took.
        sample_bytes: The number of bytes that they returned.
        is_exact: Whether a run takes exactly these requests and bytes.
    """

    requests: float
    bytes_read: float
    first_read_bytes: int
    storage_class: str = ""
    record_bytes: int = 0
    thumbnail_bytes: int = 0
    cpu_seconds: float = 0.0
    wait_seconds: float = 0.0
    problem: str | None = None
    sample_requests: int = 0
    sample_bytes: int = 0
    is_exact: bool = True


class _TimedReader:
    """Reads ranges of one image, and adds up the time and the cost. Short ranges are kept, and not read again.

    The first range of an image is read in advance, in another thread.
    """

    def __init__(self, reader: RangeReader, first: Future[tuple[RangeRead, float]]) -> None:
        self.wait_seconds = 0.0
        self.requests = 0
        self.bytes_read = 0
        self._reader = reader
        self._first: Future[tuple[RangeRead, float]] | None = first
        self._kept: list[RangeRead] = []

    def read_range(self, ref: ImageRef, start: int, length: int, *, if_match: str = "") -> RangeRead:
        """Read a range. See models.RangeReader."""
        for kept in self._kept:
            end = min(start + length, kept.total_bytes)
            if kept.start <= start and end <= kept.start + len(kept.data):
                return replace(kept, start=start, data=kept.data[start - kept.start : end - kept.start])
        first, self._first = self._first, None
        read, seconds = first.result() if first else timed_read(self._reader, ref, start, length, if_match)
        self.wait_seconds += seconds
        self.requests += 1
        self.bytes_read += len(read.data)
        if sum(len(kept.data) for kept in self._kept) + len(read.data) <= KEPT_BYTES:
            self._kept.append(read)
        return read


class _SampledFirstReads(FirstReads):
    """Learns from a whole sample, so that the order of the images does not matter."""

    def __init__(self, default_bytes: int, *, inherited_images: int) -> None:
        super().__init__(default_bytes, inherited_images=inherited_images)
        self._sample: list[tuple[ImageRef, list[tuple[int, int]]]] = []

    def learn(self, ref: ImageRef, used: Iterable[tuple[int, int]]) -> None:
        """Note an image. See FirstReads.learn."""
        self._sample.append((ref, list(used)))

    def learn_all(self) -> None:
        """Learn from the images that were noted: first about the buckets, and then about their folders."""
        for ref, used in self._sample:
            super().learn(replace(ref, key=ref.key.rpartition("/")[2]), used)
        for ref, used in self._sample:
            super().learn(ref, used)


def timed_read(
    reader: RangeReader, ref: ImageRef, start: int, length: int, if_match: str = ""
) -> tuple[RangeRead, float]:
    """Read a range, and return it with the number of seconds that this took."""
    began = time.perf_counter()
    read = reader.read_range(ref, start, length, if_match=if_match)
    return read, time.perf_counter() - began


def measure(
    reader: RangeReader, refs: Sequence[ImageRef], config: Config, images: int | None = None
) -> Generator[Measurement]:
    """Read images, and yield what each has taken, in order.

    An image that cannot be read is measured too: its requests cost the same during a run.

    Args:
        images: The number of images that a run would read; by default, the number of `refs`. With FIRST_READ_BYTES =
            "auto", the workers read the first of them with the default size, and the others with the learned size.
    """
    size = config.default_first_read_bytes
    with ThreadPoolExecutor(THREADS) as threads:
        waiting = ((ref, threads.submit(timed_read, reader, ref, 0, size)) for ref in refs)
        readers = ((ref, _TimedReader(reader, first)) for ref, first in _look_ahead(waiting, THREADS))
        if config.first_read_bytes != "auto":
            yield from (_measure_one(timed, ref, config) for ref, timed in readers)
            return
        first_reads = _SampledFirstReads(size, inherited_images=INHERITED_IMAGES)
        measured = [(ref, timed, _measure_one(timed, ref, config, first_reads)) for ref, timed in readers]
    first_reads.learn_all()
    count = max(images or 0, len(refs))
    if count <= MIN_IMAGES:
        yield from (measurement for _, _, measurement in measured)
        return
    groups = len({first_reads.group(ref) for ref in refs})
    unlearned = min(1.0, MIN_IMAGES * config.processes * groups / count)
    for ref, timed, measurement in measured:
        yield _with_learned_size(measurement, timed, ref, first_reads.choose(ref), unlearned)


def _measure_one(
    reader: _TimedReader, ref: ImageRef, config: Config, first_reads: FirstReads | None = None
) -> Measurement:
    began, size = time.thread_time(), config.default_first_read_bytes
    try:
        fetched = fetch_metadata(reader, ref, first_read_bytes=size, first_reads=first_reads)
    except EXIFinatorError as exc:
        return Measurement(
            exc.requests,
            exc.bytes_read,
            min(ref.size_bytes, size),
            problem=str(exc),
            sample_requests=exc.requests,
            sample_bytes=exc.bytes_read,
        )
    record = build_record(fetched, deadline_seconds=config.parse_deadline_seconds, memory_mb=config.parse_memory_mb)
    add_fingerprint(record, fetched)
    cpu_seconds = time.thread_time() - began
    return Measurement(
        fetched.requests,
        fetched.bytes_read,
        min(ref.size_bytes, size),
        fetched.storage_class,
        len(bson_encode(record.document)),
        len(record.thumbnail or b""),
        cpu_seconds,
        reader.wait_seconds,
        sample_requests=reader.requests,
        sample_bytes=reader.bytes_read,
    )


def _with_learned_size(
    measurement: Measurement, reader: _TimedReader, ref: ImageRef, size: int, unlearned: float
) -> Measurement:
    """Return the expected measurement of an image that is read with a learned size.

    Args:
        measurement: The measurement of the same image with the default size.
        reader: The reader of that measurement, which has kept the bytes.
        size: The learned size.
        unlearned: The share of images that are read before anything is learned.
    """
    if measurement.problem is not None:
        return measurement
    try:
        fetched = fetch_metadata(reader, ref, first_read_bytes=size)
    except EXIFinatorError:
        return measurement
    return replace(
        measurement,
        requests=unlearned * measurement.requests + (1 - unlearned) * fetched.requests,
        bytes_read=unlearned * measurement.bytes_read + (1 - unlearned) * fetched.bytes_read,
        sample_requests=reader.requests,
        sample_bytes=reader.bytes_read,
        is_exact=False,
    )


def _look_ahead(items: Iterable[Item], count: int) -> Iterator[Item]:
    """Yield items, while `count` more of them have already been requested from the iterable."""
    rest = iter(items)
    ahead = deque(islice(rest, count))
    while ahead:
        item = ahead.popleft()
        ahead.extend(islice(rest, 1))
        yield item
