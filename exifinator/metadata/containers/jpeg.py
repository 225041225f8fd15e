"""Read the segments of a JPEG that precede the image data. Source: ITU-T T.81, annex B."""

from __future__ import annotations

from exifinator.metadata.containers import photoshop
from exifinator.metadata.containers.range_buffer import DamagedFile, LocatedMetadata, RangeBuffer

EXIF = b"Exif\0"
# Some writers put up to four bytes before the identifier, so search for it this far into the segment.
EXIF_SEARCH_BYTES = len(EXIF) + 4
XMP = b"http://ns.adobe.com/xap/1.0/\0"
# After this identifier, each segment of extended XMP has a 32-byte digest of the whole packet, the packet's length, and
# the offset of this segment's part in the packet. Source: Adobe XMP specification, part 3, 1.1.3.1.
EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/\0"
PHOTOSHOP = b"Photoshop 3.0\0"
# Number of bytes to read from a segment to decide whether it contains metadata. This is enough for the longest
# identifier (EXTENDED_XMP), and the digest and the length that follow it.
IDENTIFIER_BYTES = 80

APP1, APP13, START_OF_SCAN, END_OF_IMAGE = 0xE1, 0xED, 0xDA, 0xD9
# Markers of segments that contain the size of the picture, and markers that have neither a length nor a body.
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
STANDALONE = frozenset(range(0xD0, 0xD9)) | {0x01}

# How far to read past a metadata segment. Tables of a few hundred bytes usually follow, which then need no request of
# their own.
TABLES_BYTES = 2048
# Extended XMP longer than this is skipped. It usually contains depth maps and the like.
MAX_XMP_BYTES = 512 * 1024
MAX_XMP_PACKETS = 4
MAX_EXIF_BYTES = 4 * 1024 * 1024
# Once EXIF has been found, the walk ends this far from the start of the JPEG: later segments are not worth a request.
MAX_WALK_BYTES = 512 * 1024
# If there is garbage between two segments, the next segment is searched in steps of this size.
GARBAGE_STEP_BYTES = 4096
# Fill bytes count as segments too, to limit the work for a crafted file of nothing but fill bytes or empty segments.
MAX_SEGMENTS = 20_000


class _Segments:
    """Collects the bodies of the metadata segments during the walk, and joins them afterwards."""

    def __init__(self) -> None:
        self.exif: list[bytes] = []
        self.xmp: list[bytes] = []
        self.extended: list[bytes] = []
        self.photoshop: list[bytes] = []

    def collect(self, marker: int, body: bytes) -> None:
        exif_offset = body.find(EXIF, 0, EXIF_SEARCH_BYTES) if marker == APP1 else -1
        if exif_offset >= 0:
            tiff = body[exif_offset + len(EXIF) + 1 :]
            # EXIF longer than 64 KB continues in the next segments, which have no TIFF header of their own. A later
            # segment with a TIFF header starts a second EXIF block, which is ignored.
            if not self.exif or tiff[:4] not in (b"II*\0", b"MM\0*"):
                self.exif.append(tiff)
        elif marker == APP1 and body.startswith(XMP) and len(self.xmp) < MAX_XMP_PACKETS:
            self.xmp.append(body[len(XMP) :])
        elif marker == APP1 and body.startswith(EXTENDED_XMP):
            self.extended.append(body[len(EXTENDED_XMP) :])
        elif marker == APP13 and body.startswith(PHOTOSHOP):
            self.photoshop.append(body[len(PHOTOSHOP) :])

    def add_to(self, located: LocatedMetadata) -> None:
        located.add("exif", b"".join(self.exif)[:MAX_EXIF_BYTES])
        for packet in self.xmp:
            located.add("xmp", packet)
        located.add("xmp", _join_extended(self.extended))
        # Image resources longer than 64 KB continue in the next segment.
        photoshop.add_resources(b"".join(self.photoshop), located, thumbnails=False)


