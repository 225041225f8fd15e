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
from typing import Any, NamedTuple

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
    """What a directory says of one tag: exifread's IfdTag, without its cost.

    values: list of numbers (None for one that is no number), or text. field_offset, field_length: bytes.
    """

    __slots__ = ("field_length", "field_offset", "field_type", "printable", "tag", "values")

    def __init__(self, printable: str, tag: int, field_type: int, values: Any, field_offset: int, length: int) -> None:
        self.printable = printable
        self.tag = tag
        self.field_type = field_type
        self.values = values
        self.field_offset = field_offset
        self.field_length = length


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
            self.tags["EXIF MakerNote"] = Tag("", tiff.MAKER_NOTE, 7, [], self.first, 0)
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
        at = base + ifd + 10
        for fields in entry.iter_unpack(table):
            if fields[1] in tiff.TYPE_BYTES:
                self._read_tag(directory, fields, at, tag_dict.get(fields[0]))
            at += 12

    def _read_tag(self, directory: _Directory, fields: tuple[Any, ...], at: int, known: Any) -> None:
        """Put a tag among the tags, unless its value lies outside the block.

        fields: tag, type, number of values, and the four bytes that lie at `at` (bytes) of the block.
        known: exifread's name of the tag and what its values mean; None for a tag that it does not know.
        """
        tag, field_type, n_values, inline = fields
        ifd_name, base, order = directory
        name = f"{ifd_name} {known[0]}" if known else f"{ifd_name} Tag 0x{tag:04X}"
        if name in self.tags and self.tags[name].tag != tag:
            name = f"{ifd_name} Tag 0x{tag:04X}"
        length = n_values * tiff.TYPE_BYTES[field_type]
        if length <= 4:
            data = inline[:length]
        else:
            at = base + int.from_bytes(inline, "little" if order == "<" else "big")
            if tag == tiff.MAKER_NOTE and ifd_name == "EXIF":
                # Its first bytes tell exifread whose it is; the whole is of no use undecoded.
                self.tags[name] = Tag(f"({length:,} bytes)", tag, field_type, list(self.slice(at, 16)), at, length)
                return
            if length > tiff.value_limit(tag, field_type) and not (tag == CAMERA_INFO and ifd_name == "MakerNote"):
                if field_type not in tiff.BYTE_TYPES:
                    self.unread.append(name)
                self.tags[name] = Tag(f"({length:,} bytes)", tag, field_type, [], at, length)
                return
            data = self.slice(at, length)
            if len(data) < length:
                self.outside += ifd_name != "MakerNote"
                return
            if tag in tiff.PACKETS and ifd_name == "Image":
                self.packets[tag] = data
                self.tags[name] = Tag(f"({length:,} bytes)", tag, field_type, [], at, length)
                return
        values: Any
        if field_type in tiff.TEXT_TYPES:
            self._budget.spend(CHARACTER_BYTES * length)
            values = printable = decode_text(data, all_parts=tag == COPYRIGHT)
        elif (ifd_name, tag) in COMMENT_TAGS:
            self._budget.spend(CHARACTER_BYTES * length)
            values = printable = decode_comment(data, order)
        elif field_type in RATIOS:
            self._budget.spend(2 * NUMBER_BYTES * n_values)
            numbers = struct.unpack(f"{order}{2 * n_values}{RATIOS[field_type]}", data)
            pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
            values = [top / bottom if bottom else None for top, bottom in pairs]
            printable = _ratios_text(pairs)
        else:
            self._budget.spend(NUMBER_BYTES * n_values)
            if tag in tiff.XP_TEXTS and ifd_name == "Image":
                values = printable = decode_utf16(data)
            else:
                values = list(struct.unpack(f"{order}{n_values}{FORMATS[field_type]}", data))
                if field_type in FLOATS:
                    values = [value if math.isfinite(value) else None for value in values]
                printable = self._print(values, known, ifd_name)
        self.tags[name] = Tag(printable, tag, field_type, values, at, length)

    def _print(self, values: list[Any], known: Any, ifd_name: str) -> str:
        meaning = known[1] if known else None
        if isinstance(meaning, tuple):
            if values and isinstance(values[0], int) and ifd_name != "MakerNote":
                self.dump_ifd(values[0], meaning[0], meaning[1])
        elif isinstance(meaning, dict):
            return "".join(meaning.get(value) or ("" if value in meaning else repr(value)) for value in values[:64])
        elif meaning is not None:
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
