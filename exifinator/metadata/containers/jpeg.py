"""Read the segments of a JPEG that precede the picture. Source: ITU-T T.81, annex B."""

from __future__ import annotations

from exifinator.metadata.containers import photoshop
from exifinator.metadata.containers.range_buffer import DamagedFile, LocatedMetadata, RangeBuffer

EXIF = b"Exif\0"
# Some writers put up to four bytes before the identifier.
EXIF_SEARCH_BYTES = len(EXIF) + 4
XMP = b"http://ns.adobe.com/xap/1.0/\0"
# The identifier is followed by a 32-byte digest, the full length and the offset of this part.
# Source: Adobe XMP specification, part 3, 1.1.3.1.
EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/\0"
PHOTOSHOP = b"Photoshop 3.0\0"
# Enough for the longest identifier, and for the digest and the length that follow it.
IDENTIFIER_BYTES = 80

APP1, APP13, START_OF_SCAN, END_OF_IMAGE = 0xE1, 0xED, 0xDA, 0xD9
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
STANDALONE = frozenset(range(0xD0, 0xD9)) | {0x01}

# Read ahead past the metadata: tables of a few hundred bytes follow it, and then need no request of their own.
TABLES_BYTES = 2048
# Skip longer extended XMP: it holds depth maps and the like.
MAX_XMP_BYTES = 512 * 1024
MAX_XMP_PACKETS = 4
MAX_EXIF_BYTES = 4 * 1024 * 1024
# Once EXIF has been found, segments further from the start of the JPEG are not worth reading.
MAX_WALK_BYTES = 512 * 1024
# Search garbage between segments for the next segment in steps of this size.
GARBAGE_STEP_BYTES = 4096
# A crafted file may consist of nothing but fill bytes or empty segments.
MAX_SEGMENTS = 20_000


class _Segments:
    """The bodies of the metadata segments, collected during the walk and then joined."""

    def __init__(self) -> None:
        self.exif: list[bytes] = []
        self.xmp: list[bytes] = []
        self.extended: list[bytes] = []
        self.photoshop: list[bytes] = []

    def collect(self, marker: int, body: bytes) -> None:
        exif_offset = body.find(EXIF, 0, EXIF_SEARCH_BYTES) if marker == APP1 else -1
        if exif_offset >= 0:
            tiff = body[exif_offset + len(EXIF) + 1 :]
            # EXIF longer than 64 KB continues in the next segments without a TIFF header. A segment with a TIFF header
            # starts a second EXIF block, which is ignored.
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
    """Return the extended XMP packet; b"" if it is incomplete or too long.

    Its parts may be in any order. Parts of another packet are ignored.
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
    """Return whether a segment whose body starts with these bytes holds metadata to read."""
    if marker == APP1:
        if body_start.startswith(EXTENDED_XMP):
            length_offset = len(EXTENDED_XMP) + 32
            return int.from_bytes(body_start[length_offset : length_offset + 4], "big") <= MAX_XMP_BYTES
        return body_start.startswith(XMP) or body_start.find(EXIF, 0, EXIF_SEARCH_BYTES) >= 0
    return marker == APP13 and body_start.startswith(PHOTOSHOP)


def read_jpeg(file: RangeBuffer, located: LocatedMetadata, start: int = 0) -> None:
    """Locate EXIF, XMP with its extension, IPTC and the size of the JPEG at offset `start` (bytes)."""
    located.format = located.format or "jpeg"
    segments = _Segments()
    try:
        _walk(file, located, start + 2, segments)
    except DamagedFile:
        segments.add_to(located)
        raise
    segments.add_to(located)


def _walk(file: RangeBuffer, located: LocatedMetadata, start: int, segments: _Segments) -> None:
    """Collect the segments from offset `start` (bytes) to the picture.

    Raises:
        MissingBytes: If the next segment is not held yet.
        DamagedFile: If a segment is invalid. Garbage between segments is skipped, and reported at the end.
    """
    offset = start
    damage = ""
    for _ in range(MAX_SEGMENTS):
        if segments.exif:
            file.read_limit = start + MAX_WALK_BYTES
            if offset >= file.read_limit:
                break
        # Double the bytes held with each read, so that many segments take few requests.
        ahead = min(max(file.held_bytes, TABLES_BYTES), 4 * 1024 * 1024)
        head = file.read(offset, 4, ahead)
        if len(head) < 2:
            raise DamagedFile("The file is truncated: it ends before the picture begins.")
        marker = head[1]
        if head[0] != 0xFF or not marker:
            damage = damage or f"Invalid JPEG segment at byte {offset}."
            skipped = file.read(offset + 1, GARBAGE_STEP_BYTES, ahead).find(b"\xff")
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
            raise DamagedFile(f"Invalid length of the JPEG segment at byte {offset}.")
        if marker in FRAMES:
            frame = file.read_exact(offset + 4, 5, ahead)
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
        damage = f"More than {MAX_SEGMENTS} JPEG segments precede the picture."
    if damage:
        raise DamagedFile(damage)
