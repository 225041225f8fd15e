"""Locate the metadata of AVI files. The frames (`movi`) and the index (`idx1`) are never fetched.

An AVI file is a RIFF file: chunks, some of which (LIST) contain chunks. The headers and the makers' chunks come before
the frames, and XMP after them.
Source: Microsoft, "AVI RIFF File Reference"; OpenDML AVI File Format Extensions 1.02; Adobe, XMP Specification part 3.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from exifinator.metadata.containers import avi_makers
from exifinator.metadata.containers.avi_dates import read_date
from exifinator.metadata.containers.avi_streams import StreamHeaders
from exifinator.metadata.containers.bounded_reads import BoundedReads
from exifinator.metadata.containers.container_tags import ContainerTags
from exifinator.metadata.containers.range_buffer import LocatedMetadata, RangeBuffer
from exifinator.metadata.containers.video_tables import find_tag
from exifinator.metadata.text_decoding import decode_text

MAX_CHUNKS, MAX_DEPTH = 500, 5
# Of a longer list or chunk, only this many bytes are fetched.
MAX_LIST_BYTES = 128 * 1024
HEAD_AHEAD_BYTES, TAIL_AHEAD_BYTES = 4 * 1024, 64 * 1024
# Lists with metadata. Other lists, such as `movi`, are not fetched.
LISTS = frozenset({b"hdrl", b"INFO", b"exif", b"hydt", b"pntx", b"ncdt"})
XMP_CHUNKS = frozenset({b"_PMX", b"JUNQ"})
# Chunks with frames. They are inside `movi`. If the writer left the size of `movi` at 0, they follow its header.
FRAME_CHUNK = re.compile(rb"[0-9a-fA-F]{2}(dc|db|wb|pc|tx|ix)|ix[0-9]{2}|rec ")
# How many bytes of a JUNK chunk to inspect for a maker's signature. Most JUNK chunks are padding.
JUNK_HEAD_BYTES = 512
MAX_TEXT_BYTES = 4096


def read_avi(file: RangeBuffer, metadata: LocatedMetadata) -> None:
    """Locate the metadata of an AVI file, and read the size of its picture."""
    metadata.format = "avi"
    tags, streams = ContainerTags(), StreamHeaders()
    reader = _AviReader(BoundedReads(file), metadata, tags, streams)
    reader.read_file()
    streams.add_to(tags, metadata)
    seconds, declared_bytes = tags.get("RIFF Duration"), 8 + int.from_bytes(file.read(4, 4), "little")
    # The headers of a truncated file have the duration of the complete file.
    if seconds and declared_bytes <= file.total_bytes:
        tags.add("Composite AvgBitrate", round(8 * file.total_bytes / seconds))
    tags.add_to(metadata)


def split_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the type and the body of each chunk in `data`. The last body may be truncated."""
    offset = 0
    for _ in range(MAX_CHUNKS):
        if offset + 8 > len(data):
            return
        length = int.from_bytes(data[offset + 4 : offset + 8], "little")
        yield data[offset : offset + 4], data[offset + 8 : offset + 8 + length]
        offset += 8 + length + length % 2


