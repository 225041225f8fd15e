"""Read the size, comments, XMP and ICC profile of a GIF.

Source: CompuServe, GIF89a; Adobe XMP specification, part 3, 1.1.2.

The extensions with metadata precede the first frame or follow the last one. Skipping a frame requires reading all of
it, so only the start and the end of a long file are read.
"""

from __future__ import annotations

from exifinator.metadata.containers.icc import READ_BYTES as PROFILE_BYTES
from exifinator.metadata.containers.range_buffer import LocatedMetadata, RangeBuffer

# This many bytes from the start of the file are walked through. The first read usually contains them.
WALK_BYTES = 48 * 1024
TAIL_BYTES = 32 * 1024
EXTENSION, FRAME, TRAILER = 0x21, 0x2C, 0x3B
COMMENT, APPLICATION = 0xFE, 0xFF
XMP, ICC = b"XMP DataXMP", b"ICCRGBG1012"
# These bytes (1, 255, 254, ..., 0, 0) follow the XMP packet. A reader that takes a byte of the packet for the length of
# a sub-block lands in them, and is led to the end of the extension.
XMP_MAGIC = bytes([1, *range(255, -1, -1), 0])
XMP_BLOCK = b"\x21\xff\x0b" + XMP
MAX_BLOCKS, MAX_SUB_BLOCKS = 1000, 5000
MAX_COMMENT_BYTES, MAX_XMP_BYTES = 32 * 1024, 1024 * 1024


def read_gif(file: RangeBuffer, metadata: LocatedMetadata) -> None:
    """Locate the XMP, comments and ICC profile of a GIF, and read its size."""
    metadata.format = "gif"
    head = file.read_exact(0, 13)
    metadata.width_pixels = int.from_bytes(head[6:8], "little")
    metadata.height_pixels = int.from_bytes(head[8:10], "little")
    is_short = file.total_bytes <= WALK_BYTES + TAIL_BYTES
    tail_start = max(0, file.total_bytes - TAIL_BYTES)
    if not is_short:
        # Request the end together with the start.
        file.has_or_request(tail_start, TAIL_BYTES)
    data = file.read(0, file.total_bytes if is_short else WALK_BYTES)
    _walk(file, data, metadata, 13 + _palette_bytes(head[10]))
    if not is_short and not any(block.kind == "xmp" for block in metadata.blocks):
        tail = file.read(tail_start, TAIL_BYTES)
        start = tail.rfind(XMP_BLOCK)
        if start >= 0:
            metadata.add("xmp", tail[start + len(XMP_BLOCK) :].split(XMP_MAGIC, 1)[0])


def _palette_bytes(flags: int) -> int:
    """Return the length in bytes of the palette that the flags of a file or a frame specify; 0 if there is none."""
    return 3 * 2 ** (1 + (flags & 7)) if flags & 0x80 else 0


def _walk(file: RangeBuffer, data: bytes, metadata: LocatedMetadata, offset: int) -> None:
    """Add the metadata of the blocks in `data`, the start of the file, from `offset` (bytes) on."""
    for _ in range(MAX_BLOCKS):
        if offset + 2 > len(data) or data[offset] == TRAILER:
            return
        if data[offset] == FRAME:
            flags = data[offset + 9] if offset + 9 < len(data) else 0
            # The frame's own palette and the code size precede its data.
            offset = _skip_sub_blocks(data, offset + 10 + _palette_bytes(flags) + 1)
            continue
        if data[offset] != EXTENSION:
            return
        label, start = data[offset + 1], offset + 2
        if label == APPLICATION and data[start + 1 : start + 12] == XMP:
            end = data.find(XMP_MAGIC, start + 12)
            if end < 0:
                # The packet continues past the bytes that are walked through.
                packet = file.read(start + 12, MAX_XMP_BYTES)
                metadata.add("xmp", packet.split(XMP_MAGIC, 1)[0])
                return
            metadata.add("xmp", data[start + 12 : end])
            offset = end + len(XMP_MAGIC)
            continue
        if label == COMMENT:
            metadata.add_comment(_sub_blocks(data, start, MAX_COMMENT_BYTES))
        elif label == APPLICATION and data[start + 1 : start + 12] == ICC:
            metadata.add_profile(_sub_blocks(data, start + 12, PROFILE_BYTES))
        offset = _skip_sub_blocks(data, start)


def _skip_sub_blocks(data: bytes, offset: int) -> int:
    """Return the offset after a sequence of sub-blocks, or the end of `data`."""
    while offset < len(data):
        length = data[offset]
        offset += 1 + length
        if not length:
            return offset
    return len(data)


def _sub_blocks(data: bytes, offset: int, limit_bytes: int) -> bytes:
    """Return the content of a sequence of sub-blocks, up to about `limit_bytes`."""
    parts: list[bytes] = []
    for _ in range(min(MAX_SUB_BLOCKS, limit_bytes // 255 + 2)):
        length = data[offset] if offset < len(data) else 0
        if not length:
            break
        parts.append(data[offset + 1 : offset + 1 + length])
        offset += 1 + length
    return b"".join(parts)[:limit_bytes]
