"""Files of ISO boxes: HEIC, HEIF, AVIF, CR3, JPEG XL, JPEG 2000; and the video that looks the same.

Source: ISO/IEC 14496-12 (boxes, meta, iinf, iloc), 23008-12 (Exif items, ispe, irot), 15444-1 annex I, 18181-2.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import brotli  # type: ignore[import-untyped]

from exifinator.containers import heif
from exifinator.containers.jxl import read_codestream_size
from exifinator.containers.window import DamagedFile, Found, Window

HEIF_BRANDS = {
    b"avif": "avif",
    b"avis": "avif",
    b"heic": "heic",
    b"heix": "heic",
    b"heim": "heic",
    b"heis": "heic",
    b"hevc": "heic",
    b"hevx": "heic",
    b"mif1": "heif",
    b"mif2": "heif",
    b"msf1": "heif",
}
JPEG_2000_BRANDS = {b"jp2 ": "jp2", b"jpx ": "jpx", b"jpm ": "jpm", b"jph ": "jph"}

XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
CANON_UUID = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
EXIF_UUID = b"JpgTiffExif->JP2"
IPTC_UUID = bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38")
GEOTIFF_UUID = bytes.fromhex("b14bf8bd083d4b43a5ae8cd7d5a6ce03")
UUID_KINDS = {XMP_UUID: "xmp", EXIF_UUID: "exif", IPTC_UUID: "iptc", GEOTIFF_UUID: "exif"}
# Each is a TIFF structure of its own, which holds one directory.
CANON_KINDS = {b"CMT1": "exif", b"CMT2": "exif/EXIF", b"CMT3": "exif/MakerNote", b"CMT4": "exif/GPS"}

HEADER_BYTES = 32  # of a box: size, type, size of 64 bits, UUID
# Behind the header of a box whose place was unknown so far mostly lies more of the same.
AHEAD_BYTES = 8 * 1024
MAX_BOXES = 500
MAX_BLOCK_BYTES = 1024 * 1024


class Box(NamedTuple):
    """A box: its type, or the UUID that stands for one, and where its body lies (bytes)."""

    kind: bytes
    start: int
    end: int


def walk_boxes(file: Window, start: int, end: int) -> Iterator[Box]:
    """The boxes between two offsets.

    Raises: MissingBytes; DamagedFile.
    """
    for _ in range(MAX_BOXES):
        if start + 8 > end:
            return
        head = file.read(start, min(HEADER_BYTES, end - start), AHEAD_BYTES)
        size, kind, body = int.from_bytes(head[:4], "big"), head[4:8], 8
        if size == 1:
            size, body = int.from_bytes(head[8:16], "big"), 16
        elif size == 0:
            size = end - start
        if kind == b"uuid":
            kind, body = head[body : body + 16], body + 16
        if size < body or len(head) < 8:
            raise DamagedFile(f"the box at byte {start} has no valid size")
        yield Box(kind, start + body, min(start + size, end))
        start += size


def box_body(file: Window, box: Box) -> bytes:
    """What is in a box, whole.

    Raises: MissingBytes; DamagedFile.
    """
    length = box.end - box.start
    if length > MAX_BLOCK_BYTES:
        raise DamagedFile(f"a box of metadata at byte {box.start} says that it is {length} bytes long")
    return file.read(box.start, length, AHEAD_BYTES)


def read_iso(file: Window, found: Found) -> None:
    """The metadata of a file that begins with `ftyp`, by its brands; one without a brand of a photo is video."""
    size = int.from_bytes(file.read(0, 4), "big")
    body = file.read(8, min(max(size - 8, 4), 512))
    brands = [body[:4], *(body[at : at + 4] for at in range(8, len(body), 4))]
    if brands[0] == b"crx ":
        found.format = "cr3"
        _read_cr3(file, found)
        return
    name = next((HEIF_BRANDS[brand] for brand in brands if brand in HEIF_BRANDS), "")
    if not name:
        found.format = "mov" if brands[0] == b"qt  " else "mp4"
        found.status, found.problem = "unsupported", f"the file is video ({found.format.upper()}), not a photo"
        return
    # Nearly all HEIC say mif1 too, some first.
    found.format = "heic" if name == "heif" and any(HEIF_BRANDS.get(brand) == "heic" for brand in brands) else name
    for box in walk_boxes(file, 0, file.total_bytes):
        if box.kind == b"meta":
            heif.read_meta(file, box.start, box_body(file, box), found)
            return
    raise DamagedFile("the file has no box that says where its items lie")


def _read_cr3(file: Window, found: Found) -> None:
    for box in walk_boxes(file, 0, file.total_bytes):
        if box.kind == b"moov":
            for inner in walk_boxes(file, box.start, box.end):
                if inner.kind == CANON_UUID:
                    for part in walk_boxes(file, inner.start, inner.end):
                        if part.kind in CANON_KINDS:
                            found.add(CANON_KINDS[part.kind], box_body(file, part))
                        elif part.kind == b"THMB":
                            _add_canon_thumbnail(box_body(file, part), found)
        elif box.kind == XMP_UUID:
            found.add("xmp", box_body(file, box))
        elif box.kind == b"mdat":
            return


def _add_canon_thumbnail(body: bytes, found: Found) -> None:
    """Canon's THMB: version, width and height, length of the JPEG, then the JPEG."""
    length = int.from_bytes(body[8:12], "big")
    start = body.find(b"\xff\xd8\xff", 12, 24)
    if start > 0:
        found.add("thumbnail", body[start : start + length])


