"""Locate the metadata of MPEG transport streams: AVCHD (.mts, .m2ts) and HDV (.m2t, .ts).

The first packets have the tables of the streams, and the start of the video stream with the camera's metadata. The
duration is the difference between the clocks in the first and the last packets.
Source: ITU-T H.222.0, 2.4.3 (packets, PES) and 2.4.4 (PAT, PMT); ATSC A/52, annex A (AC-3 descriptor).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from exifinator.metadata.containers import h264, mdpm
from exifinator.metadata.containers.bounded_reads import BoundedReads
from exifinator.metadata.containers.container_tags import ContainerTags
from exifinator.metadata.containers.range_buffer import LocatedMetadata, RangeBuffer
from exifinator.metadata.containers.video_tables import find_tag
from exifinator.metadata.quicktime.movie_tags import duration_text

SYNC = 0x47
# Length of a packet: plain, or after a time stamp of four bytes (BDAV).
PLAIN_BYTES, STAMPED_BYTES = 188, 192
# The first packets that show that a file is a transport stream.
MIN_PACKETS, CHECKED_PACKETS = 3, 5
# How many bytes to search for the start of the video stream, and how many to read from the end for the last clock. At
# 24 Mbit/s, a clock is normally at most 120 KB away.
HEAD_BYTES, TAIL_BYTES = 96 * 1024, 112 * 1024
MAX_VIDEO_BYTES = 64 * 1024
TICKS_PER_SECOND, CLOCK_TICKS = 27_000_000, 300 << 33
H264, MPEG_2, MPEG_1 = 0x1B, 0x02, 0x01
SEQUENCE_HEADER = b"\0\0\1\xb3"
AC3_DESCRIPTOR = 0x81
AC3_KILOBITS = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640)
MPEG_FRAME_RATES = (0.0, 23.976, 24.0, 25.0, 29.97, 30.0, 50.0, 59.94, 60.0)
MAX_STREAMS = 16
MIN_BYTES_PER_SECOND = 1000


class Packet(NamedTuple):
    """A packet: its stream, whether a unit starts in it, its clock in ticks (None if it has none), and its payload."""

    pid: int
    is_start: bool
    clock: int | None
    payload: bytes


@dataclass(slots=True)
class _Program:
    """The tables, the start of the video stream and the clocks in the packets that were read."""

    table_pid: int = -1
    clock_pid: int = -1
    streams: dict[int, int] = field(default_factory=dict)
    descriptors: dict[int, bytes] = field(default_factory=dict)
    video_pid: int = -1
    video: bytearray = field(default_factory=bytearray)
    first_clock: int | None = None
    last_clock: int | None = None


def packet_bytes(head: bytes) -> int:
    """Return the length of a packet of a transport stream that begins with `head`; 0 if it is not one."""
    for length, start in ((STAMPED_BYTES, 4), (PLAIN_BYTES, 0)):
        syncs = [head[at] == SYNC for at in range(start, len(head), length)][:CHECKED_PACKETS]
        if len(syncs) >= MIN_PACKETS and all(syncs):
            return length
    return 0


def read_mpeg_ts(file: RangeBuffer, metadata: LocatedMetadata) -> None:
    """Locate the metadata of a transport stream, and read the size of its picture."""
    metadata.format = "m2ts"
    reads = BoundedReads(file)
    length = packet_bytes(file.read(0, 1024))
    tail_at = max(0, file.total_bytes - TAIL_BYTES) // length * length
    head_end = next((size for size in (HEAD_BYTES, 48 * 1024, 16 * 1024, 1024) if reads.has(0, size)), 1024)
    program = _Program()
    stream = _read_head(file.read(0, head_end), length, program)
    if not stream.is_complete and head_end < min(HEAD_BYTES, file.total_bytes):
        reads.request([(head_end, HEAD_BYTES), (tail_at, file.total_bytes)])
    reads.request([(tail_at, file.total_bytes)])
    if file.total_bytes > head_end:
        program.last_clock = None
        if reads.has(tail_at, TAIL_BYTES + length):
            _read_tail(file.read(tail_at, TAIL_BYTES + length), length, program)
    tags = ContainerTags()
    _add_tags(program, stream, file.total_bytes, tags, metadata)
    tags.add_to(metadata)


def _read_tail(data: bytes, length: int, program: _Program) -> None:
    """Find the last clock. The last packets of a file that was cut or joined may not be aligned with the first ones."""
    sync_at = length - PLAIN_BYTES
    start = max(range(length), key=lambda at: data[at + sync_at :: length].count(SYNC))
    for packet in split_packets(data[start:], length):
        if packet.clock is not None and packet.pid == program.clock_pid:
            program.last_clock = packet.clock


def split_packets(data: bytes, length: int) -> Iterator[Packet]:
    """Yield the packets in `data`, which begins with one. Skip packets without the sync byte."""
    start = length - PLAIN_BYTES
    for at in range(start, len(data) - PLAIN_BYTES + 1, length):
        if data[at] != SYNC or data[at + 1] & 0x80:
            continue
        pid = (data[at + 1] & 0x1F) << 8 | data[at + 2]
        control, payload_at, clock = data[at + 3] >> 4 & 3, at + 4, None
        if control & 2:
            n_bytes = data[at + 4]
            if n_bytes >= 7 and data[at + 5] & 0x10:
                clock_field = int.from_bytes(data[at + 6 : at + 12], "big")
                clock = (clock_field >> 15) * 300 + (clock_field & 0x1FF)
            payload_at += 1 + n_bytes
        end = at + PLAIN_BYTES
        payload = data[payload_at:end] if control & 1 and payload_at < end else b""
        yield Packet(pid, bool(data[at + 1] & 0x40), clock, payload)


def _read_head(data: bytes, length: int, program: _Program) -> h264.Stream:
    """Read the tables and the start of the video stream from the first packets."""
    for packet in split_packets(data, length):
        if packet.clock is not None:
            if program.clock_pid < 0:
                program.clock_pid = packet.pid
            if packet.pid == program.clock_pid:
                program.last_clock = packet.clock
                if program.first_clock is None:
                    program.first_clock = packet.clock
        if packet.is_start and packet.pid == 0 and program.table_pid < 0:
            program.table_pid = _table_pid(packet.payload)
        elif packet.is_start and packet.pid == program.table_pid and not program.streams:
            _read_streams(packet.payload, program)
        elif packet.pid == program.video_pid and len(program.video) < MAX_VIDEO_BYTES:
            program.video += _pes_data(packet.payload) if packet.is_start else packet.payload
    kind = program.streams.get(program.video_pid)
    if kind == H264:
        return h264.read_stream(bytes(program.video))
    # Other kinds of video streams are not decoded, so no bytes are missing.
    is_complete = SEQUENCE_HEADER in program.video if kind in (MPEG_1, MPEG_2) else kind is not None
    return h264.Stream(None, [], is_complete)


def _section(payload: bytes) -> bytes:
    """Return the body of the section at the start of a payload, without its checksum. The body may be truncated."""
    start = 1 + payload[0] if payload else 1
    head = payload[start : start + 3]
    length = (head[1] & 0x0F) << 8 | head[2] if len(head) == 3 else 0
    return payload[start + 3 : start + 3 + max(0, length - 4)]


def _table_pid(payload: bytes) -> int:
    """Return the PID of the first program's table (PMT); -1 if there is none."""
    body = _section(payload)
    for at in range(5, len(body) - 3, 4):
        if body[at : at + 2] != b"\0\0":
            return (body[at + 2] & 0x1F) << 8 | body[at + 3]
    return -1


