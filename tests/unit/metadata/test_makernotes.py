"""Directories in MakerNotes: how they are recognized, and where their offsets count from."""

from __future__ import annotations

import struct

import pytest

from exifinator.metadata.exif import TagReader
from exifinator.metadata.limits import MemoryBudget
from exifinator.metadata.makernotes import is_directory
from tests.data import build
from tests.data.build import ASCII, LONG, SHORT, UNDEFINED

ENTRY = struct.Struct("<HHI4s")


def pack_entries(*entries: tuple[int, int, int, int]) -> bytes:
    """Return directory entries, given as (tag, type, count, value or offset)."""
    return b"".join(struct.pack("<HHII", *entry) for entry in entries)


VALID = (1, SHORT, 1, 7)


@pytest.mark.parametrize(
    ("entries", "count", "is_plausible"),
    [
        ([VALID, (2, ASCII, 20, 500)], 2, True),
        ([], 0, False),
        ([VALID] * 401, 401, False),
        ([VALID] * 400, 400, True),
        ([VALID], 2, False),
        ([VALID, (2, 99, 1, 0)], 2, False),
        ([VALID, (2, 0, 1, 0)], 2, False),
        ([VALID, (2, ASCII, 20, 105)], 2, False),
    ],
    ids=["good", "none", "too-many", "many", "cut", "unknown-type", "type-0", "value-on-the-directory"],
)
def test_is_directory__entries__have_to_be_plausible(entries, count, is_plausible):
    assert is_directory(pack_entries(*entries), ENTRY, count, 100, "<") is is_plausible


def read_note(make: str, note: bytes, *, order: str = "<") -> dict[str, str]:
    """Return the printable values of the MakerNote of a photo, by tag name."""
    block = build.tiff([(0x010F, ASCII, make)], [(0x927C, UNDEFINED, note)], order=order)
    reader = TagReader({0: block}, MemoryBudget(16))
    reader.read_all()
    return {name: tag.printable for name, tag in reader.tags.items() if name.startswith("MakerNote")}


def directory(entries: list[build.Entry], at: int, order: str = "<") -> bytes:
    """Return a TIFF directory that begins at offset `at`, so its offsets count from `at` bytes before it."""
    return build.tiff(entries, order=order, padding=at - 8)[at:]


NIKON_TAGS: list[build.Entry] = [
    (0x0004, ASCII, "FINE   "),
    (0x0084, build.RATIO, [(24, 1), (70, 1), (28, 10), (28, 10)]),
]


@pytest.mark.parametrize("note_order", "<>", ids=["note-little-endian", "note-big-endian"])
@pytest.mark.parametrize("order", "<>", ids=["little-endian", "big-endian"])
def test_read_maker_note__nikon_note_with_a_tiff_header__is_read_in_the_byte_order_of_that_header(order, note_order):
    note = b"Nikon\0\x02\x10\0\0" + build.tiff(NIKON_TAGS, order=note_order)
    tags = read_note("NIKON CORPORATION", note, order=order)
    assert tags["MakerNote Quality"] == "FINE"
    assert tags["MakerNote Lens"] == "24-70mm f/2.8"


def test_read_maker_note__olympus_note_with_offsets_from_its_start__is_read():
    note = b"OLYMPUS\0II\x03\0" + directory([(0x0207, ASCII, "v1.0 of the camera")], 12)
    assert read_note("OLYMPUS IMAGING CORP.", note) == {"MakerNote CameraType": "v1.0 of the camera"}


def test_read_maker_note__sony_note_with_an_identifier__is_read():
    note = b"SONY DSC \0\0\0" + directory([(0x0102, LONG, [2])], 8)
    assert read_note("SONY", note) == {"MakerNote Quality": "Fine"}


def test_read_maker_note__apple_note__is_read():
    note = b"Apple iOS\0\0\1MM" + directory([(0x0014, 9, [10])], 8, ">")
    assert read_note("Apple", note, order=">") == {"MakerNote ImageCaptureType": "Photo"}


def test_read_maker_note__canon_array_of_thousands__is_printed_as_its_length():
    def photo(note: bytes) -> bytes:
        return build.tiff([(0x010F, ASCII, "Canon")], [(0x927C, UNDEFINED, note)])

    entries: list[build.Entry] = [(0x0001, SHORT, [0, 2, *range(50)]), (0x4001, SHORT, list(range(4000)))]
    length = len(directory(entries, 8))
    at = photo(b"\xaa" * length).index(b"\xaa" * length)
    reader = TagReader({0: photo(directory(entries, at))}, MemoryBudget(16))
    reader.read_all()
    assert reader.tags["MakerNote MacroMode"].printable == "Normal"
    assert reader.tags["MakerNote Tag 0x4001"].printable == "(8,000 bytes)"


@pytest.mark.parametrize("make", ["SONY", "Canon", "NIKON", "CASIO", "OLYMPUS", "FUJIFILM", "Apple", "DJI", "Nobody"])
def test_read_maker_note__bytes_that_are_not_a_directory__are_not_decoded(make):
    assert read_note(make, bytes(range(1, 250)) * 40) == {}
