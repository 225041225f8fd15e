"""PNG: a walk over its chunks, before the picture and behind it. Source: PNG, third edition, sections 5 and 11."""

from __future__ import annotations

import zlib

from exifinator.containers import photoshop
from exifinator.containers.heif import strip_exif_name
from exifinator.containers.jpeg import PHOTOSHOP as JPEG_PHOTOSHOP
from exifinator.containers.jpeg import XMP as JPEG_XMP
from exifinator.containers.window import DamagedFile, Found, Window

SIGNATURE = b"\x89PNG\r\n\x1a\n"
XMP_KEYWORD = b"XML:com.adobe.xmp"
# ImageMagick's way, older than eXIf: the bytes in hexadecimal in a text chunk.
RAW_PROFILE = b"Raw profile type "
TEXT_CHUNKS = (b"tEXt", b"zTXt", b"iTXt")
MAX_TEXT_BYTES = 4 * 1024 * 1024
MAX_CHUNKS = 20_000
AHEAD_BYTES = 16 * 1024
# A picture cut into chunks of less than this is not walked through: its end is looked for from the end of the file.
# Of compressed data that happens to read like a chunk, and of the chunks that follow it.
MAX_GUESSES, MAX_STEPS = 50, 1000
SHORT_CHUNK_BYTES = 1024 * 1024


def read_png(file: Window, found: Found) -> None:
    """EXIF, XMP, IPTC and the size of the picture of a PNG."""
    found.format = "png"
    at = len(SIGNATURE)
    for _ in range(MAX_CHUNKS):
        head = file.read(at, 8, AHEAD_BYTES)
        if len(head) < 8:
            raise DamagedFile(f"the file ends at byte {file.total_bytes}, before its last chunk")
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        if kind == b"IEND":
            return
        if kind == b"IHDR":
            size = file.exact(at + 8, 8)
            found.width_pixels = int.from_bytes(size[:4], "big")
            found.height_pixels = int.from_bytes(size[4:], "big")
        elif kind == b"IDAT":
            behind = _behind_picture(file, at, length)
            if behind is None:
                return
            at = behind
            continue
        elif kind == b"eXIf" or kind in TEXT_CHUNKS:
            _take(file, found, at, kind, length)
        elif not kind.isalpha():
            raise DamagedFile(f"no chunk begins at byte {at}, where one should")
        at += 12 + length
    raise DamagedFile(f"the file has more than {MAX_CHUNKS} chunks")


def _behind_picture(file: Window, at: int, length: int) -> int | None:
    """Where the chunk behind the picture's chunk at `at` (bytes) begins, or behind the last of them; None: nowhere."""
    following = at + 12 + length
    if length >= SHORT_CHUNK_BYTES or following + 12 >= file.total_bytes or file.holds(following, 8):
        return following
    # All but the last of the picture's chunks have one length: twice that, from the end, holds one's beginning.
    tail_bytes = 2 * length + AHEAD_BYTES
    start = max(following, file.total_bytes - tail_bytes)
    tail = file.read(start, file.total_bytes - start)
    candidate = -1
    for _ in range(MAX_GUESSES):
        candidate = tail.find(b"IDAT", candidate + 1)
        if candidate < 0:
            break
        behind = _walk_to_end(tail, candidate - 4)
        if behind is not None:
            return start + behind
    return following if start == following else None


def _walk_to_end(tail: bytes, at: int) -> int | None:
    """Where in `tail` the chunks behind the picture begin, if one does at `at` and chunk by chunk leads to the end."""
    behind = None
    for _ in range(MAX_STEPS):
        if not 0 <= at <= len(tail) - 12:
            return None
        kind = tail[at + 4 : at + 8]
        if behind is None and kind != b"IDAT":
            behind = at
        if kind == b"IEND":
            return behind
        if not kind.isalpha():
            return None
        at += 12 + int.from_bytes(tail[at : at + 4], "big")
    return None


def _take(file: Window, found: Found, at: int, kind: bytes, length: int) -> None:
    if kind != b"eXIf":
        keyword = file.read(at + 8, min(length, 80)).split(b"\0", 1)[0]
        if keyword != XMP_KEYWORD and not keyword.startswith(RAW_PROFILE):
            return
    if length > MAX_TEXT_BYTES:
        raise DamagedFile(f"the chunk at byte {at} says that it is {length} bytes long")
    body = file.exact(at + 8, length, AHEAD_BYTES)
    if kind == b"eXIf":
        found.add("exif", strip_exif_name(body))
        return
    text = _text_of(kind, body)
    if keyword == XMP_KEYWORD:
        found.add("xmp", text)
    else:
        _take_profile(keyword[len(RAW_PROFILE) :], text, found)


def _text_of(kind: bytes, body: bytes) -> bytes:
    """The text of a text chunk, unpacked, at most MAX_TEXT_BYTES of it."""
    _, _, rest = body.partition(b"\0")
    packed = kind == b"zTXt"
    if kind == b"iTXt":
        packed = rest[:1] == b"\1"
        # compression flag and method, language, translated keyword
        rest = rest[2:].split(b"\0", 2)[-1]
    elif packed:
        rest = rest[1:]
    if not packed:
        return rest
    try:
        return zlib.decompressobj().decompress(rest, MAX_TEXT_BYTES)
    except zlib.error as error:
        raise DamagedFile("a compressed text chunk cannot be unpacked") from error


def _take_profile(name: bytes, text: bytes, found: Found) -> None:
    """A raw profile: a line with its name, one with its length, then hexadecimal digits."""
    lines = text.split(b"\n", 3)
    try:
        profile = bytes.fromhex(b"".join(lines[3:]).decode("ascii"))
    except ValueError as error:
        raise DamagedFile("a raw profile is not hexadecimal") from error
    if name in (b"exif", b"APP1") and profile.startswith(b"Exif\0"):
        found.add("exif", profile[6:])
    elif profile.startswith(JPEG_XMP):
        found.add("xmp", profile[len(JPEG_XMP) :])
    elif name == b"xmp":
        found.add("xmp", profile)
    elif name == b"iptc" and profile[:1] == b"\x1c":
        found.add("iptc", profile)
    elif name in (b"iptc", b"8bim"):
        photoshop.take_resources(profile.removeprefix(JPEG_PHOTOSHOP), found, thumbnails=False)
