"""Read the values that only videos have: codecs, durations, bit rates, and positions stored as one value."""

from __future__ import annotations

from typing import Any

from exifinator.metadata.photo.readers import number, text
from exifinator.metadata.photo.sources import Problem, Raw
from exifinator.metadata.quicktime.places import read_place

# The start of a codec's code in lower case -> its name. Codes are four-character codes, ids of Matroska, or ExifTool's
# names of the types in AVI and transport streams. The first match counts.
# Sources: https://mp4ra.org/registered-types/sampleentries, RFC 9559, Microsoft's registry of FOURCC codes, and the
# tables M2TS::Main and RIFF::AudioFormat of `exiftool -listx` (13.59).
VIDEO_CODECS = (
    ("avc", "H.264"), ("h264", "H.264"), ("x264", "H.264"), ("v_mpeg4/iso/avc", "H.264"), ("dva", "H.264"),
    ("h.264", "H.264"), ("iso/iec 14496-10", "H.264"), ("hvc", "HEVC"), ("hev", "HEVC"), ("dvh", "HEVC"),
    ("h265", "HEVC"), ("h.265", "HEVC"), ("v_mpegh", "HEVC"), ("av01", "AV1"), ("v_av1", "AV1"), ("vp8", "VP8"),
    ("vp08", "VP8"), ("v_vp8", "VP8"), ("vp9", "VP9"), ("vp09", "VP9"), ("v_vp9", "VP9"), ("aprn", "ProRes RAW"),
    ("aprh", "ProRes RAW"), ("apc", "ProRes"), ("ap4", "ProRes"), ("v_prores", "ProRes"), ("jpeg", "Motion JPEG"),
    ("mjp", "Motion JPEG"), ("v_mjpeg", "Motion JPEG"), ("mp4v", "MPEG-4"), ("v_mpeg4", "MPEG-4"), ("xvid", "MPEG-4"),
    ("divx", "MPEG-4"), ("dx50", "MPEG-4"), ("fmp4", "MPEG-4"), ("mpeg-4 video", "MPEG-4"), ("v_mpeg2", "MPEG-2"),
    ("mpeg-2 video", "MPEG-2"), ("m2v", "MPEG-2"), ("hdv", "MPEG-2"), ("xdv", "MPEG-2"), ("xd5", "MPEG-2"),
    ("v_mpeg1", "MPEG-1"), ("mpeg-1 video", "MPEG-1"), ("m1v", "MPEG-1"), ("s263", "H.263"), ("h263", "H.263"),
    ("dvc", "DV"), ("dv5", "DV"), ("dvsd", "DV"), ("svq", "Sorenson Video"), ("v_theora", "Theora"),
    ("private es (vc-1)", "VC-1"), ("wvc1", "VC-1"), ("vc-1", "VC-1"), ("wmv", "WMV"), ("cfhd", "CineForm"),
    ("raw", "uncompressed"), ("none", "uncompressed"), ("yuv", "uncompressed"), ("2vuy", "uncompressed"),
    ("v_uncompressed", "uncompressed"),
)  # fmt: skip
AUDIO_CODECS = (
    ("mp4a", "AAC"), ("a_aac", "AAC"), ("mpeg-2 aac", "AAC"), ("mpeg-4 latm aac", "AAC"), ("mpeg-4 aac", "AAC"),
    ("iso/iec 14496-3", "AAC"), ("sowt", "PCM"), ("twos", "PCM"), ("lpcm", "PCM"), ("ipcm", "PCM"), ("fpcm", "PCM"),
    ("raw", "PCM"), ("in24", "PCM"), ("in32", "PCM"), ("fl32", "PCM"), ("fl64", "PCM"), ("none", "PCM"),
    ("a_pcm", "PCM"), ("microsoft pcm", "PCM"), ("microsoft ieee float", "PCM"), ("samr", "AMR"), ("sawb", "AMR-WB"),
    ("ac-3", "AC-3"), ("a_ac3", "AC-3"), ("a52", "AC-3"), ("ec-3", "E-AC-3"), ("e-ac-3", "E-AC-3"),
    ("a_eac3", "E-AC-3"), ("dts-hd", "DTS-HD"), ("dts", "DTS"), ("a_dts", "DTS"), ("hdmv dts", "DTS"),
    ("microsoft dts", "DTS"), ("alac", "ALAC"), ("a_alac", "ALAC"), ("opus", "Opus"), ("a_opus", "Opus"),
    ("a_vorbis", "Vorbis"), ("flac", "FLAC"), ("a_flac", "FLAC"), ("ulaw", "µ-law"), ("microsoft u-law", "µ-law"),
    ("alaw", "A-law"), ("microsoft a-law", "A-law"), ("ima4", "IMA ADPCM"), ("intel ima", "IMA ADPCM"),
    ("microsoft adpcm", "ADPCM"), (".mp3", "MP3"), ("mp3", "MP3"), ("a_mpeg/l3", "MP3"), ("a_mpeg/l2", "MP2"),
    ("mpeg-1 audio", "MP2"), ("mpeg-2 audio", "MP2"), ("qclp", "QCELP"), ("apac", "APAC"), ("mhm", "MPEG-H"),
)  # fmt: skip


