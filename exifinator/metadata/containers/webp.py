"""Read the RIFF chunks of a WebP. Source: RFC 9649."""

from __future__ import annotations

from exifinator.metadata.containers.heif import strip_exif_identifier
from exifinator.metadata.containers.icc import READ_BYTES as PROFILE_BYTES
from exifinator.metadata.containers.range_buffer import DamagedFile, LocatedMetadata, RangeBuffer

# How far to read past a chunk. EXIF and XMP are the last chunks, so one request usually reads both.
READ_AHEAD_BYTES = 32 * 1024
# Bits of the flags in the VP8X chunk.
HAS_ANIMATION, HAS_XMP, HAS_EXIF = 2, 4, 8
# Some writers pad the chunk type with a NUL instead of a space.
XMP_KINDS = (b"XMP ", b"XMP\0")
MAX_CHUNKS = 5000
MAX_BLOCK_BYTES = 4 * 1024 * 1024


def read_webp(file: RangeBuffer, metadata: LocatedMetadata) -> None:
    """Locate EXIF and XMP in a WebP, and read its size.

    Some writers add metadata without a VP8X chunk, or without setting its flags, so always look at the chunks
    after the picture. If the picture is the last chunk, this takes no request.
    """
    metadata.format = "webp"
    offset = 12
    for _ in range(MAX_CHUNKS):
        head = file.read(offset, 20, READ_AHEAD_BYTES)
        if len(head) < 8:
            return
        kind, length = head[:4], int.from_bytes(head[4:8], "little")
        if kind == b"VP8X":
            if len(head) < 18:
                raise DamagedFile(f"The file is truncated: it ends at byte {file.total_bytes}, inside the metadata.")
            metadata.width_pixels = 1 + int.from_bytes(head[12:15], "little")
            metadata.height_pixels = 1 + int.from_bytes(head[15:18], "little")
            # An animation may have thousands of chunks. Look through them only if a flag announces metadata.
            if head[8] & HAS_ANIMATION and not head[8] & (HAS_XMP | HAS_EXIF):
                return
        elif kind in (b"VP8 ", b"VP8L"):
            if metadata.width_pixels is None:
                _read_size(kind, head[8:], metadata)
        elif kind == b"ICCP":
            metadata.add_profile(file.read(offset + 8, min(length, PROFILE_BYTES), READ_AHEAD_BYTES))
        elif kind in (b"EXIF", *XMP_KINDS):
            if length > MAX_BLOCK_BYTES:
                raise DamagedFile(f"The chunk at byte {offset} claims to be {length} bytes long.")
            body = file.read(offset + 8, length, READ_AHEAD_BYTES)
            metadata.add("exif" if kind == b"EXIF" else "xmp", strip_exif_identifier(body) if kind == b"EXIF" else body)
            if len(body) < length:
                raise DamagedFile(f"The file is truncated: it ends at byte {file.total_bytes}, inside the metadata.")
        offset += 8 + length + length % 2


def _read_size(kind: bytes, frame: bytes, metadata: LocatedMetadata) -> None:
    if kind == b"VP8 " and frame[3:6] == b"\x9d\x01\x2a":
        metadata.width_pixels = int.from_bytes(frame[6:8], "little") & 0x3FFF
        metadata.height_pixels = int.from_bytes(frame[8:10], "little") & 0x3FFF
    elif kind == b"VP8L" and frame[:1] == b"\x2f":
        bits = int.from_bytes(frame[1:5], "little")
        metadata.width_pixels, metadata.height_pixels = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
