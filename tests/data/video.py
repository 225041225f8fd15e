"""Build video files for tests, and serve large ones whose frames are only zeros."""

from __future__ import annotations

import struct
from typing import Any

from exifinator.models import ImageRef, RangeRead
from tests.unit.readers import MODIFIED


class SparseReader:
    """Serves one object of any size: the given pieces at their offsets, and zeros elsewhere."""

    def __init__(self, pieces: dict[int, bytes], total_bytes: int) -> None:
        self.pieces = pieces
        self.total_bytes = total_bytes
        self.ranges: list[tuple[int, int]] = []

    @property
    def bytes_read(self) -> int:
        return sum(end - start for start, end in self.ranges)

    def read_range(self, ref: ImageRef, start: int, length: int, *, if_match: str = "") -> RangeRead:
        assert 0 <= start < self.total_bytes
        end = min(start + length, self.total_bytes)
        self.ranges.append((start, end))
        data = bytearray(end - start)
        for offset, piece in self.pieces.items():
            first, last = max(start, offset), min(end, offset + len(piece))
            if first < last:
                data[first - start : last - start] = piece[first - offset : last - offset]
        return RangeRead(start, bytes(data), self.total_bytes, "now", MODIFIED)


def chunk(kind: bytes, body: bytes) -> bytes:
    """Return a chunk of a RIFF file."""
    return kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


def riff_list(kind: bytes, *chunks: bytes) -> bytes:
    """Return a LIST of chunks."""
    return chunk(b"LIST", kind + b"".join(chunks))


def avi_stream(kind: bytes, codec: bytes, scale: int, rate: int, length: int, layout: bytes, *more: bytes) -> bytes:
    """Return the list with the headers of a stream."""
    header = kind + codec + struct.pack("<10I", 0, 0, 0, scale, rate, 0, length, 0, 10000, 0) + bytes(8)
    return riff_list(b"strl", chunk(b"strh", header), chunk(b"strf", layout), *more)


def avi_headers(*more: bytes, stream_chunks: tuple[bytes, ...] = ()) -> bytes:
    """Return the list hdrl of a file with 250 frames of 640 by 480 pixels, 25 per second, and with sound."""
    main = struct.pack("<14I", 40_000, 500_000, 0, 16, 250, 0, 2, 0, 640, 480, 0, 0, 0, 0)
    picture = struct.pack("<IiiHH4s5I", 40, 640, -480, 1, 24, b"MJPG", 921_600, 0, 0, 0, 0)
    sound = struct.pack("<HHIIHH", 1, 2, 44_100, 176_400, 4, 16)
    video = avi_stream(b"vids", b"mjpg", 1, 25, 250, picture, *stream_chunks)
    return riff_list(
        b"hdrl", chunk(b"avih", main), video, avi_stream(b"auds", bytes(4), 1, 44_100, 441_000, sound), *more
    )


def avi(*chunks: bytes, headers: bytes | None = None) -> bytes:
    """Return an AVI file with the headers, and the given chunks after them."""
    body = (avi_headers() if headers is None else headers) + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"AVI " + body


def values_of(document: dict[str, Any], *names: str) -> list[Any]:
    """Return the values of tags; those with a single number as the number."""
    values = [document[name]["values"] if name in document else None for name in names]
    return [value[0] if isinstance(value, list) and len(value) == 1 else value for value in values]


