"""Read the segments of a JPEG that precede the image data, and the trailers that follow it.

Sources: ITU-T T.81, annex B; Exif 3.0, 4.7 (APP1); ICC.1:2022, B.4 (APP2); for EXV, "Image Metadata and Exiv2
Architecture" (https://exiv2.org/book/).
"""

from __future__ import annotations

from exifinator.metadata.containers import ciff, early_cameras, note_segments, photoshop
from exifinator.metadata.containers.icc import READ_BYTES as PROFILE_BYTES
from exifinator.metadata.containers.range_buffer import DamagedFile, LocatedMetadata, RangeBuffer
from exifinator.metadata.containers.samsung_trailer import read_samsung_trailer
from exifinator.metadata.containers.trailers import read_trailers

# Exiv2's format for metadata without a picture: a different signature, followed by JPEG segments.
EXV = b"\xff\x01Exiv2"
EXIF = b"Exif\0"
# Some writers put up to four bytes before the identifier, so search for it this far into the segment.
EXIF_SEARCH_BYTES = len(EXIF) + 4
TIFF_HEADERS = (b"II*\0", b"MM\0*")
XMP = b"http://ns.adobe.com/xap/1.0/\0"
# After this identifier, each segment of extended XMP has a 32-byte digest of the whole packet, the packet's length, and
# the offset of this segment's part in the packet. Source: Adobe XMP specification, part 3, 1.1.3.1.
EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/\0"
PHOTOSHOP = b"Photoshop 3.0\0"
APP1_IDENTIFIERS = (XMP, early_cameras.QVCI, note_segments.FLIR)
# After this identifier, each segment has the number of the part and the number of parts, one byte each.
ICC = b"ICC_PROFILE\0"
# Number of bytes to read from a segment to decide whether it contains metadata. This is enough for the longest
# identifier (EXTENDED_XMP), and the digest and the length that follow it.
IDENTIFIER_BYTES = 80

APP0, APP1, APP2, APP6, APP7, APP12, APP13, COMMENT = 0xE0, 0xE1, 0xE2, 0xE6, 0xE7, 0xEC, 0xED, 0xFE
START_OF_SCAN, END_OF_IMAGE = 0xDA, 0xD9
METADATA = frozenset({APP0, APP1, APP2, APP6, APP7, APP12, APP13, COMMENT})
# Segments to request as a whole, because they usually contain metadata. Others may be long and contain other data.
LONG_METADATA = frozenset({APP1, APP13})
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
MAX_EXIF_BLOCKS, MAX_COMMENTS = 4, 8
# Once EXIF has been found, the walk ends this far from the start of the JPEG: later segments are not worth a request.
MAX_WALK_BYTES = 512 * 1024
# The first read usually contains all of a file up to this size. Reading the end then takes no further request.
SHORT_FILE_BYTES = 48 * 1024
# If there is garbage between two segments, the next segment is searched in steps of this size.
GARBAGE_STEP_BYTES = 4096
# Fill bytes count as segments too, to limit the work for a crafted file of nothing but fill bytes or empty segments.
MAX_SEGMENTS = 20_000


class _Segments:
    """Collects the bodies of the metadata segments during the walk, and joins them afterwards."""

    def __init__(self) -> None:
        self.exif: list[list[bytes]] = []
        self.xmp: list[bytes] = []
        self.extended_xmp: list[bytes] = []
        self.photoshop: list[bytes] = []
        self.flir: list[bytes] = []
        self.maker_segments: list[bytes] = []
        self.comments: list[bytes] = []
        self.profile = b""
        self.before_exif: list[tuple[int, bytes]] = []

    @property
    def has_metadata(self) -> bool:
        return bool(self.exif or self.xmp or self.photoshop or self.before_exif)

    def collect(self, marker: int, body: bytes) -> None:
        exif_offset = body.find(EXIF, 0, EXIF_SEARCH_BYTES) if marker == APP1 else -1
        if exif_offset >= 0:
            tiff = body[exif_offset + len(EXIF) + 1 :]
            # EXIF longer than 64 KB continues in the next segments, which have no TIFF header of their own. A segment
            # with a TIFF header starts another EXIF block.
            if not self.exif or (tiff.startswith(TIFF_HEADERS) and len(self.exif) < MAX_EXIF_BLOCKS):
                self.exif.append([tiff])
            elif not tiff.startswith(TIFF_HEADERS):
                self.exif[-1].append(tiff)
        elif marker == APP1 and body.startswith(XMP):
            if len(self.xmp) < MAX_XMP_PACKETS:
                self.xmp.append(body[len(XMP) :])
        elif marker == APP1 and body.startswith(note_segments.FLIR):
            if len(self.flir) < note_segments.MAX_FLIR_SEGMENTS:
                self.flir.append(body)
        elif marker in (APP6, APP7):
            self.maker_segments.append(body)
        elif marker == APP1 and body.startswith(EXTENDED_XMP):
            self.extended_xmp.append(body[len(EXTENDED_XMP) :])
        elif marker == APP13:
            self.photoshop.append(body[len(PHOTOSHOP) :])
        elif marker == COMMENT:
            self.comments.append(body)
        elif marker == APP2:
            self.profile = self.profile or body[len(ICC) + 2 :]
        else:
            self.before_exif.append((marker, body))

    def add_to(self, metadata: LocatedMetadata) -> None:
        blocks = [b"".join(parts)[:MAX_EXIF_BYTES] for parts in self.exif]
        # Some writers put an empty EXIF segment before the EXIF segment with the metadata.
        readable = [block for block in blocks if block.startswith(TIFF_HEADERS)]
        for block in readable or blocks:
            metadata.add("exif", block)
        for marker, body in self.before_exif[:MAX_EXIF_BLOCKS]:
            _add_before_exif(marker, body, metadata)
        note_segments.add_flir(self.flir, metadata)
        for body in self.maker_segments[:MAX_EXIF_BLOCKS]:
            note_segments.add_application_segment(body, metadata)
        for packet in self.xmp:
            metadata.add("xmp", packet)
        metadata.add("xmp", _join_extended(self.extended_xmp))
        # Image resources longer than 64 KB continue in the next segment.
        photoshop.add_resources(b"".join(self.photoshop), metadata, thumbnails=False)
        for comment in self.comments[:MAX_COMMENTS]:
            metadata.add_comment(comment)
        metadata.add_profile(self.profile)


