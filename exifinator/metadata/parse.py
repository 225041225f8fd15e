"""Build the record of an image from its located metadata: EXIF tags, XMP, IPTC, `photo` and the thumbnail."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bson import encode as bson_encode
from exifread.core.ifd_tag import IfdTag

from exifinator import EXTRACTOR_VERSION
from exifinator.metadata import tiff_spec
from exifinator.metadata.containers.photoshop import add_resources
from exifinator.metadata.containers.range_buffer import LocatedMetadata
from exifinator.metadata.exif import TagReader
from exifinator.metadata.fetch import EMPTY_OBJECT
from exifinator.metadata.iptc import IPTC, read_iptc
from exifinator.metadata.limits import DeadlineExceeded, MemoryBudget, MemoryExceeded, cpu_limit
from exifinator.metadata.normalize import build_photo, join_sentences
from exifinator.metadata.photo.search_texts import search_texts
from exifinator.metadata.photo.sources import Metadata
from exifinator.metadata.tag_values import EXIFREAD_ERRORS, Tag
from exifinator.metadata.xmp import XMP, read_xmp
from exifinator.models import Block, ExifRecord, HeaderBytes, ImageRef, Status
from exifinator.search_keys.folders import folders_of
from exifinator.search_keys.geo_cells import find_cells
from exifinator.search_keys.terms import split_words

log = logging.getLogger(__name__)

NO_EXIF = "The file has no EXIF metadata."
JPEG_BEGIN = b"\xff\xd8\xff"
# Larger records lose their largest tags. The names of those are recorded in `dropped`.
MAX_RECORD_BYTES = 1024 * 1024
# Size of a tag in BSON without its values: field names, lengths, types.
TAG_BYTES = 256
MAX_DROPPED_NAMES = 200


def empty_record(ref: ImageRef) -> ExifRecord:
    """Return the record of an empty object."""
    return _unreadable_record(_base_document(ref, "unknown"), EMPTY_OBJECT)


def build_record(header: HeaderBytes, *, deadline_seconds: float = 2.0, memory_mb: int = 256) -> ExifRecord:
    """Build the record of an image from its located metadata. No content of a file makes this function raise.

    Args:
        header: The located metadata.
        deadline_seconds: CPU time after which the file counts as damaged.
        memory_mb: Memory in MiB above which the file counts as damaged.
    """
    document = _base_document(header.ref, header.format)
    try:
        with cpu_limit(deadline_seconds):
            builder = _RecordBuilder(header, MemoryBudget(memory_mb))
            builder.read()
            builder.fill(document)
    except DeadlineExceeded:
        return _damaged_record(header, f"Decoding the metadata took more than {deadline_seconds:g} s of CPU time.")
    except (MemoryExceeded, MemoryError) as error:
        return _damaged_record(header, str(error) or "There was not enough memory to decode the metadata.")
    except (*EXIFREAD_ERRORS, RecursionError) as error:
        # A bug in EXIFinator, because exifread's errors are caught where it is called. Log it, and record the file.
        log.exception(
            "Cannot decode the metadata: bucket=%s key=%s", header.ref.bucket, header.ref.key, extra={"action": "fail"}
        )
        return _damaged_record(header, f"The metadata cannot be decoded ({type(error).__name__}).")
    return ExifRecord(document, builder.thumbnail)


def _base_document(ref: ImageRef, format_: str) -> dict[str, Any]:
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
        # Rounded to milliseconds, MongoDB's precision, so that the value equals the one read back.
        "extracted_at": now.replace(microsecond=now.microsecond // 1000 * 1000),
        "extractor_version": EXTRACTOR_VERSION,
        **({"folders": folders} if (folders := folders_of(ref.id)) else {}),
    }


def _unreadable_record(document: dict[str, Any], problem: str) -> ExifRecord:
    """Return the record of an image without readable metadata. Text search still finds it by its key."""
    document.update(status="damaged", problem=problem, words=split_words([document["key"]]), photo={})
    return ExifRecord(document)


def _damaged_record(header: HeaderBytes, problem: str) -> ExifRecord:
    return _unreadable_record(_base_document(header.ref, header.format), problem)


@dataclass(slots=True)
class _RecordBuilder:
    """Collects the metadata of one image from its blocks, and adds it to the record."""

    header: HeaderBytes
    budget: MemoryBudget
    tags: dict[str, dict[str, Any]] = field(default_factory=dict)
    xmp: XMP = field(default_factory=dict)
    iptc: IPTC = field(default_factory=dict)
    thumbnail: bytes | None = None
    problems: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    is_damaged: bool = False
    _first_reader: TagReader | None = None

    def read(self) -> None:
        """Read every block. If two blocks have the same tag or property, the first one is kept."""
        if self.header.problem:
            self.problems.append(self.header.problem)
        for block in self.header.blocks:
            if block.kind == "exif":
                self._read_exif(block)
            elif block.kind.startswith("exif/"):
                self._read_single_directory(block)
            else:
                self._read_packet(block.kind, b"".join(block.extents.values()))

    def fill(self, document: dict[str, Any]) -> None:
        """Add everything that was read to the image's document."""
        header = self.header
        metadata = Metadata(
            self.tags,
            self.xmp,
            self.iptc,
            key=header.ref.key,
            size=(header.width_pixels, header.height_pixels),
            rotation_applied=header.rotation_applied,
            now=document["extracted_at"].replace(tzinfo=None),
        )
        photo, problems = build_photo(metadata)
        status: Status = header.status
        if status == "ok":
            status = "damaged" if self.is_damaged else "ok" if self.tags else "no_exif"
            if status == "no_exif":
                problems.append(NO_EXIF)
        document["status"] = status
        problem = join_sentences([*self.problems, *problems])
        if problem:
            document["problem"] = problem
        document["words"] = split_words(search_texts(metadata, photo))
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
        # The memory budget overestimates the size in BSON, so hardly any record has to be encoded to measure it.
        if self.budget.spent_bytes + TAG_BYTES * len(self.tags) > MAX_RECORD_BYTES // 2:
            self._drop_largest(document)
        if self.dropped:
            document["dropped"] = sorted(dict.fromkeys(self.dropped))[:MAX_DROPPED_NAMES]

    def _drop_largest(self, document: dict[str, Any]) -> None:
        """Remove the largest tags until the document is at most MAX_RECORD_BYTES long."""
        candidates = [*self.tags, "xmp", "iptc"]
        sizes = {name: len(bson_encode({name: document[name]})) for name in candidates if name in document}
        # Allow a 64th of the limit for the other fields.
        remaining_bytes = sum(sizes.values()) + MAX_RECORD_BYTES // 64
        for name in sorted(sizes, key=sizes.__getitem__, reverse=True):
            if remaining_bytes <= MAX_RECORD_BYTES:
                return
            remaining_bytes -= sizes[name]
            del document[name]
            self.dropped.append(name)

    def _read_exif(self, block: Block) -> None:
        reader = TagReader(block.extents, self.budget)
        if not reader.order:
            self.is_damaged = True
            self.problems.append("The EXIF data does not begin with a TIFF header.")
            return
        self._first_reader = self._first_reader or reader
        reader.read_all()
        self._add_tags(reader)
        for tag, data in reader.packets.items():
            if tag == tiff_spec.PHOTOSHOP:
                resources = LocatedMetadata("")
                add_resources(data, resources, thumbnails=False)
                for resource in resources.blocks:
                    if resource.kind != "exif":
                        self._read_packet(resource.kind, resource.extents[0])
            else:
                self._read_packet("xmp" if tag == tiff_spec.XMP else "iptc", data)
        self.thumbnail = self.thumbnail or _embedded_thumbnail(reader)

    def _read_single_directory(self, block: Block) -> None:
        """Read a block of the kind `exif/EXIF`, `exif/GPS` or `exif/MakerNote`."""
        reader = TagReader(block.extents, self.budget)
        if reader.order:
            reader.read_directory(block.kind.partition("/")[2], self._first_reader.tags if self._first_reader else {})
            self._add_tags(reader)

    def _add_tags(self, reader: TagReader) -> None:
        tags = self.tags
        for name, tag in reader.tags.items():
            if name not in tags:
                tags[name] = tag.document if isinstance(tag, Tag) else _stored_tag(tag)
        self.dropped += reader.dropped
        if reader.truncated:
            self.is_damaged = True
            self.problems.append("An EXIF directory is truncated.")
        if reader.values_outside:
            self.problems.append("Some values are outside the EXIF data.")

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


