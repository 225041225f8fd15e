"""The limit on all located metadata of one file. Repeated and compressed blocks together cannot exceed it."""

from __future__ import annotations

import struct
import zlib

import brotli
import pytest

from exifinator.metadata.containers.range_buffer import MAX_FILE_BYTES
from tests.data import build
from tests.unit.readers import fetched_from, record_of

MIB = 1024 * 1024
BLOCK = build.photo_tiff()


def located_bytes(data: bytes) -> int:
    """Return the total length of the metadata blocks that are located in the file, in bytes."""
    return sum(len(piece) for block in fetched_from(data, len(data)).blocks for piece in block.pieces.values())


def heic(items: list[tuple[int, int]], payload: bytes) -> bytes:
    """Return a HEIC with XMP items at (offset, length) in bytes, counted from the payload at the end of the file."""

    def full(kind: bytes, *bodies: bytes, version: int = 0) -> bytes:
        return build.box(kind, struct.pack(">I", version << 24), *bodies)

    def meta(base: int) -> bytes:
        infe = [
            full(b"infe", struct.pack(">HH", number, 0), b"mime\0application/rdf+xml\0", version=2)
            for number in range(1, len(items) + 1)
        ]
        entries = b"".join(
            struct.pack(">HHHII", number, 0, 1, base + offset, length)
            for number, (offset, length) in enumerate(items, 1)
        )
        iloc = full(b"iloc", b"\x44\x00", struct.pack(">H", len(items)), entries)
        return full(b"meta", full(b"iinf", struct.pack(">H", len(items)), *infe), iloc)

    head = build.box(b"ftyp", b"heic", bytes(4), b"mif1heic")
    base = len(head) + len(meta(0)) + 8
    return head + meta(base) + build.box(b"mdat", payload)


def test_read_jxl__many_compressed_boxes__stay_below_the_limit_per_file():
    compressed_spaces = brotli.compress(b" " * (MIB - 10), quality=9)
    exif = build.box(b"brob", b"Exif", brotli.compress(bytes(4) + BLOCK))
    photo = build.jxl(exif, *[build.box(b"brob", b"xml ", compressed_spaces)] * 200)
    assert len(photo) < 10_000
    assert located_bytes(photo) <= MAX_FILE_BYTES
    document = record_of(photo).document
    assert document["status"] == "damaged"
    assert "16 MiB" in document["problem"]
    assert document["photo"]["iso"] == 400, "The blocks before the limit have to be kept."


@pytest.mark.parametrize("kind", ["iTXt", "raw profile", "profile"])
def test_read_png__many_compressed_chunks__stay_below_the_limit_per_file(kind):
    text = zlib.compress(b" " * (4 * MIB - 100), 9)
    if kind == "iTXt":
        chunk = build.chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + text)
    elif kind == "raw profile":
        digits = zlib.compress(b"\nxmp\n1\n" + b"20" * (2 * MIB - 10), 9)
        chunk = build.chunk(b"zTXt", b"Raw profile type xmp\0\0" + digits)
    else:
        chunk = build.chunk(b"iCCP", b"name\0\0" + text)
    photo = build.png(before=[build.chunk(b"eXIf", BLOCK), *[chunk] * 40])
    assert located_bytes(photo) <= MAX_FILE_BYTES
    assert record_of(photo).document["photo"]["iso"] == 400


def test_read_png__many_compressed_texts__are_decompressed_up_to_the_limit(monkeypatch):
    decompressed_bytes: list[int] = []
    decompressobj = zlib.decompressobj

    class Counting:
        def decompress(self, data: bytes, limit: int) -> bytes:
            result = decompressobj().decompress(data, limit)
            decompressed_bytes.append(len(result))
            return result

    monkeypatch.setattr(zlib, "decompressobj", Counting)
    # A text of spaces only counts as empty, so the limit on stored texts does not apply to it.
    chunk = build.chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b" " * 600_000, 9))
    photo = build.png(before=[*[chunk] * 300, build.chunk(b"eXIf", BLOCK)])
    assert record_of(photo, len(photo)).document["photo"]["iso"] == 400
    assert MAX_FILE_BYTES // 2 < sum(decompressed_bytes) <= MAX_FILE_BYTES


def test_read_heic__items_with_the_same_bytes__are_read_once():
    photo = heic([(0, MIB)] * 1000, build.XMP_PACKET.ljust(MIB))
    fetched = fetched_from(photo, len(photo))
    assert [len(block.pieces[0]) for block in fetched.blocks] == [MIB]
    assert fetched.status == "ok"


def test_read_heic__items_that_overlap__stay_below_the_limit_per_file():
    photo = heic([(start, MIB - 1000) for start in range(1000)], build.XMP_PACKET.ljust(MIB))
    fetched = fetched_from(photo, len(photo))
    assert 0 < sum(len(block.pieces[0]) for block in fetched.blocks) <= MAX_FILE_BYTES
    assert fetched.status == "damaged"
    assert "16 MiB" in str(fetched.problem)


def test_read_webp__many_chunks__stay_below_the_limit_per_file():
    part = b"XMP " + struct.pack("<I", 3 * MIB) + bytes(3 * MIB)
    photo = build.webp(BLOCK) + part * 8
    assert located_bytes(photo) <= MAX_FILE_BYTES
    assert fetched_from(photo, len(photo)).blocks[0].kind == "exif"


@pytest.mark.parametrize("magic", [42, 43], ids=["tiff", "bigtiff"])
def test_read_tiff__directories_that_share_a_long_value__stay_below_the_limit_per_file(magic):
    """A chain of four directories, and eight SubIFDs of the first one, point to the same 4 MiB of XMP."""
    is_big = magic == 43
    first = 16 if is_big else 8
    size = "Q" if is_big else "I"
    head = b"II" + (struct.pack("<HHHQ", 43, 8, 0, first) if is_big else struct.pack("<HI", 42, first))
    counts = "<Q" if is_big else "<H"
    entry = f"<HH{size}{size}"
    n_subs = 8
    directory_bytes = struct.calcsize(counts) + 2 * struct.calcsize(entry) + struct.calcsize(f"<{size}")
    starts = [first + index * directory_bytes for index in range(4 + n_subs)]
    subs_at = first + len(starts) * directory_bytes
    xmp_at = subs_at + n_subs * struct.calcsize(f"<{size}")
    body = b""
    for index in range(len(starts)):
        extra = (0x014A, 16 if is_big else 4, n_subs, subs_at) if not index else (0x0103, 3, 1, 1)
        following = starts[index + 1] if index < 3 else 0
        body += struct.pack(counts, 2)
        for row in sorted([(0x02BC, 1, 4 * MIB, xmp_at), extra]):
            body += struct.pack(entry, *row)
        body += struct.pack(f"<{size}", following)
    body += struct.pack(f"<{n_subs}{size}", *starts[4:])
    photo = head + body + bytes(4 * MIB)
    fetched = fetched_from(photo, len(photo))
    assert fetched.status == "damaged"
    assert "16 MiB" in str(fetched.problem)
    assert located_bytes(photo) <= MAX_FILE_BYTES
