"""Read the trailers that programs and cameras append to a JPEG: of AFCP, FotoStation, Canon and Insta360.

Sources: AXS File Concatenation Protocol 1.0; for FotoStation, observed in sample files, and
https://exiftool.org/TagNames/FotoStation.html.
"""

from __future__ import annotations

from exifinator.metadata.containers import canon_vrd
from exifinator.metadata.containers.insta360 import SIGNATURE, read_insta360
from exifinator.metadata.containers.range_buffer import LocatedMetadata, RangeBuffer
from exifinator.metadata.text_decoding import decode_text

# How much of the end of the file to request. Trailers are usually shorter.
TAIL_BYTES = 8 * 1024
MAX_BLOCK_BYTES = 1024 * 1024
AFCP_ORDERS = {b"AXS!": "big", b"AXS*": "little"}
AFCP_FOOTER_BYTES, MAX_AFCP_ENTRIES = 12, 20
FOTOSTATION, FOTOSTATION_FOOTER_BYTES = b"\xa1\xb2\xc3\xd4", 10
FOTOSTATION_IPTC, MAX_FOTOSTATION_BLOCKS = 1, 10
IPTC_BEGIN = b"\x1c"


def read_trailers(file: RangeBuffer, metadata: LocatedMetadata) -> None:
    """Add the IPTC, XMP and text in the trailers at the end of the file. Ignore a damaged trailer."""
    start = max(0, file.total_bytes - TAIL_BYTES)
    tail = file.read(start, TAIL_BYTES)
    if tail[-AFCP_FOOTER_BYTES:][:4] in AFCP_ORDERS:
        _read_afcp(file, metadata, tail[-AFCP_FOOTER_BYTES:])
    elif tail.endswith(FOTOSTATION):
        _read_fotostation(file, metadata)
    elif tail.endswith(SIGNATURE):
        read_insta360(file, metadata)
    else:
        metadata.add("xmp", canon_vrd.find_xmp(tail))


def _read_afcp(file: RangeBuffer, metadata: LocatedMetadata, footer: bytes) -> None:
    """Read AFCP: the footer has the offset of a list of entries, and each entry has the offset of its data."""
    order = AFCP_ORDERS[footer[:4]]
    start = _number(footer[4:8], order)
    head = file.read(start, 12, TAIL_BYTES)
    if head[:4] != footer[:4]:
        return
    count = min(_number(head[6:8], order), MAX_AFCP_ENTRIES)
    table = file.read(start + 12, 12 * count, TAIL_BYTES)
    for at in range(0, len(table) // 12 * 12, 12):
        kind = table[at : at + 4]
        length, offset = _number(table[at + 4 : at + 8], order), _number(table[at + 8 : at + 12], order)
        if kind not in (b"IPTC", b"TEXT") or length > MAX_BLOCK_BYTES:
            continue
        data = file.read(offset, length)
        if kind == b"TEXT":
            metadata.add_text("Comment", decode_text(data))
        elif data.startswith(IPTC_BEGIN):
            metadata.add("iptc", data)


def _read_fotostation(file: RangeBuffer, metadata: LocatedMetadata) -> None:
    """Read FotoStation's blocks, the last one first. A block ends with its kind, its length and the signature."""
    end = file.total_bytes
    for _ in range(MAX_FOTOSTATION_BLOCKS):
        if end < FOTOSTATION_FOOTER_BYTES:
            return
        footer = file.read(end - FOTOSTATION_FOOTER_BYTES, FOTOSTATION_FOOTER_BYTES)
        kind, length = _number(footer[:2], "big"), _number(footer[2:6], "big")
        if footer[6:] != FOTOSTATION or not FOTOSTATION_FOOTER_BYTES <= length <= end:
            return
        if kind == FOTOSTATION_IPTC and length <= MAX_BLOCK_BYTES:
            data = file.read(end - length, length - FOTOSTATION_FOOTER_BYTES)
            if data.startswith(IPTC_BEGIN):
                metadata.add("iptc", data)
        end -= length


def _number(data: bytes, order: str) -> int:
    return int.from_bytes(data, "little" if order == "little" else "big")