def _stored_tag(tag: IfdTag) -> dict[str, Any]:
    """Return a field that exifread decoded from a MakerNote, in the form in which tags are stored."""
    return Tag("", tag.printable, tag.tag, int(tag.field_type), tag.values, tag.field_length).document


def _embedded_thumbnail(reader: TagReader) -> bytes | None:
    offset = reader.tags.get("Thumbnail JPEGInterchangeFormat")
    length = reader.tags.get("Thumbnail JPEGInterchangeFormatLength")
    if not (offset and length and isinstance(offset.values, list) and isinstance(length.values, list)):
        return None
    if not (offset.values and length.values and isinstance(offset.values[0], int)):
        return None
    n_bytes = length.values[0]
    if not isinstance(n_bytes, int) or not 0 < n_bytes <= tiff_spec.MAX_THUMBNAIL_BYTES:
        return None
    data = reader.slice(offset.values[0], n_bytes)
    return _checked_thumbnail(data) if len(data) == n_bytes else None


def _checked_thumbnail(data: bytes) -> bytes | None:
    """Return `data` if it is a JPEG of at most MAX_THUMBNAIL_BYTES, else None."""
    if not data.startswith(JPEG_BEGIN) or len(data) > tiff_spec.MAX_THUMBNAIL_BYTES:
        return None
    return data
