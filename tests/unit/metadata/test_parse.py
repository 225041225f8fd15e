"""Records: how the values of tags are stored, and the limits on the cost of one file."""

from __future__ import annotations

import gc
import math
import struct
import tracemalloc
from datetime import UTC
from typing import Any

import pytest
from bson import decode as bson_decode
from bson import encode as bson_encode
from exifread.tags import exif as exifread_tags
from exifread.tags.makernote import apple, canon, casio, dji, fujifilm, nikon, olympus, sony

from exifinator import EXTRACTOR_VERSION
from exifinator.metadata import parse, tiff_spec
from exifinator.metadata.exif import TagReader
from exifinator.metadata.limits import MemoryBudget
from exifinator.metadata.parse import build_record, empty_record
from exifinator.models import Block, ExifRecord, FetchedMetadata
from exifinator.search_keys.geo_cells import cells_of
from tests.data import build
from tests.data.build import ASCII, BYTE, DOUBLE, FLOAT, LONG, RATIO, SHORT, SRATIO, UNDEFINED
from tests.unit.readers import REF, record_of


def record_of_block(block: bytes, **limits: Any) -> ExifRecord:
    """Return the record of a JPEG with this TIFF block."""
    return build_record(FetchedMetadata(REF, "jpeg", (Block("exif", {0: block}),)), **limits)


def record_of_tags(*image: build.Entry, exif: tuple[build.Entry, ...] = (), order: str = "<") -> dict[str, Any]:
    """Return the record of a JPEG with these entries in IFD0 and in the EXIF directory."""
    return record_of_block(build.tiff(image, exif, order=order)).document


def test_build_record__photo__has_its_fields_in_order():
    document = record_of(build.jpeg(build.exif_segment(build.photo_tiff()))).document
    assert list(document)[:21] == [
        "_id",
        "bucket",
        "key",
        "etag",
        "size",
        "last_modified",
        "format",
        "status",
        "extracted_at",
        "extractor_version",
        "family",
        "folders",
        "words",
        "search_text",
        "cells",
        "countries",
        "states",
        "cities",
        "places",
        "thumbnail_bytes",
        "photo",
    ]
    assert document["countries"] == [document["photo"]["place"]["country"]]
    assert document["photo"]["time_zone"]
    assert document["cells"] == cells_of(*document["photo"]["location"]["coordinates"])
    assert document["_id"] == "photos/a/photo"
    assert document["folders"] == ["photos/a/"]
    assert document["extracted_at"].tzinfo is UTC
    assert document["extracted_at"].microsecond % 1000 == 0
    assert document["extractor_version"] == EXTRACTOR_VERSION
    stored = bson_decode(bson_encode(document))
    assert stored["EXIF ExposureTime"] == document["EXIF ExposureTime"]


def test_empty_record__zero_bytes__is_damaged():
    record = empty_record(REF)
    assert (record.id, record.status) == ("photos/a/photo", "damaged")
    assert record.document["problem"] == "The object is empty."