def _read_streams(payload: bytes, program: _Program) -> None:
    """Read the types of the program's streams."""
    body = _section(payload)
    if len(body) < 9:
        return
    program.clock_pid = (body[5] & 0x1F) << 8 | body[6]
    at = 9 + ((body[7] & 0x0F) << 8 | body[8])
    while at + 5 <= len(body) and len(program.streams) < MAX_STREAMS:
        kind, pid = body[at], (body[at + 1] & 0x1F) << 8 | body[at + 2]
        n_bytes = (body[at + 3] & 0x0F) << 8 | body[at + 4]
        program.streams.setdefault(pid, kind)
        program.descriptors.setdefault(pid, body[at + 5 : at + 5 + n_bytes])
        if program.video_pid < 0 and "Video" in _type_name(kind):
            program.video_pid = pid
        at += 5 + n_bytes


def _type_name(kind: int) -> str:
    tag = find_tag("M2TS::Main", "VideoStreamType")
    return tag.labels.get(str(kind), "") if tag else ""


def _pes_data(payload: bytes) -> bytes:
    """Return the data of a PES packet."""
    return payload[9 + payload[8] :] if payload[:3] == b"\0\0\1" and len(payload) > 9 else payload


def _add_tags(
    program: _Program, stream: h264.Stream, total_bytes: int, tags: ContainerTags, metadata: LocatedMetadata
) -> None:
    for pid, kind in program.streams.items():
        name = _type_name(kind)
        for word in ("Video", "Audio"):
            if word in name:
                tags.add(f"M2TS {word}StreamType", kind, name)
        _add_ac3(program.descriptors[pid], tags)
    if program.first_clock is not None and program.last_clock is not None:
        seconds = round((program.last_clock - program.first_clock) % CLOCK_TICKS / TICKS_PER_SECOND, 3)
        # A lower rate means that the clock was reset inside the file, as in files that were joined.
        is_plausible = total_bytes >= MIN_BYTES_PER_SECOND * seconds
        if is_plausible:
            tags.add("M2TS Duration", seconds, duration_text(seconds))
        if is_plausible and seconds >= 1:
            tags.add("Composite AvgBitrate", round(8 * total_bytes / seconds))
    if stream.picture is not None:
        metadata.width_pixels, metadata.height_pixels = stream.picture.width, stream.picture.height
        tags.add("H264 ImageWidth", stream.picture.width)
        tags.add("H264 ImageHeight", stream.picture.height)
    for data in stream.user_data:
        if mdpm.read_mdpm(data, tags):
            break
    if stream.picture is not None and stream.picture.frame_rate and tags.get("H264 VideoFrameRate") is None:
        tags.add("H264 VideoFrameRate", round(stream.picture.frame_rate, 3))
    if program.streams.get(program.video_pid) in (MPEG_1, MPEG_2):
        _add_mpeg(bytes(program.video), tags, metadata)