class _AviReader:
    """Reads the chunks of one file."""

    def __init__(
        self, file: BoundedReads, metadata: LocatedMetadata, tags: ContainerTags, streams: StreamHeaders
    ) -> None:
        self.file = file
        self.metadata = metadata
        self.tags = tags
        self.streams = streams

    def read_file(self) -> None:
        """Read the chunks of the file, up to its end or to the limit on requests."""
        offset, read_ahead_bytes = 12, HEAD_AHEAD_BYTES
        for _ in range(MAX_CHUNKS):
            head = self.file.read(offset, 12, read_ahead_bytes)
            chunk_type, length = head[:4], int.from_bytes(head[4:8], "little")
            if len(head) < 8 or FRAME_CHUNK.fullmatch(chunk_type):
                return
            if chunk_type == b"RIFF":
                # A further segment of a large file (OpenDML), with more frames.
                offset += 12
                continue
            if chunk_type == b"LIST":
                if head[8:] in LISTS:
                    self.read_list(head[8:], self.file.read(offset + 12, min(length - 4, MAX_LIST_BYTES)), 0)
            elif chunk_type == b"JUNK":
                self.read_junk(offset + 8, length)
            elif chunk_type == b"idx1":
                read_ahead_bytes = TAIL_AHEAD_BYTES
            elif chunk_type in XMP_CHUNKS or length <= MAX_TEXT_BYTES:
                self.read_chunk(chunk_type, self.file.read(offset + 8, min(length, MAX_LIST_BYTES)))
            offset += 8 + length + length % 2

    def read_junk(self, start: int, length: int) -> None:
        """Read a JUNK chunk if it begins with a maker's signature. Do not fetch others, which are padding."""
        if self.file.has(start, min(length, JUNK_HEAD_BYTES)):
            head = self.file.read(start, min(length, JUNK_HEAD_BYTES))
            if avi_makers.is_maker_junk(head):
                data = self.file.read(start, min(length, MAX_LIST_BYTES))
                avi_makers.add_junk(data or head, self.tags, self.metadata)

    def read_list(self, list_type: bytes, data: bytes, depth: int) -> None:
        """Read the chunks in a list (LIST). `depth` is the number of lists around it."""
        if list_type == b"ncdt":
            avi_makers.add_nikon(split_chunks(data), self.tags, self.metadata)
            return
        if list_type == b"strl":
            self.streams.begin()
        for chunk_type, body in split_chunks(data):
            if chunk_type == b"LIST" and depth < MAX_DEPTH:
                self.read_list(body[:4], body[4:], depth + 1)
            elif list_type == b"INFO":
                self.read_info(chunk_type, body)
            elif list_type == b"exif":
                self.add_text("RIFF::Exif", chunk_type, body)
            elif chunk_type in (b"hymn", b"mknt"):
                avi_makers.add_maker_note(body, str(self.tags.get("RIFF Software") or ""), self.metadata)
            elif list_type in (b"strl", b"odml") or chunk_type == b"avih":
                self.streams.read(chunk_type, body)
                if chunk_type == b"strd":
                    avi_makers.add_stream_data(body, self.tags, self.metadata)
            elif chunk_type == b"JUNK" and avi_makers.is_maker_junk(body):
                avi_makers.add_junk(body, self.tags, self.metadata)
            else:
                self.read_chunk(chunk_type, body)

    def read_chunk(self, chunk_type: bytes, body: bytes) -> None:
        """Read a date, a time code or an XMP packet."""
        if chunk_type == b"IDIT":
            self.tags.add("RIFF DateTimeOriginal", read_date(decode_text(body)))
        elif chunk_type == b"ISMP":
            self.tags.add("RIFF TimeCode", decode_text(body))
        elif chunk_type in XMP_CHUNKS:
            self.metadata.add("xmp", body)

    def read_info(self, chunk_type: bytes, body: bytes) -> None:
        """Read a chunk of the list INFO: a string, or the date or the thumbnail, which some cameras store there."""
        if chunk_type == b"IDIT":
            self.read_chunk(chunk_type, body)
        elif chunk_type == b"thum":
            avi_makers.add_thumbnail(body, self.metadata)
        else:
            self.add_text("RIFF::Info", chunk_type, body)

    def add_text(self, table: str, chunk_type: bytes, body: bytes) -> None:
        """Add a chunk's string under the name that the table `table` of `exiftool -listx` has for the chunk."""
        tag = find_tag(table, chunk_type.decode("latin-1"))
        if tag is not None and chunk_type != b"emnt":
            text = decode_text(body[:MAX_TEXT_BYTES])
            self.tags.add(f"RIFF {tag.name}", read_date(text) if "Date" in tag.name else text)
