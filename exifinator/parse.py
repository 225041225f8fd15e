"""HeaderBytes -> ExifRecord: the tags by exifread, XMP and IPTC, and `photo`."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bson import encode as bson_encode
from exifread.core.ifd_tag import IfdTag

from exifinator import EXTRACTOR_VERSION, tiff
from exifinator.cells import find_cells
from exifinator.containers.photoshop import take_resources
from exifinator.containers.window import Found
from exifinator.deadline import DeadlineExceeded, MemoryBudget, MemoryExceeded, cpu_deadline
from exifinator.fetch import EMPTY_OBJECT
from exifinator.folders import folders_of
from exifinator.iptc import IPTC, read_iptc
from exifinator.normalize import join_sentences, summarise
from exifinator.records import Block, ExifRecord, HeaderBytes, ImageRef, Status
from exifinator.tags import EXIFREAD_ERRORS, Tag, TagReader
from exifinator.testing_hooks import compute_for_ever_if_told
from exifinator.words import split_words
from exifinator.xmp import XMP, read_xmp

log = logging.getLogger(__name__)

NO_EXIF = "the file holds no EXIF"
JPEG_BEGIN = b"\xff\xd8\xff"
MAX_RECORD_BYTES = 1024 * 1024
# Of a tag beside its values: the names of its fields, lengths, types.
TAG_BYTES = 256
MAX_DROPPED_NAMES = 200


def empty_record(ref: ImageRef) -> ExifRecord:
    """The record of an object without a byte, which needs no reading."""
    return _unread(_describe(ref, "unknown"), EMPTY_OBJECT)


def build_record(header: HeaderBytes, *, deadline_seconds: float = 2.0, memory_mb: int = 256) -> ExifRecord:
    """The record of an image from the metadata that was located in its file. No file makes it raise.

    deadline_seconds, memory_mb: CPU time and memory past which the file counts as damaged.
    """
    document = _describe(header.ref, header.format)
    try:
        with cpu_deadline(deadline_seconds):
            compute_for_ever_if_told(header.ref)
            reading = _Reading(header, MemoryBudget(memory_mb))
            reading.read()
            reading.describe(document)
    except DeadlineExceeded:
        return _damaged(header, f"reading its metadata took more than {deadline_seconds:g} s of computing")
    except (MemoryExceeded, MemoryError) as error:
        return _damaged(header, str(error) or "there was not enough memory to read its metadata")
    except (*EXIFREAD_ERRORS, RecursionError) as error:
        # A mistake of ours, for what exifread raises is met where it is called: the file is kept out, we are told.
        log.exception("parse failed bucket=%s key=%s", header.ref.bucket, header.ref.key)
        return _damaged(header, f"its metadata cannot be decoded ({type(error).__name__})")
    return ExifRecord(document, reading.thumbnail)


def _describe(ref: ImageRef, format_: str) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "_id": ref.id,
        "bucket": ref.bucket,
        "key": ref.key,
        "etag": ref.etag,
        "size": ref.size_bytes,
        "last_modified": ref.last_modified,
        "format": format_,
        "status": "ok",
        # MongoDB keeps milliseconds: what is stored is what is read back.
        "extracted_at": now.replace(microsecond=now.microsecond // 1000 * 1000),
        "extractor_version": EXTRACTOR_VERSION,
        **({"folders": folders} if (folders := folders_of(ref.id)) else {}),
    }


def _unread(document: dict[str, Any], problem: str) -> ExifRecord:
    """The record of an image of which nothing could be read; a search for words finds it by its key."""
    document.update(status="damaged", problem=problem, words=split_words([document["key"]]), photo={})
    return ExifRecord(document)


def _damaged(header: HeaderBytes, problem: str) -> ExifRecord:
    return _unread(_describe(header.ref, header.format), problem)


@dataclass(slots=True)
class _Reading:
    """The metadata of one image while its blocks are read."""

    header: HeaderBytes
    budget: MemoryBudget
    tags: dict[str, dict[str, Any]] = field(default_factory=dict)
    xmp: XMP = field(default_factory=dict)
    iptc: IPTC = field(default_factory=dict)
    thumbnail: bytes | None = None
    problems: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    damaged: bool = False
    _main: TagReader | None = None

    def read(self) -> None:
        """Read every block; of what two of them say the first is kept."""
        if self.header.problem:
            self.problems.append(self.header.problem)
        for block in self.header.blocks:
            if block.kind == "exif":
                self._read_exif(block)
            elif block.kind.startswith("exif/"):
                self._read_part(block)
            else:
                self._read_packet(block.kind, b"".join(block.extents.values()))

    def describe(self, document: dict[str, Any]) -> None:
        """Put everything that was read into the document of the image."""
        header = self.header
        photo, wrong = summarise(
            self.tags, self.xmp, self.iptc, (header.width_pixels, header.height_pixels), turned=header.turned
        )
        status: Status = header.status
        if status == "ok":
            status = "damaged" if self.damaged else "ok" if self.tags else "no_exif"
            if status == "no_exif":
                wrong.append(NO_EXIF)
        document["status"] = status
        problem = join_sentences([*self.problems, *wrong])
        if problem:
            document["problem"] = problem
        document["words"] = split_words([header.ref.key, photo.get("description", ""), *photo.get("keywords", ())])
        if cells := find_cells(photo):
            document["cells"] = cells
        if self.thumbnail:
            document["thumbnail_bytes"] = len(self.thumbnail)
        document["photo"] = photo
        document.update(self.tags)
        if self.xmp:
            document["xmp"] = self.xmp
        if self.iptc:
            document["iptc"] = self.iptc
        # What was spent is more than the values take in BSON: nearly every record fits without being measured.
        if self.budget.spent_bytes + TAG_BYTES * len(self.tags) > MAX_RECORD_BYTES // 2:
            self._fit(document)
        if self.dropped:
            document["dropped"] = sorted(dict.fromkeys(self.dropped))[:MAX_DROPPED_NAMES]

    def _fit(self, document: dict[str, Any]) -> None:
        """Take the largest tags out of a document that is too large."""
        candidates = [*self.tags, "xmp", "iptc"]
        sizes = {name: len(bson_encode({name: document[name]})) for name in candidates if name in document}
        left = sum(sizes.values()) + MAX_RECORD_BYTES // 64
        for name in sorted(sizes, key=sizes.__getitem__, reverse=True):
            if left <= MAX_RECORD_BYTES:
                return
            left -= sizes[name]
            del document[name]
            self.dropped.append(name)

    def _read_exif(self, block: Block) -> None:
        reader = TagReader(block.extents, self.budget)
        if not reader.order:
            self.damaged = True
            self.problems.append("its EXIF does not begin with a TIFF header")
            return
        self._main = self._main or reader
        reader.read_all()
        self._take_tags(reader)
        for tag, data in reader.packets.items():
            if tag == tiff.PHOTOSHOP:
                resources = Found("")
                take_resources(data, resources, thumbnails=False)
                for resource in resources.blocks:
                    if resource.kind != "exif":
                        self._read_packet(resource.kind, resource.extents[0])
            else:
                self._read_packet("xmp" if tag == tiff.XMP else "iptc", data)
        self.thumbnail = self.thumbnail or _thumbnail_of(reader)

    def _read_part(self, block: Block) -> None:
        reader = TagReader(block.extents, self.budget)
        if reader.order:
            reader.read_directory(block.kind.partition("/")[2], self._main.tags if self._main else {})
            self._take_tags(reader)

    def _take_tags(self, reader: TagReader) -> None:
        tags = self.tags
        for name, tag in reader.tags.items():
            if name not in tags:
                tags[name] = tag.document if isinstance(tag, Tag) else _document_of(tag)
        self.dropped += reader.unread
        if reader.cut:
            self.damaged = True
            self.problems.append("one of its directories is not whole")
        if reader.outside:
            self.problems.append("some of its values lie outside its metadata")

    def _read_packet(self, kind: str, data: bytes) -> None:
        problem: str | None = None
        if kind == "xmp":
            xmp, problem, dropped = read_xmp(data, self.budget)
            self.xmp = {**xmp, **self.xmp}
            self.dropped += [f"xmp {name}" for name in dropped]
        elif kind == "iptc":
            self.budget.spend(8 * len(data))
            iptc, problem = read_iptc(data)
            self.iptc = {**iptc, **self.iptc}
        elif kind == "thumbnail":
            self.thumbnail = self.thumbnail or _checked_thumbnail(data)
        if problem:
            self.problems.append(problem)


def _document_of(tag: IfdTag) -> dict[str, Any]:
    """What is stored of a field that exifread found inside a maker's tag."""
    return Tag("", tag.printable, tag.tag, int(tag.field_type), tag.values, tag.field_length).document


def _thumbnail_of(reader: TagReader) -> bytes | None:
    offset = reader.tags.get("Thumbnail JPEGInterchangeFormat")
    length = reader.tags.get("Thumbnail JPEGInterchangeFormatLength")
    if not (offset and length and isinstance(offset.values, list) and isinstance(length.values, list)):
        return None
    if not (offset.values and length.values and isinstance(offset.values[0], int)):
        return None
    n_bytes = length.values[0]
    if not isinstance(n_bytes, int) or not 0 < n_bytes <= tiff.MAX_THUMBNAIL_BYTES:
        return None
    data = reader.slice(offset.values[0], n_bytes)
    return _checked_thumbnail(data) if len(data) == n_bytes else None


def _checked_thumbnail(data: bytes) -> bytes | None:
    """What is a JPEG of a thumbnail's size, whole."""
    if not data.startswith(JPEG_BEGIN) or len(data) > tiff.MAX_THUMBNAIL_BYTES:
        return None
    return data
