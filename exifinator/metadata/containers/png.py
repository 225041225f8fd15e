"""Read the chunks of a PNG before and after the image data. Source: PNG, third edition, sections 5 and 11."""

from __future__ import annotations

import struct
import zlib
from contextlib import suppress
from functools import partial

from exifinator.metadata.containers import photoshop, png_text
from exifinator.metadata.containers.heif import strip_exif_identifier
from exifinator.metadata.containers.icc import READ_BYTES as PROFILE_BYTES
from exifinator.metadata.containers.jpeg import PHOTOSHOP as JPEG_PHOTOSHOP
from exifinator.metadata.containers.jpeg import XMP as JPEG_XMP
from exifinator.metadata.containers.range_buffer import DamagedFile, LocatedMetadata, RangeBuffer

SIGNATURE = b"\x89PNG\r\n\x1a\n"
XMP_KEYWORD = b"XML:com.adobe.xmp"
# ImageMagick's convention, older than the eXIf chunk: metadata as hexadecimal digits in a text chunk.
RAW_PROFILE = b"Raw profile type "
TEXT_CHUNKS = (b"tEXt", b"zTXt", b"iTXt")
METADATA_CHUNKS = frozenset({*TEXT_CHUNKS, b"eXIf", b"iCCP", b"tIME"})
# Limit on a chunk with metadata, before and after decompression, and limit on any other text value.
MAX_METADATA_BYTES = 4 * 1024 * 1024
MAX_TEXT_BYTES = 512 * 1024
# Limits on the number and the total length of a file's text values.
MAX_TEXTS, MAX_TEXTS_BYTES = 100, 1024 * 1024
MAX_CHUNKS = 20_000
READ_AHEAD_BYTES = 16 * 1024
# A picture may consist of thousands of IDAT chunks. If they are shorter than this, reading the header of each chunk
# would take too many requests. So one of the last IDAT chunks is searched for near the end of the file instead.
SHORT_CHUNK_BYTES = 1024 * 1024
# Limits on that search: how many candidates to check, because compressed data may look like an IDAT chunk, and how many
# chunks to follow from each candidate.
MAX_CANDIDATES, MAX_STEPS = 50, 1000


def read_png(file: RangeBuffer, metadata: LocatedMetadata) -> None:
    """Locate EXIF, XMP, IPTC and text chunks in a PNG, and read its size."""
    metadata.format = "png"
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
            metadata.width_pixels = int.from_bytes(size[:4], "big")
            metadata.height_pixels = int.from_bytes(size[4:], "big")
        elif kind == b"IDAT":
            next_offset = _skip_image_data(file, offset, length)
            if next_offset is None:
                return
            offset = next_offset
            continue
        elif kind in METADATA_CHUNKS:
            _read_chunk(file, metadata, offset, kind, length)
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


def _read_chunk(file: RangeBuffer, metadata: LocatedMetadata, offset: int, kind: bytes, length: int) -> None:
    """Add the metadata in a chunk: EXIF, XMP, IPTC, text, a colour profile, or the time of the last change."""
    keyword = b"" if kind in (b"eXIf", b"tIME") else file.read(offset + 8, min(length, 80)).split(b"\0", 1)[0]
    is_text = kind in TEXT_CHUNKS and keyword != XMP_KEYWORD and not keyword.startswith(RAW_PROFILE)
    if is_text and (length > MAX_TEXT_BYTES or not keyword or _has_enough_texts(metadata)):
        return
    if length > MAX_METADATA_BYTES:
        raise DamagedFile(f"The chunk at byte {offset} claims to be {length} bytes long.")
    body = file.read_exact(offset + 8, length, READ_AHEAD_BYTES)
    if kind == b"eXIf":
        metadata.add("exif", strip_exif_identifier(body))
    elif kind == b"tIME":
        if length == 7:
            year, month, day, hour, minute, second = struct.unpack(">H5B", body)
            metadata.add_text("tIME", f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    elif kind == b"iCCP":
        with suppress(DamagedFile):
            # The compression method follows the name.
            metadata.add_profile(_decompressed(body[len(keyword) + 2 :], metadata, PROFILE_BYTES))
    elif is_text:
        with suppress(DamagedFile):
            decompress = partial(_decompressed, metadata=metadata, limit_bytes=MAX_TEXT_BYTES)
            png_text.add_text(kind, body, metadata, decompress)
    elif keyword == XMP_KEYWORD:
        metadata.add("xmp", png_text.chunk_text(kind, body, partial(_decompressed, metadata=metadata))[1])
    else:
        text = png_text.chunk_text(kind, body, partial(_decompressed, metadata=metadata))[1]
        _add_profile(keyword[len(RAW_PROFILE) :], text, metadata)


def _has_enough_texts(metadata: LocatedMetadata) -> bool:
    lengths = [len(block.pieces[0]) for block in metadata.blocks if block.kind.startswith("text/")]
    return len(lengths) >= MAX_TEXTS or sum(lengths) >= MAX_TEXTS_BYTES


def _decompressed(data: bytes, metadata: LocatedMetadata, limit_bytes: int = MAX_METADATA_BYTES) -> bytes:
    """Return the first `limit_bytes` of compressed data.

    Raises:
        DamagedFile: If the data cannot be decompressed, or the compressed data of the file is too long in total.
    """
    try:
        return metadata.unpack(partial(zlib.decompressobj().decompress, data), limit_bytes)
    except zlib.error as error:
        raise DamagedFile("A compressed chunk cannot be decompressed.") from error


def _add_profile(name: bytes, text: bytes, metadata: LocatedMetadata) -> None:
    """Add the metadata in a raw profile.

    Args:
        name: The name of the profile, from the keyword of its chunk. Where possible, the kind of metadata is detected
            from the content instead, because the name is unreliable.
        text: A line with the name, a line with the length, and then lines of hexadecimal digits.
        metadata: The result.
    """
    lines = text.lstrip(b"\r\n").split(b"\n", 2)
    try:
        profile = bytes.fromhex(b"".join(lines[2:]).decode("ascii"))
    except ValueError as error:
        raise DamagedFile("A raw profile does not consist of hexadecimal digits.") from error
    if profile.startswith((b"Exif\0", b"II*\0", b"MM\0*")):
        metadata.add("exif", strip_exif_identifier(profile))
    elif profile.startswith(JPEG_XMP):
        metadata.add("xmp", profile[len(JPEG_XMP) :])
    elif name == b"xmp" or profile.lstrip().startswith((b"<?xpacket", b"<x:xmpmeta", b"<rdf:RDF")):
        metadata.add("xmp", profile)
    elif name in (b"icc", b"icm"):
        metadata.add_profile(profile)
    elif profile[:1] == b"\x1c":
        metadata.add("iptc", profile)
    elif name in (b"iptc", b"8bim"):
        photoshop.add_resources(profile.removeprefix(JPEG_PHOTOSHOP), metadata, thumbnails=False)
