"""Find the structures of makers in the boxes of a movie.

Sources: the makers' tables of `exiftool -listx` (13.59), and sample files for the beginnings of structures.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from exifinator.metadata.containers.iso_bmff import CANON_KINDS
from exifinator.metadata.containers.jpeg import read_jpeg
from exifinator.metadata.containers.note_segments import NOTE
from exifinator.metadata.containers.range_buffer import DamagedFile, LocatedMetadata, MissingBytes, RangeBuffer
from exifinator.metadata.jpeg_spec import JPEG_BEGIN
from exifinator.metadata.makernotes.conversions import exposure_text, signed_text
from exifinator.metadata.quicktime.boxes import boxes_in
from exifinator.metadata.quicktime.movie_tags import MovieTags, number_text, table
from exifinator.metadata.quicktime.nikon import nctg_to_tiff
from exifinator.metadata.quicktime.sony import read_xml
from exifinator.models import Block

MAKER_NOTE = "MakerNote"
TIFF_BEGINS = (b"II*\0", b"MM\0*")
# Start of a `TAGS` box -> table. The first match counts.
TAGS_TABLES = (
    (b"PENTAX", "Pentax::MOV"), (b"NIKON", "Nikon::MOV"), (b"SANYO DIGITAL CAMERA", "Sanyo::MOV"),
    (b"SANYO", "Sanyo::MP4"), (b"FUJIFILM", "FujiFilm::MOV"), (b"EASTMAN KODAK", "Kodak::MOV"),
    (b"KONICA MINOLTA", "Minolta::MOV1"), (b"MINOLTA", "Minolta::MOV2"), (b"SAMSUNG", "Samsung::MP4"),
    (b"DIGIMAX", "Samsung::MP4"),
)  # fmt: skip
# Offsets of the fields that only structures with a make at their start have, and that only other structures have.
PANASONIC_WITH_MAKE, PANASONIC_WITHOUT_MAKE = frozenset({0, 22}), frozenset({4, 12})
# Offset of the JPEG with EXIF in the structure of Panasonic and Leica.
PANASONIC_JPEG = 0x4080
FORMATS = {"int8u": ("B", 1), "int8s": ("b", 1), "int16u": ("H", 2), "int16s": ("h", 2), "int32u": ("I", 4),
           "int32s": ("i", 4), "rational64u": ("II", 8), "rational64s": ("ii", 8)}  # fmt: skip
# Fields whose value some structures store multiplied by ten.
TENTHS = frozenset({"FNumber", "ExposureCompensation", "FocalLength"})
GPS_NAMES = {"GPSDateStamp": "GPSDate"}
MAX_MAKER_BOXES = 200


def maker_blocks(boxes: list[tuple[str, bytes]], tags: MovieTags) -> list[Block]:
    """Return the metadata in makers' boxes as blocks, and add the tags of structures of fixed layout.

    Args:
        found: The boxes, as (code, body).
        tags: The tags of the movie.
    """
    return [
        Block(kind, {0: data}) for code, body in boxes[:MAX_MAKER_BOXES] for kind, data in _blocks(code, body, tags)
    ]


def _blocks(code: str, body: bytes, tags: MovieTags) -> Iterator[tuple[str, bytes]]:
    """Yield kind and data of the blocks in a maker's box."""
    if code == "xml":
        read_xml(body, tags)
    elif code == "canon":
        yield from _canon_blocks(body, tags)
    elif code == "CNTH":
        for kind, inner in boxes_in(body):
            if kind == b"CNDA":
                tags.add_binary("Canon", "ThumbnailImage", inner)
                yield from _jpeg_blocks(inner)
    elif code == "NCDT":
        for kind, inner in boxes_in(body):
            if kind == b"NCTG" and (tiff := nctg_to_tiff(inner)):
                yield "exif", tiff
            elif inner.startswith(JPEG_BEGIN):
                yield "thumbnail", inner
    elif code == "GPMF":
        yield f"{NOTE}GoPro::GPMF", body
    elif code == "TAGS":
        _read_layout(_tags_table(body), body, "<", tags)
    elif code == "PENT":
        _read_layout("Pentax::PENT", body, ">" if body[56:58] == b"\0\0" else "<", tags)
    elif code in ("PANA", "LEIC"):
        has_make = body[:4].isalpha()
        _read_layout(
            "Panasonic::PANA", body, "<", tags, skipped=PANASONIC_WITHOUT_MAKE if has_make else PANASONIC_WITH_MAKE
        )
        yield from _jpeg_blocks(body[PANASONIC_JPEG:])
    elif code == "smta":
        for kind, inner in boxes_in(body, 4):
            if kind == b"mdln":
                tags.add("Samsung", "SamsungModel", inner.decode("latin-1").strip("\0 "))
    elif body.startswith(TIFF_BEGINS):
        yield "exif", body
    elif body[:6] == b"Exif\0\0":
        yield "exif", body[6:]
    else:
        start = body.find(JPEG_BEGIN, 0, 64)
        if start >= 0:
            yield from _jpeg_blocks(body[start:])


