"""Read files made of ISO boxes: HEIC, HEIF, AVIF, CR3, JPEG XL and JPEG 2000.

Movies (MP4, MOV) are left to quicktime.py.
Source: ISO/IEC 14496-12 (boxes, meta, iinf, iloc), 23008-12 (Exif items, ispe, irot), 15444-1 annex I, 18181-2.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import brotli  # type: ignore[import-untyped]

from exifinator.metadata.containers import heif
from exifinator.metadata.containers.icc import READ_BYTES as PROFILE_BYTES
from exifinator.metadata.containers.jxl import read_codestream_size
from exifinator.metadata.containers.quicktime import read_quicktime
from exifinator.metadata.containers.range_buffer import DamagedFile, LocatedMetadata, RangeBuffer
from exifinator.metadata.containers.samsung_trailer import read_samsung_trailer
from exifinator.metadata.jpeg_spec import JPEG_BEGIN

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
# The boxes of a CR3 file that contain metadata. Each contains a TIFF structure with a single directory.
CANON_KINDS = {b"CMT1": "exif", b"CMT2": "exif/EXIF", b"CMT3": "exif/MakerNote", b"CMT4": "exif/GPS"}

# Canon's movies of RAW frames have the brand of CR3 files, and another version of the compressor.
CANON_MOVIE, CANON_MOVIE_BEGIN = "crm", b"CanonCRM"

# Method of a `colr` box that contains an ICC profile.
RESTRICTED_ICC = b"\2"
# The longest header that a box can have: size, type, 64-bit size and UUID.
MAX_HEADER_BYTES = 32
# How far to read past a header or a metadata box: the next boxes are usually close by.
READ_AHEAD_BYTES = 8 * 1024
MAX_BOXES = 500
MAX_BLOCK_BYTES = 1024 * 1024


class Box(NamedTuple):
    """A box of a file.

    Attributes:
        kind: The type of the box; for type `uuid`, its UUID.
        start: Offset at which the box's body starts, in bytes.
        end: Offset at which the box's body ends, in bytes.
    """

    kind: bytes
    start: int
    end: int


def walk_boxes(file: RangeBuffer, start: int, end: int) -> Iterator[Box]:
    """Yield the boxes between the offsets `start` and `end` (bytes), but not the boxes inside them.

    Raises:
        MissingBytes: If the header of the next box has not been fetched yet.
        DamagedFile: If a box has an invalid size.
    """
    for _ in range(MAX_BOXES):
        if start + 8 > end:
            return
        head = file.read(start, min(MAX_HEADER_BYTES, end - start), READ_AHEAD_BYTES)
        size, kind, body = int.from_bytes(head[:4], "big"), head[4:8], 8
        if size == 1:
            size, body = int.from_bytes(head[8:16], "big"), 16
        elif size == 0:
            size = end - start
        if kind == b"uuid":
            kind, body = head[body : body + 16], body + 16
        if size < body or len(head) < 8:
            raise DamagedFile(f"The box at byte {start} has an invalid size.")
        yield Box(kind, start + body, min(start + size, end))
        start += size


def box_body(file: RangeBuffer, box: Box) -> bytes:
    """Return the body of a box.

    Raises:
        MissingBytes: If the body has not been fetched yet.
        DamagedFile: If the body is longer than MAX_BLOCK_BYTES.
    """
    length = box.end - box.start
    if length > MAX_BLOCK_BYTES:
        raise DamagedFile(f"The metadata box at byte {box.start} claims to be {length} bytes long.")
    return file.read(box.start, length, READ_AHEAD_BYTES)


def read_iso_bmff(file: RangeBuffer, metadata: LocatedMetadata) -> None:
    """Locate the metadata of a file that begins with an `ftyp` box.

    The brands in that box name the format. A file without any brand of a photo format is a movie.
    """
    size = int.from_bytes(file.read(0, 4), "big")
    body = file.read(8, min(max(size - 8, 4), 512))
    brands = [body[:4], *(body[offset : offset + 4] for offset in range(8, len(body), 4))]
    if brands[0] == b"crx ":
        metadata.format = "cr3"
        _read_cr3(file, metadata)
        if metadata.format == CANON_MOVIE:
            metadata.blocks.clear()
            read_quicktime(file, metadata)
            metadata.format = CANON_MOVIE
        return
    name = next((HEIF_BRANDS[brand] for brand in brands if brand in HEIF_BRANDS), "")
    if not name:
        read_quicktime(file, metadata)
        return
    # The brand mif1 only means HEIF. Nearly all HEIC files have it, and some list it before a HEIC brand.
    metadata.format = "heic" if name == "heif" and any(HEIF_BRANDS.get(brand) == "heic" for brand in brands) else name
    # Readers of HEIF have to ignore the orientation in EXIF (ISO/IEC 23008-12, annex A).
    metadata.rotation_applied = True
    is_sequence = False
    for box in walk_boxes(file, 0, file.total_bytes):
        if box.kind == b"meta":
            heif.read_meta(file, box.start, box_body(file, box), metadata)
            read_samsung_trailer(file, metadata)
            return
        is_sequence = is_sequence or box.kind == b"moov"
    if not is_sequence:
        raise DamagedFile("The file has no meta box.")
    name = metadata.format
    read_quicktime(file, metadata)
    metadata.format = name


def _read_cr3(file: RangeBuffer, metadata: LocatedMetadata) -> None:
    for box in walk_boxes(file, 0, file.total_bytes):
        if box.kind == b"moov":
            for inner in walk_boxes(file, box.start, box.end):
                if inner.kind == CANON_UUID:
                    for metadata_box in walk_boxes(file, inner.start, inner.end):
                        if metadata_box.kind in CANON_KINDS:
                            metadata.add(CANON_KINDS[metadata_box.kind], box_body(file, metadata_box))
                        elif metadata_box.kind == b"CNCV" and box_body(file, metadata_box).startswith(
                            CANON_MOVIE_BEGIN
                        ):
                            metadata.format = CANON_MOVIE
                            return
                        elif metadata_box.kind == b"THMB":
                            _add_canon_thumbnail(box_body(file, metadata_box), metadata)
        elif box.kind == XMP_UUID:
            metadata.add("xmp", box_body(file, box))
        elif box.kind == b"mdat":
            return


def _add_canon_thumbnail(body: bytes, metadata: LocatedMetadata) -> None:
    """Add the thumbnail from a Canon THMB box.

    The box contains a version, the width and height, the length of the JPEG in bytes, and then the JPEG.
    """
    length = int.from_bytes(body[8:12], "big")
    start = body.find(JPEG_BEGIN, 12, 24)
    if start > 0:
        metadata.add("thumbnail", body[start : start + length])


def read_jpeg_2000(file: RangeBuffer, metadata: LocatedMetadata) -> None:
    """Locate the metadata in the UUID boxes of a JPEG 2000 file, and read the size of the picture."""
    metadata.format = JPEG_2000_BRANDS.get(file.read(20, 4), "jp2")
    for box in walk_boxes(file, 0, file.total_bytes):
        if box.kind == b"jp2h":
            for inner in walk_boxes(file, box.start, box.end):
                if inner.kind == b"ihdr":
                    size = file.read_exact(inner.start, 8)
                    metadata.height_pixels = int.from_bytes(size[:4], "big")
                    metadata.width_pixels = int.from_bytes(size[4:], "big")
                elif inner.kind == b"colr" and file.read(inner.start, 1) == RESTRICTED_ICC:
                    # Method, precedence and approximation precede the profile.
                    metadata.add_profile(file.read(inner.start + 3, min(inner.end - inner.start - 3, PROFILE_BYTES)))
        elif box.kind in UUID_KINDS:
            kind, body = UUID_KINDS[box.kind], box_body(file, box)
            metadata.add(kind, heif.strip_exif_identifier(body) if kind == "exif" else body)


def read_jxl(file: RangeBuffer, metadata: LocatedMetadata) -> None:
    """Locate EXIF and XMP in a JPEG XL container, and read the size of the picture from the codestream.

    The orientation is in the codestream. Readers have to ignore the orientation in EXIF (ISO/IEC 18181-2, 9.4).
    """
    metadata.format, metadata.rotation_applied = "jxl", True
    for box in walk_boxes(file, 0, file.total_bytes):
        if box.kind == b"Exif":
            metadata.add("exif", heif.tiff_of_exif_item(box_body(file, box)))
        elif box.kind == b"xml ":
            metadata.add("xmp", box_body(file, box))
        elif box.kind == b"brob":
            _add_decompressed(box_body(file, box), metadata)
        elif box.kind in (b"jxlc", b"jxlp") and metadata.width_pixels is None:
            start = box.start + (4 if box.kind == b"jxlp" else 0)
            metadata.width_pixels, metadata.height_pixels = read_codestream_size(file.read(start, 16))


def _add_decompressed(body: bytes, metadata: LocatedMetadata) -> None:
    """Add the metadata from a `brob` box.

    The box contains the type of the original box, and then the original box's body, compressed with Brotli.
    """
    kind = body[:4]
    if kind not in (b"Exif", b"xml "):
        return

    def decompress(limit_bytes: int) -> bytes:
        return bytes(brotli.Decompressor().process(body[4:], output_buffer_limit=limit_bytes)[:limit_bytes])

    try:
        data = metadata.unpack(decompress, MAX_BLOCK_BYTES)
    except brotli.error as error:
        raise DamagedFile("A compressed metadata box cannot be decompressed.") from error
    if kind == b"Exif":
        metadata.add("exif", heif.tiff_of_exif_item(data))
    else:
        metadata.add("xmp", data)


def read_jxl_codestream(file: RangeBuffer, metadata: LocatedMetadata) -> None:
    """Read the size of a bare JPEG XL codestream. It contains no other metadata."""
    metadata.format = "jxl"
    metadata.width_pixels, metadata.height_pixels = read_codestream_size(file.read(0, 16))
