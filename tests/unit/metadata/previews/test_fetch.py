"""Find the JPEGs embedded in files of each format.

The tests build the files from a header, pointers and real JPEGs.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pytest
from PIL import Image

from exifinator.errors import ObjectChanged
from exifinator.metadata.previews.embedded import with_orientation
from exifinator.metadata.previews.fetch import (
    FINDERS,
    FIRST_READ_BYTES,
    MAX_SEARCH_BYTES,
    PinnedReader,
    find_previews,
)
from exifinator.models import ImageRef, RangeRead

REF = ImageRef("bucket", "key", "", 0, datetime(2025, 1, 1, tzinfo=UTC))
# Field types of TIFF.
LONG, SHORT, UNDEFINED, SUB_IFD = 4, 3, 7, 13


def make_jpeg(width: int, height: int, **options: object) -> bytes:
    output = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(output, "JPEG", **options)
    return output.getvalue()


SMALL, LARGE = make_jpeg(160, 120), make_jpeg(1600, 1200, quality=95)
# A frame of lossless JPEG, in which cameras store the sensor's data.
LOSSLESS = LARGE.replace(b"\xff\xc0", b"\xff\xc3", 1) + bytes(9000)


class MemoryReader:
    """Reads ranges of an object in memory, and records each range. Read n has the ETag n, or the last one."""

    def __init__(self, data: bytes, etags: Sequence[str] = ("e1",), *, is_weak: bool = False) -> None:
        self.data, self.etags, self.is_weak = data, list(etags), is_weak
        self.reads: list[tuple[int, int]] = []

    def read_range(self, ref: ImageRef, start: int, length: int, *, if_match: str = "") -> RangeRead:
        etag = self.etags[min(len(self.reads), len(self.etags) - 1)]
        self.reads.append((start, length))
        if if_match and (self.is_weak or if_match != etag):
            raise ObjectChanged("precondition failed")
        data = self.data[start : start + length]
        return RangeRead(start, data, len(self.data), etag, ref.last_modified, is_etag_weak=self.is_weak)


class TiffFile:
    """Builds a TIFF file. Data and directories are appended in the order of the calls."""

    def __init__(self, order: str = "<", magic: bytes | None = None) -> None:
        self.order = order
        self.data = bytearray((magic or (b"II*\0" if order == "<" else b"MM\0*")) + bytes(4))

    def add(self, data: bytes, *, gap: int = 0) -> int:
        """Append data after a gap of zeros, and return its offset."""
        self.data += bytes(gap)
        offset = len(self.data)
        self.data += data
        return offset

    def directory(self, entries: dict[int, tuple[int, int, int]], following: int = 0) -> bytes:
        """Return a directory with entries of tag: (field type, count, value or offset)."""
        body = struct.pack(self.order + "H", len(entries))
        for tag, (field_type, count, value) in sorted(entries.items()):
            is_short = field_type == SHORT and count == 1
            packed = struct.pack(self.order + ("HH" if is_short else "I"), *((value, 0) if is_short else (value,)))
            body += struct.pack(self.order + "HHI", tag, field_type, count) + packed
        return body + struct.pack(self.order + "I", following)

    def add_directory(self, entries: dict[int, tuple[int, int, int]], following: int = 0) -> int:
        return self.add(self.directory(entries, following))

    def finish(self, first: int) -> bytes:
        """Write the offset of the first directory into the header, and return the file."""
        struct.pack_into(self.order + "I", self.data, 4, first)
        return bytes(self.data)


def nef(order: str) -> bytes:
    """Make a NEF: a SubIFD with the full JPEG, one with the sensor's data, and a thumbnail in the second directory."""
    file = TiffFile(order)
    small, large = file.add(SMALL), file.add(LARGE, gap=100_000)
    raw = file.add(LOSSLESS)
    full = file.add_directory({0x0201: (LONG, 1, large), 0x0202: (LONG, 1, len(LARGE))})
    sensor = file.add_directory(
        {0x0103: (SHORT, 1, 7), 0x0111: (LONG, 1, raw), 0x0117: (LONG, 1, len(LOSSLESS))},
    )
    pointers = file.add(struct.pack(order + "II", full, sensor))
    second = file.add_directory({0x0201: (LONG, 1, small), 0x0202: (LONG, 1, len(SMALL))})
    return file.finish(file.add_directory({0x014A: (LONG, 2, pointers)}, second))


