"""Metadata that camera makers store in movies, in their own boxes and trailers."""

from __future__ import annotations

import struct

import pytest

from tests.data.build import box, segment, tiff
from tests.data.movie import FTYP, SOUND, full, handler, movie, mvhd, track
from tests.unit.readers import record_of


def photo_of(data):
    return record_of(data).document["photo"]


def gpmf(key, value_type, size, count, body):
    """Return an entry of GPMF, GoPro's format for telemetry: `count` values of `size` bytes each."""
    return key + value_type + struct.pack(">BH", size, count) + body + bytes(-len(body) % 4)


def gopro_movie(stream, *boxes):
    """Return a movie with a telemetry track, whose first sample contains this stream of GPMF entries."""
    sample = gpmf(b"DEVC", b"\0", 1, len(stream) + 8, gpmf(b"STRM", b"\0", 1, len(stream), stream))
    tables = full(b"stsd", struct.pack(">I", 1) + box(b"gpmd", bytes(6) + b"\0\1"))
    tables += full(b"stsz", struct.pack(">3I", 0, 1, len(sample))) + full(b"stco", struct.pack(">2I", 1, len(FTYP) + 8))
    telemetry = box(b"trak", box(b"mdia", handler(b"meta") + box(b"minf", box(b"stbl", tables))))
    udta = box(b"udta", box(b"GPMF", gpmf(b"MINF", b"c", 1, 12, b"HERO7 Black\0")))
    return FTYP + box(b"mdat", sample) + box(b"moov", mvhd() + udta + track() + telemetry + b"".join(boxes))


GPS_SCALE = gpmf(b"SCAL", b"l", 4, 5, struct.pack(">5i", 10**7, 10**7, 1000, 1000, 100))
GPS5 = gpmf(b"GPS5", b"l", 20, 1, struct.pack(">5i", 33_1234567, -117_7654321, -12_500, 1, 1))
GPSU = gpmf(b"GPSU", b"U", 16, 1, b"190212072712.250")


def test_record__gps5_entry_of_gopro__gives_position_and_time():
    photo = photo_of(gopro_movie(gpmf(b"GPSF", b"L", 4, 1, struct.pack(">I", 3)) + GPSU + GPS_SCALE + GPS5))
    assert (photo["camera_make"], photo["camera_model"]) == ("GoPro", "HERO7 Black")
    assert photo["location"]["coordinates"] == [-117.7654321, 33.1234567]
    assert (photo["altitude_metres"], photo["taken_source"]) == (-12.5, "GoPro GPSDateTime")
    # The local time at the position where the video was recorded.
    assert (f"{photo['taken_local']:%H:%M:%S.%f}"[:12], photo["taken_offset"]) == ("23:27:12.250", "-08:00")


def test_record__gps9_entry_of_gopro__gives_position_and_time():
    scale = gpmf(b"SCAL", b"l", 4, 9, struct.pack(">9i", 10**7, 10**7, 1000, 1000, 100, 1, 1000, 100, 1))
    row = struct.pack(">7i2H", 48_1000000, 11_5000000, 519_000, 0, 0, 8500, 43_200_500, 120, 3)
    photo = photo_of(gopro_movie(scale + gpmf(b"GPS9", b"?", 32, 1, row)))
    assert (photo["location"]["coordinates"], photo["altitude_metres"]) == ([11.5, 48.1], 519)
    assert f"{photo['taken_at']:%Y-%m-%d %H:%M:%S}" == "2023-04-10 12:00:00"


@pytest.mark.parametrize("stream", [
    gpmf(b"GPSF", b"L", 4, 1, bytes(4)) + GPSU + GPS_SCALE + GPS5,
    GPS5,
    gpmf(b"SCAL", b"l", 4, 5, bytes(20)) + GPS5,
    GPS_SCALE + GPS5[:-10],
])  # fmt: skip
def test_record__gopro_without_a_gps_fix__has_the_date_of_the_movie_header(stream):
    photo = photo_of(gopro_movie(stream))
    assert "location" not in photo
    assert photo["taken_source"] == "QuickTime CreateDate (UTC assumed)"


def test_record__first_track_named_by_gopro__has_the_local_date_of_the_camera():
    named = track().replace(b"Handler\0", b"GoPro AV")
    assert photo_of(movie(named))["taken_source"] == "QuickTime CreateDate (camera clock)"


# --- Samsung, Panasonic


def test_record__movie_of_samsung__has_model_and_time_zone():
    key = b"com.samsung.android.utc_offset"
    names = full(b"keys", struct.pack(">II", 1, 8 + len(key)) + b"mdta" + key)
    item = box(struct.pack(">I", 1), box(b"data", struct.pack(">II", 1, 0) + b"+0900"))
    udta = box(b"udta", box(b"smta", bytes(4) + box(b"mdln", b"SM-G973F\0")))
    photo = photo_of(movie(track(), udta, box(b"meta", handler(b"mdta") + names + box(b"ilst", item))))
    assert (photo["camera_make"], photo["camera_model"]) == ("Samsung", "SM-G973F")
    assert (f"{photo['taken_local']:%d %H:%M}", f"{photo['taken_at']:%d %H:%M}") == ("06 02:46", "05 17:46")
    assert (photo["taken_offset"], photo["taken_source"]) == ("+09:00", "QuickTime CreateDate (UTC)")
    assert "taken_offset_inferred" not in photo


