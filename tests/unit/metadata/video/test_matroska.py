"""Matroska and WebM: header, Info, Tracks and Tags, at the start or at the end of the file."""

from __future__ import annotations

import random

import pytest

from exifinator.metadata.fetch import fetch_metadata
from tests.data import video
from tests.data.video import element, values_of
from tests.unit.readers import MEDIA, REF, fetched_from, record_of

# Identifiers of elements. A cluster contains frames.
SEGMENT, CLUSTER, INFO, TRACKS = 0x18538067, 0x1F43B675, 0x1549A966, 0x1654AE6B
TAGS, SEEK_HEAD, TRACK_ENTRY, TAG = 0x1254C367, 0x114D9B74, 0xAE, 0x7373
# A size of 8 bytes that stands for "unknown".
UNKNOWN_SIZE = b"\x01" + b"\xff" * 7


def file_of(*parts: bytes, doc_type: str = "matroska") -> bytes:
    return video.matroska_header(doc_type) + element(SEGMENT, b"".join(parts), 8)


def test_read_matroska__headers_and_tags__are_tags_with_exiftools_names():
    tags = video.matroska_tags(("TITLE", "Quay"), ("DATE_RECORDED", "2020-05-01 10:20:30"), ("MAJOR_BRAND", "isom"))
    record = record_of(file_of(video.matroska_info(), video.matroska_tracks(), tags, element(CLUSTER, bytes(999))))
    document = record.document
    assert (record.status, document["format"]) == ("ok", "mkv")
    assert (document["photo"]["width_pixels"], document["photo"]["height_pixels"]) == (1280, 720)
    assert values_of(document, "Matroska Duration", "Matroska Title", "Matroska MajorBrand") == [90.5, "Quay", "isom"]
    assert document["Matroska DateTimeOriginal"]["values"] == "2001:04:11 00:00:00Z"
    assert document["Matroska DateTimeOriginal 2"]["values"] == "2020:05:01 10:20:30"
    assert values_of(document, "Track1 VideoCodecID", "Track1 VideoFrameRate") == ["V_VP9", 50.0]
    assert values_of(document, "Track2 AudioCodecID", "Track2 AudioSampleRate") == ["A_OPUS", 48_000.0]
    assert document["Track1 TrackType"]["printable"] == "Video"


def test_read_matroska__tags_of_a_track__have_names_that_begin_with_the_track():
    tags = video.matroska_tags(("ENCODER", "vpx"), ("com.apple.quicktime.make", "Apple"), track=77)
    document = record_of(file_of(video.matroska_info(), video.matroska_tracks(), tags, doc_type="webm")).document
    assert document["format"] == "webm"
    assert values_of(document, "Track1 Encoder", "Track1 ComAppleQuicktimeMake") == ["vpx", "Apple"]


def sparse_file(total_bytes: int) -> tuple[dict[int, bytes], int]:
    """Return the pieces of a file, by offset, and its size. Its Tracks and Tags are at the end, after the frames."""
    tracks, tags = video.matroska_tracks(), video.matroska_tags(("TITLE", "Quay"))
    head = video.matroska_header()
    segment_at = len(head) + 12
    tracks_at = total_bytes - 5000
    seeks = video.seek_head((TRACKS, tracks_at - segment_at), (TAGS, tracks_at + 1000 - segment_at))
    segment = SEGMENT.to_bytes(4, "big") + (1 << 56 | total_bytes - segment_at).to_bytes(8, "big")
    start = head + segment + seeks + video.matroska_info()
    cluster = CLUSTER.to_bytes(4, "big") + (1 << 56 | 3 << 30).to_bytes(8, "big")
    return {0: start + cluster, tracks_at: tracks, tracks_at + 1000: tags}, total_bytes


def test_read_matroska__tracks_and_tags_after_4_gigabytes__take_two_requests():
    reader = video.SparseReader(*sparse_file(4 << 30))
    fetched = fetch_metadata(reader, REF)
    assert (fetched.width_pixels, fetched.height_pixels) == (1280, 720)
    assert b'"Matroska Title"' in fetched.blocks[0].pieces[0]
    assert len(reader.ranges) == 2
    assert reader.bytes_read < 100_000


def test_read_matroska__second_seek_head_at_the_end__is_followed():
    tags = video.matroska_tags(("TITLE", "Quay"))
    head, total = video.matroska_header(), 3 << 30
    segment_at = len(head) + 12
    second_at, tags_at = total - 9000, total - 90_000
    segment = SEGMENT.to_bytes(4, "big") + UNKNOWN_SIZE
    start = head + segment + video.seek_head((SEEK_HEAD, second_at - segment_at)) + video.matroska_info()
    pieces = {
        0: start + video.matroska_tracks() + CLUSTER.to_bytes(4, "big") + UNKNOWN_SIZE,
        second_at: video.seek_head((TAGS, tags_at - segment_at)),
        tags_at: tags,
    }
    reader = video.SparseReader(pieces, total)
    assert b'"Matroska Title"' in fetch_metadata(reader, REF).blocks[0].pieces[0]
    assert len(reader.ranges) == 3


def test_read_matroska__many_far_positions__stay_within_the_limits():
    head = video.matroska_header()
    seeks = b"".join(video.seek_head((TAGS, place << 24)) for place in range(1, 100))
    start = head + SEGMENT.to_bytes(4, "big") + UNKNOWN_SIZE + seeks
    reader = video.SparseReader({0: start}, 4 << 30)
    assert fetch_metadata(reader, REF).status == "ok"
    assert len(reader.ranges) <= 3
    assert reader.bytes_read <= 256 * 1024


def test_read_matroska__file_with_sound_only__is_unsupported():
    record = record_of(file_of(video.matroska_info(), video.matroska_tracks(picture=False)))
    assert record.status == "unsupported"
    assert "audio" in record.document["problem"]


@pytest.mark.parametrize("size", ["long", "unknown", "none"])
def test_read_matroska__hostile_sizes__never_raise(size):
    body = {"long": b"\x01\0\0\x7f\xff\xff\xff\xff", "unknown": b"\xff", "none": b""}[size]
    for identifier in (INFO, TRACKS, TAGS, SEEK_HEAD, TRACK_ENTRY, TAG):
        data = file_of(identifier.to_bytes((identifier.bit_length() + 7) // 8, "big") + body + bytes(500))
        assert fetched_from(data).problem is None


def test_read_matroska__damaged_file__never_raises():
    tags = video.matroska_tags(("TITLE", "Quay"))
    start = file_of(video.seek_head((TAGS, 9)), video.matroska_info(), video.matroska_tracks(), tags)
    rng = random.Random(5)
    for _ in range(600):
        data = bytearray(start)
        for _ in range(rng.randrange(1, 9)):
            data[rng.randrange(4, len(data))] = rng.choice((0, 1, 255, rng.randrange(256)))
        assert record_of(bytes(data[: rng.randrange(4, len(data) + 1)])).document["format"] in ("mkv", "webm")


@pytest.mark.skipif(not MEDIA.exists(), reason="needs ../shared/media")
def test_read_matroska__sample__has_its_duration():
    document = record_of((MEDIA / "video" / "mkv_640x360.mkv").read_bytes()).document
    assert values_of(document, "Matroska Duration", "Track1 VideoCodecID") == [13.346, "V_MPEG4/ISO/AVC"]