def _canon_blocks(body: bytes, tags: MovieTags) -> Iterator[tuple[str, bytes]]:
    for kind, inner in boxes_in(body):
        if kind in CANON_KINDS:
            yield CANON_KINDS[kind], inner
        elif kind == b"CNCV":
            tags.add("Canon", "CompressorVersion", inner.decode("latin-1").strip("\0 "))
        elif kind == b"THMB" and (start := inner.find(JPEG_BEGIN, 0, 24)) >= 0:
            yield "thumbnail", inner[start:]
        elif kind == b"CNTH":
            yield from _blocks("CNTH", inner, tags)


def _jpeg_blocks(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the metadata of a JPEG in a box, and the JPEG as a thumbnail. Its size is not the size of the movie."""
    if not data.startswith(JPEG_BEGIN):
        return
    file, metadata = RangeBuffer(len(data)), LocatedMetadata("jpeg")
    file.add(0, data)
    with suppress(DamagedFile, MissingBytes):
        read_jpeg(file, metadata)
    yield from (
        (block.kind, block.pieces[0]) for block in metadata.blocks if block.kind in ("exif", "xmp", "thumbnail")
    )
    yield "thumbnail", data


def _tags_table(body: bytes) -> str:
    """Return the table of a `TAGS` box, by the make with which it begins; "" if it is not known."""
    if body.startswith(b"OLYMPUS"):
        # In newer structures, the model has more characters, and numbers follow at other offsets.
        return "Olympus::MOV2" if body[32:34].strip(b"\0").isalnum() else "Olympus::MOV1"
    return next((name for start, name in TAGS_TABLES if body.upper().startswith(start)), "")


def _read_layout(name: str, body: bytes, order: str, tags: MovieTags, skipped: frozenset[int] = frozenset()) -> None:
    """Add the tags of a structure of fixed layout, as tags of the MakerNote or of GPS.

    Args:
        name: The table with the layout.
        body: The structure.
        order: "<" or ">", as in `struct`.
        tags: The tags of the movie.
        skipped: Offsets of fields that this structure does not have.
    """
    for offset, field, kind, count, names in table(name).get("fields", ()):
        if offset in skipped:
            continue
        value = _value(body, offset, kind, count, order)
        if value is None or value == "":
            continue
        if field.startswith("GPS"):
            tags.add("GPS", GPS_NAMES.get(field, field), value if isinstance(value, list | str) else [value])
            continue
        number = value if isinstance(value, int | float) else None
        if number is not None and kind.startswith("int32"):
            if field == "ExposureTime":
                # The structures contain ten times the inverse of the exposure time.
                number = value = 10 / number if number else 0
            elif field in TENTHS:
                number = value = number / 10
        tags.add(MAKER_NOTE, field, value, names.get(str(value)) or _printed(field, number))


def _value(body: bytes, offset: int, kind: str, count: int, order: str) -> Any:
    if kind == "string":
        return body[offset : offset + count].split(b"\0")[0].decode("latin-1").strip()
    if kind not in FORMATS:
        return None
    letters, size = FORMATS[kind]
    if offset + size * count > len(body):
        return None
    numbers: list[Any] = list(struct.unpack_from(f"{order}{letters * count}", body, offset))
    if len(letters) == 2:
        numbers = [top / bottom if bottom else 0 for top, bottom in zip(numbers[::2], numbers[1::2], strict=True)]
    return numbers if count > 1 else numbers[0]


def _printed(field: str, number: float | None) -> str | None:
    if number is None:
        return None
    if field == "ExposureTime":
        return exposure_text(number)
    if field == "FNumber":
        return f"{number:.1f}"
    if field == "FocalLength":
        return f"{number:.1f} mm"
    return signed_text(number) if field == "ExposureCompensation" else number_text(number)
