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
# Type of a stream -> names of the tags for its codec, its rate and its length.
TAG_NAMES = {
    VIDEO: ("VideoCodec", "VideoFrameRate", "VideoFrameCount"),
    AUDIO: ("AudioCodec", "AudioSampleRate", "AudioSampleCount"),
}
OTHER_TAG_NAMES = ("Codec", "StreamSampleRate", "StreamSampleCount")
MAX_SIDE_PIXELS = 1 << 16


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

    def read(self, chunk_type: bytes, body: bytes) -> None:
        """Store the header chunks `avih`, `dmlh`, `strh`, `strf` and `strn` for `add_to`. Ignore other chunks."""
        if chunk_type == b"avih":
            self._main = self._main or body[:56]
        elif chunk_type == b"dmlh" and len(body) >= 4:
            self._n_frames = int.from_bytes(body[:4], "little")
        elif chunk_type in (b"strh", b"strf", b"strn") and self._streams:
            self._streams[-1].setdefault(chunk_type, body[:256])

    def add_to(self, tags: ContainerTags, metadata: LocatedMetadata) -> None:
        """Add the tags of all headers, and the size of the picture."""
        seconds = 0.0
        if len(self._main) >= 40:
            frame_us, bytes_per_second, _, _, n_frames, _, n_streams, _, width, height = struct.unpack_from(
                "<10I", self._main
            )
            if frame_us:
                tags.add("RIFF FrameRate", round(1e6 / frame_us, 6), f"{round(1e6 / frame_us, 3):g}")
                seconds = n_frames * frame_us / 1e6
            tags.add("RIFF MaxDataRate", bytes_per_second, f"{bytes_per_second / 1000:.4g} kB/s")
            tags.add("RIFF FrameCount", n_frames)
            tags.add("RIFF StreamCount", n_streams)
            tags.add("RIFF ImageWidth", width)
            tags.add("RIFF ImageHeight", height)
            _set_size(width, height, metadata)
        for stream in self._streams:
            seconds = self._add_stream(stream, tags, metadata) or seconds
        if self._n_frames:
            tags.add("RIFF TotalFrameCount", self._n_frames)
        if seconds > 0:
            tags.add("RIFF Duration", round(seconds, 6), duration_text(seconds))

    def _add_stream(self, stream: dict[bytes, bytes], tags: ContainerTags, metadata: LocatedMetadata) -> float:
        """Add the tags of a stream. Return the duration of a video stream in seconds; 0 for other streams."""
        header, stream_format = stream.get(b"strh", b""), stream.get(b"strf", b"")
        stream_type, seconds = header[:4], 0.0
        if len(header) >= 48:
            codec_name, rate_name, length_name = TAG_NAMES.get(stream_type, OTHER_TAG_NAMES)
            scale, rate, _, length, _, quality, sample_bytes = struct.unpack_from("<7I", header, 20)
            type_tag = find_tag("RIFF::StreamHeader", "0")
            type_text = decode_text(stream_type)
            tags.add("RIFF StreamType", type_text, type_tag.labels.get(type_text, "") if type_tag else "")
            tags.add(f"RIFF {codec_name}", decode_text(header[4:8]))
            if scale and rate:
                tags.add(f"RIFF {rate_name}", round(rate / scale, 6), f"{round(rate / scale, 3):.9g}")
                # In an OpenDML file, `length` counts only the frames of the first segment.
                seconds = max(length, self._n_frames) * scale / rate if stream_type == VIDEO else 0.0
            tags.add(f"RIFF {length_name}", length)
            tags.add("RIFF Quality", quality, "Default" if quality == 0xFFFFFFFF else "")
            size_text = f"{sample_bytes} byte{'' if sample_bytes == 1 else 's'}" if sample_bytes else "Variable"
            tags.add("RIFF SampleSize", sample_bytes, size_text)
        tags.add("RIFF StreamName", decode_text(stream.get(b"strn", b"")))
        if stream_type == VIDEO and len(stream_format) >= 40:
            _add_picture_format(stream_format, tags, metadata)
        elif stream_type == AUDIO and len(stream_format) >= 14:
            _add_audio_format(stream_format, tags)
        return seconds


def _set_size(width: int, height: int, metadata: LocatedMetadata) -> None:
    if metadata.width_pixels is None and 0 < width < MAX_SIDE_PIXELS and 0 < height < MAX_SIDE_PIXELS:
        metadata.width_pixels, metadata.height_pixels = width, height


def _add_picture_format(data: bytes, tags: ContainerTags, metadata: LocatedMetadata) -> None:
    """Add the fields of a BITMAPINFOHEADER, under ExifTool's names, which are in the group File."""
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
    _set_size(abs(width), abs(height), metadata)


def _add_audio_format(data: bytes, tags: ContainerTags) -> None:
    encoding, channels, rate, bytes_per_second = struct.unpack_from("<HHII", data)
    tag = find_tag("RIFF::AudioFormat", "0")
    tags.add("RIFF Encoding", encoding, tag.labels.get(str(encoding), "") if tag else "")
    tags.add("RIFF NumChannels", channels)
    tags.add("RIFF SampleRate", rate)
    tags.add("RIFF AvgBytesPerSec", bytes_per_second)
    if len(data) >= 16:
        tags.add("RIFF BitsPerSample", int.from_bytes(data[14:16], "little"))
