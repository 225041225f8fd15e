"""Read the chunks in which camera makers store their metadata in AVI files.

Casio, Fujifilm and Kodak use the chunk `strd` (a TIFF directory or a MakerNote), Pentax uses `hymn` and `JUNK`, Nikon
uses `ncdt`, and Olympus, Casio and Ricoh use `JUNK`.
Source: sample files, and the chunks and tables that https://exiftool.org/TagNames/RIFF.html, Nikon.html (AVI),
Pentax.html (AVI, Junk, Junk2), Olympus.html (AVI), Casio.html (AVI) and Ricoh.html (AVI) list.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from exifinator.metadata.containers.avi_dates import read_date
from exifinator.metadata.containers.container_tags import ContainerTags
from exifinator.metadata.containers.range_buffer import LocatedMetadata
from exifinator.metadata.containers.tiff_writer import UNDEFINED, exif_directories, write_tiff
from exifinator.metadata.containers.video_tables import find_tag
from exifinator.metadata.containers.video_values import add_fixed_layout, add_value
from exifinator.metadata.jpeg_spec import JPEG_BEGIN
from exifinator.metadata.text_decoding import decode_text
from exifinator.metadata.tiff_spec import MAKER_NOTE, MAX_THUMBNAIL_BYTES

OLYMPUS, PENTAX, PENTAX_2 = b"OLYMDigital Camera", b"IIII\x01\0", b"PENTDigital Camera"
CASIO, RICOH = b"QVMI", b"ucmt"
# Offsets in Pentax's structure: of the thumbnail's length, and of the thumbnail.
PENTAX_THUMBNAIL = (303, 307)
MAX_ENTRIES = 200
MAX_NOTE_BYTES = 64 * 1024
# First bytes of a MakerNote in an AVI file -> make.
NOTE_MAKES = ((b"PENTAX ", "PENTAX"), (b"AOC\0", "PENTAX"), (b"Nikon\0", "NIKON"), (b"QVC\0", "CASIO"))


def add_thumbnail(data: bytes, metadata: LocatedMetadata) -> None:
    """Add a thumbnail if it is the file's first one, and a JPEG of at most MAX_THUMBNAIL_BYTES."""
    is_first = not any(block.kind == "thumbnail" for block in metadata.blocks)
    if is_first and data.startswith(JPEG_BEGIN) and len(data) <= MAX_THUMBNAIL_BYTES:
        metadata.add("thumbnail", data)


def add_maker_note(data: bytes, software: str, metadata: LocatedMetadata) -> None:
    """Add a MakerNote as the MakerNote of an EXIF block that has only the make and the model.

    Args:
        data: The MakerNote.
        software: The string `ISFT` of the file. Pentax writes the make and the model there.
        metadata: The result.
    """
    make = next((make for head, make in NOTE_MAKES if data.startswith(head)), "")
    if make and len(data) <= MAX_NOTE_BYTES:
        image, exif = exif_directories()
        image.add_text(0x010F, make)
        image.add_text(0x0110, software if software.startswith(make) else "")
        exif.entries.append((MAKER_NOTE, UNDEFINED, len(data), data))
        metadata.add("exif", write_tiff(image, "<"))


def add_stream_data(data: bytes, tags: ContainerTags, metadata: LocatedMetadata) -> None:
    """Add the data of a stream (`strd`), which begins with four letters that name its kind."""
    if data.startswith(b"AVIF"):
        # After eight bytes, a little-endian TIFF directory whose offsets count from its own start.
        directory = data[8 : 8 + MAX_NOTE_BYTES]
        if directory[:4] in (b"II*\0", b"MM\0*"):
            metadata.add("exif", directory)
        elif len(directory) > 14:
            metadata.add("exif", b"II*\0\x08\0\0\0" + directory)
    elif data.startswith(b"Zora"):
        tags.add("RIFF VendorName", decode_text(data[8:72]))


def is_maker_junk(head: bytes) -> bool:
    """Return whether a JUNK chunk that begins with `head` has a maker's signature, or is a string."""
    return head.startswith((OLYMPUS, PENTAX, PENTAX_2, CASIO, RICOH)) or _is_text(head)


def _is_text(head: bytes) -> bool:
    """Return whether the chunk is a string of at least six letters, followed only by padding."""
    text = head.split(b"\0", 1)[0]
    return len(text) >= 6 and all(32 <= byte < 127 for byte in text) and not head[len(text) :].strip(b"\0")


def add_junk(data: bytes, tags: ContainerTags, metadata: LocatedMetadata) -> None:
    """Add the metadata of a JUNK chunk of Olympus, Pentax, Casio or Ricoh, or a string."""
    if data.startswith(OLYMPUS):
        add_fixed_layout(tags, "MakerNote", "Olympus::AVI", data[:512])
    elif data.startswith(PENTAX_2):
        add_fixed_layout(tags, "MakerNote", "Pentax::Junk2", data[:303])
        length_at, start = PENTAX_THUMBNAIL
        if len(data) > start:
            add_thumbnail(data[start : start + int.from_bytes(data[length_at:start], "little")], metadata)
    elif data.startswith(PENTAX):
        tags.add("MakerNote Model", decode_text(data[12:44]))
    elif data.startswith(CASIO):
        tags.add("MakerNote Software", decode_text(data[4:68]))
    elif data.startswith(RICOH):
        length = int.from_bytes(data[4:8], "little")
        tags.add("MakerNote Comment", decode_text(data[8 : 8 + min(length, 1024)]))
    else:
        tags.add("RIFF TextJunk", decode_text(data[:1024]))


def add_nikon(chunks: Iterator[tuple[bytes, bytes]], tags: ContainerTags, metadata: LocatedMetadata) -> None:
    """Add the chunks of Nikon's list `ncdt`: tags, the version of the MakerNote, and the thumbnail."""
    for kind, body in chunks:
        if kind in (b"nctg", b"ncvr"):
            _add_nikon_tags("Nikon::AVITags" if kind == b"nctg" else "Nikon::AVIVers", body, tags)
        elif kind == b"ncth":
            add_thumbnail(body, metadata)


def _add_nikon_tags(table: str, data: bytes, tags: ContainerTags) -> None:
    """Add Nikon's tags. An entry has a 16-bit number, a 16-bit length (both little-endian) and the value."""
    position = 0
    for _ in range(MAX_ENTRIES):
        if position + 4 > len(data):
            return
        number, length = struct.unpack_from("<HH", data, position)
        value = data[position + 4 : position + 4 + length]
        position += 4 + length
        tag = find_tag(table, str(number))
        if tag is None or len(value) < length:
            continue
        if tag.name in ("DateTimeOriginal", "CreateDate"):
            tags.add(f"MakerNote {tag.name}", read_date(decode_text(value)))
        elif tag.name == "MakerNoteVersion":
            text = value.decode() if value.isdigit() else ".".join(map(str, value[:4]))
            tags.add(f"MakerNote {tag.name}", text)
        else:
            add_value(tags, "MakerNote", tag, value, "<")
