"""Decode the directories of a TIFF block into tags with exifread's names.

exifread provides the names of tags, the meanings of values and the decoding of MakerNotes. Directories are read by this
module instead, because exifread's own code trusts every count in the file, seeks once per number, and drops arrays of
1,000 values and more.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache
from io import BytesIO
from typing import Any, Literal

from exifread.core.exif_header import ExifHeader
from exifread.tags.exif import EXIF_TAGS, GPS_TAGS

from exifinator.metadata import makernotes, tiff_spec
from exifinator.metadata.limits import MemoryBudget
from exifinator.metadata.makernotes.derived import add_preview
from exifinator.metadata.pieces import Pieces
from exifinator.metadata.tag_values import EXIFREAD_ERRORS, Directory, Tag, decode_tag, max_memory_bytes, tag_name

# If one of these directories is incomplete, the photo counts as damaged.
MAIN_DIRECTORIES = frozenset({"Image", "EXIF", "GPS"})
# The maximum number of tags per photo. No camera writes even a tenth as many.
MAX_TAGS = 5000
# Canon's CameraInfo is exempt from the limit on binary values, because exifread decodes it.
CAMERA_INFO = 0x000D


@lru_cache(maxsize=8)
def _structs(byte_order: str) -> tuple[struct.Struct, struct.Struct, struct.Struct]:
    """Return the structs of a 16-bit number, a 32-bit number and a directory entry.

    Args:
        byte_order: "<" or ">".
    """
    return struct.Struct(byte_order + "H"), struct.Struct(byte_order + "I"), struct.Struct(byte_order + "HHI4s")


def _text(tag: Any) -> str:
    """Return the text of a tag; "" if there is no tag, or its value is not a string."""
    return tag.values if tag is not None and isinstance(tag.values, str) else ""


# Cache of decoded tags. It is shared by all photos that this process reads, because photos from the same camera and day
# repeat most values. The cache is cleared when it is full. Values longer than MAX_CACHED_VALUE_BYTES are not cached.
# Key: (directory, tag, type, bytes of the value, byte order, id of the tag's entry in exifread's table).
_DECODED: dict[tuple[Any, ...], Tag] = {}
MAX_CACHED_TAGS = 10_000
MAX_CACHED_VALUE_BYTES = 64


class TagReader(ExifHeader):
    """Reads the tags in one TIFF block.

    Args:
        pieces: The data of the block, by offset in bytes. The pieces are sorted and do not overlap.
        budget: Limit on the memory that the decoded values take.

    Attributes:
        tags: The tags read so far (Tag, or exifread's IfdTag from a MakerNote), by names such as "Image Make".
        packets: The values of the XMP, IPTC and Photoshop tags, by tag number.
        out_of_bounds_values: Number of tags whose values are outside the block, not counting tags in a MakerNote.
        truncated: Whether one of MAIN_DIRECTORIES is truncated or has too many entries, or the photo has too many tags.
        dropped: Names of the tags whose values are too long to keep, except binary values.
        byte_order: "<" or ">"; "" if the block does not begin with a TIFF header.
        first_offset: Offset of the first directory, in bytes.
        slice: Function that returns bytes of the block; see Pieces.slice.
    """

    def __init__(self, pieces: dict[int, bytes], budget: MemoryBudget) -> None:
        self.slice = Pieces(pieces).slice
        self._budget = budget
        self._seen: set[tuple[int, str]] = set()
        self.out_of_bounds_values = 0
        self.truncated = False
        self.dropped: list[str] = []
        self.packets: dict[int, bytes] = {}
        header = self.slice(0, 8)
        self.byte_order = tiff_spec.byte_order(header) if len(header) == 8 else ""
        super().__init__(BytesIO(), "I" if self.byte_order == "<" else "M", 0, 0, strict=False)
        self.first_offset = _structs(self.byte_order)[1].unpack_from(header, 4)[0] if self.byte_order else 0

    def read_directory(self, name: str, tags: dict[str, Any]) -> None:
        """Read a block that contains a single directory.

        Args:
            name: Name of the directory: "EXIF", "GPS" or "MakerNote".
            tags: The tags from the photo's first block, to which this block's tags are added. exifread looks up the
                camera's make in them, to decode the MakerNote.
        """
        self.tags = tags
        if name == "MakerNote":
            length = tiff_spec.MAX_NOTE_BYTES
            self.tags["EXIF MakerNote"] = Tag("", "", tiff_spec.MAKER_NOTE, 7, [], length, offset=self.first_offset)
            self.read_maker_note()
        else:
            self.dump_ifd(self.first_offset, name, GPS_TAGS if name == "GPS" else EXIF_TAGS)

    def read_all(self) -> None:
        """Read all directories of the block: the chained ones, EXIF, GPS, sub-directories and the MakerNote."""
        start, visited = self.first_offset, set()
        for name in ("Image", "Thumbnail", "IFD 2", "IFD 3")[: tiff_spec.MAX_CHAINED]:
            if not start or start in visited:
                break
            visited.add(start)
            self.dump_ifd(start, name)
            start = self._next_in_chain(start)
        self._read_directory_at("Image ExifOffset", "EXIF")
        sub_ifds = self.tags.get("Image SubIFDs")
        if sub_ifds:
            for index, pointer in enumerate(sub_ifds.values[: tiff_spec.MAX_SUB_IFDS]):
                if isinstance(pointer, int):
                    self.dump_ifd(pointer, f"EXIF SubIFD{index}")
        self.read_maker_note()

    def _read_directory_at(self, pointer_name: str, name: str) -> None:
        """Read the directory whose offset is the value of the tag `pointer_name`."""
        pointer = self.tags.get(pointer_name)
        if pointer and pointer.values and isinstance(pointer.values[0], int):
            self.dump_ifd(pointer.values[0], name)

    def _next_in_chain(self, start: int) -> int:
        """Return the offset in bytes of the directory after the one at offset `start`; 0 if there is none."""
        short, long, _ = _structs(self.byte_order)
        head = self.slice(start, 2)
        if len(head) < 2:
            return 0
        pointer = self.slice(start + 2 + 12 * short.unpack(head)[0], 4)
        return int(long.unpack(pointer)[0]) if len(pointer) == 4 else 0

    def read_maker_note(self) -> None:
        """Decode the MakerNotes: the photo's own, and one in DNGPrivateData.

        Adobe's DNG converter stores the MakerNote of the original file there, and Pentax cameras their own. A MakerNote
        of an unknown kind is decoded by exifread, or left undecoded if exifread does not know it either.
        """
        private = self.tags.get("Image DNGPrivateData") or self.tags.get(f"Image Tag 0x{tiff_spec.DNG_PRIVATE:04X}")
        if private is not None:
            data = self.slice(private.field_offset, tiff_spec.MAX_NOTE_BYTES)
            note = makernotes.find_adobe_note(data)
            if note is not None:
                self._add_note(note.read, note.offset, note.length, note.order)
            elif data.startswith(makernotes.PENTAX_HEADS):
                self._add_note(self.slice, private.field_offset, private.field_length, self.byte_order)
        tag = self.tags.get("EXIF MakerNote")
        if tag is not None and self.slice(tag.field_offset, len(makernotes.GOOGLE_HEAD)) == makernotes.GOOGLE_HEAD:
            google_note = self.slice(tag.field_offset, tag.field_length)
            for name, note_tag in makernotes.decode_google_note(google_note, self._budget).items():
                self.tags.setdefault(name, note_tag)
            return
        if tag is None or self._add_note(self.slice, tag.field_offset, tag.field_length, self.byte_order):
            return
        if "Image Make" in self.tags:
            try:
                self.decode_maker_note()
            except EXIFREAD_ERRORS:
                self._restore_base()

    def _add_note(self, read: Callable[[int, int], bytes], offset: int, length: int, order: str) -> bool:
        """Decode a MakerNote, and add the tags whose names do not exist yet.

        Args:
            read: Function that returns `length` bytes from an offset.
            offset: Offset of the MakerNote for `read`, in bytes.
            length: Length of the MakerNote in bytes.
            order: Byte order, "<" or ">".

        Returns:
            Whether the kind of MakerNote is known.
        """
        make, model = (_text(self.tags.get(f"Image {name}")) for name in ("Make", "Model"))
        decoder = makernotes.NoteDecoder(read, self._budget, make, model)
        is_known = decoder.decode(offset, length, order)
        add_preview(decoder.tags)
        if decoder.tags.keys().isdisjoint(self.tags):
            self.tags.update(decoder.tags)
        else:
            for name, tag in decoder.tags.items():
                self.tags.setdefault(name, tag)
        return is_known

    def _canon_decode_tag(self, value: Any, mn_tags: Any) -> None:
        """Decode a Canon array only up to the last element that exifread can name.

        exifread's own method also decodes the rest of the array, which may have thousands of elements, and stores all
        elements without a name in the same tag, "Unknown".
        """
        super()._canon_decode_tag(value[: max(mn_tags, default=0) + 1], mn_tags)
        self.tags.pop("MakerNote Unknown", None)

    def _restore_base(self) -> None:
        # To decode some MakerNotes, exifread changes its base offset and byte order, and does not restore them if an
        # error occurs.
        self.offset = 0
        self.endian = "I" if self.byte_order == "<" else "M"

    def dump_ifd(
        self,
        ifd: int,
        ifd_name: str,
        tag_dict: Any = None,
        relative: int = 0,
        stop_tag: str = "",  # noqa: ARG002  # exifread's signature
    ) -> None:
        """Read one directory. Overrides exifread's method, which exifread also calls for MakerNotes.

        Args:
            ifd: Offset of the directory, in bytes from the current base.
            ifd_name: Prefix of the tags' names, such as "EXIF".
            tag_dict: exifread's table of tag names and meanings. The default is EXIF_TAGS.
            relative: Not 0 if the directory is a MakerNote with its own TIFF header.
            stop_tag: Ignored; part of exifread's signature.
        """
        byte_order = "<" if self.endian == "I" else ">"
        base = self.offset
        if ifd_name == "MakerNote":
            base, ifd, byte_order = makernotes.find_directory(
                self.slice, base, ifd, byte_order, has_header=bool(relative)
            )
        if (base + ifd, ifd_name) in self._seen or len(self._seen) >= tiff_spec.MAX_DIRECTORIES:
            return
        self._seen.add((base + ifd, ifd_name))
        directory = Directory(ifd_name, base, byte_order)
        self._decode_entries(directory, self._read_table(directory, ifd), EXIF_TAGS if tag_dict is None else tag_dict)

    def _read_table(self, directory: Directory, ifd: int) -> bytes:
        """Return the entries of the directory at offset `ifd` (12 bytes each), or b"" if they must not be decoded."""
        name, base, byte_order = directory
        short, _, entry = _structs(byte_order)
        head = self.slice(base + ifd, 2)
        count = short.unpack(head)[0] if len(head) == 2 else None
        if count is None or count > tiff_spec.MAX_ENTRIES:
            self.truncated = self.truncated or name in MAIN_DIRECTORIES
            return b""
        table = self.slice(base + ifd + 2, 12 * count)
        if len(table) < 12 * count:
            self.truncated = self.truncated or name in MAIN_DIRECTORIES
            table = table[: len(table) // 12 * 12]
        if name == "MakerNote" and not makernotes.is_directory(table, entry, count, ifd + 2, byte_order):
            return b""
        if len(self.tags) + count > MAX_TAGS:
            self.truncated = True
            return b""
        return table

    def _decode_entries(self, directory: Directory, table: bytes, tag_dict: Any) -> None:
        """Decode the entries of a directory into `tags`, and read the directories that they point to."""
        ifd_name, base, byte_order = directory
        entry = _structs(byte_order)[2]
        endianness: Literal["little", "big"] = "little" if byte_order == "<" else "big"
        is_maker_note = ifd_name == "MakerNote"
        memory_bytes = 0
        for fields in entry.iter_unpack(table):
            tag, field_type, n_values, inline = fields
            item_bytes = tiff_spec.TYPE_BYTES.get(field_type)
            if item_bytes is None:
                continue
            tag_info = tag_dict.get(tag)
            length = n_values * item_bytes
            if length <= 4:
                data = inline[:length]
            elif length > MAX_CACHED_VALUE_BYTES or tag in tiff_spec.SEPARATE_TAGS:
                self._add_long_tag(directory, fields, length, tag_info)
                continue
            else:
                data = self.slice(base + int.from_bytes(inline, endianness), length)
                if len(data) < length:
                    self.out_of_bounds_values += not is_maker_note
                    continue
            # `tag_info` is an entry of one of exifread's tables, which exist as long as the process. So its id is
            # never reused.
            key = (ifd_name, tag, field_type, data, byte_order, id(tag_info))
            decoded = _DECODED.get(key)
            if decoded is None:
                if len(_DECODED) >= MAX_CACHED_TAGS:
                    _DECODED.clear()
                decoded = _DECODED[key] = decode_tag(directory, fields, data, tag_info)
            self._add_tag(decoded, ifd_name)
            memory_bytes += decoded.memory_bytes
            if tag_info and type(tag_info[1]) is tuple and not is_maker_note:
                self._follow_tag(decoded.values, tag_info[1])
        # Count the memory of a directory's short values only here, in one call, because each value takes little memory.
        self._budget.spend(memory_bytes)

    def _add_tag(self, tag: Tag, ifd_name: str) -> None:
        """Add a tag under its name, or under its number if another tag already has that name."""
        other = self.tags.get(tag.name)
        if other is None or other.tag == tag.tag:
            self.tags[tag.name] = tag
        else:
            self.tags[f"{ifd_name} Tag 0x{tag.tag:04X}"] = tag

    def _add_long_tag(self, directory: Directory, fields: tuple[Any, ...], length: int, tag_info: Any) -> None:
        """Add a tag whose value is too long for the cache or has its own reader.

        A tag whose value is outside the block is left out, and counted in `out_of_bounds_values`.

        Args:
            directory: The directory of the tag.
            fields: Tag, type, number of values, and the four bytes with the offset of the value.
            length: Length of the value in bytes.
            tag_info: exifread's (name, meanings of values) for the tag; None for an unknown tag.
        """
        tag, field_type, _, inline = fields
        ifd_name, base, byte_order = directory
        value_offset = base + int.from_bytes(inline, "little" if byte_order == "<" else "big")
        undecoded = Tag(
            tag_name(ifd_name, tag, tag_info),
            f"({length:,} bytes)",
            tag,
            field_type,
            [],
            length,
            offset=value_offset,
        )
        if tag == tiff_spec.MAKER_NOTE and ifd_name == "EXIF":
            # Keep only the first bytes, by which exifread recognizes the maker. The rest is decoded later.
            undecoded.values = list(self.slice(value_offset, 16))
            self._add_tag(undecoded, ifd_name)
            return
        if tag == tiff_spec.DNG_PRIVATE and ifd_name == "Image":
            self._add_tag(undecoded, ifd_name)
            return
        if length > tiff_spec.max_value_bytes(tag, field_type) and not (tag == CAMERA_INFO and ifd_name == "MakerNote"):
            if field_type not in tiff_spec.BYTE_TYPES:
                self.dropped.append(undecoded.name)
            self._add_tag(undecoded, ifd_name)
            return
        data = self.slice(value_offset, length)
        if len(data) < length:
            self.out_of_bounds_values += ifd_name != "MakerNote"
        elif tag in tiff_spec.PACKET_TAGS and ifd_name == "Image":
            self.packets[tag] = data
            self._add_tag(undecoded, ifd_name)
        else:
            self._budget.spend(max_memory_bytes(ifd_name, tag, field_type, length))
            self._add_tag(decode_tag(directory, fields, data, tag_info), ifd_name)

    def _follow_tag(self, values: Any, directory: tuple[Any, ...]) -> None:
        """Read the directory that a tag points to.

        Args:
            values: The values of the tag. The first one is the directory's offset.
            directory: exifread's name for the directory, and its table of the directory's tags.
        """
        if values and isinstance(values[0], int):
            self.dump_ifd(values[0], directory[0], directory[1])
