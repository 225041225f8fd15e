"""Read the chunks of a PNG before and after the image data. Source: PNG, third edition, sections 5 and 11."""

from __future__ import annotations

import zlib

from exifinator.metadata.containers import photoshop
from exifinator.metadata.containers.heif import strip_exif_identifier
from exifinator.metadata.containers.jpeg import PHOTOSHOP as JPEG_PHOTOSHOP
from exifinator.metadata.containers.jpeg import XMP as JPEG_XMP
from exifinator.metadata.containers.range_buffer import DamagedFile, LocatedMetadata, RangeBuffer

SIGNATURE = b"\x89PNG\r\n\x1a\n"
XMP_KEYWORD = b"XML:com.adobe.xmp"
# ImageMagick's convention, older than the eXIf chunk: metadata as hexadecimal digits in a text chunk.
RAW_PROFILE = b"Raw profile type "
TEXT_CHUNKS = (b"tEXt", b"zTXt", b"iTXt")
MAX_TEXT_BYTES = 4 * 1024 * 1024
MAX_CHUNKS = 20_000
READ_AHEAD_BYTES = 16 * 1024
# A picture may consist of thousands of IDAT chunks. If they are shorter than this, reading the header of each chunk
# would take too many requests. So one of the last IDAT chunks is searched for near the end of the file instead.
SHORT_CHUNK_BYTES = 1024 * 1024
# Limits on that search: how many candidates to check, because compressed data may look like an IDAT chunk, and how many
# chunks to follow from each candidate.
MAX_CANDIDATES, MAX_STEPS = 50, 1000


def read_png(file: RangeBuffer, located: LocatedMetadata) -> None:
    """Locate EXIF, XMP and IPTC in a PNG, and read its size."""
    located.format = "png"
    offset = len(SIGNATURE)
    for _ in range(MAX_CHUNKS):
        head = file.read(offset, 8, READ_AHEAD_BYTES)
        if len(head) < 8:
            raise DamagedFile(f"The file is truncated: it ends at byte {file.total_bytes}, before its last chunk.")
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        if kind == b"IEND":
            return
        if kind == b"IHDR":
            size = file.read_exact(offset + 8, 8)
            located.width_pixels = int.from_bytes(size[:4], "big")
            located.height_pixels = int.from_bytes(size[4:], "big")
        elif kind == b"IDAT":
            next_offset = _skip_image_data(file, offset, length)
            if next_offset is None:
                return
            offset = next_offset
            continue
        elif kind == b"eXIf" or kind in TEXT_CHUNKS:
            _read_chunk(file, located, offset, kind, length)
        elif not kind.isalpha():
            raise DamagedFile(f"Invalid PNG chunk at byte {offset}.")
        offset += 12 + length
    raise DamagedFile(f"The file has more than {MAX_CHUNKS} chunks.")


def _skip_image_data(file: RangeBuffer, offset: int, length: int) -> int | None:
    """Return the offset in bytes at which to continue after an IDAT chunk; None if no later chunk was found.

    The result is the offset of the next chunk, or of the first chunk after all IDAT chunks.

    Args:
        file: The file.
        offset: Offset of the IDAT chunk, in bytes.
        length: Length of the chunk's data, in bytes.
    """
    following = offset + 12 + length
    if length >= SHORT_CHUNK_BYTES or following + 12 >= file.total_bytes or file.has(following, 8):
        return following
    # Writers make all IDAT chunks but the last one equally long, so an IDAT chunk starts within this many bytes of the
    # end of the file.
    tail_bytes = 2 * length + READ_AHEAD_BYTES
    start = max(following, file.total_bytes - tail_bytes)
    tail = file.read(start, file.total_bytes - start)
    candidate = -1
    for _ in range(MAX_CANDIDATES):
        candidate = tail.find(b"IDAT", candidate + 1)
        if candidate < 0:
            break
        after_image_data = _walk_to_end(tail, candidate - 4)
        if after_image_data is not None:
            return start + after_image_data
    return following if start == following else None


def _walk_to_end(tail: bytes, offset: int) -> int | None:
    """Return the offset in `tail` of the first chunk after the IDAT chunks, given a possible IDAT chunk at `offset`.

    Return None if the chunks from `offset` do not lead to the IEND chunk: then there is no chunk at `offset`.
    """
    after_image_data = None
    for _ in range(MAX_STEPS):
        if not 0 <= offset <= len(tail) - 12:
            return None
        kind = tail[offset + 4 : offset + 8]
        if after_image_data is None and kind != b"IDAT":
            after_image_data = offset
        if kind == b"IEND":
            return after_image_data
        if not kind.isalpha():
            return None
        offset += 12 + int.from_bytes(tail[offset : offset + 4], "big")
    return None


def _read_chunk(file: RangeBuffer, located: LocatedMetadata, offset: int, kind: bytes, length: int) -> None:
    """Add the metadata in an eXIf or text chunk. Of text chunks without metadata, only the keyword is read."""
    if kind != b"eXIf":
        keyword = file.read(offset + 8, min(length, 80)).split(b"\0", 1)[0]
        if keyword != XMP_KEYWORD and not keyword.startswith(RAW_PROFILE):
            return
    if length > MAX_TEXT_BYTES:
        raise DamagedFile(f"The chunk at byte {offset} claims to be {length} bytes long.")
    body = file.read_exact(offset + 8, length, READ_AHEAD_BYTES)
    if kind == b"eXIf":
        located.add("exif", strip_exif_identifier(body))
        return
    text = _chunk_text(kind, body)
    if keyword == XMP_KEYWORD:
        located.add("xmp", text)
    else:
        _add_profile(keyword[len(RAW_PROFILE) :], text, located)


def _chunk_text(kind: bytes, body: bytes) -> bytes:
    """Return the text of a text chunk, decompressed up to MAX_TEXT_BYTES."""
    _, _, rest = body.partition(b"\0")
    is_compressed = kind == b"zTXt"
    if kind == b"iTXt":
        is_compressed = rest[:1] == b"\1"
        # Skip the compression flag and method, the language and the translated keyword.
        rest = rest[2:].split(b"\0", 2)[-1]
    elif is_compressed:
        rest = rest[1:]
    if not is_compressed:
        return rest
    try:
        return zlib.decompressobj().decompress(rest, MAX_TEXT_BYTES)
    except zlib.error as error:
        raise DamagedFile("A compressed text chunk cannot be decompressed.") from error


def _add_profile(name: bytes, text: bytes, located: LocatedMetadata) -> None:
    """Add the metadata in a raw profile.

    Args:
        name: The profile's name, from the keyword of its chunk.
        text: A line with the name, a line with the length, and then lines of hexadecimal digits.
        located: The result.
    """
    lines = text.split(b"\n", 3)
    try:
        profile = bytes.fromhex(b"".join(lines[3:]).decode("ascii"))
    except ValueError as error:
        raise DamagedFile("A raw profile does not consist of hexadecimal digits.") from error
    if name in (b"exif", b"APP1") and profile.startswith(b"Exif\0"):
        located.add("exif", profile[6:])
    elif profile.startswith(JPEG_XMP):
        located.add("xmp", profile[len(JPEG_XMP) :])
    elif name == b"xmp":
        located.add("xmp", profile)
    elif name == b"iptc" and profile[:1] == b"\x1c":
        located.add("iptc", profile)
    elif name in (b"iptc", b"8bim"):
        photoshop.add_resources(profile.removeprefix(JPEG_PHOTOSHOP), located, thumbnails=False)
