"""Read RAW formats that are not based on TIFF or ISO boxes (RAF, MRW, X3F), and JPEGs embedded in RAW files.

Source: sample files, and ExifTool's documentation of these formats.
"""

from __future__ import annotations

from exifinator.metadata.containers.jpeg import read_jpeg
from exifinator.metadata.containers.range_buffer import DamagedFile, LocatedMetadata, RangeBuffer

MAX_TIFF_BYTES = 1024 * 1024
X3F_TAIL_BYTES = 1024
# The code for JPEG in the header of an X3F image section.
X3F_JPEG = 18
MAX_X3F_SECTIONS = 64


def read_raf(file: RangeBuffer, located: LocatedMetadata) -> None:
    """Locate the metadata of a Fujifilm RAF. Its header points to a JPEG preview, which contains the photo's EXIF."""
    located.format = "raf"
    head = file.read_exact(84, 8)
    read_embedded_jpeg(file, located, int.from_bytes(head[:4], "big"))


def read_mrw(file: RangeBuffer, located: LocatedMetadata) -> None:
    """Locate the metadata of a Minolta MRW. One of the file's blocks, TTW, is a TIFF structure."""
    located.format = "mrw"
    end = 8 + int.from_bytes(file.read_exact(4, 4), "big")
    offset = 8
    while offset < end:
        head = file.read_exact(offset, 8)
        length = int.from_bytes(head[4:], "big")
        if head[:4] == b"\0TTW":
            if length > MAX_TIFF_BYTES:
                raise DamagedFile(f"The block at byte {offset} claims to be {length} bytes long.")
            located.add("exif", file.read(offset + 8, length))
            return
        if head[:4] == b"\0PRD" and length >= 24:
            size = file.read_exact(offset + 8 + 8, 8)
            located.height_pixels = int.from_bytes(size[4:6], "big")
            located.width_pixels = int.from_bytes(size[6:8], "big")
        offset += 8 + length


def read_x3f(file: RangeBuffer, located: LocatedMetadata) -> None:
    """Locate the metadata of a Sigma X3F.

    The file ends with the offset of its section list. One section is a JPEG that contains the photo's EXIF.
    """
    located.format = "x3f"
    tail_start = max(0, file.total_bytes - X3F_TAIL_BYTES)
    tail = file.read(tail_start, X3F_TAIL_BYTES)
    start = int.from_bytes(tail[-4:], "little")
    head = file.read_exact(start, 12)
    if head[:4] != b"SECd":
        raise DamagedFile("The section list is missing.")
    count = min(int.from_bytes(head[8:], "little"), MAX_X3F_SECTIONS)
    table = file.read_exact(start + 12, 12 * count)
    for offset in range(0, len(table), 12):
        if table[offset + 8 : offset + 11] != b"IMA":
            continue
        section = int.from_bytes(table[offset : offset + 4], "little")
        image = file.read_exact(section, 30, 16 * 1024)
        if int.from_bytes(image[12:16], "little") == X3F_JPEG and image[28:30] == b"\xff\xd8":
            read_embedded_jpeg(file, located, section + 28)
            return


def read_embedded_jpeg(file: RangeBuffer, located: LocatedMetadata, start: int) -> None:
    """Add the metadata of the JPEG at offset `start` (bytes), but not its size.

    The JPEG is a preview, and may be smaller than the photo.
    """
    if file.read(start, 2, 16 * 1024) != b"\xff\xd8":
        raise DamagedFile(f"The embedded JPEG at byte {start} is invalid.")
    size = located.width_pixels, located.height_pixels
    read_jpeg(file, located, start)
    located.width_pixels, located.height_pixels = size
