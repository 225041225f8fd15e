"""Decode the headers of an AVI file and of its streams.

Source: Microsoft, AVIMAINHEADER, AVISTREAMHEADER, BITMAPINFOHEADER and WAVEFORMATEX, and OpenDML 1.02 (dmlh).
"""

from __future__ import annotations

import struct

from exifinator.metadata.containers.container_tags import ContainerTags
from exifinator.metadata.containers.range_buffer import LocatedMetadata
from exifinator.metadata.containers.video_tables import find_tag
from exifinator.metadata.quicktime.movie_tags import duration_text
from exifinator.metadata.text_decoding import decode_text

MAX_STREAMS = 16
VIDEO, AUDIO = b"vids", b"auds"
# Names of the codec, the rate and the length in each type of stream.
NAMES = {
    VIDEO: ("VideoCodec", "VideoFrameRate", "VideoFrameCount"),
    AUDIO: ("AudioCodec", "AudioSampleRate", "AudioSampleCount"),
}
OTHER_NAMES = ("Codec", "StreamSampleRate", "StreamSampleCount")
MAX_PIXELS = 1 << 16


class StreamHeaders:
    """Collects the headers of one file, and turns them into tags."""

    def __init__(self) -> None:
        self._main = b""
        self._n_frames = 0
        self._streams: list[dict[bytes, bytes]] = []

    def begin(self) -> None:
        """Begin the headers of the next stream."""
        if len(self._streams) < MAX_STREAMS:
            self._streams.append({})

    def read(self, kind: bytes, body: bytes) -> None:
        """Keep a header: `avih`, `dmlh`, `strh`, `strf` or `strn`."""
        if kind == b"avih":
            self._main = self._main or body[:56]
        elif kind == b"dmlh" and len(body) >= 4:
            self._n_frames = int.from_bytes(body[:4], "little")
        elif kind in (b"strh", b"strf", b"strn") and self._streams:
            self._streams[-1].setdefault(kind, body[:256])

    def add_to(self, tags: ContainerTags, located: LocatedMetadata) -> None:
        """Add the tags of all headers, and the size of the picture."""
        seconds = 0.0
        if len(self._main) >= 40:
            numbers = struct.unpack_from("<10I", self._main)
            if numbers[0]:
                tags.add("RIFF FrameRate", round(1e6 / numbers[0], 6), f"{round(1e6 / numbers[0], 3):g}")
                seconds = numbers[4] * numbers[0] / 1e6
            tags.add("RIFF MaxDataRate", numbers[1], f"{numbers[1] / 1000:.4g} kB/s")
            tags.add("RIFF FrameCount", numbers[4])
            tags.add("RIFF StreamCount", numbers[6])
            tags.add("RIFF ImageWidth", numbers[8])
            tags.add("RIFF ImageHeight", numbers[9])
            _set_size(numbers[8], numbers[9], located)
        for stream in self._streams:
            seconds = self._add_stream(stream, tags, located) or seconds
        if self._n_frames:
            tags.add("RIFF TotalFrameCount", self._n_frames)
        if seconds > 0:
            tags.add("RIFF Duration", round(seconds, 6), duration_text(seconds))

    def _add_stream(self, stream: dict[bytes, bytes], tags: ContainerTags, located: LocatedMetadata) -> float:
        """Add the tags of a stream. Return the duration of a video stream in seconds; 0 for other streams."""
        header, layout = stream.get(b"strh", b""), stream.get(b"strf", b"")
        kind, seconds = header[:4], 0.0
        if len(header) >= 48:
            codec, rate_name, length_name = NAMES.get(kind, OTHER_NAMES)
            scale, rate, _, length, _, quality, sample_bytes = struct.unpack_from("<7I", header, 20)
            type_tag = find_tag("RIFF::StreamHeader", "0")
            kind_text = decode_text(kind)
            tags.add("RIFF StreamType", kind_text, type_tag.labels.get(kind_text, "") if type_tag else "")
            tags.add(f"RIFF {codec}", decode_text(header[4:8]))
            if scale and rate:
                tags.add(f"RIFF {rate_name}", round(rate / scale, 6), f"{round(rate / scale, 3):.9g}")
                # The length of an OpenDML file is that of its first segment here.
                seconds = max(length, self._n_frames) * scale / rate if kind == VIDEO else 0.0
            tags.add(f"RIFF {length_name}", length)
            tags.add("RIFF Quality", quality, "Default" if quality == 0xFFFFFFFF else "")
            size_text = f"{sample_bytes} byte{'' if sample_bytes == 1 else 's'}" if sample_bytes else "Variable"
            tags.add("RIFF SampleSize", sample_bytes, size_text)
        tags.add("RIFF StreamName", decode_text(stream.get(b"strn", b"")))
        if kind == VIDEO and len(layout) >= 40:
            _add_picture_format(layout, tags, located)
        elif kind == AUDIO and len(layout) >= 14:
            _add_audio_format(layout, tags)
        return seconds


def _set_size(width: int, height: int, located: LocatedMetadata) -> None:
    if located.width_pixels is None and 0 < width < MAX_PIXELS and 0 < height < MAX_PIXELS:
        located.width_pixels, located.height_pixels = width, height


def _add_picture_format(data: bytes, tags: ContainerTags, located: LocatedMetadata) -> None:
    """Add a BITMAPINFOHEADER. ExifTool has its tags in the group File."""
    version, width, height, planes, depth = struct.unpack_from("<IiiHH", data)
    compression, length, x_density, y_density, n_colors, n_important = struct.unpack_from("<4s5I", data, 16)
    tag = find_tag("BMP::Main", "0")
    tags.add("File BMPVersion", version, tag.labels.get(str(version), "") if tag else "")
    # A negative height means that the first row is the top one.
    tags.add("File ImageWidth", abs(width))
    tags.add("File ImageHeight", abs(height))
    tags.add("File Planes", planes)
    tags.add("File BitDepth", depth)
    number = int.from_bytes(compression, "little")
    tags.add("File Compression", decode_text(compression) if number > 0xFFFF else number)
    tags.add("File ImageLength", length)
    tags.add("File PixelsPerMeterX", x_density)
    tags.add("File PixelsPerMeterY", y_density)
    tags.add("File NumColors", n_colors, "" if n_colors else "Use BitDepth")
    tags.add("File NumImportantColors", n_important, "" if n_important else "All")
    _set_size(abs(width), abs(height), located)


def _add_audio_format(data: bytes, tags: ContainerTags) -> None:
    encoding, channels, rate, bytes_per_second = struct.unpack_from("<HHII", data)
    tag = find_tag("RIFF::AudioFormat", "0")
    tags.add("RIFF Encoding", encoding, tag.labels.get(str(encoding), "") if tag else "")
    tags.add("RIFF NumChannels", channels)
    tags.add("RIFF SampleRate", rate)
    tags.add("RIFF AvgBytesPerSec", bytes_per_second)
    if len(data) >= 16:
        tags.add("RIFF BitsPerSample", int.from_bytes(data[14:16], "little"))
