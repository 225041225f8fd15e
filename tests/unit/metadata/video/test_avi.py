"""AVI: stream headers, text chunks, dates, makers' chunks, and XMP after the frames."""

from __future__ import annotations

import random
import struct

import pytest

from exifinator.metadata.containers.avi_dates import read_date
from exifinator.metadata.fetch import fetch_metadata
from tests.data import build, video
from tests.data.video import chunk, riff_list, values_of
from tests.unit.readers import MEDIA, REF, fetched_from, record_of

JPEG = b"\xff\xd8\xff\xdb" + bytes(60)


def test_read_avi__headers_and_texts__are_tags_with_exiftools_names():
    record = record_of(video.avi(riff_list(b"INFO", chunk(b"ISFT", b"Studio 1\0"), chunk(b"IART", b"Jos\xc3\xa9\0"))))
    document = record.document
    assert (record.status, document["format"]) == ("ok", "avi")
    assert (document["photo"]["width_pixels"], document["photo"]["height_pixels"]) == (640, 480)
    assert values_of(document, "RIFF FrameRate", "RIFF VideoCodec", "RIFF FrameCount", "RIFF Duration") == [
        25.0, "mjpg", 250, 10.0,
    ]  # fmt: skip
    assert values_of(document, "RIFF Encoding", "RIFF NumChannels", "RIFF SampleRate") == [1, 2, 44_100]
    assert values_of(document, "RIFF Software", "RIFF Artist") == ["Studio 1", "José"]
    assert document["RIFF StreamType"]["printable"] == "Video"
    assert document["RIFF StreamType 2"]["printable"] == "Audio"
    assert document["RIFF Encoding"]["printable"] == "Microsoft PCM"


def test_read_avi__opendml__counts_the_frames_of_all_segments():
    headers = video.avi_headers(riff_list(b"odml", chunk(b"dmlh", struct.pack("<I", 1000) + bytes(244))))
    document = record_of(video.avi(headers=headers)).document
    assert values_of(document, "RIFF TotalFrameCount", "RIFF Duration") == [1000, 40.0]


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("Mon Mar 10 15:04:43 2003\n", "2003:03:10 15:04:43"),
        ("SAT JAN  8 09:05:03 2005", "2005:01:08 09:05:03"),
        ("2009/10/27 12:14:34", "2009:10:27 12:14:34"),
        ("2001/ 1/27  1:42PM", "2001:01:27 13:42:00"),
        ("2005:08:17 11:42:43", "2005:08:17 11:42:43"),
        ("yesterday", "yesterday"),
    ],
)
def test_read_date__each_notation__gives_a_date_as_in_exif(text, date):
    assert read_date(text) == date
    document = record_of(video.avi(headers=video.avi_headers(chunk(b"IDIT", text.encode() + b"\0")))).document
    assert document["RIFF DateTimeOriginal"]["values"] == date


def test_read_avi__file_of_4_gigabytes__takes_three_requests():
    start = video.avi(riff_list(b"INFO", chunk(b"ISFT", b"Camera 9\0")))
    movi_bytes, index_bytes = 4_000_000_000, 3_000_000
    pieces = {0: start + b"LIST" + struct.pack("<I", movi_bytes) + b"movi"}
    index_at = len(start) + 8 + movi_bytes
    pieces[index_at] = b"idx1" + struct.pack("<I", index_bytes)
    xmp_at = index_at + 8 + index_bytes
    pieces[xmp_at] = chunk(b"_PMX", build.XMP_PACKET)
    reader = video.SparseReader(pieces, xmp_at + len(pieces[xmp_at]))
    fetched = fetch_metadata(reader, REF)
    assert [block.kind for block in fetched.blocks] == ["xmp", "tags"]
    assert len(reader.ranges) == 3
    assert reader.bytes_read < 256 * 1024
    frames_start, frames_end = len(start) + 48 * 1024, index_at
    assert not any(begin < frames_end and end > frames_start for begin, end in reader.ranges)


def test_read_avi__many_far_lists__stay_within_the_limits():
    pieces, offset = {0: video.avi()}, len(video.avi())
    list_bytes = 10_000_000
    for _ in range(50):
        pieces[offset] = b"LIST" + struct.pack("<I", list_bytes) + b"junk"
        offset += 8 + list_bytes
    reader = video.SparseReader(pieces, offset)
    assert fetch_metadata(reader, REF).status == "ok"
    assert len(reader.ranges) <= 3
    assert reader.bytes_read <= 256 * 1024


def test_read_avi__list_of_frames_without_a_size__is_read_up_to_the_frames():
    record = record_of(video.avi(riff_list(b"movi"), chunk(b"00dc", bytes(5000)), chunk(b"_PMX", build.XMP_PACKET)))
    assert record.status == "ok"
    assert "xmp" not in record.document


