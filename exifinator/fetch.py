"""ImageRef -> HeaderBytes: reads what the container readers ask for, in few ranged reads."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter

from exifinator.containers import Found, Window, locate
from exifinator.containers.window import merge_ranges
from exifinator.deadline import DeadlineExceeded, cpu_deadline
from exifinator.errors import ObjectChanged
from exifinator.metrics import COUNTS, observe_fetch
from exifinator.records import HeaderBytes, ImageRef, RangeReader

# The smallest that holds all the metadata of nearly every JPEG: bench/FIRST_READ.md.
FIRST_READ_BYTES = 48 * 1024
MAX_FURTHER_READS = 4
# Past the further reads the rest of the object is read, but no more than this.
MAX_READ_BYTES = 32 * 1024 * 1024
# A gap that costs less to read over than another request does.
GAP_BYTES = 16 * 1024
MAX_STARTS = 3

EMPTY_OBJECT = "the object is empty"


def fetch_header(
    reader: RangeReader, ref: ImageRef, *, first_read_bytes: int = FIRST_READ_BYTES, deadline_seconds: float = 2.0
) -> HeaderBytes:
    """Read the bytes of an image that hold its metadata, in as few ranged reads as its container allows.

    deadline_seconds: CPU time past which the file counts as damaged.
    Returns: HeaderBytes; its `ref` carries size, ETag and date as the first read told them.
    Raises: whatever the reader raises; ObjectChanged where the object changed under each of three attempts.
    """
    cost = _Cost()
    began = perf_counter()
    try:
        for attempt in range(1, MAX_STARTS + 1):
            try:
                return _fetch_once(reader, ref, first_read_bytes, deadline_seconds, cost)
            except ObjectChanged:
                if attempt == MAX_STARTS:
                    raise
                COUNTS.add_retry("object_changed")
        raise AssertionError("unreachable")
    finally:
        observe_fetch(perf_counter() - began)
        COUNTS.requests["get"] += cost.requests
        COUNTS.bytes_read += cost.bytes_read


class _Cost:
    """What reading an image cost so far, attempts that an exchanged object spoiled included."""

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
        found = Found("unknown", status="damaged", problem=EMPTY_OBJECT)
        return _header(ref, found, cost)

    file = Window(first.total_bytes)
    file.add(first.start, first.data)
    reads_left = MAX_FURTHER_READS
    while True:
        found = _locate(file, deadline_seconds)
        missing = file.missing()
        if not missing or file.closed:
            return _header(ref, found, cost)
        for start, end in _plan(missing, reads_left, file):
            cost.requests += 1
            answer = reader.read_range(ref, start, end - start, if_match=ref.etag)
            cost.bytes_read += len(answer.data)
            reads_left -= 1
            file.add(answer.start, answer.data)
        if reads_left < 0:
            file.closed = True


def _locate(file: Window, deadline_seconds: float) -> Found:
    try:
        with cpu_deadline(deadline_seconds):
            return locate(file)
    except DeadlineExceeded:
        file.asked = []
        problem = f"finding its metadata took more than {deadline_seconds:g} s of computing"
        return Found("unknown", status="damaged", problem=problem)


def _plan(missing: list[tuple[int, int]], reads_left: int, file: Window) -> list[tuple[int, int]]:
    """The ranges to read next: neighbours merged, no more of them than reads are left; with none left, the rest."""
    if reads_left <= 0:
        start = missing[0][0]
        end = max(file.horizon, missing[0][1])
        return [(start, min(end, file.total_bytes, start + MAX_READ_BYTES))]
    gap = GAP_BYTES
    merged = merge_ranges(missing, gap)
    while len(merged) > reads_left:
        gap *= 2
        merged = merge_ranges(missing, gap)
    # Hostile offsets may lie gigabytes apart: what does not fit under the cap is asked for again, and then left.
    return [(start, min(end, start + MAX_READ_BYTES)) for start, end in merged]


def _header(ref: ImageRef, found: Found, cost: _Cost) -> HeaderBytes:
    return HeaderBytes(
        ref,
        found.format or "unknown",
        tuple(found.blocks),
        found.status,
        found.problem,
        found.width_pixels,
        found.height_pixels,
        found.turned,
        cost.requests,
        cost.bytes_read,
    )