def cr2() -> bytes:
    """Make a CR2: a JPEG in one strip of the first directory."""
    file = TiffFile()
    large, small = file.add(LARGE), file.add(SMALL)
    entries = {0x0103: (SHORT, 1, 6), 0x0111: (LONG, 1, large), 0x0117: (LONG, 1, len(LARGE))}
    thumbnail = file.add_directory({0x0201: (LONG, 1, small), 0x0202: (LONG, 1, len(SMALL))})
    return file.finish(file.add_directory(entries, thumbnail))


def rw2() -> bytes:
    """Make an RW2: a large JPEG in a tag of the first directory, and a thumbnail in the second one."""
    file = TiffFile(magic=b"IIU\0")
    jpeg, large = file.add(SMALL), file.add(LARGE)
    second = file.add_directory({0x0201: (LONG, 1, jpeg), 0x0202: (LONG, 1, len(SMALL))})
    return file.finish(file.add_directory({0x002E: (UNDEFINED, len(LARGE), large)}, second))


def orf(signature: bytes, directory_at: int) -> bytes:
    """Make an ORF: a preview that only the MakerNote names, by offsets from the note's start."""
    file = TiffFile(magic=b"IIRO")
    jpeg = file.add(SMALL)
    head = bytearray(signature.ljust(directory_at, b"\0"))
    note_file = TiffFile()
    # A directory with one entry takes 18 bytes: count, entry, offset of the next one. The camera settings, a
    # directory with two entries (30 bytes), follow it, and the preview follows them.
    settings, preview = directory_at + 18, directory_at + 18 + 30
    note_file.data = head + note_file.directory({0x2020: (SUB_IFD, 1, settings)})
    note_file.add_directory({0x0101: (LONG, 1, preview), 0x0102: (LONG, 1, len(LARGE))})
    note_file.add(LARGE)
    note = file.add(bytes(note_file.data))
    exif = file.add_directory({0x927C: (UNDEFINED, len(note_file.data), note)})
    thumbnail = file.add_directory({0x0201: (LONG, 1, jpeg), 0x0202: (LONG, 1, len(SMALL))})
    return file.finish(file.add_directory({0x8769: (LONG, 1, exif)}, thumbnail))


def raf() -> bytes:
    """Make a RAF: its header has the offset and the length of the JPEG."""
    head = b"FUJIFILMCCD-RAW ".ljust(84, b"\0") + struct.pack(">II", 200, len(LARGE))
    return head.ljust(200, b"\0") + LARGE


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body) + 8) + kind + body


def cr3() -> bytes:
    """Make a CR3: a JPEG of full size in the media data, and a small preview in a box of its own."""
    uuid = bytes.fromhex("eaf42b5e1c984b88b9fbb7dc406e4d16")
    preview = box(b"uuid", uuid + bytes(7) + b"\1" + box(b"PRVW", bytes(16) + SMALL))
    ftyp = box(b"ftyp", b"crx \0\0\0\1crx isom")

    def movie(offset: int) -> bytes:
        table = box(b"stsz", bytes(4) + struct.pack(">II", len(LARGE), 1))
        table += box(b"co64", bytes(4) + struct.pack(">IQ", 1, offset))
        return box(b"moov", box(b"trak", box(b"mdia", box(b"minf", box(b"stbl", table)))))

    offset = len(ftyp) + len(movie(0)) + len(preview) + 8
    return ftyp + movie(offset) + preview + box(b"mdat", LARGE)