def test_read_avi__list_of_nikon__has_tags_and_a_thumbnail():
    entries = [
        (3, b"NIKON\0"), (4, b"COOLPIX L22\0"), (8, struct.pack("<II", 1, 60)), (9, struct.pack("<II", 31, 10)),
        (7, struct.pack("<H", 6)), (19, b"2010/05/01 12:30:15\0"), (99, b"?"), (10, struct.pack("<ii", 1, 0)),
    ]  # fmt: skip
    body = b"".join(struct.pack("<HH", number, len(value)) + value for number, value in entries)
    record = record_of(video.avi(riff_list(b"ncdt", chunk(b"nctg", body), chunk(b"ncth", JPEG))))
    document = record.document
    assert values_of(document, "MakerNote Make", "MakerNote Model", "MakerNote FNumber") == [
        "NIKON",
        "COOLPIX L22",
        3.1,
    ]
    assert document["MakerNote DateTimeOriginal"]["values"] == "2010:05:01 12:30:15"
    assert document["MakerNote Orientation"]["printable"] == "Rotate 90 CW"
    assert "MakerNote ExposureCompensation" not in document
    assert record.thumbnail == JPEG


def test_read_avi__junk_chunk_of_olympus_or_pentax__gives_tags_or_a_thumbnail():
    olympus = bytearray(b"OLYMDigital Camera".ljust(300, b"\0"))
    olympus[44:50] = b"C-8080"
    struct.pack_into("<II", olympus, 94, 28, 10)
    document = record_of(video.avi(chunk(b"JUNK", bytes(olympus)))).document
    assert values_of(document, "MakerNote Model", "MakerNote FNumber") == ["C-8080", 2.8]
    pentax = b"PENTDigital Camera".ljust(303, b"\0") + struct.pack("<I", len(JPEG)) + JPEG
    assert record_of(video.avi(chunk(b"JUNK", pentax))).thumbnail == JPEG
    document = record_of(video.avi(chunk(b"JUNK", bytes(50_000)))).document
    assert not any(name.startswith("MakerNote") for name in document)


def test_read_avi__directory_in_the_data_of_a_stream__is_read_as_exif():
    exif = build.tiff([(0x010F, 2, "FUJIFILM"), (0x0110, 2, "FinePix S100")])
    headers = video.avi_headers(stream_chunks=(chunk(b"strd", b"AVIF\0\0\0\0" + exif[8:]),))
    photo = record_of(video.avi(headers=headers)).document["photo"]
    assert (photo["camera_make"], photo["camera_model"]) == ("FUJIFILM", "FinePix S100")


def test_read_avi__exif_list__has_make_and_model():
    exif = riff_list(b"exif", chunk(b"ecor", b"Kodak\0"), chunk(b"emdl", b"DX4330\0"), chunk(b"emnt", b"xxxx"))
    assert values_of(record_of(video.avi(exif)).document, "RIFF Make", "RIFF Model") == ["Kodak", "DX4330"]


def test_read_avi__hostile_file__never_raises():
    start = video.avi(riff_list(b"INFO", chunk(b"ISFT", b"Studio 1\0")), headers=video.avi_headers())
    rng = random.Random(7)
    nested = b"LIST\xff\xff\xff\xffstrl" * 4000
    for data in (start[:40], start[:100], b"RIFF\0\0\0\0AVI " + nested, b"RIFF\0\0\0\0AVI LIST\0\0\0\0hdrl" * 90):
        assert record_of(data).document["format"] == "avi"
    for _ in range(400):
        data = bytearray(start)
        for _ in range(rng.randrange(1, 9)):
            data[rng.randrange(12, len(data))] = rng.choice((0, 1, 255, rng.randrange(256)))
        assert fetched_from(bytes(data)).problem is None


@pytest.mark.skipif(not MEDIA.exists(), reason="needs ../shared/media")
def test_read_avi__sample_of_pentax__has_its_maker_note():
    document = record_of((MEDIA / "exiftool" / "Pentax.avi").read_bytes()).document
    assert document["photo"]["lens_model"] == "smc PENTAX-DA L 18-55mm F3.5-5.6"
    assert values_of(document, "RIFF Software", "RIFF Duration") == ["PENTAX K-x", 24.9996]


def test_read_avi__complete_file__has_a_bit_rate_which_a_truncated_one_lacks() -> None:
    data = video.avi(video.riff_list(b"movi", bytes(10_000)))
    assert record_of(data).document["photo"]["bit_rate"] == round(8 * len(data) / 10)
    assert "bit_rate" not in record_of(data[:-100]).document["photo"]
