"""Find the JPEGs embedded in CR3, CRW, HEIC, RAF and X3F files.

Sources: "Canon CR3 file format" (https://github.com/lclevy/canon_cr3); CIFF 1.0; ISO/IEC 23008-12, 6 (items of the type
`jpeg`); https://libopenraw.freedesktop.org/formats/raf/; Foveon, X3F Raw File Format 1.0.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from exifinator.metadata.containers import ciff, heif
from exifinator.metadata.containers.iso_bmff import CANON_UUID, Box, box_body, walk_boxes
from exifinator.metadata.containers.range_buffer import RangeBuffer
from exifinator.metadata.containers.x3f import JPEG_FORMAT, MAX_PICTURES, MAX_SECTIONS, TAIL_BYTES
from exifinator.metadata.jpeg_spec import JPEG_BEGIN

PREVIEW_UUID = bytes.fromhex("eaf42b5e1c984b88b9fbb7dc406e4d16")
# The JPEG in a PRVW or THMB box begins within this many bytes of the box.
MAX_BOX_HEAD_BYTES = 64
MAX_TRACKS = 8
CRW_JPEG, CRW_THUMBNAIL = 0x2007, 0x2008
X3F_JPEG_AT = 28
MAX_JPEG_ITEMS = 8

Ranges = list[tuple[int, int]]


def find_in_raf(file: RangeBuffer) -> Ranges:
    """Return the range of the preview that a RAF's header names."""
    head = file.read_exact(84, 8)
    return [(int.from_bytes(head[:4], "big"), int.from_bytes(head[4:], "big"))]


def find_in_crw(file: RangeBuffer) -> Ranges:
    """Return the ranges of the preview and the thumbnail of a CRW file."""
    head = file.read_exact(0, 14)
    order = "<" if head[:2] == b"II" else ">"
    heap = ciff.Heap(struct.unpack_from(order + "I", head, 2)[0], file.total_bytes, 0)
    file.has_or_request(max(0, file.total_bytes - ciff.TAIL_BYTES), ciff.TAIL_BYTES)
    _, ranges = ciff.read_records(file.read, heap, order)
    return [ranges[number] for number in (CRW_JPEG, CRW_THUMBNAIL) if number in ranges]


def find_in_x3f(file: RangeBuffer) -> Ranges:
    """Return the ranges of the pictures of an X3F file that are JPEGs."""
    tail = file.read(max(0, file.total_bytes - TAIL_BYTES), TAIL_BYTES)
    start = int.from_bytes(tail[-4:], "little")
    head = file.read_exact(start, 12)
    if head[:4] != b"SECd":
        return []
    count = min(int.from_bytes(head[8:], "little"), MAX_SECTIONS)
    table = file.read_exact(start + 12, 12 * count)
    sections = [(offset, length) for offset, length, kind in struct.iter_unpack("<II4s", table) if kind[:3] == b"IMA"]
    ranges = []
    for offset, length in sections[:MAX_PICTURES]:
        if int.from_bytes(file.read(offset, 16, 16)[12:16], "little") == JPEG_FORMAT:
            ranges.append((offset + X3F_JPEG_AT, length - X3F_JPEG_AT))
    return ranges


def find_in_cr3(file: RangeBuffer) -> Ranges:
    """Return the ranges of a CR3's JPEGs: the full-size JPEG in a track, the preview, and the thumbnail."""
    ranges: Ranges = []
    for box in walk_boxes(file, 0, file.total_bytes):
        if box.kind == b"moov":
            tracks = 0
            for inner in walk_boxes(file, box.start, box.end):
                if inner.kind == b"trak" and tracks < MAX_TRACKS:
                    tracks += 1
                    ranges += _first_sample(file, inner)
                elif inner.kind == CANON_UUID:
                    for child in walk_boxes(file, inner.start, inner.end):
                        if child.kind == b"THMB":
                            ranges += _jpeg_of(file, child)
        elif box.kind == PREVIEW_UUID:
            # The body begins with a version of eight bytes. One box follows.
            for child in walk_boxes(file, box.start + 8, box.end):
                if child.kind == b"PRVW":
                    ranges += _jpeg_of(file, child)
        elif box.kind == b"mdat":
            break
    return ranges


def _jpeg_of(file: RangeBuffer, box: Box) -> Ranges:
    """Return the range of the JPEG in a PRVW or THMB box."""
    head = file.read(box.start, min(MAX_BOX_HEAD_BYTES, box.end - box.start))
    at = head.find(JPEG_BEGIN)
    return [(box.start + at, box.end - box.start - at)] if at >= 0 else []


def _first_sample(file: RangeBuffer, track: Box) -> Ranges:
    """Return the range of the first sample of a track."""
    sample = {box.kind: box for box in _inside(file, track, (b"mdia", b"minf", b"stbl"))}
    if b"stsz" not in sample or not (b"co64" in sample or b"stco" in sample):
        return []
    sizes = box_body(file, sample[b"stsz"])
    length = int.from_bytes(sizes[4:8], "big") or int.from_bytes(sizes[12:16], "big")
    is_long = b"co64" in sample
    offsets = box_body(file, sample[b"co64" if is_long else b"stco"])
    return [(int.from_bytes(offsets[8 : 16 if is_long else 12], "big"), length)]


def _inside(file: RangeBuffer, box: Box, path: tuple[bytes, ...]) -> Iterator[Box]:
    """Follow `path`, a list of box types, from `box` inward. Yield the boxes in the last box of the path."""
    for inner in walk_boxes(file, box.start, box.end):
        if not path:
            yield inner
        elif inner.kind == path[0]:
            yield from _inside(file, inner, path[1:])
            return


def find_in_heif(file: RangeBuffer) -> Ranges:
    """Return the ranges of the items of a HEIF file that are JPEGs. Few files have one."""
    for box in walk_boxes(file, 0, file.total_bytes):
        if box.kind == b"meta":
            return _jpeg_items(box, box_body(file, box))
    return []


def _jpeg_items(box: Box, body: bytes) -> Ranges:
    children: dict[bytes, tuple[int, int]] = {}
    for kind, start, end in heif.split_boxes(body, 4):
        children.setdefault(kind, (start, end))
    if b"iinf" not in children or b"iloc" not in children:
        return []
    items = body[slice(*children[b"iinf"])]
    ids: dict[int, str] = {}
    for kind, start, end in heif.split_boxes(items, 6 if items[:1] == b"\0" else 8):
        version = items[start : start + 1]
        id_bytes = 2 if version == b"\2" else 4
        if kind == b"infe" and version in (b"\2", b"\3") and items[start + 6 + id_bytes : end][:4] == b"jpeg":
            ids[int.from_bytes(items[start + 4 : start + 4 + id_bytes], "big")] = "jpeg"
    locations = heif.read_locations(body[slice(*children[b"iloc"])], ids)
    idat_start = box.start + children.get(b"idat", (0, 0))[0]
    return [
        (extents[0][0] + (idat_start if method == 1 else 0), extents[0][1])
        for method, extents in list(locations.values())[:MAX_JPEG_ITEMS]
        if method <= 1 and len(extents) == 1
    ]
