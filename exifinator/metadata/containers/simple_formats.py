"""Read formats that have little metadata besides the size of the picture.

These are BMP, ICO, TGA, PCX, PNM, QOI, DDS and JPEG 2000 codestreams. The docstring of each reader names the source.
"""

from __future__ import annotations

import re
import struct

from exifinator.metadata.containers.range_buffer import ContainerReader, DamagedFile, LocatedMetadata, RangeBuffer

PNM_HEADER = re.compile(rb"P[1-6](?:\s+|\s*#[^\n]*\n)+(\d{1,9})(?:\s+|\s*#[^\n]*\n)+(\d{1,9})\s")
PNM_COMMENT = re.compile(rb"#[ \t]*([^\r\n]*)")
# Length in bytes of the header after the file header. Each version of the format has another length.
BMP_HEADERS = frozenset({12, 16, 40, 52, 56, 64, 108, 124})
ICON_SIGNATURES, MAX_ICONS = (b"\0\0\1\0", b"\0\0\2\0"), 64
PCX_VERSIONS = frozenset({0, 2, 3, 4, 5})
TGA_TYPES, TGA_DEPTHS = frozenset({1, 2, 3, 9, 10, 11}), frozenset({8, 15, 16, 24, 32})


def guess_reader(head: bytes) -> ContainerReader | None:
    """Return the reader of a file whose format has a short signature or none; None if no format fits.

    A short signature may occur in other files by chance, so the values after it have to be plausible too.

    Args:
        head: The first 1,024 bytes of the file, or the whole file if it is shorter.
    """
    if head[:2] == b"BM" and len(head) >= 26 and int.from_bytes(head[14:18], "little") in BMP_HEADERS:
        return read_bmp
    if head[:4] in ICON_SIGNATURES and _is_icon(head):
        return read_ico
    if PNM_HEADER.match(head):
        return read_pnm
    if head[:1] == b"\n" and len(head) >= 128 and head[1] in PCX_VERSIONS and head[2] == 1 and head[3] in (1, 2, 4, 8):
        return read_pcx
    return read_tga if _is_tga(head) else None


def _is_icon(head: bytes) -> bool:
    count = int.from_bytes(head[4:6], "little")
    if len(head) < 22 or not 0 < count <= MAX_ICONS or head[9]:
        return False
    length, offset = struct.unpack_from("<II", head, 14)
    return bool(length > 0 and offset >= 6 + 16 * count)


def _is_tga(head: bytes) -> bool:
    """Return whether `head` begins with a plausible TGA header. TGA has no signature."""
    if len(head) < 18 or head[2] not in TGA_TYPES or head[16] not in TGA_DEPTHS or head[17] & 0xC0:
        return False
    has_palette = head[2] in (1, 9)
    palette = head[3:8]
    if head[1] != has_palette or (not has_palette and any(palette)) or (has_palette and palette[4] not in TGA_DEPTHS):
        return False
    width, height = struct.unpack_from("<HH", head, 12)
    return bool(width > 0 and height > 0)


def read_bmp(file: RangeBuffer, metadata: LocatedMetadata) -> None:
    """Read the size of a bitmap. Source: Microsoft, BITMAPCOREHEADER and BITMAPINFOHEADER."""
    metadata.format = "bmp"
    head = file.read_exact(0, 26)
    if int.from_bytes(head[14:18], "little") == 12:
        metadata.width_pixels, metadata.height_pixels = struct.unpack_from("<HH", head, 18)
    else:
        width, height = struct.unpack_from("<ii", head, 18)
        # A negative height means that the first row is the top one.
        metadata.width_pixels, metadata.height_pixels = abs(width), abs(height)


def read_ico(file: RangeBuffer, metadata: LocatedMetadata) -> None:
    """Read the size of the largest picture of an icon or cursor. Source: Microsoft, "The format of icon resources"."""
    metadata.format = "ico"
    count = min(int.from_bytes(file.read_exact(4, 2), "little"), MAX_ICONS)
    table = file.read_exact(6, 16 * count)
    # 0 stands for 256 pixels.
    sizes = [(table[at] or 256, table[at + 1] or 256) for at in range(0, 16 * count, 16)]
    if not sizes:
        raise DamagedFile("The icon has no pictures.")
    metadata.width_pixels, metadata.height_pixels = max(sizes, key=lambda size: size[0] * size[1])


def read_tga(file: RangeBuffer, metadata: LocatedMetadata) -> None:
    """Read the size of a Targa picture. Source: Truevision, TGA File Format Specification 2.0."""
    metadata.format = "tga"
    metadata.width_pixels, metadata.height_pixels = struct.unpack_from("<HH", file.read_exact(0, 18), 12)


def read_pcx(file: RangeBuffer, metadata: LocatedMetadata) -> None:
    """Read the size of a PCX picture. Source: ZSoft, PCX File Format Technical Reference Manual."""
    metadata.format = "pcx"
    left, top, right, bottom = struct.unpack_from("<4H", file.read_exact(0, 12), 4)
    if right < left or bottom < top:
        raise DamagedFile("The size of the picture is invalid.")
    metadata.width_pixels, metadata.height_pixels = right - left + 1, bottom - top + 1


def read_pnm(file: RangeBuffer, metadata: LocatedMetadata) -> None:
    """Read the size and the comments of a PBM, PGM or PPM. Source: Netpbm, ppm(5)."""
    metadata.format = "pnm"
    head = file.read(0, 4096)
    match = PNM_HEADER.match(head)
    if match is None:
        raise DamagedFile("The size of the picture is missing.")
    metadata.width_pixels, metadata.height_pixels = int(match[1]), int(match[2])
    for comment in PNM_COMMENT.findall(match[0]):
        metadata.add_comment(comment)


def read_qoi(file: RangeBuffer, metadata: LocatedMetadata) -> None:
    """Read the size of a QOI picture. Source: The Quite OK Image Format, Specification 1.0."""
    metadata.format = "qoi"
    metadata.width_pixels, metadata.height_pixels = struct.unpack_from(">II", file.read_exact(0, 14), 4)


def read_dds(file: RangeBuffer, metadata: LocatedMetadata) -> None:
    """Read the size of a DDS texture. Source: Microsoft, DDS_HEADER."""
    metadata.format = "dds"
    metadata.height_pixels, metadata.width_pixels = struct.unpack_from("<II", file.read_exact(0, 20), 12)


def read_jpeg_2000_codestream(file: RangeBuffer, metadata: LocatedMetadata) -> None:
    """Read the size from the SIZ marker of a JPEG 2000 codestream. Source: ISO/IEC 15444-1, A.5.1."""
    metadata.format = "j2c"
    right, bottom, left, top = struct.unpack_from(">4I", file.read_exact(0, 24), 8)
    if right <= left or bottom <= top:
        raise DamagedFile("The size of the picture is invalid.")
    metadata.width_pixels, metadata.height_pixels = right - left, bottom - top