def _add_mpeg(data: bytes, tags: ContainerTags, metadata: LocatedMetadata) -> None:
    """Add the size of the picture in an MPEG-1 or MPEG-2 sequence header (ISO/IEC 13818-2, 6.2.2.1)."""
    start = data.find(SEQUENCE_HEADER)
    head = data[start + 4 : start + 8] if start >= 0 else b""
    if len(head) < 4:
        return
    width, height = head[0] << 4 | head[1] >> 4, (head[1] & 0xF) << 8 | head[2]
    if width and height:
        metadata.width_pixels, metadata.height_pixels = width, height
        tags.add("MPEG ImageWidth", width)
        tags.add("MPEG ImageHeight", height)
    rate = head[3] & 0xF
    if 0 < rate < len(MPEG_FRAME_RATES):
        tags.add("MPEG FrameRate", MPEG_FRAME_RATES[rate])


def _add_ac3(descriptors: bytes, tags: ContainerTags) -> None:
    """Add the values of an AC-3 descriptor."""
    at = 0
    while at + 2 <= len(descriptors):
        body = descriptors[at + 2 : at + 2 + descriptors[at + 1]]
        if descriptors[at] == AC3_DESCRIPTOR and len(body) >= 3:
            code = body[1] >> 2 & 0x1F
            if code < len(AC3_KILOBITS):
                text = f"{AC3_KILOBITS[code]} kbps{' max' if body[1] & 0x80 else ''}"
                tags.add("AC3 AudioBitrate", 1000 * AC3_KILOBITS[code], text)
            values = {"SurroundMode": body[1] & 3, "AudioChannels": body[2] >> 1 & 0xF, "AudioSampleRate": body[0] >> 5}
            for name, number in values.items():
                tag = find_tag("M2TS::AC3", name)
                if tag is not None and str(number) in tag.labels:
                    tags.add(f"AC3 {name}", number, tag.labels[str(number)])
            return
        at += 2 + descriptors[at + 1]