def video_codec(raw: Raw) -> str | None:
    """Return the name of a video codec. Return an unknown code unchanged."""
    return _codec(raw, VIDEO_CODECS)


def audio_codec(raw: Raw) -> str | None:
    """Return the name of an audio codec. Return an unknown code unchanged."""
    return _codec(raw, AUDIO_CODECS)


def _codec(raw: Raw, names: tuple[tuple[str, str], ...]) -> str | None:
    value = text(raw)
    if value is None:
        return None
    lower = value.lower()
    return next((name for start, name in names if lower.startswith(start)), value)


def coordinates(raw: Raw) -> dict[str, Any] | Problem | None:
    """Read latitude and longitude in degrees from a list, or from a string in ISO 6709 notation."""
    parts = read_place(raw) if isinstance(raw, str) else raw
    if not isinstance(parts, list) or len(parts) < 2:
        return None
    latitude, longitude = number([parts[0]]), number([parts[1]])
    if latitude is None or longitude is None:
        return None
    if abs(latitude) > 90 or abs(longitude) > 180:
        return Problem("The GPS position is out of range.")
    return {"type": "Point", "coordinates": [float(longitude), float(latitude)]} if latitude or longitude else None


def degrees(latitude: Raw, longitude: Raw) -> dict[str, Any] | Problem | None:
    """Read latitude and longitude in degrees from two numbers."""
    pair = number(latitude), number(longitude)
    return None if None in pair else coordinates(list(pair))


def signed_altitude(raw: Raw) -> float | None:
    """Read an altitude in metres, negative below sea level."""
    return coordinates_altitude([0, 0, number(raw)])


def coordinates_altitude(raw: Raw) -> float | None:
    """Read the altitude in metres from a position whose first two numbers are latitude and longitude."""
    parts = read_place(raw) if isinstance(raw, str) else raw
    altitude = number([parts[2]]) if isinstance(parts, list) and len(parts) > 2 else None
    return float(altitude) if altitude is not None and -12_000 < altitude < 100_000 else None


def seconds(raw: Raw) -> float | None:
    """Read a duration in seconds, or a string such as `4.97 s`, `0:01:05` and `00:00:13.350000000`."""
    if isinstance(raw, str):
        value = raw.strip().removesuffix("s").strip()
        parts = [number(part) for part in value.split(":")]
        if 1 < len(parts) <= 3 and all(part is not None and part >= 0 for part in parts):
            total = 0.0
            for part in parts:
                total = 60 * total + (part or 0)
            raw = [total]
        else:
            raw = value
    duration = number(raw)
    return round(duration, 6) or None if duration is not None and 0 < duration < 1e9 else None


def bits_per_second(raw: Raw) -> int | None:
    """Read a bit rate in bits per second."""
    value = number(raw)
    return round(value) if value is not None and 1 <= value < 1e12 else None
