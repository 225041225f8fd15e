"""Fetch the parts of an image that hold its metadata, in a few ranged reads.

The container readers (containers/) request the ranges that they need, and this module reads them. A JPEG usually takes
one request, and no file more than MAX_FURTHER_READS + 2.
"""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter

from exifinator.errors import ObjectChanged
from exifinator.metadata.containers import LocatedMetadata, RangeBuffer, locate
from exifinator.metadata.containers.range_buffer import merge_ranges
from exifinator.metadata.limits import DeadlineExceeded, cpu_limit
from exifinator.metrics import COUNTS, observe_fetch
from exifinator.models import HeaderBytes, ImageRef, RangeReader

# The smallest first read that holds all the metadata of nearly every JPEG. Measured: bench/FIRST_READ.md.
FIRST_READ_BYTES = 48 * 1024
MAX_FURTHER_READS = 4
# If MAX_FURTHER_READS are not enough, one last read takes the rest of the object, up to this many bytes.
MAX_READ_BYTES = 32 * 1024 * 1024
# Reading a gap of this many bytes between two ranges costs less than another request.
GAP_BYTES = 16 * 1024
# Attempts to read an object that changes meanwhile.
MAX_ATTEMPTS = 3

EMPTY_OBJECT = "The object is empty."


def fetch_header(
    reader: RangeReader, ref: ImageRef, *, first_read_bytes: int = FIRST_READ_BYTES, deadline_seconds: float = 2.0
) -> HeaderBytes:
    """Read the bytes of an image that hold its metadata, in as few ranged reads as its container allows.

    Args:
        reader: Reads ranges of objects.
        ref: The image.
        first_read_bytes: Length of the first read.
        deadline_seconds: CPU time after which the file counts as damaged.

    Returns:
        The located metadata. Its `ref` has the object's size, ETag and date as of the first read.

    Raises:
        ObjectChanged: If the object changed during each of MAX_ATTEMPTS attempts.
        Exception: Errors of the reader are passed on.
    """
    cost = _Cost()
    started_at = perf_counter()
    try:
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                return _fetch_once(reader, ref, first_read_bytes, deadline_seconds, cost)
            except ObjectChanged:
                if attempt == MAX_ATTEMPTS:
                    raise
                COUNTS.add_retry("object_changed")
        raise AssertionError("unreachable")
    finally:
        observe_fetch(perf_counter() - started_at)
        COUNTS.requests["get"] += cost.requests
        COUNTS.bytes_read += cost.bytes_read


class _Cost:
    """Requests sent and bytes read for an image so far, including attempts discarded because the object changed."""

    requests = 0
    bytes_read = 0


def _fetch_once(
    reader: RangeReader, ref: ImageRef, first_read_bytes: int, deadline_seconds: float, cost: _Cost
) -> HeaderBytes:
    cost.requests += 1
    first = reader.read_range(ref, 0, first_read_bytes)
    cost.bytes_read += len(first.data)
    ref = replace(ref, etag=first.etag, size_bytes=first.total_bytes, last_modified=first.last_modified)
    if first.total_bytes == 0:
        located = LocatedMetadata("unknown", status="damaged", problem=EMPTY_OBJECT)
        return _header_bytes(ref, located, cost)

    file = RangeBuffer(first.total_bytes)
    file.add(first.start, first.data)
    reads_left = MAX_FURTHER_READS
    while True:
        located = _locate(file, deadline_seconds)
        missing = file.missing()
        if not missing or file.closed:
            return _header_bytes(ref, located, cost)
        for start, end in _plan_reads(missing, reads_left, file):
            cost.requests += 1
            part = reader.read_range(ref, start, end - start, if_match=ref.etag)
            cost.bytes_read += len(part.data)
            reads_left -= 1
            file.add(part.start, part.data)
        if reads_left < 0:
            file.closed = True


def _locate(file: RangeBuffer, deadline_seconds: float) -> LocatedMetadata:
    try:
        with cpu_limit(deadline_seconds):
            return locate(file)
    except DeadlineExceeded:
        file.requested = []
        problem = f"Locating the metadata took more than {deadline_seconds:g} s of CPU time."
        return LocatedMetadata("unknown", status="damaged", problem=problem)


def _plan_reads(missing: list[tuple[int, int]], reads_left: int, file: RangeBuffer) -> list[tuple[int, int]]:
    """Return the (start, end) ranges to read next.

    Neighbouring ranges are merged until the reads that are left suffice. If none is left, one final range covers all
    that the reader may still need.
    """
    if reads_left <= 0:
        start = missing[0][0]
        end = max(file.read_limit, missing[0][1])
        return [(start, min(end, file.total_bytes, start + MAX_READ_BYTES))]
    gap = GAP_BYTES
    merged = merge_ranges(missing, gap)
    while len(merged) > reads_left:
        gap *= 2
        merged = merge_ranges(missing, gap)
    # Hostile offsets may be gigabytes apart. Bytes past the limit are requested again later, while any reads are left.
    return [(start, min(end, start + MAX_READ_BYTES)) for start, end in merged]


def _header_bytes(ref: ImageRef, located: LocatedMetadata, cost: _Cost) -> HeaderBytes:
    return HeaderBytes(
        ref,
        located.format or "unknown",
        tuple(located.blocks),
        located.status,
        located.problem,
        located.width_pixels,
        located.height_pixels,
        located.rotation_applied,
        cost.requests,
        cost.bytes_read,
    )
