"""Fetch the parts of an image that contain its metadata, with a few ranged GETs.

The container readers (in containers/) request the ranges that they need, and this module fetches them. A JPEG usually
takes one GET. No photo takes more than MAX_FURTHER_READS + 2, unless the object changes and is read again. A movie may
take more (RangeBuffer.max_further_reads).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from time import perf_counter

from exifinator.errors import EXIFinatorError, ObjectChanged
from exifinator.metadata.containers import LocatedMetadata, RangeBuffer, has_known_signature, locate
from exifinator.metadata.containers.range_buffer import GAP_BYTES, merge_ranges
from exifinator.metadata.content_encoding import (
    DECODERS,
    GZIP_SIGNATURE,
    MAX_DECODED_BYTES,
    DamagedEncoding,
    DecodedObject,
)
from exifinator.metadata.fingerprint import fingerprint
from exifinator.metadata.first_read import FirstReads
from exifinator.metadata.limits import DeadlineExceeded, cpu_limit
from exifinator.metrics import COUNTS, observe_fetch
from exifinator.models import FetchedMetadata, ImageRef, RangeRead, RangeReader

# The smallest first read that contains all the metadata of nearly every JPEG. Measured: bench/FIRST_READ.md.
FIRST_READ_BYTES = 48 * 1024
# If the container reader needs still more bytes after the first read and this many further reads, one final read
# fetches everything that it may need, up to MAX_READ_BYTES.
MAX_FURTHER_READS = 4
# The maximum length of one read.
MAX_READ_BYTES = 32 * 1024 * 1024
# The maximum number of attempts to read an object that is replaced while it is being read.
MAX_ATTEMPTS = 3

EMPTY_OBJECT = "The object is empty."


def fetch_metadata(
    reader: RangeReader,
    ref: ImageRef,
    *,
    first_read_bytes: int = FIRST_READ_BYTES,
    first_reads: FirstReads | None = None,
    deadline_seconds: float = 2.0,
) -> FetchedMetadata:
    """Read the parts of an image that contain its metadata, with as few ranged GETs as its container allows.

    Args:
        reader: Reads ranges of objects.
        ref: The image.
        first_read_bytes: Length of the first read.
        first_reads: If given, learns from this image.
        deadline_seconds: CPU time that one pass over the container may take. If a pass takes longer, the file counts as
            damaged. There is one pass after each round of reads.

    Returns:
        The located metadata. Its `ref` has the object's size, ETag and modification time as of the first read.

    Raises:
        ObjectChanged: If the object changed during each of MAX_ATTEMPTS attempts, or if a local file is
            damaged and may still be incomplete.
        Exception: If `reader` raises any other error.
    """
    cost = _Cost()
    started_at = perf_counter()
    try:
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                return _fetch_once(reader, ref, first_read_bytes, first_reads, deadline_seconds, cost)
            except ObjectChanged:
                if attempt == MAX_ATTEMPTS:
                    raise
                COUNTS.add_retry("object_changed")
        raise AssertionError("unreachable")
    except EXIFinatorError as exc:
        exc.requests, exc.bytes_read = cost.requests, cost.bytes_read
        raise
    finally:
        observe_fetch(perf_counter() - started_at)
        COUNTS.requests["get"] += cost.requests
        COUNTS.bytes_read += cost.bytes_read


class _Cost:
    """The cost of reading an image so far, including discarded attempts.

    Attributes:
        requests: Number of ranged GETs.
        bytes_read: Number of bytes that they returned.
    """

    requests = 0
    bytes_read = 0


def _fetch_once(
    reader: RangeReader,
    ref: ImageRef,
    first_read_bytes: int,
    first_reads: FirstReads | None,
    deadline_seconds: float,
    cost: _Cost,
) -> FetchedMetadata:
    cost.requests += 1
    first = reader.read_range(ref, 0, first_read_bytes)
    cost.bytes_read += len(first.data)
    ref = replace(ref, etag=first.etag, size_bytes=first.total_bytes, last_modified=first.last_modified)
    if first.total_bytes == 0:
        metadata = LocatedMetadata("unknown", status="damaged", problem=EMPTY_OBJECT)
        return _fetched_metadata(first, ref, metadata, cost)

    def read(start: int, end: int) -> bytes:
        """Read a further range of the same version of the object."""
        cost.requests += 1
        # S3 never accepts a weak ETag in If-Match.
        part = reader.read_range(ref, start, end - start, if_match="" if first.is_etag_weak else ref.etag)
        cost.bytes_read += len(part.data)
        if _version_of(part) != _version_of(first):
            raise ObjectChanged(f"Object replaced while it was being read: {ref.id}")
        return part.data

    decoder = DECODERS.get(first.content_encoding)
    if decoder is not None and not has_known_signature(first.data):
        decoded = DecodedObject(decoder(), first.data, first.total_bytes, read)
        with suppress(DamagedEncoding):
            metadata = _locate_decoded(decoded, first, first_read_bytes, deadline_seconds)
            return _fetched_metadata(first, ref, metadata, cost)
    file = RangeBuffer(first.total_bytes)
    file.add(first.start, first.data)
    n_reads = 0
    while True:
        metadata = _locate(file, deadline_seconds)
        missing = file.take_missing()
        if not missing or file.is_final:
            break
        reads_left = (file.max_further_reads or MAX_FURTHER_READS) - n_reads
        for start, end in _plan_reads(missing, reads_left, file):
            file.add(start, read(start, end))
            n_reads += 1
        if n_reads > (file.max_further_reads or MAX_FURTHER_READS):
            file.is_final = True
    if first_reads is not None:
        first_reads.learn(ref, file.used.merged())
    if metadata.status == "unsupported" and first.content_encoding and decoder is None:
        metadata.problem = f"The object has the Content-Encoding {first.content_encoding[:50]}, which is not supported."
    return _fetched_metadata(first, ref, metadata, cost)


def _version_of(read: RangeRead) -> tuple[object, ...]:
    """Return what identifies a version of an object: ETag and size, or size and modification time without an ETag."""
    return (read.etag, read.total_bytes) if read.etag else (read.total_bytes, read.last_modified)


def _locate_decoded(
    decoded: DecodedObject, first: RangeRead, first_read_bytes: int, deadline_seconds: float
) -> LocatedMetadata:
    """Locate the metadata in an object that is stored compressed.

    Raises:
        DamagedEncoding: The object is not compressed, despite its Content-Encoding.
    """
    end, is_first = first_read_bytes, True
    while True:
        try:
            # The first read usually suffices.
            is_reached = decoded.decode_to(end, may_read=not is_first)
        except DamagedEncoding as exc:
            if not decoded.data and not first.data.startswith(GZIP_SIGNATURE):
                raise
            problem = f"The object cannot be decompressed ({first.content_encoding}: {exc})."
            return LocatedMetadata("unknown", status="damaged", problem=problem)
        # The size of the decompressed file is unknown until its end is reached. Until then, readers may request any
        # byte up to the limit.
        file = RangeBuffer(len(decoded.data) if decoded.is_complete else MAX_DECODED_BYTES)
        if decoded.is_complete and not decoded.data:
            return LocatedMetadata("unknown", status="damaged", problem=EMPTY_OBJECT)
        file.add(0, decoded.data)
        file.is_final = not (is_reached or is_first)
        is_first = False
        metadata = _locate(file, deadline_seconds)
        missing = file.take_missing()
        if not missing or file.is_final:
            if metadata.status == "damaged" and (file.is_final or len(decoded.data) >= MAX_DECODED_BYTES):
                metadata.problem = "The metadata is too far from the start of the compressed object."
            return metadata
        end = max(range_end for _, range_end in missing)


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

    Neighbouring ranges are merged until there are at most `reads_left`. If no reads are left, the result is one final
    range: from the first missing byte to the end of what the container reader may need, at most MAX_READ_BYTES long.
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
    # A crafted file may request bytes that are gigabytes apart, so limit the length of each read. If the container
    # reader needs the bytes past the limit, it requests them again.
    return [(start, min(end, start + MAX_READ_BYTES)) for start, end in merged]


def _fetched_metadata(first: RangeRead, ref: ImageRef, metadata: LocatedMetadata, cost: _Cost) -> FetchedMetadata:
    if metadata.status == "damaged" and first.is_settling:
        raise ObjectChanged(f"File may still be incomplete: {ref.id}")
    return FetchedMetadata(
        ref,
        metadata.format or "unknown",
        tuple(metadata.blocks),
        metadata.status,
        metadata.problem,
        metadata.width_pixels,
        metadata.height_pixels,
        metadata.rotation_applied,
        cost.requests,
        cost.bytes_read,
        fingerprint(first.total_bytes, first.data, metadata.blocks),
        first.storage_class,
    )
