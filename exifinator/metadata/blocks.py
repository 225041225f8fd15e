"""Read the metadata blocks of one file: EXIF tags, XMP, IPTC, the container's text values and the thumbnail."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from exifread.core.ifd_tag import IfdTag

from exifinator.families.names import TAKEOUT
from exifinator.metadata import tiff_spec
from exifinator.metadata.containers.container_tags import CONTAINER_TAGS, decode_container_tags
from exifinator.metadata.containers.note_segments import NOTE
from exifinator.metadata.containers.photoshop import add_resources
from exifinator.metadata.containers.quicktime import MOVIE
from exifinator.metadata.containers.range_buffer import LocatedMetadata
from exifinator.metadata.exif import TagReader
from exifinator.metadata.iptc import IPTC, read_iptc
from exifinator.metadata.jpeg_spec import JPEG_BEGIN
from exifinator.metadata.limits import MemoryBudget
from exifinator.metadata.makernotes import decode_google_note, decode_structure, find_google_note
from exifinator.metadata.quicktime.decode import decode_movie
from exifinator.metadata.tag_values import Tag
from exifinator.metadata.xmp import MAX_NAME_CHARACTERS, MAX_TEXT_CHARACTERS, PROPERTY_OVERHEAD_BYTES, XMP, read_xmp
from exifinator.models import Block, FetchedMetadata

# Memory that decoded JSON takes per character in the worst case, a list of empty lists.
JSON_MEMORY_PER_CHARACTER = 40
# Memory that the tags of the container take per byte of their block.
CONTAINER_TAG_MEMORY_PER_BYTE = 16


@dataclass(slots=True)
class Faults:
    """What is wrong with the metadata of a file.

    Attributes:
        problems: What could not be read, as sentences.
        dropped: Names of the tags, properties and text values that are too long to keep.
        is_damaged: Whether an important part of the metadata is missing.
    """

    problems: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    is_damaged: bool = False


@dataclass(slots=True)
class Contents:
    """What the metadata blocks of a file contain.

    Attributes:
        tags: The tags in their stored form, by names such as "Image Make".
        xmp: The XMP properties.
        iptc: The IPTC fields.
        text: The text values of the container by name, for example the chunks of a PNG file.
        long_text: Text values of the container that are too long to be stored.
        icc: The fields of the ICC profile.
        movie: Values for `photo` from the boxes of a movie.
        takeout: The JSON of a Google Takeout sidecar; b"" if the file is not one.
        thumbnail: The embedded thumbnail, a JPEG.
        faults: What is wrong with the metadata.
    """

    tags: dict[str, dict[str, Any]] = field(default_factory=dict)
    xmp: XMP = field(default_factory=dict)
    iptc: IPTC = field(default_factory=dict)
    text: XMP = field(default_factory=dict)
    long_text: dict[str, str] = field(default_factory=dict)
    icc: dict[str, str] = field(default_factory=dict)
    movie: dict[str, Any] = field(default_factory=dict)
    takeout: bytes = b""
    thumbnail: bytes | None = None
    faults: Faults = field(default_factory=Faults)


def read_blocks(fetched: FetchedMetadata, budget: MemoryBudget) -> Contents:
    """Read every block. If two blocks contain the same tag, property or field, the first block's value is kept.

    Args:
        fetched: The metadata blocks of the file, before decoding.
        budget: Limit on the memory that the decoded values take.

    Raises:
        MemoryExceeded: The values would take more memory than the budget allows.
    """
    contents = Contents()
    if fetched.problem:
        contents.faults.problems.append(fetched.problem)
    reader = _BlockReader(contents, budget)
    for block in fetched.blocks:
        if not block.kind.startswith(NOTE):
            reader.read(block)
    # Read the MakerNote blocks last, because decoding them requires the make and model of the camera.
    for block in (*fetched.blocks, *reader.movie_notes):
        if block.kind.startswith(NOTE):
            reader.read_structure(block)
    return contents


class _BlockReader:
    """Adds what single blocks contain to the contents of their file.

    Attributes:
        movie_notes: The MakerNote blocks inside a movie, for `read_structure`.
    """

    def __init__(self, contents: Contents, budget: MemoryBudget) -> None:
        self._contents = contents
        self._faults = contents.faults
        self._budget = budget
        self._first_reader: TagReader | None = None
        self.movie_notes: list[Block] = []

    def read(self, block: Block) -> None:
        """Read a block of any kind but `note/TABLE`."""
        kind = block.kind
        if kind == "exif":
            self._read_exif(block)
        elif kind.startswith("exif/"):
            self._read_single_directory(block)
        elif kind.startswith("text/"):
            self._add_text(block)
        elif kind == CONTAINER_TAGS:
            self._read_container_tags(block.pieces[0])
        elif kind.startswith("icc/"):
            self._contents.icc[kind[len("icc/") :]] = block.pieces[0].decode()
        elif kind == MOVIE:
            self._read_movie(block.pieces[0])
        elif kind == TAKEOUT:
            self._contents.takeout = block.pieces[0]
        else:
            self._read_other(kind, b"".join(block.pieces.values()))

    def read_structure(self, block: Block) -> None:
        """Decode a block of the kind `note/TABLE` with the MakerNote table TABLE."""
        contents_tags = self._contents.tags
        make, model = (str(contents_tags.get(f"Image {name}", {}).get("values", "")) for name in ("Make", "Model"))
        tags = decode_structure(block.kind[len(NOTE) :], block.pieces[0], self._budget, make, model)
        for name, tag in tags.items():
            contents_tags.setdefault(name, tag.document)

    def _read_movie(self, data: bytes) -> None:
        """Read the boxes of a movie, and the blocks inside them."""
        movie = decode_movie(data, self._budget)
        self._contents.movie = movie.summary
        for block in movie.blocks:
            if block.kind.startswith(NOTE):
                self.movie_notes.append(block)
            else:
                self.read(block)
        for name, tag in movie.tags.items():
            self._contents.tags.setdefault(name, tag)

    def _read_exif(self, block: Block) -> None:
        reader = TagReader(block.pieces, self._budget)
        if not reader.byte_order:
            self._faults.is_damaged = True
            self._faults.problems.append("The EXIF data does not begin with a TIFF header.")
            return
        self._first_reader = self._first_reader or reader
        reader.read_all()
        self._add_tags(reader)
        for tag, data in reader.packets.items():
            if tag == tiff_spec.PHOTOSHOP:
                metadata = LocatedMetadata("")
                add_resources(data, metadata, thumbnails=False)
                for resource in metadata.blocks:
                    if resource.kind != "exif":
                        self._read_other(resource.kind, resource.pieces[0])
            else:
                self._read_other("xmp" if tag == tiff_spec.XMP else "iptc", data)
        self._contents.thumbnail = self._contents.thumbnail or _embedded_thumbnail(reader)

    def _read_single_directory(self, block: Block) -> None:
        """Read a block of the kind `exif/EXIF`, `exif/GPS` or `exif/MakerNote`."""
        reader = TagReader(block.pieces, self._budget)
        if reader.byte_order:
            reader.read_directory(block.kind.partition("/")[2], self._first_reader.tags if self._first_reader else {})
            self._add_tags(reader)

    def _add_tags(self, reader: TagReader) -> None:
        tags = self._contents.tags
        if not tags:
            # exifread's own tags, which it decodes from unknown MakerNotes, have no document.
            tags.update({name: getattr(tag, "document", None) or _stored_tag(tag) for name, tag in reader.tags.items()})
        else:
            for name, tag in reader.tags.items():
                if name not in tags:
                    tags[name] = tag.document if isinstance(tag, Tag) else _stored_tag(tag)
        self._faults.dropped += reader.dropped
        if reader.truncated:
            self._faults.is_damaged = True
            self._faults.problems.append("An EXIF directory is truncated, or there are too many tags.")
        if reader.out_of_bounds_values:
            self._faults.problems.append("Some EXIF values point outside the EXIF data.")

    def _read_container_tags(self, data: bytes) -> None:
        """Read a block of the kind `tags`."""
        self._budget.spend(CONTAINER_TAG_MEMORY_PER_BYTE * len(data))
        for name, document in decode_container_tags(data).items():
            self._contents.tags.setdefault(name, document)

    def _add_text(self, block: Block) -> None:
        """Add a text value of the container. Values with the same name are stored as a list."""
        name = block.kind[len("text/") :].replace(".", "_").replace("$", "_").replace("\0", "")[:MAX_NAME_CHARACTERS]
        text = block.pieces[0].decode()
        if len(text) > MAX_TEXT_CHARACTERS:
            self._faults.dropped.append(f"text {name}")
            self._budget.spend(JSON_MEMORY_PER_CHARACTER * len(text))
            self._contents.long_text.setdefault(name, text)
            return
        self._budget.spend(PROPERTY_OVERHEAD_BYTES + 8 * len(text))
        text_values = self._contents.text
        current = text_values.get(name)
        if current is None:
            text_values[name] = text
        elif isinstance(current, list):
            current.append(text)
        elif text != current:
            text_values[name] = [current, text]

    def _read_other(self, kind: str, data: bytes) -> None:
        """Read a block of the kind `xmp`, `iptc` or `thumbnail`."""
        problem: str | None = None
        if kind == "xmp":
            xmp, problem, dropped = read_xmp(data, self._budget)
            self._contents.xmp = {**xmp, **self._contents.xmp}
            for name, tag in decode_google_note(find_google_note(data), self._budget).items():
                self._contents.tags.setdefault(name, tag.document)
            self._faults.dropped += [f"xmp {name}" for name in dropped]
        elif kind == "iptc":
            self._budget.spend(8 * len(data))
            iptc, problem = read_iptc(data)
            self._contents.iptc = {**iptc, **self._contents.iptc}
        elif kind == "thumbnail":
            self._contents.thumbnail = self._contents.thumbnail or _checked_thumbnail(data)
        if problem:
            self._faults.problems.append(problem)


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
