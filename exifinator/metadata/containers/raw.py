"""Read RAW formats with a header of their own (RAF, MRW), and JPEGs embedded in RAW files.

Sources: RAF: https://libopenraw.freedesktop.org/formats/raf/. MRW: Dalibor Jelinek, "Minolta RAW (MRW) file
format", http://www.dalibor.cz/software/minolta-raw-mrw-file-format; the tables MinoltaRaw of `exiftool -listx`.
"""

from __future__ import annotations

from exifinator.metadata.containers.jpeg import read_jpeg
from exifinator.metadata.containers.note_segments import MINOLTA_BLOCKS, NOTE
from exifinator.metadata.containers.range_buffer import DamagedFile, LocatedMetadata, RangeBuffer

MAX_TIFF_BYTES, MAX_SETTINGS_BYTES = 1024 * 1024, 4096
MAX_BLOCKS = 32


def read_raf(file: RangeBuffer, metadata: LocatedMetadata) -> None:
    """Locate the metadata of a Fujifilm RAF. Its header points to a JPEG preview, which contains the photo's EXIF."""
    metadata.format = "raf"
    head = file.read_exact(84, 8)
    read_embedded_jpeg(file, metadata, int.from_bytes(head[:4], "big"))


def read_mrw(file: RangeBuffer, metadata: LocatedMetadata) -> None:
    """Locate the metadata of a Minolta MRW. Its block TTW is a TIFF structure. Other blocks have camera settings."""
    metadata.format = "mrw"
    end = 8 + int.from_bytes(file.read_exact(4, 4), "big")
    offset = 8
    for _ in range(MAX_BLOCKS):
        if offset >= end:
            return
        head = file.read_exact(offset, 8)
        length = int.from_bytes(head[4:], "big")
        if head[:4] == b"\0TTW":
            if length > MAX_TIFF_BYTES:
                raise DamagedFile(f"The block at byte {offset} claims to be {length} bytes long.")
            metadata.add("exif", file.read(offset + 8, length, MAX_SETTINGS_BYTES))
        if head[:4] in MINOLTA_BLOCKS and length <= MAX_SETTINGS_BYTES:
            metadata.add(NOTE + MINOLTA_BLOCKS[head[:4]], file.read(offset + 8, length))
        if head[:4] == b"\0PRD" and length >= 24:
            size = file.read_exact(offset + 8 + 8, 8)
            metadata.height_pixels = int.from_bytes(size[4:6], "big")
            metadata.width_pixels = int.from_bytes(size[6:8], "big")
        offset += 8 + length


def read_embedded_jpeg(file: RangeBuffer, metadata: LocatedMetadata, start: int) -> None:
    """Add the metadata of the JPEG at offset `start` (bytes), but not its size.

    The JPEG is a preview, and may be smaller than the photo.
    """
    if file.read(start, 2, 16 * 1024) != b"\xff\xd8":
        raise DamagedFile(f"The embedded JPEG at byte {start} is invalid.")
    size = metadata.width_pixels, metadata.height_pixels
    read_jpeg(file, metadata, start)
    metadata.width_pixels, metadata.height_pixels = size