@pytest.mark.parametrize("order", "<>", ids=["little-endian", "big-endian"])
@pytest.mark.parametrize(
    ("entry", "values", "printable"),
    [
        ((0xC001, BYTE, [7]), [7], "7"),
        ((0xC001, SHORT, [1, 2, 3]), [1, 2, 3], "[1, 2, 3]"),
        ((0xC001, LONG, [4_294_967_295]), [4_294_967_295], "4294967295"),
        ((0xC001, 6, [-1, 1]), [-1, 1], "[-1, 1]"),
        ((0xC001, 8, [-300]), [-300], "-300"),
        ((0xC001, 9, [-70_000]), [-70_000], "-70000"),
        ((0xC001, RATIO, [(10, 2500)]), [0.004], "1/250"),
        ((0xC001, RATIO, [(8, 2)]), [4.0], "4"),
        ((0xC001, SRATIO, [(-1, 3)]), [-1 / 3], "-1/3"),
        ((0xC001, SRATIO, [(1, -3), (6, -3)]), [-1 / 3, -2.0], "[-1/3, -2]"),
        ((0xC001, RATIO, [(0, 0)]), [None], "0/0"),
        ((0xC001, RATIO, [(5, 0)]), [None], "5/0"),
        ((0xC001, FLOAT, [1.5]), [1.5], "1.5"),
        ((0xC001, DOUBLE, [0.1, 2.0]), [0.1, 2.0], "[0.1, 2.0]"),
        ((0xC001, DOUBLE, [math.nan, math.inf]), [None, None], "[None, None]"),
        ((0xC001, UNDEFINED, b"\x01\x02"), [1, 2], "[1, 2]"),
        ((0xC001, ASCII, b"SONY\0"), "SONY", "SONY"),
        ((0xC001, ASCII, b"PENTAX   \0\0"), "PENTAX", "PENTAX"),
        ((0xC001, ASCII, b"left\0right\0"), "left", "left"),
        ((0xC001, ASCII, "Zoë\0".encode()), "Zoë", "Zoë"),
        ((0xC001, ASCII, b"Zo\xeb\0"), "Zoë", "Zoë"),
        ((0xC001, 129, "写真\0".encode()), "写真", "写真"),
        ((0xC001, ASCII, b""), "", ""),
        ((0x8298, ASCII, b"Ada\0Ben\0"), "Ada\nBen", "Ada\nBen"),
        ((0x0112, SHORT, [6]), [6], "Rotated 90 CW"),
        ((0x0112, SHORT, [99]), [99], "99"),
        ((0x9C9B, BYTE, "Büro".encode("utf-16-le") + b"\0\0"), "Büro", "Büro"),
    ],
    ids=lambda value: "" if isinstance(value, list) else str(value)[:24],
)
def test_build_record__value_of_a_tag__has_a_type_and_a_printable_form(entry, values, printable, order):
    document = record_of_tags(entry, order=order)
    (tag,) = (value for name, value in document.items() if name.startswith("Image "))
    assert (tag["values"], tag["printable"], tag["tag"]) == (values, printable, entry[0])
    assert bson_encode(document)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"ASCII\0\0\0a quay  \0", "a quay"),
        (b"UNICODE\0" + "a quay".encode("utf-16-le"), "a quay"),
        (b"UNICODE\0" + "a quay".encode("utf-16-be"), "a quay"),
        (b"UNICODE\0\xfe\xff" + "Кай".encode("utf-16-be"), "Кай"),
        (b"JIS\0\0\0\0\0" + "写真".encode("iso2022_jp"), "写真"),
        (bytes(8) + b"a quay\0\0\0", "a quay"),
        (bytes(8) + "Zoë".encode(), "Zoë"),
        (b"no code at all", "no code at all"),
        (b"ASCII\0\0\0" + b" " * 40, ""),
        (b"", ""),
    ],
    ids=["ascii", "utf16-le", "utf16-be", "bom", "jis", "undefined", "undefined-utf8", "no-code", "blank", "empty"],
)
def test_build_record__user_comment__is_decoded_by_its_character_code(data, text):
    tag = record_of_tags((0x010F, ASCII, "X"), exif=((0x9286, UNDEFINED, data),))["EXIF UserComment"]
    assert (tag["values"], tag["printable"]) == (text, text)


def test_build_record__array_of_thousands__is_complete():
    document = record_of_tags((0x0111, LONG, list(range(3000))))
    assert document["Image StripOffsets"]["values"] == list(range(3000))
    assert document["Image StripOffsets"]["printable"].endswith("19, ... ]")


def test_build_record__array_too_long_to_keep__is_listed_as_dropped():
    document = record_of_tags((0x0111, LONG, list(range(30_000))))
    assert document["Image StripOffsets"]["values"] == []
    assert document["Image StripOffsets"]["field_length"] == 120_000
    assert document["dropped"] == ["Image StripOffsets"]


def test_build_record__two_tags_with_the_same_name__are_both_kept():
    document = record_of_tags(exif=((0x920B, RATIO, [(1, 2)]), (0xA20B, RATIO, [(1, 4)])))
    assert document["EXIF FlashEnergy"]["tag"] == 0x920B
    assert document["EXIF Tag 0xA20B"]["values"] == [0.25]


