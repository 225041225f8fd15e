"""Find MakerNote data that is stored outside the MakerNote: in JPEG segments and in the blocks of RAW files.

The data becomes blocks of the kind `note/TABLE`, where TABLE is the name of the MakerNote table that decodes it.
"""

from __future__ import annotations

import struct

from exifinator.metadata.containers.range_buffer import LocatedMetadata

NOTE = "note/"
FLIR, GOPRO, QUALCOMM = b"FLIR\0", b"GoPro\0", b"\x1aQualcomm Camera Attributes"
# Limit on the segments of a thermal image that are joined. The camera's record is usually in the first one.
MAX_FLIR_SEGMENTS = 8
# Length of the segment header, and offset of the segment's number in it. The header has the identifier, a version, the
# number of the segment, and the number of the last segment.
FLIR_HEAD_BYTES, FLIR_NUMBER = 8, 6
FLIR_RECORDS_AT, FLIR_RECORD_BYTES, MAX_FLIR_RECORDS = 0x18, 32, 64
FLIR_CAMERA_INFO, MAX_CAMERA_INFO_BYTES = 32, 8 * 1024
# The blocks with settings in a Minolta RAW file: name -> table.
MINOLTA_BLOCKS = {b"\0PRD": "MinoltaRaw::PRD", b"\0WBG": "MinoltaRaw::WBG", b"\0RIF": "MinoltaRaw::RIF"}


def add_flir(segments: list[bytes], metadata: LocatedMetadata) -> None:
    """Add the camera's record of a FLIR thermal image.

    The segments, in the order of their numbers, contain a file that begins with FFF. It has the offset and the number
    of its records at byte 24. A record has a 16-bit type, and a 32-bit offset and a 32-bit length at byte 12.
    Source: sample files, whose values were compared with ExifTool 13.59's, and the tables FLIR::FFF and
    FLIR::CameraInfo of `exiftool -listx`.

    Args:
        segments: The bodies of the segments, with their identifiers.
        metadata: The result.
    """
    numbered = sorted((body[FLIR_NUMBER], body[FLIR_HEAD_BYTES:]) for body in segments if len(body) > FLIR_HEAD_BYTES)
    data = b"".join(body for _, body in numbered)
    if not data.startswith(b"FFF\0") or len(data) < 64:
        return
    order = ">" if data[20] == 0 else "<"
    start, count = struct.unpack_from(order + "II", data, FLIR_RECORDS_AT)
    for index in range(min(count, MAX_FLIR_RECORDS)):
        record = data[start + index * FLIR_RECORD_BYTES : start + (index + 1) * FLIR_RECORD_BYTES]
        if len(record) < FLIR_RECORD_BYTES:
            return
        kind, offset, length = struct.unpack(order + "H10xII12x", record)
        if kind == FLIR_CAMERA_INFO:
            metadata.add(f"{NOTE}FLIR::CameraInfo", data[offset : offset + min(length, MAX_CAMERA_INFO_BYTES)])
            return


def add_application_segment(body: bytes, metadata: LocatedMetadata) -> None:
    """Add a segment of GoPro (APP6) or Qualcomm (APP7). Ignore other segments."""
    if body.startswith(GOPRO):
        metadata.add(f"{NOTE}GoPro::GPMF", body[len(GOPRO) :])
    elif body.startswith(QUALCOMM):
        metadata.add(f"{NOTE}Qualcomm::Main", body[len(QUALCOMM) :])
