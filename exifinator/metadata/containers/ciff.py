"""Read CIFF, the structure of Canon's CRW files and of the APP0 segment of Canon's first JPEGs.

A heap is a sequence of records, and ends with its directory. The records contain the same values as Canon's MakerNotes,
under other numbers. The records are therefore rewritten as EXIF with a MakerNote.
Source: Canon, CIFF Specification 1.0; the tables CanonRaw of `exiftool -listx`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from exifinator.metadata.containers import canon_vrd
from exifinator.metadata.containers.range_buffer import DamagedFile, LocatedMetadata, RangeBuffer
from exifinator.metadata.containers.tiff_writer import (
    ASCII,
    BYTE,
    LONG,
    SHORT,
    UNDEFINED,
    TiffDirectory,
    exif_directories,
    write_tiff,
)
from exifinator.metadata.text_decoding import decode_text
from exifinator.metadata.tiff_spec import MAKER_NOTE, MAX_THUMBNAIL_BYTES

SIGNATURES = (b"HEAPCCDR", b"HEAPJPGM")
# Bits of a record's type: the location of the value, the kind of value, and the number of the record.
IN_RECORD, LOCATION_BITS, KIND_BITS, NUMBER_BITS = 0x4000, 0xC000, 0x3800, 0x3FFF
HEAPS = frozenset({0x2800, 0x3000})
KIND_TYPES = {0x0000: BYTE, 0x0800: ASCII, 0x1000: SHORT, 0x1800: LONG, 0x2000: UNDEFINED}

# The metadata follows the picture. One request for this many bytes normally reads all of it.
TAIL_BYTES = 32 * 1024
MAX_RECORDS, MAX_HEAPS, MAX_DEPTH = 200, 32, 8
MAX_RECORD_BYTES = 16 * 1024
# The heap of all known files begins after a header of 26 bytes.
MAX_HEADER_BYTES = 1024

MAKE_MODEL, THUMBNAIL = 0x080A, 0x2008
OWNER, DESCRIPTION = 0x0810, 0x0805
BASE_ISO, FOCAL_LENGTH, SHOT_INFO, CAMERA_SETTINGS = 0x101C, 0x1029, 0x102A, 0x102D
TIME, SERIAL_NUMBER, PICTURE, EXPOSURE = 0x180E, 0x180B, 0x1810, 0x1818
# CIFF record -> tag of Canon's MakerNote with the same value.
MAKER_NOTE_TAGS = {
    CAMERA_SETTINGS: 0x0001,
    FOCAL_LENGTH: 0x0002,
    0x1028: 0x0003,
    SHOT_INFO: 0x0004,
    0x0815: 0x0006,
    0x080B: 0x0007,
    0x1817: 0x0008,
    OWNER: 0x0009,
    SERIAL_NUMBER: 0x000C,
    0x1033: 0x000F,
    0x1834: 0x0010,
    0x1038: 0x0012,
    0x183B: 0x0015,
    0x1093: 0x0093,
    0x10A9: 0x00A9,
    0x10AA: 0x00AA,
    0x10AE: 0x00AE,
    0x10B4: 0x00B4,
    0x1031: 0x00E0,
}
MAX_SHORT = 0xFFFF
# Limit on exposure values, in units of 1/32 EV. No camera exceeds 30 EV.
MAX_EXPOSURE_UNITS = 30 * 32
# Rotation in degrees -> EXIF's orientation.
ORIENTATIONS = {0: 1, 90: 6, 180: 3, 270: 8}

# Number of a record -> its value.
Records = dict[int, bytes]
# A function that returns `length` bytes from an offset, or fewer at the end of the data.
Read = Callable[[int, int], bytes]


class Heap(NamedTuple):
    """The start and the end of a heap, in bytes from the start of the data, and the number of heaps around it."""

    start: int
    end: int
    depth: int


def read_crw(file: RangeBuffer, metadata: LocatedMetadata) -> None:
    """Locate the metadata, the thumbnail and the trailing XMP of a CRW file, and read the size of its picture."""
    metadata.format = "crw"
    head = file.read_exact(0, 14)
    order = "<" if head[:2] == b"II" else ">"
    start = struct.unpack_from(order + "I", head, 2)[0]
    tail_start = max(0, file.total_bytes - TAIL_BYTES)
    tail = file.read(tail_start, TAIL_BYTES)
    records, ranges = read_records(file.read, Heap(start, file.total_bytes, 0), order)
    _add_records(records, order, metadata, has_size=True)
    offset, length = ranges.get(THUMBNAIL, (0, 0))
    if 0 < length <= MAX_THUMBNAIL_BYTES:
        metadata.add("thumbnail", file.read(offset, length))
    metadata.add("xmp", canon_vrd.find_xmp(tail))


def add_segment(body: bytes, metadata: LocatedMetadata) -> None:
    """Add the CIFF metadata in the APP0 segment of a JPEG. Ignore a damaged segment."""
    order = "<" if body[:2] == b"II" else ">"
    start = int.from_bytes(body[2:6], "little" if order == "<" else "big")

    def read(offset: int, length: int) -> bytes:
        return body[offset : offset + length] if 0 <= offset <= len(body) else b""

    if not 14 <= start <= MAX_HEADER_BYTES:
        return
    try:
        records, _ = read_records(read, Heap(start, len(body), 0), order)
    except DamagedFile:
        return
    _add_records(records, order, metadata, has_size=False)


def read_records(read: Read, root: Heap, order: str) -> tuple[Records, dict[int, tuple[int, int]]]:
    """Return the records of a heap and of the heaps inside it.

    Returns:
        The values of the records with metadata, and the offset and the length of each record with an offset, in bytes.
        Both are by record number.
    """
    long, entry = struct.Struct(order + "I"), struct.Struct(order + "HII")
    records: Records = {}
    ranges: dict[int, tuple[int, int]] = {}
    heaps = [root]
    for _ in range(MAX_HEAPS):
        if not heaps:
            break
        heap = heaps.pop(0)
        pointer = read(heap.end - 4, 4) if heap.end - heap.start >= 6 else b""
        if len(pointer) < 4:
            raise DamagedFile("A heap of the file is too short.")
        table_at = heap.start + long.unpack(pointer)[0]
        if not heap.start <= table_at <= heap.end - 6:
            raise DamagedFile(f"The directory of the heap at byte {heap.start} is outside the heap.")
        count = min(struct.unpack(order + "H", read(table_at, 2))[0], MAX_RECORDS)
        table = read(table_at + 2, 10 * count)
        for at in range(0, len(table) // 10 * 10, 10):
            record_type, length, offset = entry.unpack_from(table, at)
            number = record_type & NUMBER_BITS
            if record_type & LOCATION_BITS == IN_RECORD:
                records.setdefault(number, table[at + 2 : at + 10])
                continue
            offset += heap.start
            if offset + length > heap.end or record_type & LOCATION_BITS:
                continue
            if record_type & KIND_BITS in HEAPS:
                if heap.depth < MAX_DEPTH:
                    heaps.append(Heap(offset, offset + length, heap.depth + 1))
                continue
            ranges.setdefault(number, (offset, length))
            if number not in records and length <= MAX_RECORD_BYTES and record_type & KIND_BITS != 0x2000:
                records[number] = read(offset, length)
    return records, ranges


def _add_records(records: Records, order: str, metadata: LocatedMetadata, *, has_size: bool) -> None:
    """Add the records as EXIF with a MakerNote.

    Args:
        records: The records.
        order: Byte order, "<" or ">".
        metadata: The result.
        has_size: Whether the records have the size of the picture.
    """
    image, exif = exif_directories()
    make, *others = records.get(MAKE_MODEL, b"").split(b"\0")
    image.add_text(0x010F, decode_text(make))
    image.add_text(0x0110, decode_text(others[0]) if others else "")
    image.add_text(0x013B, decode_text(records.get(OWNER, b"")))
    _add_picture(records, order, image, metadata if has_size else None)
    _add_time(records, order, exif)
    _add_exposure(records, order, exif)
    serial = _numbers(records, SERIAL_NUMBER, "I", order)
    if serial and serial[0]:
        exif.add_text(0xA431, str(serial[0]))
    note = TiffDirectory()
    for number, tag in MAKER_NOTE_TAGS.items():
        data = records.get(number)
        if data:
            field_type = KIND_TYPES[number & KIND_BITS]
            item_bytes = {ASCII: 1, BYTE: 1, SHORT: 2, LONG: 4, UNDEFINED: 1}[field_type]
            # A value that is stored in the record itself takes 8 bytes, even if it is shorter.
            data = data[: item_bytes if len(data) == 8 and field_type == LONG else None]
            note.entries.append(
                (tag, field_type, len(data) // item_bytes, data[: len(data) // item_bytes * item_bytes])
            )
    if note.entries:
        exif.children[MAKER_NOTE] = [note]
    if records:
        metadata.add("exif", write_tiff(image, order))


def _numbers(records: Records, number: int, letter: str, order: str) -> tuple[int, ...]:
    """Return the numbers in a record; () if there is no such record. `letter` is the struct format of a number."""
    data = records.get(number, b"")
    item_bytes = struct.calcsize(letter)
    return struct.unpack(f"{order}{len(data) // item_bytes}{letter}", _without_incomplete_item(data, item_bytes))


def _without_incomplete_item(data: bytes, item_bytes: int) -> bytes:
    """Return `data` without an incomplete item at its end."""
    return data[: len(data) // item_bytes * item_bytes]


def _add_picture(records: Records, order: str, image: TiffDirectory, metadata: LocatedMetadata | None) -> None:
    """Add the orientation to `image`, and the size of the picture to `metadata`."""
    picture = records.get(PICTURE, b"")
    if len(picture) < 16:
        return
    width, height, _, rotation = struct.unpack_from(order + "IIfi", picture)
    if metadata is not None and 0 < width < 1 << 16 and 0 < height < 1 << 16:
        metadata.width_pixels, metadata.height_pixels = width, height
    if rotation % 360 in ORIENTATIONS and rotation:
        image.add_numbers(0x0112, SHORT, ORIENTATIONS[rotation % 360], order=order)


def _add_time(records: Records, order: str, exif: TiffDirectory) -> None:
    """Add the date. CIFF stores it in seconds since 1970 on the camera's clock, which shows local time."""
    seconds = _numbers(records, TIME, "I", order)
    if seconds and seconds[0]:
        exif.add_text(0x9003, datetime.fromtimestamp(seconds[0], UTC).strftime("%Y:%m:%d %H:%M:%S"))


