"""Write TIFF structures, so that the code for EXIF decodes the metadata of other formats.

BigTIFF, CIFF (CRW), Sigma's X3F and some JPEG segments contain the same metadata as EXIF, in other structures. Their
readers rewrite it as TIFF directories. Source: TIFF 6.0, section 2.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from exifinator.metadata.tiff_spec import EXIF_IFD, MAKER_NOTE, MAX_VALUE_BYTES, TYPE_BYTES

BYTE, ASCII, SHORT, LONG, RATIO, UNDEFINED, SIGNED_SHORT, SIGNED_RATIO, FLOAT = 1, 2, 3, 4, 5, 7, 8, 10, 11
_FORMATS = {BYTE: "B", SHORT: "H", LONG: "I", SIGNED_SHORT: "h", FLOAT: "f"}
LONG_MAX = 0xFFFFFFFF
# Denominator for decimal fractions: cameras write at most six decimal places.
DECIMALS = 1_000_000


@dataclass(slots=True)
class TiffDirectory:
    """A directory to be written.

    Attributes:
        entries: Tag, type, number of values, and the bytes of the values in the byte order of the file. For a value
            that is too long to be decoded, the bytes may be b"".
        children: Tag of the pointer -> the directories that it points to. The tag MakerNote has a single directory.
        following: The next directory of the chain.
    """

    entries: list[tuple[int, int, int, bytes]] = field(default_factory=list)
    children: dict[int, list[TiffDirectory]] = field(default_factory=dict)
    following: TiffDirectory | None = None

    def add_text(self, tag: int, text: str) -> None:
        """Add an ASCII value unless the text is empty."""
        if text:
            data = text.encode()[:MAX_VALUE_BYTES] + b"\0"
            self.entries.append((tag, ASCII, len(data), data))

    def add_numbers(self, tag: int, field_type: int, *numbers: int | float, order: str = "<") -> None:
        """Add integers or floating-point numbers in the byte order `order`, "<" or ">"."""
        data = struct.pack(f"{order}{len(numbers)}{_FORMATS[field_type]}", *numbers)
        self.entries.append((tag, field_type, len(numbers), data))

    def add_ratio(self, tag: int, *numbers: float, order: str = "<") -> None:
        """Add numbers as ratios, signed if any number is negative. If a number is too large, add nothing."""
        field_type, letter = (SIGNED_RATIO, "i") if min(numbers) < 0 else (RATIO, "I")
        pairs = [_ratio(number) for number in numbers]
        if all(abs(top) < 1 << 31 and bottom < 1 << 31 for top, bottom in pairs):
            data = b"".join(struct.pack(f"{order}2{letter}", *pair) for pair in pairs)
            self.entries.append((tag, field_type, len(numbers), data))


def _ratio(number: float) -> tuple[int, int]:
    """Return a numerator and a denominator, such as 1 and 125 for an exposure time of 0.008 s."""
    if 0 < abs(number) < 0.5:
        inverse = 1 / number
        if abs(inverse - round(inverse)) < 1e-6 * abs(inverse):
            return (1, round(inverse)) if number > 0 else (-1, round(-inverse))
    denominator = next((power for power in (1, 10, 100, 1000) if abs(number * power % 1) < 1e-9), DECIMALS)
    return round(number * denominator), denominator


def write_tiff(first: TiffDirectory, order: str = "<") -> bytes:
    """Return a TIFF structure with the directory `first`, its children and the directories chained to it.

    Args:
        first: The first directory. No directory may occur twice in the structure.
        order: Byte order, "<" or ">".
    """
    out = bytearray((b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8))
    pending: list[tuple[int, TiffDirectory]] = [(4, first)]
    while pending:
        pointer_at, directory = pending.pop()
        struct.pack_into(order + "I", out, pointer_at, len(out))
        pending += _write_directory(out, directory, order)
    return bytes(out)


def _write_directory(out: bytearray, directory: TiffDirectory, order: str) -> list[tuple[int, TiffDirectory]]:
    """Append a directory and its values. Return the offsets of its pointers, each with the directory to point to."""
    entries = list(directory.entries)
    for tag, children in directory.children.items():
        # A MakerNote contains its directory, so its length is known. Other tags only point to one.
        entries.append(
            (tag, UNDEFINED, _size_bytes(children[0]), b"")
            if tag == MAKER_NOTE
            else (tag, LONG, len(children), bytes(4 * len(children)))
        )
    entries.sort(key=lambda entry: entry[0])
    start = len(out)
    out += struct.pack(order + "H", len(entries)) + bytes(12 * len(entries) + 4)
    pending: list[tuple[int, TiffDirectory]] = []
    for index, (tag, field_type, count, data) in enumerate(entries):
        entry_at = start + 2 + 12 * index
        struct.pack_into(order + "HHI", out, entry_at, tag, field_type, count)
        value_at = entry_at + 8
        length = TYPE_BYTES[field_type] * count
        if length > 4:
            value_at = len(out)
            # The offset is 0 if the value's bytes are missing.
            struct.pack_into(order + "I", out, entry_at + 8, value_at if data else 0)
            out += data
        else:
            out[value_at : value_at + length] = data.ljust(length, b"\0")[:length]
        for number, child in enumerate(directory.children.get(tag, ())):
            pending.append(((entry_at + 8 if tag == MAKER_NOTE else value_at) + 4 * number, child))
    if directory.following is not None:
        pending.append((start + 2 + 12 * len(entries), directory.following))
    return pending


def _size_bytes(directory: TiffDirectory) -> int:
    """Return the length of a directory without children, including its values."""
    values = sum(len(data) for _, field_type, count, data in directory.entries if TYPE_BYTES[field_type] * count > 4)
    return 6 + 12 * len(directory.entries) + values


def exif_directories() -> tuple[TiffDirectory, TiffDirectory]:
    """Return an empty IFD0 and its EXIF directory."""
    exif = TiffDirectory()
    return TiffDirectory(children={EXIF_IFD: [exif]}), exif