def test_build_record__names_of_tags__are_valid_field_names_in_mongodb():
    tables = [
        exifread_tags.EXIF_TAGS,
        exifread_tags.GPS_TAGS,
        exifread_tags.INTEROP_TAGS,
        *(module.TAGS for module in (apple, canon, casio, dji, fujifilm, olympus, sony)),
        nikon.TAGS_OLD,
        nikon.TAGS_NEW,
        *canon.OFFSET_TAGS.values(),
    ]
    names = [entry[0] for table in tables for entry in table.values()]
    assert len(names) > 500
    assert not [name for name in names if "." in name or "$" in name or "\0" in name]


@pytest.mark.parametrize(
    ("thumbnail", "kept"),
    [
        (build.THUMBNAIL, True),
        (b"not a JPEG", False),
        (b"\xff\xd8\xff" + bytes(64 * 1024 - 3), True),
        (b"\xff\xd8\xff" + bytes(64 * 1024 - 2), False),
    ],
    ids=["jpeg", "no-jpeg", "64-KiB", "longer"],
)
def test_build_record__thumbnail__is_kept_if_it_is_a_small_jpeg(thumbnail, kept):
    record = record_of_block(build.tiff([(0x010F, ASCII, "X")], thumbnail=thumbnail))
    assert record.thumbnail == (thumbnail if kept else None)
    assert record.document.get("thumbnail_bytes") == (len(thumbnail) if kept else None)


def test_build_record__packets_in_tiff_tags__are_read():
    document = record_of_tags(
        (0x02BC, BYTE, build.XMP_PACKET),
        (0x83BB, UNDEFINED, build.iptc((90, b"Galway"))),
        (0x8649, UNDEFINED, build.resources((1028, build.iptc((101, b"Ireland"))))),
    )
    assert document["xmp"]["dc:subject"] == ["quay", "dusk"]
    assert document["iptc"] == {"City": "Galway", "Country-PrimaryLocationName": "Ireland"}


def test_build_record__value_outside_the_block__is_reported():
    block = bytearray(build.tiff([(0x010F, ASCII, "a longer name"), (0x0110, ASCII, "X")]))
    block[18:22] = struct.pack("<I", 900_000)
    document = record_of_block(bytes(block)).document
    assert document["status"] == "ok"
    assert "outside" in document["problem"]
    assert "Image Make" not in document
    assert document["photo"]["camera_model"] == "X"


def test_build_record__photo_without_exif__is_recorded():
    document = record_of(build.jpeg()).document
    assert (document["status"], document["problem"]) == ("no_exif", "The file has no EXIF metadata.")
    assert document["photo"] == {
        "media_type": "image", "width_pixels": 640, "height_pixels": 480, "megapixels": 0.31,
    }  # fmt: skip


def test_build_record__tags_of_unknown_types_or_crafted_counts__are_left_out():
    block = bytearray(build.tiff([(0x010F, SHORT, [1]), (0x0110, SHORT, [1]), (0x0131, ASCII, "Ada")]))
    block[12:16] = struct.pack("<HH", 99, 0)[:2] + b"\xff\xff"
    block[26:30] = b"\xff\xff\xff\xff"
    document = record_of_block(bytes(block)).document
    assert document["photo"]["software"] == "Ada"


def crafted_note(count: int) -> bytes:
    """Return a Canon photo whose MakerNote claims to have `count` values."""
    block = bytearray(
        build.tiff(
            [(0x010F, ASCII, "Canon"), (0x0110, ASCII, "EOS")],
            [(0x927C, UNDEFINED, b"\xff\xff" + bytes(2000))],
        )
    )
    at = bytes(block).index(b"\x7c\x92\x07\x00")
    block[at + 4 : at + 8] = struct.pack("<I", count)
    return bytes(block)


@pytest.mark.parametrize("count", [2002, 100_000_000, 0xFFFFFFFF])
def test_build_record__maker_note_with_a_crafted_count__takes_less_than_20_kib(count):
    budget = MemoryBudget(256)
    TagReader({0: crafted_note(count)}, budget).read_all()
    assert budget.spent_bytes < 1024
    document = record_of_block(crafted_note(count)).document
    tracemalloc.start()
    try:
        record_of_block(crafted_note(count))
        assert tracemalloc.get_traced_memory()[1] < 20 * 1024
    finally:
        tracemalloc.stop()
    assert document["photo"]["camera_make"] == "Canon"
    assert not [name for name in document if name.startswith("MakerNote")]