def heic() -> bytes:
    """Make a HEIC: a JPEG as an item beside the picture."""
    ftyp = box(b"ftyp", b"heic\0\0\0\0mif1heic")

    def meta(offset: int) -> bytes:
        entries = b"".join(
            box(b"infe", b"\2\0\0\0" + struct.pack(">HH", number, 0) + kind + b"\0")
            for number, kind in ((1, b"hvc1"), (2, b"jpeg"))
        )
        places = struct.pack(">HHHI", 1, 0, 1, 0) + struct.pack(">I", 9)
        places += struct.pack(">HHHII", 2, 0, 1, offset, len(SMALL))
        iloc = box(b"iloc", bytes(4) + b"\x44\0" + struct.pack(">H", 2) + places)
        return box(b"meta", bytes(4) + box(b"iinf", bytes(4) + struct.pack(">H", 2) + entries) + iloc)

    return ftyp + meta(len(ftyp) + len(meta(0)) + 8) + box(b"mdat", SMALL)


def x3f() -> bytes:
    """Make an X3F: its directory, at the end, points to the section with the JPEG."""
    head = b"FOVb".ljust(52, b"\0")
    section = b"SECi" + struct.pack("<IIIIII", 0, 2, 18, 1600, 1200, 0)
    at = len(head)
    body = head + section + LARGE
    listing = b"SECd" + struct.pack("<II", 0, 1) + struct.pack("<II4s", at, len(section) + len(LARGE), b"IMA2")
    return body + listing + struct.pack("<I", len(body))


def movie_with_cover(*, has_long_tables: bool) -> bytes:
    """Make a movie with two covers: a small one, and then one that is longer than a stored thumbnail."""
    covers = b"".join(
        box(b"data", struct.pack(">II", 13, 0) + picture) for picture in (SMALL, LARGE.ljust(100_000, b"\0"))
    )
    items = box(b"ilst", box(b"\xa9nam", bytes(20)) + box(b"covr", covers))
    handler = box(b"hdlr", bytes(8) + b"mdir" + bytes(13))
    udta = box(b"udta", box(b"meta", bytes(4) + handler + items))
    tracks = box(b"trak", bytes(200_000 if has_long_tables else 100))
    return box(b"ftyp", b"M4V \0\0\0\0") + box(b"mdat", bytes(300_000)) + box(b"moov", tracks + udta)


def movie_with_camera_pictures() -> bytes:
    """Make a movie as Canon's and Nikon's cameras do, with a JPEG in a box of their own."""
    pictures = box(b"CNTH", box(b"CNDA", SMALL)) + box(b"NCDT", box(b"NCTG", bytes(40)) + box(b"NCVW", LARGE))
    return box(b"ftyp", b"qt  \0\0\0\0") + box(b"moov", box(b"udta", pictures) + box(b"trak", bytes(50)))


FILES: list[tuple[str, str, Callable[[], bytes], tuple[int, int]]] = [
    ("nef", "nef", lambda: nef("<"), (1600, 1200)),
    ("nef, big-endian", "nef", lambda: nef(">"), (1600, 1200)),
    ("cr2", "cr2", cr2, (1600, 1200)),
    ("rw2", "rw2", rw2, (1600, 1200)),
    ("orf", "orf", lambda: orf(b"OLYMPUS\0II\3\0", 12), (1600, 1200)),
    ("orf of OM System", "orf", lambda: orf(b"OM SYSTEM\0\0\0II\4\0", 16), (1600, 1200)),
    ("raf", "raf", raf, (1600, 1200)),
    ("cr3", "cr3", cr3, (1600, 1200)),
    ("heic", "heic", heic, (160, 120)),
    ("x3f", "x3f", x3f, (1600, 1200)),
    ("cover", "m4v", lambda: movie_with_cover(has_long_tables=False), (1600, 1200)),
    ("cover behind long tables", "mp4", lambda: movie_with_cover(has_long_tables=True), (1600, 1200)),
    ("pictures of cameras", "mov", movie_with_camera_pictures, (1600, 1200)),
]


