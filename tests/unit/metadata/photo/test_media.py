"""Values that mainly videos have: codecs, durations, bit rates, and positions stored in a single value."""

from __future__ import annotations

import pytest

from exifinator.metadata.photo.media import (
    audio_codec,
    bits_per_second,
    coordinates,
    coordinates_altitude,
    degrees,
    seconds,
    video_codec,
)
from exifinator.metadata.photo.sources import Problem


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("avc1", "H.264"), ("H.264 (AVC) Video", "H.264"), ("V_MPEG4/ISO/AVC", "H.264"), ("hvc1", "HEVC"),
        ("H.265 (HEVC) Video", "HEVC"), ("dvh1", "HEVC"), ("av01", "AV1"), ("apch", "ProRes"), ("mjpg", "Motion JPEG"),
        ("MPEG-2 Video", "MPEG-2"), ("MPEG-4 Video", "MPEG-4"), ("V_MPEG2", "MPEG-2"), ("raw ", "uncompressed"),
        ("XYZ1", "XYZ1"), ("", None), ([], None),
    ],
)  # fmt: skip
def test_video_codec__code__is_named(code, name):
    assert video_codec(code) == name


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("mp4a", "AAC"), ("MPEG-2 AAC Audio", "AAC"), ("A_AAC", "AAC"), ("A52/AC-3 Audio", "AC-3"),
        ("A52b/AC-3 Audio", "AC-3"), ("E-AC-3 Audio", "E-AC-3"), ("LPCM Audio", "PCM"), ("Microsoft PCM", "PCM"),
        ("raw ", "PCM"), ("DTS-HD Audio", "DTS-HD"), ("DTS Audio", "DTS"), ("MPEG-1 Audio", "MP2"), ("MP3", "MP3"),
        ("samr", "AMR"), ("sawb", "AMR-WB"), ("New Codec", "New Codec"),
    ],
)  # fmt: skip
def test_audio_codec__code__is_named(code, name):
    assert audio_codec(code) == name


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (12.3456789, 12.345679), ("4.97 s", 4.97), ("0:01:05", 65), ("00:00:13.350000000", 13.35), ([7], 7),
        (0, None), (-1, None), ("soon", None), (1e10, None), (1e-9, None),
    ],
)  # fmt: skip
def test_seconds__number_or_text__is_in_seconds_to_the_microsecond(raw, value):
    assert seconds(raw) == value


def test_coordinates__list_text_or_pair__is_a_point():
    point = {"type": "Point", "coordinates": [-70.25, 42.5]}
    assert coordinates([42.5, -70.25, 9]) == coordinates("+42.5-070.25+9/") == degrees([42.5], [-70.25]) == point
    assert (coordinates_altitude([42.5, -70.25, -9.5]), coordinates_altitude("+42.5-070.25/")) == (-9.5, None)
    assert [coordinates([0, 0]), coordinates([1]), coordinates("nowhere"), degrees([], [1])] == [None] * 4
    assert isinstance(coordinates([91, 0]), Problem)


def test_bits_per_second__out_of_range__is_absent():
    assert [bits_per_second(raw) for raw in (640_000.4, 0, -5, 1e13)] == [640_000, None, None, None]
