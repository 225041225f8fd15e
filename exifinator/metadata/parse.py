"""Build an image's record from the metadata that was fetched from its file.

A record contains the EXIF tags, XMP, IPTC and the normalized fields (`photo`). The thumbnail is kept beside it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bson import encode as bson_encode
from exifread.core.ifd_tag import IfdTag

from exifinator import EXTRACTOR_VERSION
from exifinator.families.names import TAKEOUT, family_of
from exifinator.families.stacks import relations
from exifinator.metadata import tiff_spec
from exifinator.metadata.ai import describe_generation
from exifinator.metadata.containers.container_tags import CONTAINER_TAGS, decode_container_tags
from exifinator.metadata.containers.note_segments import NOTE
from exifinator.metadata.containers.photoshop import add_resources
from exifinator.metadata.containers.quicktime import MOVIE
from exifinator.metadata.containers.range_buffer import LocatedMetadata
from exifinator.metadata.exif import TagReader
from exifinator.metadata.fetch import EMPTY_OBJECT
from exifinator.metadata.iptc import IPTC, read_iptc
from exifinator.metadata.limits import DeadlineExceeded, MemoryBudget, MemoryExceeded, cpu_limit
from exifinator.metadata.makernotes import decode_structure
from exifinator.metadata.makernotes.summary import summarize
from exifinator.metadata.motion import summarize_motion
from exifinator.metadata.normalize import build_photo, join_sentences
from exifinator.metadata.photo.sources import Metadata
from exifinator.metadata.quicktime.decode import decode_movie
from exifinator.metadata.sidecars import read_sidecar
from exifinator.metadata.tag_values import EXIFREAD_ERRORS, Tag
from exifinator.metadata.xmp import MAX_NAME_CHARACTERS, MAX_TEXT_CHARACTERS, PROPERTY_OVERHEAD_BYTES, XMP, read_xmp
from exifinator.models import Block, ExifRecord, FetchedMetadata, ImageRef, Status
from exifinator.search_keys.folders import folders_of
from exifinator.search_keys.geo_cells import find_cells
from exifinator.search_keys.kinds import kinds_of
from exifinator.search_keys.media_types import media_type_of
from exifinator.search_keys.place_names import place_names
from exifinator.search_keys.texts import search_terms

log = logging.getLogger(__name__)

NO_EXIF = "The file has no EXIF metadata."
JPEG_BEGIN = b"\xff\xd8\xff"
# Records larger than this lose their largest tags, their XMP or their IPTC. `dropped` names what was removed.
MAX_RECORD_BYTES = 1024 * 1024
# Approximate BSON overhead of a tag, not counting its value: field names, lengths and types.
TAG_OVERHEAD_BYTES = 256
MAX_DROPPED_NAMES = 200
# Memory that decoded JSON takes per character in the worst case, a list of empty lists.
GENERATION_BYTES_PER_CHARACTER = 40
# Memory that a tag of the container takes per byte of its block.
CONTAINER_BYTES_PER_BYTE = 16


def empty_record(ref: ImageRef) -> ExifRecord:
    """Return the record of an empty object."""
    return _unreadable_record(_base_document(ref, "unknown"), EMPTY_OBJECT)


def build_record(fetched: FetchedMetadata, *, deadline_seconds: float = 2.0, memory_mb: int = 256) -> ExifRecord:
    """Build an image's record from its fetched metadata. Never raises, whatever the file contains.

    Args:
        fetched: The metadata blocks of the image, before decoding.
        deadline_seconds: CPU time after which the file counts as damaged.
        memory_mb: Memory in MiB above which the file counts as damaged.
    """
    document = _base_document(fetched.ref, fetched.format)
    try:
        with cpu_limit(deadline_seconds):
            builder = _RecordBuilder(fetched, MemoryBudget(memory_mb))
            builder.read()
            builder.fill(document)
    except DeadlineExceeded:
        return _damaged_record(fetched, f"Decoding the metadata took more than {deadline_seconds:g} s of CPU time.")
    except (MemoryExceeded, MemoryError) as error:
        return _damaged_record(fetched, str(error) or "There was not enough memory to decode the metadata.")
    except (*EXIFREAD_ERRORS, RecursionError) as error:
        # This is a bug in EXIFinator: exifread's own errors are caught at its call sites. Log it, and still record the
        # file.
        ref = fetched.ref
        log.exception("Cannot decode the metadata: bucket=%s key=%s", ref.bucket, ref.key, extra={"action": "fail"})
        return _damaged_record(fetched, f"The metadata cannot be decoded ({type(error).__name__}).")
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
        # Truncated to milliseconds, MongoDB's precision, so that the value equals the one read back.
        "extracted_at": now.replace(microsecond=now.microsecond // 1000 * 1000),
        "extractor_version": EXTRACTOR_VERSION,
        "family": family_of(ref.id),
        **({"folders": folders} if (folders := folders_of(ref.id)) else {}),
    }


def _unreadable_record(document: dict[str, Any], problem: str) -> ExifRecord:
    """Return the record of an image whose metadata cannot be read. Text search still finds the record by its key."""
    photo = {"media_type": media_type_of(document["format"], document["key"])}
    document.update(search_terms(document["key"], {}), status="damaged", problem=problem, photo=photo)
    return ExifRecord(document)


def _damaged_record(fetched: FetchedMetadata, problem: str) -> ExifRecord:
    return _unreadable_record(_base_document(fetched.ref, fetched.format), problem)


@dataclass(slots=True)
class _RecordBuilder:
    """Reads the metadata blocks of one image, and adds the results to its record."""

    fetched: FetchedMetadata
    budget: MemoryBudget
    tags: dict[str, dict[str, Any]] = field(default_factory=dict)
    xmp: XMP = field(default_factory=dict)
    iptc: IPTC = field(default_factory=dict)
    text: XMP = field(default_factory=dict)
    icc: dict[str, str] = field(default_factory=dict)
    movie_summary: dict[str, Any] = field(default_factory=dict)
    thumbnail: bytes | None = None
    problems: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    is_damaged: bool = False
    _first_reader: TagReader | None = None
    _long_text: dict[str, str] = field(default_factory=dict)
    _movie_notes: list[Block] = field(default_factory=list)
    _takeout: bytes = b""

    def read(self) -> None:
        """Read every block. If two blocks contain the same tag, property or field, the first block's value is kept."""
        if self.fetched.problem:
            self.problems.append(self.fetched.problem)
        for block in self.fetched.blocks:
            if block.kind == "exif":
                self._read_exif(block)
            elif block.kind.startswith("exif/"):
                self._read_single_directory(block)
            elif block.kind.startswith("text/"):
                self._add_text(block)
            elif block.kind == CONTAINER_TAGS:
                self._read_container_tags(block.pieces[0])
            elif block.kind.startswith("icc/"):
                self.icc[block.kind[len("icc/") :]] = block.pieces[0].decode()
            elif block.kind.startswith(NOTE):
                continue
            elif block.kind == MOVIE:
                self._read_movie(block.pieces[0])
            elif block.kind == TAKEOUT:
                self._takeout = block.pieces[0]
            else:
                self._read_other_block(block.kind, b"".join(block.pieces.values()))
        # Read these blocks last, because decoding them requires the make and model of the camera.
        for block in (*self.fetched.blocks, *self._movie_notes):
            if block.kind.startswith(NOTE):
                self._read_structure(block)

    def _read_movie(self, data: bytes) -> None:
        """Read the boxes of a movie, and the blocks inside them."""
        movie = decode_movie(data, self.budget)
        self.movie_summary = movie.summary
        for block in movie.blocks:
            if block.kind == "exif":
                self._read_exif(block)
            elif block.kind.startswith("exif/"):
                self._read_single_directory(block)
            elif block.kind.startswith(NOTE):
                self._movie_notes.append(block)
            else:
                self._read_other_block(block.kind, block.pieces[0])
        for name, tag in movie.tags.items():
            self.tags.setdefault(name, tag)

    def fill(self, document: dict[str, Any]) -> None:
        """Add everything that was read to `document`, the record of the image."""
        fetched = self.fetched
        metadata = Metadata(
            self.tags,
            self.xmp,
            self.iptc,
            {
                **summarize(self.tags),
                **self.movie_summary,
                **summarize_motion(self.xmp, fetched.ref.size_bytes),
            },
            self.text,
            self.icc,
            key=fetched.ref.key,
            size=(fetched.width_pixels, fetched.height_pixels),
            rotation_applied=fetched.rotation_applied,
            media_type=media_type_of(fetched.format, fetched.ref.key),
            now=document["extracted_at"].replace(tzinfo=None),
        )
        sidecar = read_sidecar(fetched.ref.id, fetched.format, self.xmp, self._takeout, self.budget)
        # The values of a sidecar are those of a photo that has a record of its own.
        photo, problems = ({"media_type": metadata.media_type}, []) if sidecar else build_photo(metadata)
        document.update(sidecar)
        if not sidecar:
            document.update(relations(fetched.ref.id, self.tags, self.xmp, photo))
        status: Status = fetched.status
        if status == "ok":
            status = "damaged" if self.is_damaged else "ok" if self.tags else "no_exif"
            if status == "no_exif":
                problems.append(NO_EXIF)
        document["status"] = status
        problem = join_sentences([*self.problems, *problems])
        if problem:
            document["problem"] = problem
        ai = self._describe_generation() if not sidecar else {}
        document.update(search_terms(fetched.ref.key, photo, {} if sidecar else self.xmp, ai))
        if cells := find_cells(photo):
            document["cells"] = cells
        document.update(place_names(photo))
        if kinds := kinds_of(document["format"], photo, ai):
            document["kinds"] = kinds
        if self.thumbnail:
            document["thumbnail_bytes"] = len(self.thumbnail)
        document["photo"] = photo
        document.update(self.tags)
        if self.xmp:
            document["xmp"] = self.xmp
        for name, fields in (("iptc", self.iptc), ("text", self.text), ("icc", self.icc), ("ai", ai)):
            if fields:
                document[name] = fields
        # Encoding a record just to measure it is slow. Do it only if this estimate, which is normally much too high,
        # exceeds half of the limit.
        if self.budget.spent_bytes + TAG_OVERHEAD_BYTES * len(self.tags) > MAX_RECORD_BYTES // 2:
            self._drop_largest(document)
        if self.dropped:
            document["dropped"] = sorted(dict.fromkeys(self.dropped))[:MAX_DROPPED_NAMES]

    def _drop_largest(self, document: dict[str, Any]) -> None:
        """Remove the largest tags, or the XMP, IPTC or texts, until the document is at most MAX_RECORD_BYTES long."""
        candidates = [*self.tags, "xmp", "iptc", "text"]
        sizes = {name: len(bson_encode({name: document[name]})) for name in candidates if name in document}
        # Allow 1/64 of the limit for the fields that are never removed.
        document_bytes = sum(sizes.values()) + MAX_RECORD_BYTES // 64
        for name in sorted(sizes, key=sizes.__getitem__, reverse=True):
            if document_bytes <= MAX_RECORD_BYTES:
                return
            document_bytes -= sizes[name]
            del document[name]
            self.dropped.append(name)

    def _read_exif(self, block: Block) -> None:
        reader = TagReader(block.pieces, self.budget)
        if not reader.byte_order:
            self.is_damaged = True
            self.problems.append("The EXIF data does not begin with a TIFF header.")
            return
        self._first_reader = self._first_reader or reader
        reader.read_all()
        self._add_tags(reader)
        for tag, data in reader.packets.items():
            if tag == tiff_spec.PHOTOSHOP:
                located = LocatedMetadata("")
                add_resources(data, located, thumbnails=False)
                for resource in located.blocks:
                    if resource.kind != "exif":
                        self._read_other_block(resource.kind, resource.pieces[0])
            else:
                self._read_other_block("xmp" if tag == tiff_spec.XMP else "iptc", data)
        self.thumbnail = self.thumbnail or _embedded_thumbnail(reader)

    def _read_single_directory(self, block: Block) -> None:
        """Read a block of the kind `exif/EXIF`, `exif/GPS` or `exif/MakerNote`."""
        reader = TagReader(block.pieces, self.budget)
        if reader.byte_order:
            reader.read_directory(block.kind.partition("/")[2], self._first_reader.tags if self._first_reader else {})
            self._add_tags(reader)

    def _read_structure(self, block: Block) -> None:
        """Decode a block of the kind `note/TABLE` with the MakerNote table TABLE."""
        make, model = (str(self.tags.get(f"Image {name}", {}).get("values", "")) for name in ("Make", "Model"))
        tags = decode_structure(block.kind[len(NOTE) :], block.pieces[0], self.budget, make, model)
        for name, tag in tags.items():
            self.tags.setdefault(name, tag.document)

    def _add_tags(self, reader: TagReader) -> None:
        tags = self.tags
        if not tags:
            # exifread's own tags, which it decodes from unknown MakerNotes, have no document.
            tags.update({name: getattr(tag, "document", None) or _stored_tag(tag) for name, tag in reader.tags.items()})
        else:
            for name, tag in reader.tags.items():
                if name not in tags:
                    tags[name] = tag.document if isinstance(tag, Tag) else _stored_tag(tag)
        self.dropped += reader.dropped
        if reader.truncated:
            self.is_damaged = True
            self.problems.append("An EXIF directory is truncated, or there are too many tags.")
        if reader.out_of_bounds_values:
            self.problems.append("Some EXIF values point outside the EXIF data.")

    def _read_container_tags(self, data: bytes) -> None:
        """Read a block of the kind `tags`."""
        self.budget.spend(CONTAINER_BYTES_PER_BYTE * len(data))
        for name, document in decode_container_tags(data).items():
            self.tags.setdefault(name, document)

    def _add_text(self, block: Block) -> None:
        """Add a text of the container. Texts with the same name are stored as a list."""
        name = block.kind[len("text/") :].replace(".", "_").replace("$", "_").replace("\0", "")[:MAX_NAME_CHARACTERS]
        text = block.pieces[0].decode()
        if len(text) > MAX_TEXT_CHARACTERS:
            self.dropped.append(f"text {name}")
            self.budget.spend(GENERATION_BYTES_PER_CHARACTER * len(text))
            self._long_text.setdefault(name, text)
            return
        self.budget.spend(PROPERTY_OVERHEAD_BYTES + 8 * len(text))
        current = self.text.get(name)
        if current is None:
            self.text[name] = text
        elif isinstance(current, list):
            current.append(text)
        elif text != current:
            self.text[name] = [current, text]

    def _describe_generation(self) -> dict[str, Any]:
        """Return `ai`, read from all texts, including those that are too long to be stored."""
        comment = self.tags.get("EXIF UserComment", {}).get("values")
        text = {**self.text, **self._long_text}
        return describe_generation(text, self.xmp, comment if isinstance(comment, str) else "")

    def _read_other_block(self, kind: str, data: bytes) -> None:
        """Read a block of the kind `xmp`, `iptc` or `thumbnail`."""
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
    """Convert a tag that exifread decoded from a MakerNote to the stored form."""
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