def _add_before_exif(marker: int, body: bytes, metadata: LocatedMetadata) -> None:
    """Add the metadata of a segment in one of the formats that cameras and programs used before EXIF."""
    if marker == APP0:
        ciff.add_segment(body, metadata)
    elif marker == APP1:
        early_cameras.add_casio_qv(body, metadata)
    elif body.startswith(early_cameras.DUCKY):
        early_cameras.add_ducky(body, metadata)
    else:
        early_cameras.add_picture_info(body, metadata)


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


def _bytes_to_read(marker: int, body_start: bytes, length: int) -> int:
    """Return how many bytes of a segment's body to read: all of them, the start of a profile, or none.

    Args:
        marker: The marker of the segment.
        body_start: The start of the body, at least IDENTIFIER_BYTES if the body is long enough.
        length: Length of the body in bytes.
    """
    if marker == APP1:
        if body_start.startswith(EXTENDED_XMP):
            length_offset = len(EXTENDED_XMP) + 32
            packet_bytes = int.from_bytes(body_start[length_offset : length_offset + 4], "big")
            return length if packet_bytes <= MAX_XMP_BYTES else 0
        has_metadata = body_start.startswith(APP1_IDENTIFIERS) or body_start.find(EXIF, 0, EXIF_SEARCH_BYTES) >= 0
        return length if has_metadata else 0
    if marker == APP2:
        is_first = body_start.startswith(ICC + b"\1")
        return min(length, len(ICC) + 2 + PROFILE_BYTES) if is_first else 0
    if marker == APP0:
        return length if body_start[6:14] in ciff.SIGNATURES else 0
    if marker in (APP6, APP7):
        return length if body_start.startswith((note_segments.GOPRO, note_segments.QUALCOMM)) else 0
    if marker == APP12:
        has_metadata = body_start.startswith(early_cameras.DUCKY) or early_cameras.PICTURE_INFO in body_start
        return length if has_metadata else 0
    return length if marker == COMMENT or body_start.startswith(PHOTOSHOP) else 0


def read_exv(file: RangeBuffer, metadata: LocatedMetadata) -> None:
    """Locate the metadata of an EXV file, which has no picture."""
    metadata.format = "exv"
    segments = _Segments()
    try:
        _walk(file, metadata, len(EXV), segments)
    finally:
        segments.add_to(metadata)


def read_jpeg(file: RangeBuffer, metadata: LocatedMetadata, start: int = 0) -> None:
    """Locate EXIF, XMP, extended XMP, IPTC and comments in the JPEG at offset `start` (bytes), and read its size."""
    metadata.format = metadata.format or "jpeg"
    segments = _Segments()
    try:
        _walk(file, metadata, start + 2, segments)
    except DamagedFile:
        segments.add_to(metadata)
        raise
    segments.add_to(metadata)
    # Programs of the 1990s appended IPTC to files that have no other metadata.
    if metadata.format == "jpeg" and (not segments.has_metadata or file.total_bytes <= SHORT_FILE_BYTES):
        read_trailers(file, metadata)
    if metadata.format == "jpeg":
        read_samsung_trailer(file, metadata)


def _walk(file: RangeBuffer, metadata: LocatedMetadata, start: int, segments: _Segments) -> None:
    """Collect the segments from offset `start` (bytes) up to the image data.

    Raises:
        MissingBytes: If the next segment has not been fetched yet.
        DamagedFile: If a segment is invalid or truncated, there are more than MAX_SEGMENTS segments, or there is
            garbage between segments. Garbage is skipped: the error is raised after all segments have been collected.
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
            gap_bytes = file.read(offset + 1, GARBAGE_STEP_BYTES, read_ahead).find(b"\xff")
            if gap_bytes < 0:
                raise DamagedFile(damage)
            offset += 1 + gap_bytes
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
            metadata.height_pixels = int.from_bytes(frame[1:3], "big") or None
            metadata.width_pixels = int.from_bytes(frame[3:5], "big") or None
        elif marker in METADATA and (
            n_bytes := _bytes_to_read(
                marker,
                file.read(
                    offset + 4,
                    min(length - 2, IDENTIFIER_BYTES),
                    TABLES_BYTES + (length if marker in LONG_METADATA else 0),
                ),
                length - 2,
            )
        ):
            body = file.read(offset + 4, n_bytes, TABLES_BYTES)
            segments.collect(marker, body)
            if len(body) < n_bytes:
                raise DamagedFile(f"The file is truncated: it ends at byte {file.total_bytes}, inside the metadata.")
        offset += 2 + length
    else:
        damage = f"More than {MAX_SEGMENTS} segments, fill bytes or invalid parts precede the image data."
    if damage:
        raise DamagedFile(damage)