NOTE = [(0x0006, ASCII, "Canon EOS 40D"), (0x0095, ASCII, "EF50mm f/1.8"), (0x0008, LONG, [1230555])]


def note_directory(at: int) -> bytes:
    """Return a MakerNote: a directory at offset `at` of the TIFF block, from which its offsets count."""
    return build.tiff(NOTE, padding=at - 8)[at:]


def test_build_record__canon_note__is_decoded_and_its_bytes_are_not_kept():
    def block_with(note: bytes) -> bytes:
        return build.tiff([(0x010F, ASCII, "Canon"), (0x0110, ASCII, "EOS")], [(0x927C, UNDEFINED, note)])

    length = len(note_directory(8))
    at = block_with(b"\xaa" * length).index(b"\xaa" * length)
    document = record_of_block(block_with(note_directory(at))).document
    assert document["MakerNote CanonImageType"]["values"] == "Canon EOS 40D"
    assert document["photo"]["lens_model"] == "EF50mm f/1.8"
    assert document["EXIF MakerNote"]["values"] == []
    assert document["EXIF MakerNote"]["field_length"] == length

    moved = record_of_block(block_with(note_directory(at - 30))).document
    assert moved["MakerNote CanonImageType"]["values"] == "Canon EOS 40D"


def greedy_block(entries: int = 1000) -> bytes:
    """Return a block whose entries all point at the same 64 KiB."""
    table = b"".join(
        struct.pack("<HHII", 0xC000 + number, SHORT, 32_000, 10 + 12 * entries + 4) for number in range(entries)
    )
    return b"II*\0\x08\0\0\0" + struct.pack("<H", entries) + table + bytes(4) + b"\1" * 64_000


def test_build_record__values_that_overlap_a_thousand_times__stop_at_the_memory_limit():
    record = record_of_block(greedy_block(), memory_mb=64, deadline_seconds=20)
    assert record.status == "damaged"
    assert "64 MiB" in record.document["problem"]


@pytest.fixture
def gc_off():
    """Disable garbage collection: Hypothesis runs code during it, and an exception raised there would be lost."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("gc_off")
def test_build_record__decoding_past_the_deadline__gives_a_damaged_record():
    # Decoding the whole block would take seconds. The memory limit is too high to stop it.
    record = record_of_block(greedy_block(), memory_mb=60_000, deadline_seconds=0.05)
    assert record.status == "damaged"
    assert "0.05 s of CPU time" in record.document["problem"]


def test_build_record__record_of_more_than_a_mebibyte__drops_its_largest_values():
    tags = [(0xC000 + number, ASCII, b"x" * (30_000 + number)) for number in range(40)]
    record = record_of_tags((0x010F, ASCII, "SONY"), *tags)
    assert len(bson_encode(record)) <= parse.MAX_RECORD_BYTES
    assert record["photo"]["camera_make"] == "SONY"
    largest, smallest = "Image Tag 0xC027", "Image Tag 0xC000"
    assert largest in record["dropped"]
    assert smallest in record
    assert not set(record["dropped"]) & set(record)


def test_build_record__unexpected_exception__gives_a_damaged_record(monkeypatch, caplog):
    def broken(*arguments: Any, **options: Any) -> Any:
        raise IndexError("broken")

    monkeypatch.setattr(parse, "build_photo", broken)
    record = record_of_block(build.photo_tiff())
    assert record.status == "damaged"
    assert "IndexError" in record.document["problem"]
    assert "Cannot decode the metadata" in caplog.text


def test_build_record__long_raw_bytes__are_replaced_by_their_length():
    assert tiff_spec.max_value_bytes(0xC001, UNDEFINED) == tiff_spec.MAX_BINARY_BYTES
    document = record_of_tags((0xC001, UNDEFINED, bytes(5000)))
    assert document["Image Tag 0xC001"]["values"] == []
    assert document["Image Tag 0xC001"]["printable"] == "(5,000 bytes)"
    assert "dropped" not in document
