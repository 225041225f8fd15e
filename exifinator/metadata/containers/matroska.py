"""Locate the metadata of Matroska and WebM files.

The elements Info, Tracks and Tags are read. They come before the first cluster of frames, or the element SeekHead has
their positions. Clusters and cues are never fetched.
Source: RFC 8794 (EBML), RFC 9559 (Matroska), and the tables Matroska::Main and Matroska::StdTag of `exiftool -listx`.
"""

from __future__ import annotations

from collections.abc import Iterator

from exifinator.metadata.containers.bounded_reads import BoundedReads
from exifinator.metadata.containers.ebml import Element, read_header, split_elements
from exifinator.metadata.containers.matroska_tags import MatroskaTags
from exifinator.metadata.containers.range_buffer import LocatedMetadata, RangeBuffer

# Ids of elements, with the marker of their length.
SEGMENT, SEEK_HEAD, SEEK, SEEK_ID, SEEK_POSITION = 0x18538067, 0x114D9B74, 0x4DBB, 0x53AB, 0x53AC
INFO, TRACKS, TAGS, CLUSTER = 0x1549A966, 0x1654AE6B, 0x1254C367, 0x1F43B675
METADATA_IDS = frozenset({INFO, TRACKS, TAGS})
MAX_HEADER_BYTES = 12
MAX_ELEMENTS = 500
MAX_SEEKS = 32
# Of a longer element, only this many bytes are read.
MAX_ELEMENT_BYTES = 64 * 1024
# How much to read at a position from SeekHead.
READ_AHEAD_BYTES = 16 * 1024


def read_matroska(file: RangeBuffer, metadata: LocatedMetadata) -> None:
    """Locate the metadata of a Matroska or WebM file, and read the size of its picture."""
    metadata.format = "mkv"
    reads, tags = BoundedReads(file), MatroskaTags()
    head = read_header(file.read(0, MAX_HEADER_BYTES), 0)
    if head is None or head.end is None or head.end > MAX_ELEMENT_BYTES:
        tags.add_to(metadata)
        return
    body = reads.read(head.start, head.end - head.start)
    tags.read_header(body)
    if tags.doc_type == "webm":
        metadata.format = "webm"
    segment = read_header(reads.read(head.end, MAX_HEADER_BYTES), 0, head.end)
    if segment is not None and segment.id == SEGMENT:
        _read_segment(reads, segment, tags)
    if tags.is_audio:
        metadata.status, metadata.problem = "unsupported", "The file is an audio file (Matroska), not a photo."
        return
    tags.add_bit_rate(file.total_bytes)
    tags.add_to(metadata)


def _read_segment(reads: BoundedReads, segment: Element, tags: MatroskaTags) -> None:
    """Read the elements up to the first cluster, and then those after it that SeekHead lists."""
    positions: dict[int, int] = {}
    done_ids: set[int] = set()
    offset, end = segment.start, min(segment.end or reads.total_bytes, reads.total_bytes)
    for _ in range(MAX_ELEMENTS):
        element = (
            read_header(reads.read(offset, MAX_HEADER_BYTES, READ_AHEAD_BYTES), 0, offset) if offset < end else None
        )
        if element is None or element.id == CLUSTER or element.end is None:
            break
        _read_element(reads, element, tags, positions, segment.start, done_ids)
        if positions and done_ids >= METADATA_IDS:
            break
        offset = element.end
        # Do not fetch the bytes after a long element if SeekHead has the positions of the other metadata elements.
        if positions and not reads.has(offset, MAX_HEADER_BYTES):
            break
    for _ in range(2):
        offsets = sorted(
            offset
            for element_id, offset in positions.items()
            if element_id not in done_ids and segment.start <= offset < end
        )
        reads.request([(offset, offset + READ_AHEAD_BYTES) for offset in offsets])
        positions = {}
        for offset in offsets:
            if reads.has(offset, MAX_HEADER_BYTES):
                element = read_header(reads.read(offset, MAX_HEADER_BYTES), 0, offset)
                if element is not None and element.end is not None:
                    _read_element(reads, element, tags, positions, segment.start, done_ids)


def _read_element(
    reads: BoundedReads,
    element: Element,
    tags: MatroskaTags,
    positions: dict[int, int],
    segment_start: int,
    done_ids: set[int],
) -> None:
    """Read Info, Tracks, Tags or SeekHead. Ignore other elements.

    Args:
        reads: The file.
        element: The element.
        tags: The tags to add to.
        positions: Id of an element -> its offset in the file. Offsets from SeekHead are added.
        segment_start: The offset in the file from which positions in SeekHead count.
        done_ids: The ids of the elements that were read. The id of this element is added.
    """
    if (element.id not in METADATA_IDS and element.id != SEEK_HEAD) or element.end is None:
        return
    body = reads.read(element.start, min(element.end - element.start, MAX_ELEMENT_BYTES))
    if element.id == SEEK_HEAD:
        positions |= {
            element_id: segment_start + offset
            for element_id, offset in _seek_entries(body)
            if element_id in (*METADATA_IDS, SEEK_HEAD)
        }
        done_ids.discard(SEEK_HEAD)
        return
    if element.id not in done_ids:
        done_ids.add(element.id)
        if element.id == INFO:
            tags.read_info(body)
        elif element.id == TRACKS:
            tags.read_tracks(body)
        else:
            tags.read_tags(body)


def _seek_entries(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the id and the position of each element in a SeekHead."""
    for index, (element_id, body) in enumerate(split_elements(data)):
        if element_id == SEEK and index < MAX_SEEKS:
            fields = dict(split_elements(body))
            if SEEK_ID in fields and SEEK_POSITION in fields and len(fields[SEEK_POSITION]) <= 8:
                yield int.from_bytes(fields[SEEK_ID][:4], "big"), int.from_bytes(fields[SEEK_POSITION], "big")