def read_jpeg_2000(file: Window, found: Found) -> None:
    """JPEG 2000: the size of the picture, and the metadata in its UUID boxes."""
    found.format = JPEG_2000_BRANDS.get(file.read(20, 4), "jp2")
    for box in walk_boxes(file, 0, file.total_bytes):
        if box.kind == b"jp2h":
            for inner in walk_boxes(file, box.start, box.end):
                if inner.kind == b"ihdr":
                    size = file.exact(inner.start, 8)
                    found.height_pixels = int.from_bytes(size[:4], "big")
                    found.width_pixels = int.from_bytes(size[4:], "big")
        elif box.kind in UUID_KINDS:
            kind, body = UUID_KINDS[box.kind], box_body(file, box)
            found.add(kind, heif.strip_exif_name(body) if kind == "exif" else body)


def read_jxl(file: Window, found: Found) -> None:
    """JPEG XL in its container: EXIF, XMP, and the size out of the codestream."""
    found.format = "jxl"
    for box in walk_boxes(file, 0, file.total_bytes):
        if box.kind == b"Exif":
            found.add("exif", heif.exif_of_item(box_body(file, box)))
        elif box.kind == b"xml ":
            found.add("xmp", box_body(file, box))
        elif box.kind == b"brob":
            _take_compressed(box_body(file, box), found)
        elif box.kind in (b"jxlc", b"jxlp") and found.width_pixels is None:
            start = box.start + (4 if box.kind == b"jxlp" else 0)
            found.width_pixels, found.height_pixels = read_codestream_size(file.read(start, 16))


def _take_compressed(body: bytes, found: Found) -> None:
    """A box in Brotli: the type that it has unpacked, then its body."""
    kind = body[:4]
    if kind not in (b"Exif", b"xml "):
        return
    try:
        data = brotli.Decompressor().process(body[4:], output_buffer_limit=MAX_BLOCK_BYTES)[:MAX_BLOCK_BYTES]
    except brotli.error as error:
        raise DamagedFile("a compressed box of metadata cannot be unpacked") from error
    if kind == b"Exif":
        found.add("exif", heif.exif_of_item(data))
    else:
        found.add("xmp", data)


def read_jxl_codestream(file: Window, found: Found) -> None:
    """A bare JPEG XL codestream, which holds no metadata but the size."""
    found.format = "jxl"
    found.width_pixels, found.height_pixels = read_codestream_size(file.read(0, 16))