@pytest.mark.parametrize(
    ("start", "make"), [(b"Panasonic".ljust(22, b"\0") + b"DMC-GH4", "Panasonic"), (b"\1\2\3\4DMC-GH4", None)]
)
def test_record__movie_of_panasonic__has_model_and_thumbnail(start, make):
    picture = b"\xff\xd8" + segment(0xFE, b"note") + b"\xff\xd9"
    record = record_of(movie(track(), box(b"udta", box(b"PANA", start.ljust(0x4080, b"\0") + picture))))
    photo = record.document["photo"]
    assert (photo.get("camera_make"), photo["camera_model"], record.thumbnail) == (make, "DMC-GH4", picture)


# --- Insta360

CAMERA = b"\x0a\x06IXE123\x12\x0bInsta360 X3\x1a\x07v1.0.42\x22\x01?"
SIGNATURE = b"8db42d694ccc418790edff439fe026bf"


def insta360(*records, index=False):
    """Return a trailer with records, given as (id, data), and a footer.

    Each record is followed by its id and length. With `index`, the ids and lengths are in an index before the footer.
    """
    data, entries = b"", b""
    for number, body in records:
        entries += struct.pack("<BBII", number, 1, len(body), len(data))
        data += body + (b"" if index else struct.pack("<BBI", 1, number, len(body)))
    if index:
        data += entries + struct.pack("<BBI", 0, 0, len(entries))
    return data + bytes(32) + struct.pack("<II", len(data) + 72, 3) + SIGNATURE


@pytest.mark.parametrize("trailer", [
    insta360((3, bytes(50_000)), (1, CAMERA)),
    insta360((3, bytes(90_000)), (1, CAMERA), (7, bytes(9)), index=True),
])  # fmt: skip
def test_record__movie_of_insta360__has_model_and_serial_number(trailer):
    document = record_of(movie(track(), SOUND) + trailer).document
    photo = document["photo"]
    assert (document["status"], photo["camera_model"], photo["camera_serial"]) == ("ok", "Insta360 X3", "IXE123")
    assert document["MakerNote Firmware"]["values"] == "v1.0.42"
    assert (photo["video_codec"], photo["media_type"]) == ("H.264", "video")


def test_record__photo_of_insta360__has_model_and_serial_number():
    photo = photo_of(b"\xff\xd8" + segment(0xFE, b"note") + b"\xff\xd9" + insta360((1, CAMERA)))
    assert (photo["camera_model"], photo["camera_serial"]) == ("Insta360 X3", "IXE123")


@pytest.mark.parametrize("trailer", [
    insta360((1, CAMERA))[:-1],
    insta360((5, CAMERA)),
    insta360((1, CAMERA[:9])),
    insta360((1, b"\x0a\xff" + CAMERA)),
    struct.pack("<BBI", 1, 1, 1 << 31) + bytes(32) + struct.pack("<II", 1 << 31, 3) + SIGNATURE,
    struct.pack("<10xBBI", 0, 0, 10) + bytes(32) + struct.pack("<II", 1 << 31, 3) + SIGNATURE,
    struct.pack("<BBI", 0, 0, 60_000) + bytes(32) + struct.pack("<II", 99, 3) + SIGNATURE,
    struct.pack("<BBIIBBI", 1, 1, 99, 1 << 31, 0, 0, 10) + bytes(32) + struct.pack("<II", 99, 3) + SIGNATURE,
])  # fmt: skip
def test_record__damaged_insta360_trailer__is_ignored(trailer):
    document = record_of(movie(track(), SOUND) + trailer).document
    assert (document["status"], document["photo"]["duration_seconds"]) == ("ok", 100)
    assert "camera_model" not in document["photo"]


# --- Canon's RAW movies


def test_record__canon_crm__is_a_video_with_exif():
    parts = box(b"CNCV", b"CanonCRM0001/02.10.00/00.00.00") + box(b"CMT1", tiff([(0x0110, 2, "Canon EOS R5")]))
    canon = box(b"uuid", bytes.fromhex("85c0b687820f11e08111f4ce462b6a48") + parts)
    document = record_of(box(b"ftyp", b"crx \0\0\0\1crx isom") + box(b"moov", canon + mvhd() + track())).document
    photo = document["photo"]
    assert (document["format"], photo["media_type"], photo["camera_model"]) == ("crm", "video", "Canon EOS R5")
    assert photo["duration_seconds"] == 100
    assert "kinds" not in document


# --- Sequences of HEIF pictures


@pytest.mark.parametrize(("brands", "format_"), [(b"msf1\0\0\0\0msf1hevc", "heic"), (b"avis\0\0\0\0avisavif", "avif")])
def test_record__heif_sequence_without_a_cover__is_read_as_a_movie(brands, format_):
    document = record_of(box(b"ftyp", brands) + box(b"moov", mvhd() + track(size=(640, 480)))).document
    photo = document["photo"]
    assert (document["format"], document["status"], photo["media_type"]) == (format_, "ok", "image")
    assert (photo["width_pixels"], photo["duration_seconds"]) == (640, 100)
