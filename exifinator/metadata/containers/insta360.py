"""Read the camera's data in the trailer of Insta360's files (`.insv`, `.insp`).

Sources: descriptions of the trailer by its readers, among them https://github.com/alex-plekhanov/insvtools, and the
table QuickTime::INSV_MakerNotes of `exiftool -listx` (13.59).
"""

from __future__ import annotations

import struct

from exifinator.metadata.containers.container_tags import ContainerTags
from exifinator.metadata.containers.range_buffer import LocatedMetadata, RangeBuffer

SIGNATURE = b"8db42d694ccc418790edff439fe026bf"
# The footer: reserved bytes, length of the trailer, version, and the signature.
FOOTER_BYTES, LENGTH_AT = 72, 32
# A record is followed by its format, id and length.
RECORD = struct.Struct("<BBI")
# An entry of the index: id, format, length, and the offset from the start of the trailer.
ENTRY = struct.Struct("<BBII")
INDEX_ID, CAMERA_ID = 0, 1
MAX_RECORD_BYTES = 64 * 1024
# How much of the end of the file to request.
TAIL_BYTES = 16 * 1024
# Key byte of a field in the camera's record, a Protocol Buffers message -> name of the tag.
TAG_NAMES = {10: "MakerNote SerialNumber", 18: "MakerNote Model", 26: "MakerNote Firmware"}
MAX_FIELDS, MAX_TEXT_BYTES = 20, 200


def read_insta360(file: RangeBuffer, metadata: LocatedMetadata) -> bool:
    """Add the camera's serial number, model and firmware. Return whether the file has a trailer of Insta360.

    Raises:
        MissingBytes: If the bytes have not been fetched yet.
        DamagedFile: If no more bytes will be fetched.
    """
    total = file.total_bytes
    tail_at = max(0, total - TAIL_BYTES)
    footer = file.read(tail_at, TAIL_BYTES)[-FOOTER_BYTES - RECORD.size :]
    if len(footer) < FOOTER_BYTES + RECORD.size or not footer.endswith(SIGNATURE):
        return False
    _, record_id, length = RECORD.unpack_from(footer)
    start = total - FOOTER_BYTES - RECORD.size - length
    if record_id == INDEX_ID and 0 < length <= MAX_RECORD_BYTES and start >= 0:
        trailer_at = total - int.from_bytes(footer[RECORD.size + LENGTH_AT :][:4], "little")
        index = file.read(start, length)
        for entry_id, _, size, offset in ENTRY.iter_unpack(index[: len(index) // ENTRY.size * ENTRY.size]):
            if entry_id == CAMERA_ID and size:
                record_id, length, start = CAMERA_ID, size, trailer_at + offset
                break
    if record_id == CAMERA_ID and 0 < length <= MAX_RECORD_BYTES and 0 <= start <= total - length:
        _add_fields(file.read(start, length), metadata)
    return True


def _add_fields(data: bytes, metadata: LocatedMetadata) -> None:
    """Add the string fields at the start of the camera's record. Each has a key byte, a length byte and the string."""
    tags = ContainerTags()
    offset = 0
    for _ in range(MAX_FIELDS):
        if offset + 2 > len(data) or data[offset] not in TAG_NAMES or data[offset + 1] > MAX_TEXT_BYTES:
            break
        text = data[offset + 2 : offset + 2 + data[offset + 1]].decode("utf-8", "replace").strip("\0 ")
        if text.isprintable() and text:
            tags.add(TAG_NAMES[data[offset]], text)
        offset += 2 + data[offset + 1]
    tags.add_to(metadata)
