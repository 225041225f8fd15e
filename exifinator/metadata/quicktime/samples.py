"""Read the first sample of the tracks in which cameras record their settings and the position."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from exifinator.metadata.quicktime.dji import read_dji
from exifinator.metadata.quicktime.gopro import read_telemetry
from exifinator.metadata.quicktime.movie_tags import MovieTags
from exifinator.metadata.quicktime.sony_frames import read_rtmd


class SampleFormat(NamedTuple):
    """How to read the samples of a format.

    Attributes:
        max_bytes: How much of a sample to read. What the reader needs is near the start.
        read: Adds the tags of a sample.
    """

    max_bytes: int
    read: Callable[[bytes, MovieTags], None]


# The format of the samples, as in the track's sample description -> how to read them.
SAMPLE_FORMATS: dict[bytes, SampleFormat] = {
    b"gpmd": SampleFormat(32 * 1024, read_telemetry),
    b"rtmd": SampleFormat(16 * 1024, read_rtmd),
    b"djmd": SampleFormat(16 * 1024, read_dji),
}
