"""Crafted MakerNotes of every maker, and the segments in which cameras keep such data outside a MakerNote."""

from __future__ import annotations

import base64
import gzip
import struct
from functools import partial

from docgen.makernotes import craft
from exifinator.metadata.containers.note_segments import FLIR, GOPRO, QUALCOMM
from exifinator.metadata.makernotes.structures import READERS
from exifinator.metadata.makernotes.tables import get_table
from tests.data import build


def flir_file(camera_info: bytes, order: str = ">", *, offset: int = 96, count: int = 1) -> bytes:
    head = b"FFF\0" + bytes(16) + struct.pack(order + "III", 100, 64, count) + bytes(32)
    return head + struct.pack(order + "H10xII12x", 32, offset, len(camera_info)) + camera_info


def camera_info(lens: bytes) -> bytes:
    info = bytearray(b"\2\0" + bytes(500))
    info[32:36] = struct.pack("<f", 0.5)
    info[368 : 368 + len(lens)] = lens
    return bytes(info)


def flir_segments(data: bytes, piece_bytes: int = 300) -> list[bytes]:
    pieces = [data[at : at + piece_bytes] for at in range(0, len(data), piece_bytes)]
    return [
        build.segment(0xE1, FLIR + bytes([1, number, len(pieces) - 1]) + piece) for number, piece in enumerate(pieces)
    ]


def gpmf_value(key: bytes, kind: bytes, size: int, count: int, data: bytes) -> bytes:
    """Return a value of GoPro's: a key, a type, the size and number of items, and the items, padded to four bytes."""
    return key + kind + struct.pack(">BH", size, count) + data + bytes(-len(data) % 4)


def qualcomm_entry(name: bytes, kind: int, data: bytes) -> bytes:
    """Return a value of Qualcomm's that has one item."""
    return struct.pack(">BH", len(data), len(name)) + name + struct.pack("<BHH", kind, 1, 1) + data


def varint(number: int) -> bytes:
    """Return a number of Protocol Buffers."""
    data = b""
    while number > 127:
        data += bytes([number & 127 | 128])
        number >>= 7
    return data + bytes([number])


def message(*fields: tuple[int, int | float | str | bytes]) -> bytes:
    """Return a message of Protocol Buffers. A float has 32 bits."""
    data = b""
    for number, value in fields:
        if isinstance(value, int):
            data += varint(number << 3) + varint(value)
        elif isinstance(value, float):
            data += varint(number << 3 | 5) + struct.pack("<f", value)
        else:
            content = value.encode() if isinstance(value, str) else value
            data += varint(number << 3 | 2) + varint(len(content)) + content
    return data


GOOGLE_DEVICE = message(
    (1, "Google"), (2, "Pixel 9"), (8, 1_694_689_039_250), (12, message((1, 0.5), (2, 32000.0))), (14, 666.5)
)
GOOGLE_MESSAGE = message(
    (1, message((1, "Payload frame 00"), (2, bytes(212)))),
    (1, message((1, "Finished image"), (2, bytes(9000)))),
    (2, b"log"),
    (9, message((3, 11), (36, message((1, 1_696_625_631))))),
    (12, GOOGLE_DEVICE),
)


def google_note(content: bytes = GOOGLE_MESSAGE, version: int = 3) -> bytes:
    """Return a note of Google's camera app: a compressed message, enciphered with numbers of xorshift64*."""
    data = gzip.compress(content, mtime=0)
    state, mask, out = 0x2515606B4A7791CD, (1 << 64) - 1, b""
    for at in range(0, len(data), 8):
        for left, right in ((0, 12), (25, 0), (0, 27)):
            state = (state ^ (state << left if left else state >> right)) & mask
        state = state * 0x2545F4914F6CDD1D & mask
        out += bytes(a ^ b for a, b in zip(data[at : at + 8], state.to_bytes(8, "little"), strict=False))
    return b"HDRP" + bytes([version]) + out


def google_packet(note: bytes) -> bytes:
    """Return an XMP packet with a note of Google's."""
    return (
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
        'xmlns:GCamera="http://ns.google.com/photos/1.0/camera/" GCamera:HdrPlusMakernote="'
        f'{base64.b64encode(note).decode().rstrip("=")}"/></rdf:RDF>'
    ).encode()


def structures_of(maker: craft.Maker) -> list[tuple[int, int, int, bytes]]:
    """Return an entry for each structure that the maker's note may contain, as many as fit into a segment."""
    table = get_table(maker.table)
    entries: dict[int, tuple[int, int, int, bytes]] = {}
    for tag, children in (table.children if table else {}).items():
        child = get_table(children[0].table)
        if child is None or not child.unit or child.name in READERS:
            continue
        entry = craft.child_entry(tag, children[0], 7, maker.order)
        if entry is not None and sum(len(other[3]) for other in entries.values()) + len(entry[3]) < 40_000:
            entries[tag] = entry
    if maker.table == "Nikon::Main":
        # The key of the enciphered structures: serial number and shutter count.
        entries |= {0x1D: (0x1D, 2, 5, b"4242\0"), 0xA7: (0xA7, 4, 1, struct.pack(maker.order + "I", craft.COUNT))}
    if maker.table == "Samsung::Type2":
        # The version, by which the note is recognised.
        entries[1] = (1, 7, 4, b"0100")
    return [entries[tag] for tag in sorted(entries)]


def every_note() -> dict[str, bytes]:
    """Return a JPEG for each maker of docgen's list, and one for each segment outside a MakerNote."""
    gopro = gpmf_value(b"DEVC", b"\0", 1, 20, gpmf_value(b"MINF", b"c", 1, 11, b"HERO6 Black"))
    qualcomm = QUALCOMM + qualcomm_entry(b"aec_current_exp_index", 2, b"\x34\x01")
    photos = {
        "flir": build.jpeg(*flir_segments(flir_file(camera_info(b"FOL18")))),
        "gopro": build.jpeg(build.segment(0xE6, GOPRO + gopro)),
        "google": build.jpeg(build.xmp_segment(google_packet(google_note()))),
        "qualcomm": build.jpeg(build.segment(0xE7, qualcomm)),
    }
    for name, maker in craft.MAKERS.items():
        entries = structures_of(maker)
        if entries:
            photos[f"note {name}"] = craft.jpeg(
                maker.make, maker.model, maker.order, partial(craft.note, maker, entries)
            )
    return photos
