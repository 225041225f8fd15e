"""Read the trailer of Samsung's phones: the video of a motion photo, sound, and further pictures behind the photo.

The trailer ends with a directory of its parts, the length of the directory, and a signature. A part begins with its
number and its name. Sources: the README of https://github.com/doodspav/motionphoto for the format; the table
Samsung::Trailer of `exiftool -listx` (13.59) for the names; sample files.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from exifinator.metadata.containers.container_tags import ContainerTags
from exifinator.metadata.containers.range_buffer import LocatedMetadata, RangeBuffer

SIGNATURE, DIRECTORY = b"SEFT", b"SEFH"
# How much of the end of the file to request. The directory of a phone has about 20 entries.
TAIL_BYTES = 2 * 1024
# The last 8 bytes of the file: the length of the directory, and the signature.
FOOTER_BYTES, HEAD_BYTES = 8, 12
# An entry of the directory: the number of a part, how far before the directory it begins, and its length.
ENTRY = struct.Struct("<2xHII")
MAX_ENTRIES = 100
MAX_XMP_BYTES = 64 * 1024
# The start of a part: its number, and the length of its name, which follows.
PART_HEAD_BYTES = 8
# Number of a part -> ExifTool's names for the part and for the text with its name.
NAMES = {
    0x0001: ("EmbeddedImage", "EmbeddedImageName"),
    0x0100: ("EmbeddedAudioFile", "EmbeddedAudioFileName"),
    0x0201: ("SurroundShotVideo", "SurroundShotVideoName"),
    0x0A20: ("DualCameraImage", "DualCameraImageName"),
    0x0A30: ("EmbeddedVideoFile", "EmbeddedVideoType"),
}
VIDEO, VIDEO_NAME = 0x0A30, b"MotionPhoto_Data"
# In HEIC files, the part contains only this text and the place of the video: two numbers of 32 bits.
REFERENCE, REFERENCE_BYTES = b"mpv2", 12
VIDEO_PLACE = "MakerNote EmbeddedVideoOffsetSize"
# The make in the EXIF of phones. Samsung's cameras, which have no trailer, write it in capital letters.
MAKE, MAKE_WITHIN_BYTES = b"samsung\0", 4096
# Without a video, phones write 0.15 to 0.3 bytes per pixel. A video of 2 to 3 s adds 0.2 and more.
MIN_BYTES_PER_PIXEL = 0.3
# Words in the XMP packet of a motion photo.
MOTION = (b"MotionPhoto", b"MicroVideo")


def _blocks_have(metadata: LocatedMetadata, kind: str, words: tuple[bytes, ...], within_bytes: int) -> bool:
    pieces = (piece for block in metadata.blocks if block.kind == kind for piece in block.pieces.values())
    return any(word in piece[:within_bytes] for piece in pieces for word in words)


def read_samsung_trailer(file: RangeBuffer, metadata: LocatedMetadata) -> None:
    """Add the parts of the trailer. Read only the end of the file, and only if the photo is likely to have a video.

    Phones write a trailer into each photo, so its end alone is worth a request only if the file is long for its number
    of pixels. An XMP packet that says where the video is makes the trailer superfluous.

    Raises:
        MissingBytes: If the end of the file has not been fetched yet.
    """
    start = max(0, file.total_bytes - TAIL_BYTES)
    if not file.has(start, TAIL_BYTES) and (
        file.is_final
        or file.total_bytes < MIN_BYTES_PER_PIXEL * (metadata.width_pixels or 0) * (metadata.height_pixels or 0)
        or not _blocks_have(metadata, "exif", (MAKE,), MAKE_WITHIN_BYTES)
        or _blocks_have(metadata, "xmp", MOTION, MAX_XMP_BYTES)
    ):
        return
    tail = file.read(start, TAIL_BYTES)
    # Programs may have appended further trailers.
    end = tail.rfind(SIGNATURE)
    if end >= 0:
        _Trailer(file, tail[: end + len(SIGNATURE)], start + end + len(SIGNATURE)).add_to(metadata)


class _Trailer:
    def __init__(self, file: RangeBuffer, tail: bytes, end: int) -> None:
        self._file = file
        length = int.from_bytes(tail[-FOOTER_BYTES:-4], "little")
        start = len(tail) - FOOTER_BYTES - length
        self._directory = tail[start : len(tail) - FOOTER_BYTES] if start >= 0 else b""
        self._directory_at = end - FOOTER_BYTES - length

    def add_to(self, metadata: LocatedMetadata) -> None:
        tags = ContainerTags()
        for number, start, length in self._parts():
            if number in NAMES:
                self._add_part(number, start, length, tags)
        tags.add_to(metadata)

    def _parts(self) -> Iterator[tuple[int, int, int]]:
        """Yield number, offset in the file and length of the parts inside the file."""
        if not self._directory.startswith(DIRECTORY) or len(self._directory) < HEAD_BYTES:
            return
        count = min(int.from_bytes(self._directory[8:HEAD_BYTES], "little"), MAX_ENTRIES)
        entries = self._directory[HEAD_BYTES : HEAD_BYTES + count * ENTRY.size]
        for number, distance, length in ENTRY.iter_unpack(entries[: len(entries) // ENTRY.size * ENTRY.size]):
            if PART_HEAD_BYTES <= length <= distance < self._directory_at:
                yield number, self._directory_at - distance, length

    def _add_part(self, number: int, start: int, length: int, tags: ContainerTags) -> None:
        content, name_of_part = NAMES[number]
        head = self._buffered(start, min(length, 256))
        # The video is long, so its head has usually not been read. All cameras give it the same name.
        name = VIDEO_NAME if number == VIDEO else b""
        if head:
            name = head[PART_HEAD_BYTES:][: int.from_bytes(head[4:PART_HEAD_BYTES], "little")]
        head_bytes = PART_HEAD_BYTES + len(name)
        place = [start + head_bytes, length - head_bytes]
        if number == VIDEO:
            place = self._referenced(place) if place[1] == REFERENCE_BYTES else place
        if not name or place[1] <= 0:
            return
        tags.add(f"MakerNote {name_of_part}", name.decode("latin-1"))
        if number == VIDEO:
            tags.add(VIDEO_PLACE, place)
        tags.add(f"MakerNote {content}", [place[1]], f"({place[1]:,} bytes)")

    def _referenced(self, place: list[int]) -> list[int]:
        """Return the place of a video that is elsewhere in the file; [0, 0] if it is unknown or impossible."""
        data = self._buffered(*place)
        start, length = int.from_bytes(data[4:8], "big"), int.from_bytes(data[8:], "big")
        is_possible = data.startswith(REFERENCE) and length > 0 and 0 < start <= self._file.total_bytes - length
        return [start, length] if is_possible else [0, 0]

    def _buffered(self, start: int, length: int) -> bytes:
        """Return bytes of the file that have been read already; b"" if they have not."""
        return self._file.read(start, length) if self._file.has(start, length) else b""