@pytest.mark.parametrize(("format_", "make", "size"), [row[1:] for row in FILES], ids=[row[0] for row in FILES])
def test_find_previews__each_format__gives_the_largest_jpeg_that_browsers_show(
    format_: str, make: Callable[[], bytes], size: tuple[int, int]
) -> None:
    data = make()
    reader = MemoryReader(data)
    previews = find_previews(PinnedReader(reader, REF), format_)
    largest = previews[0]
    assert (largest.width_pixels, largest.height_pixels) == size
    jpeg = data[largest.start : largest.start + largest.length]
    assert Image.open(io.BytesIO(jpeg)).size == size
    assert all(preview.width_pixels for preview in previews)
    assert sum(length for _, length in reader.reads) < len(data) + FIRST_READ_BYTES


def test_find_previews__sensor_data_as_lossless_jpeg__is_left_out() -> None:
    file = TiffFile()
    raw = file.add(LOSSLESS)
    entries = {0x0103: (SHORT, 1, 7), 0x0111: (LONG, 1, raw), 0x0117: (LONG, 1, len(LOSSLESS))}
    data = file.finish(file.add_directory(entries))
    assert find_previews(PinnedReader(MemoryReader(data), REF), "dng") == []


@pytest.mark.parametrize("format_", sorted(FINDERS))
@pytest.mark.parametrize(
    "data",
    [b"", b"II*\0", b"II*\0\x08\0\0\0\xff\xff", bytes(3000), b"\xff" * 3000, nef("<")[:120], cr3()[:90], heic()[:70]],
    ids=["empty", "header", "directory-cut", "zeros", "ones", "nef-cut", "cr3-cut", "heic-cut"],
)
def test_find_previews__damaged_file__gives_no_previews(format_: str, data: bytes) -> None:
    assert find_previews(PinnedReader(MemoryReader(data), REF), format_) == []


def test_find_previews__directories_all_over_a_file__are_read_up_to_the_limit() -> None:
    """The file has a chain of directories, one in each MiB."""
    file = TiffFile()
    step_bytes = 1024 * 1024
    for at in range(64):
        file.data = file.data.ljust((at + 1) * step_bytes, b"\0")
        file.add_directory({0x0100: (LONG, 1, 1)}, (at + 2) * step_bytes)
    reader = MemoryReader(file.finish(step_bytes))
    assert find_previews(PinnedReader(reader, REF), "nef") == []
    assert sum(length for _, length in reader.reads) <= MAX_SEARCH_BYTES + FIRST_READ_BYTES
    assert len(reader.reads) < 40


def test_pinned_reader__object_replaced_between_two_reads__raises_object_changed() -> None:
    reader = PinnedReader(MemoryReader(nef("<"), ["e1", "e2"]), REF)
    with pytest.raises(ObjectChanged):
        find_previews(reader, "nef")


def test_pinned_reader__object_replaced_since_it_was_indexed__raises_object_changed() -> None:
    old = ImageRef("bucket", "key", "e0", 9, REF.last_modified)
    with pytest.raises(ObjectChanged, match="since it was indexed"):
        find_previews(PinnedReader(MemoryReader(nef("<")), old), "nef")


def test_pinned_reader__weak_etag__is_not_sent_in_if_match() -> None:
    reader = MemoryReader(nef("<"), is_weak=True)
    assert find_previews(PinnedReader(reader, REF), "nef")
    assert len(reader.reads) > 1


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_with_orientation__jpeg_without_one__has_the_orientation_in_its_exif(orientation: int) -> None:
    turned = with_orientation(LARGE, orientation)
    image = Image.open(io.BytesIO(turned))
    assert image.getexif()[0x0112] == orientation
    data = b"FUJIFILMCCD-RAW ".ljust(84, b"\0") + struct.pack(">II", 100, len(turned))
    previews = find_previews(PinnedReader(MemoryReader(data.ljust(100, b"\0") + turned), REF), "raf")
    assert previews[0].orientation == orientation


@pytest.mark.parametrize("orientation", [0, 1, 9])
def test_with_orientation__value_that_turns_nothing__returns_the_same_jpeg(orientation: int) -> None:
    assert with_orientation(LARGE, orientation) is LARGE