def element(number: int, body: bytes | int | str, size_bytes: int = 0) -> bytes:
    """Return an element of a Matroska file. Its size takes `size_bytes` bytes; 0 for as few as possible."""
    if isinstance(body, int):
        body = body.to_bytes(max(1, (body.bit_length() + 7) // 8), "big")
    elif isinstance(body, str):
        body = body.encode()
    n_bytes = size_bytes or next(n for n in range(1, 9) if len(body) < (1 << 7 * n) - 1)
    size = (1 << 7 * n_bytes | len(body)).to_bytes(n_bytes, "big")
    return number.to_bytes((number.bit_length() + 7) // 8, "big") + size + body


def matroska_header(doc_type: str = "matroska") -> bytes:
    """Return the EBML header of a file."""
    return element(0x1A45DFA3, element(0x4286, 1) + element(0x4282, doc_type))


def matroska_info(*more: bytes) -> bytes:
    """Return the element Info of a file of 90.5 seconds, recorded 100 days after the start of 2001."""
    date = struct.pack(">q", 100 * 86400 * 10**9)
    return element(
        0x1549A966,
        element(0x2AD7B1, 1_000_000) + element(0x4489, struct.pack(">d", 90_500.0)) + element(0x4461, date)
        + b"".join(more),
    )  # fmt: skip


def matroska_tracks(*, picture: bool = True) -> bytes:
    """Return the element Tracks with a picture of 1280 by 720 pixels at 50 frames per second, and with sound."""
    size = element(0xB0, 1280) + element(0xBA, 720)
    video = element(0xD7, 1) + element(0x73C5, 77) + element(0x86, "V_VP9") + element(0x83, 1)
    video += element(0x23E383, 20_000_000) + element(0xE0, size)
    sound = element(0xD7, 2) + element(0x73C5, 78) + element(0x83, 2) + element(0x86, "A_OPUS")
    sound += element(0xE1, element(0xB5, struct.pack(">f", 48_000.0)) + element(0x9F, 2))
    return element(0x1654AE6B, (element(0xAE, video) if picture else b"") + element(0xAE, sound))


def matroska_tags(*pairs: tuple[str, str], track: int = 0) -> bytes:
    """Return the element Tags with names and texts of the file or of a track."""
    targets = element(0x63C0, element(0x63C5, track) if track else b"")
    texts = (element(0x67C8, element(0x45A3, name) + element(0x4487, text)) for name, text in pairs)
    return element(0x1254C367, element(0x7373, targets + b"".join(texts)))


def seek_head(*places: tuple[int, int]) -> bytes:
    """Return a SeekHead with the ids and positions of elements."""
    seeks = (
        element(0x4DBB, element(0x53AB, kind) + element(0x53AC, place.to_bytes(8, "big"))) for kind, place in places
    )
    return element(0x114D9B74, b"".join(seeks))


def packet(
    pid: int, payload: bytes = b"", *, start: bool = False, clock: int | None = None, stamped: bool = True
) -> bytes:
    """Return a packet of a transport stream. `clock` is in ticks of 27 MHz."""
    field = b""
    if clock is not None:
        field = b"\x10" + ((clock // 300) << 15 | 0x7E00 | clock % 300).to_bytes(6, "big")
    room = 184 - len(payload)
    has_field = room > 0
    if has_field:
        field = bytes([room - 1]) + (field or b"\0").ljust(room - 1, b"\xff")[: room - 1]
    head = bytes([0x47, (0x40 if start else 0) | pid >> 8, pid & 0xFF, (0x30 if has_field else 0x10)])
    return (b"\0\0\0\1" if stamped else b"") + head + field + payload


def section(number: int, body: bytes) -> bytes:
    """Return the payload of a packet with a section."""
    return bytes([0, number, 0xB0 | len(body) + 4 >> 8, len(body) + 4 & 0xFF]) + body + bytes(4)


def transport_start(video: bytes, kind: int = 0x1B, *, stamped: bool = True) -> bytes:
    """Return the first packets of a transport stream: the tables, a clock of 10 seconds, and a picture."""
    programs = section(0, bytes([0, 1, 0xC1, 0, 0, 0, 1, 0xE1, 0x00]))
    ac3 = bytes([0x81, 0xF1, 0x00, 0xF0, 6, 0x81, 4, 4, 0x30, 4, 0])
    table = bytes([0, 1, 0xC1, 0, 0, 0xF0, 0x01, 0xF0, 0, kind, 0xF0, 0x11, 0xF0, 0]) + ac3
    packets = [
        packet(0, programs, start=True, stamped=stamped),
        packet(0x100, section(2, table), start=True, stamped=stamped),
        packet(0x1001, clock=270_000_000, stamped=stamped),
    ]
    data = b"\0\0\1\xe0\0\0\x81\0\0" + video
    for at in range(0, len(data), 184):
        packets.append(packet(0x1011, data[at : at + 184], start=at == 0, stamped=stamped))
    packets += [packet(0x1FFF, stamped=stamped)] * 4
    return b"".join(packets)


def mdpm_unit(entries: dict[int, bytes]) -> bytes:
    """Return the NAL unit with the metadata of an AVCHD camera."""
    body = bytes.fromhex("17ee8c60f84d11d98cd60800200c9a66") + b"MDPM" + bytes([len(entries)])
    body += b"".join(bytes([number]) + value for number, value in entries.items())
    escaped = (bytes([5, len(body)]) + body).replace(b"\0\0", b"\0\0\3")
    return b"\0\0\1\x06" + escaped + b"\x80"