def _join_extended(pieces: list[bytes]) -> bytes:
    """Return the extended XMP packet; b"" if there is a gap between its parts, or if it is too long.

    Args:
        pieces: The bodies of the segments, without the identifier, in any order. Parts of a second packet are ignored.
    """
    if not pieces:
        return b""
    digest = pieces[0][:32]
    parts = sorted((int.from_bytes(p[36:40], "big"), p[40:]) for p in pieces if p[:32] == digest and len(p) > 40)
    packet = bytearray()
    for offset, data in parts:
        if offset != len(packet) or len(packet) > MAX_XMP_BYTES:
            return b""
        packet += data
    return bytes(packet)


def _has_metadata(marker: int, body_start: bytes) -> bool:
    """Return whether a segment contains metadata to read, given its marker and the start of its body."""
    if marker == APP1:
        if body_start.startswith(EXTENDED_XMP):
            length_offset = len(EXTENDED_XMP) + 32
            return int.from_bytes(body_start[length_offset : length_offset + 4], "big") <= MAX_XMP_BYTES
        return body_start.startswith(XMP) or body_start.find(EXIF, 0, EXIF_SEARCH_BYTES) >= 0
    return marker == APP13 and body_start.startswith(PHOTOSHOP)


def read_jpeg(file: RangeBuffer, located: LocatedMetadata, start: int = 0) -> None:
    """Locate EXIF, XMP, extended XMP and IPTC in the JPEG at offset `start` (bytes), and read its size."""
    located.format = located.format or "jpeg"
    segments = _Segments()
    try:
        _walk(file, located, start + 2, segments)
    except DamagedFile:
        segments.add_to(located)
        raise
    segments.add_to(located)


def _walk(file: RangeBuffer, located: LocatedMetadata, start: int, segments: _Segments) -> None:
    """Collect the segments from offset `start` (bytes) up to the image data.

    Raises:
        MissingBytes: If the next segment has not been fetched yet.
        DamagedFile: If a segment is invalid or truncated, there are more than MAX_SEGMENTS, or there is garbage between
            them. Garbage is skipped, so in that case the other segments have been collected.
    """
    offset = start
    damage = ""
    for _ in range(MAX_SEGMENTS):
        if segments.exif:
            file.read_limit = start + MAX_WALK_BYTES
            if offset >= file.read_limit:
                break
        # Double the size of the buffer with each read, so that many segments take few requests.
        read_ahead = min(max(file.buffered_bytes, TABLES_BYTES), 4 * 1024 * 1024)
        head = file.read(offset, 4, read_ahead)
        if len(head) < 2:
            raise DamagedFile("The file is truncated: it ends before the image data begins.")
        marker = head[1]
        if head[0] != 0xFF or not marker:
            damage = damage or f"Invalid JPEG segment at byte {offset}."
            skipped = file.read(offset + 1, GARBAGE_STEP_BYTES, read_ahead).find(b"\xff")
            if skipped < 0:
                raise DamagedFile(damage)
            offset += 1 + skipped
            continue
        if marker == 0xFF:
            offset += 1  # a fill byte
            continue
        if marker in (START_OF_SCAN, END_OF_IMAGE):
            break
        if marker in STANDALONE:
            offset += 2
            continue
        length = int.from_bytes(head[2:4], "big")
        if len(head) < 4 or length < 2:
            raise DamagedFile(f"The JPEG segment at byte {offset} is truncated or has an invalid length.")
        if marker in FRAMES:
            frame = file.read_exact(offset + 4, 5, read_ahead)
            located.height_pixels = int.from_bytes(frame[1:3], "big") or None
            located.width_pixels = int.from_bytes(frame[3:5], "big") or None
        elif marker in (APP1, APP13) and _has_metadata(
            marker, file.read(offset + 4, IDENTIFIER_BYTES, length + TABLES_BYTES)
        ):
            body = file.read(offset + 4, length - 2, TABLES_BYTES)
            segments.collect(marker, body)
            if len(body) < length - 2:
                raise DamagedFile(f"The file is truncated: it ends at byte {file.total_bytes}, inside the metadata.")
        offset += 2 + length
    else:
        damage = f"More than {MAX_SEGMENTS} segments, fill bytes or invalid parts precede the image data."
    if damage:
        raise DamagedFile(damage)
