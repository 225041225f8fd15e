"""The directories of a TIFF block -> tags under exifread's names.

exifread brings the names, what values mean and the makers' notes. The walk over the directories is ours: exifread's
believes every count in the file, reads each number by a seek of its own and leaves arrays of 1,000 values out.
"""

from __future__ import annotations

import math
import struct
from bisect import bisect_right
from functools import lru_cache
from io import BytesIO
from typing import Any, Literal, NamedTuple

from exifread.core.exif_header import ExifHeader
from exifread.tags.exif import EXIF_TAGS, GPS_TAGS

from exifinator import makernotes, tiff
from exifinator.deadline import MemoryBudget
from exifinator.text import decode_comment, decode_text, decode_utf16

# What exifread's own functions raise on values that they did not expect.
EXIFREAD_ERRORS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, struct.error)

FORMATS = {1: "B", 3: "H", 4: "I", 6: "b", 7: "B", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I"}
RATIOS = {5: "I", 10: "i"}
FLOATS = frozenset({11, 12})

# Tags whose bytes are text behind an 8-byte code that says which (Exif 3.0, 4.6.6.5).
COMMENT_TAGS = frozenset({("EXIF", 0x9286), ("GPS", 0x001B), ("GPS", 0x001C)})
COPYRIGHT = 0x8298

MAIN_DIRECTORIES = frozenset({"Image", "EXIF", "GPS"})
# What a Python number in a list takes, and a byte of text in a string that turns out to be wide.
NUMBER_BYTES, CHARACTER_BYTES = 64, 8
PRINTED_VALUES = 20
# Of one photo; no camera writes a tenth of it.
MAX_TAGS = 5000
# Canon's, longer than other binary values, for exifread looks into it.
CAMERA_INFO = 0x000D


@lru_cache(maxsize=8)
def _structs(order: str) -> tuple[struct.Struct, struct.Struct, struct.Struct]:
    return struct.Struct(order + "H"), struct.Struct(order + "I"), struct.Struct(order + "HHI4s")


def ratio_text(numerator: int, denominator: int) -> str:
    """A ratio in lowest terms, as exifread prints it; one that is no number as it stands in the file."""
    if not denominator:
        return f"{numerator}/0"
    divisor = math.gcd(numerator, denominator)
    if denominator < 0:
        divisor = -divisor
    if denominator == divisor:
        return str(numerator // divisor)
    return f"{numerator // divisor}/{denominator // divisor}"


class Tag:
    """What a directory says of one tag: exifread's IfdTag, without its cost. It is shared between photos: read only.

    values: list of numbers (None for one that is no number), or text. field_offset, field_length: bytes; the offset
    only of a value that is not decoded. spent_bytes: the memory that the values may take.
    """

    __slots__ = (
        "document", "field_length", "field_offset", "field_type", "name", "printable", "spent_bytes", "tag", "values",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        printable: str,
        tag: int,
        field_type: int,
        values: Any,
        length: int,
        *,
        offset: int = 0,
        spent_bytes: int = 0,
    ) -> None:
        self.name = name
        self.printable = printable
        self.tag = tag
        self.field_type = field_type
        self.values = values
        self.field_offset = offset
        self.field_length = length
        self.spent_bytes = spent_bytes
        self.document = {
            "printable": printable,
            "tag": tag,
            "field_type": field_type,
            "field_length": length,
            "values": [] if tag == tiff.MAKER_NOTE else values,
        }


# Photos of one camera, and of one day, say mostly the same: a short value is decoded once. What is needed again after
# it was forgotten is decoded again.
_DECODED: dict[tuple[Any, ...], Tag] = {}
MAX_DECODED = 10_000
MAX_DECODED_BYTES = 64


class _Directory(NamedTuple):
    """The directory that a tag stands in; `base` is what its offsets count from (bytes), `order` struct's sign."""

    name: str
    base: int
    order: str


class TagReader(ExifHeader):
    """Reads the tags of one TIFF block into `tags`: "Image Make" -> Tag.

    extents: offset (bytes) -> data of the block, sorted, not overlapping.
    packets: the bytes of XMP, IPTC and Photoshop tags, by tag.
    outside: how many values lie outside the block. cut: whether a main directory is not whole.
    unread: names of tags whose values are too long to keep.
    """

    def __init__(self, extents: dict[int, bytes], budget: MemoryBudget) -> None:
        self._starts = list(extents)
        self._pieces = list(extents.values())
        self._only = self._pieces[0] if self._starts == [0] else None
        self._budget = budget
        self._seen: set[tuple[int, str]] = set()
        self.outside = 0
        self.cut = False
        self.unread: list[str] = []
        self.packets: dict[int, bytes] = {}
        header = self.slice(0, 8)
        self.order = tiff.byte_order(header) if len(header) == 8 else ""
        super().__init__(BytesIO(), "I" if self.order == "<" else "M", 0, 0, strict=False)
        self.first = _structs(self.order)[1].unpack_from(header, 4)[0] if self.order else 0

    def slice(self, start: int, length: int) -> bytes:
        """The bytes of the block from `start`; fewer where it has a hole or ends."""
        if self._only is not None:
            return self._only[start : start + length] if start >= 0 else b""
        index = bisect_right(self._starts, start) - 1
        if index < 0:
            return b""
        offset = start - self._starts[index]
        return self._pieces[index][offset : offset + length]

    def read_directory(self, name: str, tags: dict[str, Any]) -> None:
        """Read a block that holds this one directory of a photo whose `tags` so far come from other blocks."""
        self.tags = tags
        if name == "MakerNote":
            self.tags["EXIF MakerNote"] = Tag("", "", tiff.MAKER_NOTE, 7, [], 0, offset=self.first)
            self.read_maker_note()
        else:
            self.dump_ifd(self.first, name, GPS_TAGS if name == "GPS" else EXIF_TAGS)

    def read_all(self) -> None:
        """Read the chain of directories, the EXIF directory, sub-directories and the maker's note."""
        start, seen = self.first, set()
        for name in ("Image", "Thumbnail", "IFD 2", "IFD 3")[: tiff.MAX_CHAIN]:
            if not start or start in seen:
                break
            seen.add(start)
            self.dump_ifd(start, name)
            start = self._behind(start)
        self._follow("Image ExifOffset", "EXIF")
        sub_ifds = self.tags.get("Image SubIFDs")
        if sub_ifds:
            for index, pointer in enumerate(sub_ifds.values[: tiff.MAX_SUB_IFDS]):
                if isinstance(pointer, int):
                    self.dump_ifd(pointer, f"EXIF SubIFD{index}")
        self.read_maker_note()

    def _follow(self, pointer_name: str, name: str) -> None:
        pointer = self.tags.get(pointer_name)
        if pointer and pointer.values and isinstance(pointer.values[0], int):
            self.dump_ifd(pointer.values[0], name)

    def _behind(self, start: int) -> int:
        short, long, _ = _structs(self.order)
        head = self.slice(start, 2)
        if len(head) < 2:
            return 0
        pointer = self.slice(start + 2 + 12 * short.unpack(head)[0], 4)
        return int(long.unpack(pointer)[0]) if len(pointer) == 4 else 0

    def read_maker_note(self) -> None:
        """Have exifread take the maker's note apart; a note that it does not know stays as it is."""
        if "EXIF MakerNote" in self.tags and "Image Make" in self.tags:
            try:
                self.decode_maker_note()
            except EXIFREAD_ERRORS:
                self._end_maker_note()

    def _canon_decode_tag(self, value: Any, mn_tags: Any) -> None:
        """Have exifread name the fields of one of Canon's arrays, as far as it knows them.

        It would make a tag "Unknown" of each of the thousands behind, one over the other.
        """
        super()._canon_decode_tag(value[: max(mn_tags, default=0) + 1], mn_tags)
        self.tags.pop("MakerNote Unknown", None)

    def _end_maker_note(self) -> None:
        # exifread moves these for the notes of some makers, and back unless an error comes between.
        self.offset = 0
        self.endian = "I" if self.order == "<" else "M"

    def dump_ifd(
        self,
        ifd: int,
        ifd_name: str,
        tag_dict: Any = None,
        relative: int = 0,
        stop_tag: str = "",  # noqa: ARG002  # exifread's signature
    ) -> None:
        """Read one directory; exifread calls this for the notes of the makers, with their names of tags."""
        if tag_dict is None:
            tag_dict = EXIF_TAGS
        is_note = ifd_name == "MakerNote"
        order = "<" if self.endian == "I" else ">"
        base = self.offset
        if is_note:
            base, ifd, order = makernotes.find_directory(self.slice, base, ifd, order, has_header=bool(relative))
        if (base + ifd, ifd_name) in self._seen or len(self._seen) >= tiff.MAX_DIRECTORIES:
            return
        self._seen.add((base + ifd, ifd_name))
        short, _, entry = _structs(order)
        byte_order: Literal["little", "big"] = "little" if order == "<" else "big"
        head = self.slice(base + ifd, 2)
        if len(head) < 2:
            self.cut = self.cut or ifd_name in MAIN_DIRECTORIES
            return
        count = short.unpack(head)[0]
        if count > tiff.MAX_ENTRIES:
            self.cut = self.cut or ifd_name in MAIN_DIRECTORIES
            return
        table = self.slice(base + ifd + 2, 12 * count)
        if len(table) < 12 * count:
            self.cut = self.cut or ifd_name in MAIN_DIRECTORIES
            table = table[: len(table) // 12 * 12]
        if is_note and not makernotes.is_directory(table, entry, count, ifd + 2, order):
            return
        if len(self.tags) + count > MAX_TAGS:
            self.cut = True
            return
        directory = _Directory(ifd_name, base, order)
        spent_bytes = 0
        for fields in entry.iter_unpack(table):
            tag, field_type, n_values, inline = fields
            item_bytes = tiff.TYPE_BYTES.get(field_type)
            if item_bytes is None:
                continue
            known = tag_dict.get(tag)
            length = n_values * item_bytes
            if length <= 4:
                data = inline[:length]
            elif length > MAX_DECODED_BYTES or tag in tiff.APART:
                self._read_long(directory, fields, length, known)
                continue
            else:
                data = self.slice(base + int.from_bytes(inline, byte_order), length)
                if len(data) < length:
                    self.outside += not is_note
                    continue
            # What a maker's tag means is told by exifread's own table, which stays where it is.
            key = (ifd_name, tag, field_type, data, order, id(known))
            decoded = _DECODED.get(key)
            if decoded is None:
                if len(_DECODED) >= MAX_DECODED:
                    _DECODED.clear()
                decoded = _DECODED[key] = decode_tag(directory, fields, data, known)
            self._add(decoded, ifd_name)
            spent_bytes += decoded.spent_bytes
            if known and type(known[1]) is tuple and not is_note:
                self._enter(decoded.values, known[1])
        # Short values take little: they are accounted for together.
        self._budget.spend(spent_bytes)

    def _add(self, tag: Tag, ifd_name: str) -> None:
        """Put a tag among the tags; where another has its name, under its number."""
        other = self.tags.get(tag.name)
        if other is None or other.tag == tag.tag:
            self.tags[tag.name] = tag
        else:
            self.tags[f"{ifd_name} Tag 0x{tag.tag:04X}"] = tag

    def _read_long(self, directory: _Directory, fields: tuple[Any, ...], length: int, known: Any) -> None:
        """Add a tag whose value is long, or has a reader of its own, unless it lies outside the block.

        fields: tag, type, number of values, and the four bytes that say where they lie. length: bytes.
        known: exifread's name of the tag and what its values mean; None for a tag that it does not know.
        """
        tag, field_type, _, inline = fields
        ifd_name, base, order = directory
        at = base + int.from_bytes(inline, "little" if order == "<" else "big")
        undecoded = Tag(tag_name(ifd_name, tag, known), f"({length:,} bytes)", tag, field_type, [], length, offset=at)
        if tag == tiff.MAKER_NOTE and ifd_name == "EXIF":
            # Its first bytes tell exifread whose it is; the whole is of no use undecoded.
            undecoded.values = list(self.slice(at, 16))
            self._add(undecoded, ifd_name)
            return
        if length > tiff.value_limit(tag, field_type) and not (tag == CAMERA_INFO and ifd_name == "MakerNote"):
            if field_type not in tiff.BYTE_TYPES:
                self.unread.append(undecoded.name)
            self._add(undecoded, ifd_name)
            return
        data = self.slice(at, length)
        if len(data) < length:
            self.outside += ifd_name != "MakerNote"
        elif tag in tiff.PACKETS and ifd_name == "Image":
            self.packets[tag] = data
            self._add(undecoded, ifd_name)
        else:
            self._budget.spend(memory_of(ifd_name, tag, field_type, length))
            self._add(decode_tag(directory, fields, data, known), ifd_name)

    def _enter(self, values: Any, directory: tuple[Any, ...]) -> None:
        """Read the directory that a tag points at, as exifread's table says of the tag."""
        if values and isinstance(values[0], int):
            self.dump_ifd(values[0], directory[0], directory[1])


def tag_name(ifd_name: str, tag: int, known: Any) -> str:
    """What exifread calls a tag."""
    return f"{ifd_name} {known[0]}" if known else f"{ifd_name} Tag 0x{tag:04X}"


def memory_of(ifd_name: str, tag: int, field_type: int, length: int) -> int:
    """The memory (bytes) that a value of `length` bytes may take, decoded."""
    if field_type in tiff.TEXT_TYPES or (ifd_name, tag) in COMMENT_TAGS:
        return CHARACTER_BYTES * length
    return NUMBER_BYTES * (length // tiff.TYPE_BYTES[field_type]) * (2 if field_type in RATIOS else 1)


def decode_tag(directory: _Directory, fields: tuple[Any, ...], data: bytes, known: Any) -> Tag:
    """A tag from the bytes of its value; `fields` and `known` as in TagReader._read_long."""
    tag, field_type, n_values, _ = fields
    ifd_name, _, order = directory
    values: Any
    if field_type in tiff.TEXT_TYPES:
        values = printable = decode_text(data, all_parts=tag == COPYRIGHT)
    elif (ifd_name, tag) in COMMENT_TAGS:
        values = printable = decode_comment(data, order)
    elif field_type in RATIOS:
        numbers = struct.unpack(f"{order}{2 * n_values}{RATIOS[field_type]}", data)
        pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
        values = [top / bottom if bottom else None for top, bottom in pairs]
        printable = _ratios_text(pairs)
    elif tag in tiff.XP_TEXTS and ifd_name == "Image":
        values = printable = decode_utf16(data)
    else:
        values = list(struct.unpack(f"{order}{n_values}{FORMATS[field_type]}", data))
        if field_type in FLOATS:
            values = [value if math.isfinite(value) else None for value in values]
        printable = _print(values, known)
    memory = memory_of(ifd_name, tag, field_type, len(data))
    return Tag(tag_name(ifd_name, tag, known), printable, tag, field_type, values, len(data), spent_bytes=memory)


def _print(values: list[Any], known: Any) -> str:
    """The values in exifread's words, where it has some for this tag."""
    meaning = known[1] if known else None
    if isinstance(meaning, dict):
        return "".join(meaning.get(value) or ("" if value in meaning else repr(value)) for value in values[:64])
    if meaning is not None and not isinstance(meaning, tuple):
        try:
            return str(meaning(values))
        except EXIFREAD_ERRORS:
            return str(values[:PRINTED_VALUES])
    if len(values) == 1:
        return str(values[0])
    if len(values) > 50:
        return f"{str(values[:PRINTED_VALUES])[:-1]}, ... ]"
    return str(values)


def _ratios_text(pairs: list[tuple[int, int]]) -> str:
    if len(pairs) == 1:
        return ratio_text(*pairs[0])
    texts = ", ".join([ratio_text(*pair) for pair in pairs[: PRINTED_VALUES if len(pairs) > 50 else None]])
    return f"[{texts}, ... ]" if len(pairs) > 50 else f"[{texts}]"