def _add_exposure(records: Records, order: str, exif: TiffDirectory) -> None:
    """Add the ISO speed, exposure time, aperture and focal length.

    The record SHOT_INFO has the ISO speed, the exposure time and the aperture in units of 1/32 EV. EXPOSURE has APEX
    values.
    """
    shot = _numbers(records, SHOT_INFO, "h", order)
    exposure = records.get(EXPOSURE, b"")
    if len(shot) > 2 and shot[2] > 0 and all(abs(number) < MAX_EXPOSURE_UNITS for number in shot[1:3]):
        speed = 100 / 32 * 2 ** (exposure_value(shot[1]) + exposure_value(shot[2]))
        if speed < MAX_SHORT:
            exif.add_numbers(0x8827, SHORT, round(speed), order=order)
    elif speeds := _numbers(records, BASE_ISO, "H", order):
        exif.add_numbers(0x8827, SHORT, speeds[0], order=order)
    if len(shot) > 22 and shot[21] > 0 and all(abs(number) < MAX_EXPOSURE_UNITS for number in shot[21:23]):
        exif.add_ratio(0x829A, 2 ** -exposure_value(shot[22]), order=order)
        exif.add_ratio(0x829D, 2 ** (exposure_value(shot[21]) / 2), order=order)
    elif len(exposure) >= 12:
        bias, speed, aperture = struct.unpack_from(order + "3f", exposure)
        if all(abs(number) < 100 for number in (bias, speed, aperture)):
            exif.add_ratio(0x9201, speed, order=order)
            exif.add_ratio(0x9202, aperture, order=order)
            exif.add_ratio(0x9204, bias, order=order)
    focal = _numbers(records, FOCAL_LENGTH, "H", order)
    settings = _numbers(records, CAMERA_SETTINGS, "h", order)
    if len(focal) > 1 and focal[1]:
        units_per_millimetre = settings[25] if len(settings) > 25 and settings[25] > 0 else 1
        exif.add_ratio(0x920A, focal[1] / units_per_millimetre, order=order)


def exposure_value(number: int) -> float:
    """Return the exposure value (EV) for a number in 32nds of an EV. Canon writes 12 for 1/3 EV and 20 for 2/3 EV."""
    sign, magnitude = (-1, -number) if number < 0 else (1, number)
    fraction = {0x0C: 32 / 3, 0x14: 64 / 3}.get(magnitude & 0x1F, magnitude & 0x1F)
    return sign * ((magnitude & ~0x1F) + fraction) / 32
