"""JPEG: a walk over the segments before the picture. Source: ITU-T T.81, annex B."""

from __future__ import annotations

from exifinator.containers import photoshop
from exifinator.containers.window import DamagedFile, Found, Window

EXIF = b"Exif\0"
# Some writers leave up to four bytes before the name.
EXIF_REACH = len(EXIF) + 4
XMP = b"http://ns.adobe.com/xap/1.0/\0"
# Adobe XMP specification, part 3, 1.1.3.1: 32 bytes of digest, the full length, the offset of this piece.
EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/\0"
PHOTOSHOP = b"Photoshop 3.0\0"
# The longest of these names with the digest and the length that follow it.
NAME_BYTES = 80

APP1, APP13, START_OF_SCAN, END_OF_IMAGE = 0xE1, 0xED, 0xDA, 0xD9
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
STANDALONE = frozenset(range(0xD0, 0xD9)) | {0x01}

# Behind the metadata lie tables of some hundred bytes; asked for with it, they cost no request of their own.
TABLES_BYTES = 2048
# Extended XMP of more than this holds depth maps and the like: it is no metadata, and is not read.
MAX_XMP_BYTES = 512 * 1024
MAX_XMP_PACKETS = 4
MAX_EXIF_BYTES = 4 * 1024 * 1024
# Where the EXIF was found, what lies further behind is not worth the reading.
MAX_WALK_BYTES = 512 * 1024
# Bytes that belong to no segment, passed over at a time.
MAX_GARBAGE_BYTES = 4096
# A file in which fill bytes or empty segments go on for ever.
MAX_SEGMENTS = 20_000


class _Pieces:
    """The segments that belong together, collected on the walk."""

    def __init__(self) -> None:
        self.exif: list[bytes] = []
        self.xmp: list[bytes] = []
        self.extended: list[bytes] = []
        self.photoshop: list[bytes] = []

    def take(self, marker: int, body: bytes) -> None:
        name_at = body.find(EXIF, 0, EXIF_REACH) if marker == APP1 else -1
        if name_at >= 0:
            tiff = body[name_at + len(EXIF) + 1 :]
            # EXIF of more than 64 KB goes on in the next segments, without a header; a second EXIF is not read.
            if not self.exif or tiff[:4] not in (b"II*\0", b"MM\0*"):
                self.exif.append(tiff)
        elif marker == APP1 and body.startswith(XMP) and len(self.xmp) < MAX_XMP_PACKETS:
            self.xmp.append(body[len(XMP) :])
        elif marker == APP1 and body.startswith(EXTENDED_XMP):
            self.extended.append(body[len(EXTENDED_XMP) :])
        elif marker == APP13 and body.startswith(PHOTOSHOP):
            self.photoshop.append(body[len(PHOTOSHOP) :])

    def hand_over(self, found: Found) -> None:
        found.add("exif", b"".join(self.exif)[:MAX_EXIF_BYTES])
        for packet in self.xmp:
            found.add("xmp", packet)
        found.add("xmp", _join_extended(self.extended))
        # An image resource of more than 64 KB goes on in the next segment.
        photoshop.take_resources(b"".join(self.photoshop), found, thumbnails=False)


def _join_extended(pieces: list[bytes]) -> bytes:
    """The extended packet, whose pieces may lie in any order; those of another packet are left out."""
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


def _is_wanted(marker: int, name: bytes) -> bool:
    if marker == APP1:
        if name.startswith(EXTENDED_XMP):
            length_at = len(EXTENDED_XMP) + 32
            return int.from_bytes(name[length_at : length_at + 4], "big") <= MAX_XMP_BYTES
        return name.startswith(XMP) or name.find(EXIF, 0, EXIF_REACH) >= 0
    return marker == APP13 and name.startswith(PHOTOSHOP)


def read_jpeg(file: Window, found: Found, start: int = 0) -> None:
    """EXIF, XMP with its extension, IPTC and the size of the picture of a JPEG that begins at `start` (bytes)."""
    found.format = found.format or "jpeg"
    pieces = _Pieces()
    try:
        _walk(file, found, start + 2, pieces)
    except DamagedFile:
        pieces.hand_over(found)
        raise
    pieces.hand_over(found)


def _walk(file: Window, found: Found, start: int, pieces: _Pieces) -> None:
    """Take the segments from `start` (bytes) to the picture.

    Raises: MissingBytes; DamagedFile, which may stand for bytes that belong to no segment and were passed over.
    """
    at = start
    damage = ""
    for _ in range(MAX_SEGMENTS):
        if pieces.exif:
            file.horizon = start + MAX_WALK_BYTES
            if at >= file.horizon:
                break
        # Each further read is as long as all before it: many segments take few requests.
        ahead = min(max(file.held_bytes, TABLES_BYTES), 4 * 1024 * 1024)
        head = file.read(at, 4, ahead)
        if len(head) < 2:
            raise DamagedFile("the file ends before its picture begins")
        marker = head[1]
        if head[0] != 0xFF or not marker:
            damage = damage or f"no segment begins at byte {at}, where one should"
            skipped = file.read(at + 1, MAX_GARBAGE_BYTES, ahead).find(b"\xff")
            if skipped < 0:
                raise DamagedFile(damage)
            at += 1 + skipped
            continue
        if marker == 0xFF:
            at += 1  # a fill byte
            continue
        if marker in (START_OF_SCAN, END_OF_IMAGE):
            break
        if marker in STANDALONE:
            at += 2
            continue
        length = int.from_bytes(head[2:4], "big")
        if len(head) < 4 or length < 2:
            raise DamagedFile(f"the segment at byte {at} has no valid length")
        if marker in FRAMES:
            frame = file.exact(at + 4, 5, ahead)
            found.height_pixels = int.from_bytes(frame[1:3], "big") or None
            found.width_pixels = int.from_bytes(frame[3:5], "big") or None
        elif marker in (APP1, APP13) and _is_wanted(marker, file.read(at + 4, NAME_BYTES, length + TABLES_BYTES)):
            body = file.read(at + 4, length - 2, TABLES_BYTES)
            pieces.take(marker, body)
            if len(body) < length - 2:
                raise DamagedFile(f"the file ends at byte {file.total_bytes}, inside its metadata")
        at += 2 + length
    else:
        damage = f"more than {MAX_SEGMENTS} segments lie before the picture"
    if damage:
        raise DamagedFile(damage)
