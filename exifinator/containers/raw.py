"""RAW formats that put a header of their own before the metadata: RAF, MRW, X3F; and RW2's JPEG.

Source: the files themselves, and ExifTool's documentation of these formats.
"""

from __future__ import annotations

from exifinator.containers.jpeg import read_jpeg
from exifinator.containers.window import DamagedFile, Found, Window

MAX_TIFF_BYTES = 1024 * 1024
X3F_TAIL_BYTES = 1024
X3F_JPEG = 18
MAX_X3F_SECTIONS = 64


def read_raf(file: Window, found: Found) -> None:
    """Fujifilm: the header says where the JPEG preview lies; its EXIF is that of the photo."""
    found.format = "raf"
    head = file.exact(84, 8)
    read_embedded_jpeg(file, found, int.from_bytes(head[:4], "big"))


def read_mrw(file: Window, found: Found) -> None:
    """Minolta: blocks, one of which is a TIFF structure."""
    found.format = "mrw"
    end = 8 + int.from_bytes(file.exact(4, 4), "big")
    at = 8
    while at < end:
        head = file.exact(at, 8)
        length = int.from_bytes(head[4:], "big")
        if head[:4] == b"\0TTW":
            if length > MAX_TIFF_BYTES:
                raise DamagedFile(f"the block at byte {at} says that it is {length} bytes long")
            found.add("exif", file.read(at + 8, length))
            return
        if head[:4] == b"\0PRD" and length >= 24:
            size = file.exact(at + 8 + 8, 8)
            found.height_pixels = int.from_bytes(size[4:6], "big")
            found.width_pixels = int.from_bytes(size[6:8], "big")
        at += 8 + length


def read_x3f(file: Window, found: Found) -> None:
    """Sigma: the end of the file says where its list of sections lies; one is a JPEG with the photo's EXIF."""
    found.format = "x3f"
    tail_start = max(0, file.total_bytes - X3F_TAIL_BYTES)
    tail = file.read(tail_start, X3F_TAIL_BYTES)
    start = int.from_bytes(tail[-4:], "little")
    head = file.exact(start, 12)
    if head[:4] != b"SECd":
        raise DamagedFile("the file does not say where its sections lie")
    count = min(int.from_bytes(head[8:], "little"), MAX_X3F_SECTIONS)
    table = file.exact(start + 12, 12 * count)
    for at in range(0, len(table), 12):
        if table[at + 8 : at + 11] != b"IMA":
            continue
        section = int.from_bytes(table[at : at + 4], "little")
        image = file.exact(section, 30, 16 * 1024)
        if int.from_bytes(image[12:16], "little") == X3F_JPEG and image[28:30] == b"\xff\xd8":
            read_embedded_jpeg(file, found, section + 28)
            return


def read_embedded_jpeg(file: Window, found: Found, start: int) -> None:
    """Add the metadata of the JPEG at `start` (bytes); the size of a preview is not the photo's."""
    if file.read(start, 2, 16 * 1024) != b"\xff\xd8":
        raise DamagedFile(f"no JPEG begins at byte {start}, where one should")
    size = found.width_pixels, found.height_pixels
    read_jpeg(file, found, start)
    found.width_pixels, found.height_pixels = size
