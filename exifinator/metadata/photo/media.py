"""Read the values that only videos have: names of codecs, durations, and positions in one text or list."""

from __future__ import annotations

from typing import Any

from exifinator.metadata.photo.readers import number, text
from exifinator.metadata.photo.sources import Problem, Raw
from exifinator.metadata.quicktime.places import read_place

# The start of a codec's code in lower case -> its name. Codes are four-character codes, or ids of Matroska.
# Sources: https://mp4ra.org/registered-types/sampleentries, RFC 9559, Microsoft's registry of FOURCC codes.
CODECS = (
    ("avc", "H.264"), ("h264", "H.264"), ("x264", "H.264"), ("v_mpeg4/iso/avc", "H.264"), ("dva", "H.264"),
    ("h.264", "H.264"), ("hvc", "HEVC"), ("hev", "HEVC"), ("dvh", "HEVC"), ("h265", "HEVC"), ("h.265", "HEVC"),
    ("v_mpegh", "HEVC"), ("av01", "AV1"), ("v_av1", "AV1"), ("vp08", "VP8"), ("v_vp8", "VP8"), ("vp80", "VP8"),
    ("vp09", "VP9"), ("v_vp9", "VP9"), ("vp90", "VP9"), ("apc", "ProRes"), ("ap4", "ProRes"), ("aprn", "ProRes RAW"),
    ("aprh", "ProRes RAW"), ("v_prores", "ProRes"), ("jpeg", "Motion JPEG"), ("mjp", "Motion JPEG"),
    ("v_mjpeg", "Motion JPEG"), ("mp4v", "MPEG-4"), ("v_mpeg4", "MPEG-4"), ("xvid", "MPEG-4"), ("divx", "MPEG-4"),
    ("dx50", "MPEG-4"), ("fmp4", "MPEG-4"), ("v_mpeg2", "MPEG-2"), ("v_mpeg1", "MPEG-1"), ("s263", "H.263"),
    ("h263", "H.263"), ("dvc", "DV"), ("dv5", "DV"), ("dvh1", "DV"), ("svq", "Sorenson Video"),
    ("v_theora", "Theora"), ("mp4a", "AAC"), ("a_aac", "AAC"), ("mpeg-4 aac", "AAC"), ("sowt", "PCM"),
    ("twos", "PCM"), ("lpcm", "PCM"), ("ipcm", "PCM"), ("raw", "PCM"), ("in24", "PCM"), ("in32", "PCM"),
    ("fl32", "PCM"), ("none", "PCM"), ("a_pcm", "PCM"), ("microsoft pcm", "PCM"), ("samr", "AMR"), ("sawb", "AMR-WB"),
    ("ac-3", "AC-3"), ("a_ac3", "AC-3"), ("ec-3", "E-AC-3"), ("a_eac3", "E-AC-3"), ("alac", "ALAC"), ("a_alac", "ALAC"),
    ("opus", "Opus"), ("a_opus", "Opus"), ("a_vorbis", "Vorbis"), ("flac", "FLAC"), ("a_flac", "FLAC"),
    ("ulaw", "µ-law"), ("alaw", "A-law"), ("ima4", "IMA ADPCM"), (".mp3", "MP3"), ("mp3", "MP3"), ("a_mpeg/l3", "MP3"),
    ("qclp", "QCELP"), ("apac", "APAC"), ("mhm", "MPEG-H"),
)  # fmt: skip


def codec(raw: Raw) -> str | None:
    """Read the name of a codec from its code. A code without a name is kept."""
    value = text(raw)
    if value is None:
        return None
    lower = value.lower()
    return next((name for start, name in CODECS if lower.startswith(start)), value)


def coordinates(raw: Raw) -> dict[str, Any] | Problem | None:
    """Read latitude and longitude in degrees from a list, or from a text in the notation of ISO 6709."""
    place = read_place(raw) if isinstance(raw, str) else raw
    if not isinstance(place, list) or len(place) < 2:
        return None
    latitude, longitude = number([place[0]]), number([place[1]])
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
    """Read the altitude in metres that follows latitude and longitude."""
    place = read_place(raw) if isinstance(raw, str) else raw
    altitude = number([place[2]]) if isinstance(place, list) and len(place) > 2 else None
    return float(altitude) if altitude is not None and -12_000 < altitude < 100_000 else None


def seconds(raw: Raw) -> float | None:
    """Read a duration in seconds, or a text such as `4.97 s`, `0:01:05` and `00:00:13.350000000`."""
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
    # The API counts durations by milliseconds.
    return round(duration, 3) or None if duration is not None and 0 < duration < 1e9 else None


def bits_per_second(raw: Raw) -> int | None:
    """Read a bit rate in bits per second."""
    value = number(raw)
    return round(value) if value is not None and 1 <= value < 1e12 else None
