"""Movies: which ranges are read, the tags from their boxes, and the fields of `photo` from those tags."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest

from exifinator.metadata.fetch import fetch_metadata
from exifinator.metadata.parse import build_record
from exifinator.metadata.quicktime.boxes import find_last_boxes
from exifinator.metadata.quicktime.movie_tags import date_text, duration_text
from exifinator.metadata.quicktime.places import place_text, read_place
from exifinator.models import ImageRef, RangeRead
from tests.data.build import box
from tests.data.movie import APPLE, CREATED, FTYP, SOUND, TURNED, full, handler, keys, movie, mvhd, track
from tests.unit.readers import MEDIA, MODIFIED, REF, MemoryReader, record_of

GIB = 1 << 30


def photo_of(data):
    return record_of(data).document["photo"]


class SparseReader:
    """Serves an object with parts at some offsets, and zeros elsewhere. Each part is given as (offset, bytes)."""

    def __init__(self, total_bytes, *parts):
        self.total_bytes, self.parts, self.calls = total_bytes, parts, []

    def read_range(self, ref: ImageRef, start: int, length: int, *, if_match: str = "") -> RangeRead:
        end = min(start + length, self.total_bytes)
        data = bytearray(end - start)
        for offset, part in self.parts:
            low, high = max(offset, start), min(offset + len(part), end)
            if low < high:
                data[low - start : high - start] = part[low - offset : high - offset]
        self.calls.append((start, length))
        return RangeRead(start, bytes(data), self.total_bytes, "etag", MODIFIED)


def large_file(moov, *, moov_first=False):
    """Return a reader of a movie with 4 GiB of frames, whose movie box is after them or, if `moov_first`, before."""
    mdat = struct.pack(">I4sQ", 1, b"mdat", 4 * GIB + 16)
    if moov_first:
        return SparseReader(len(FTYP + moov) + 16 + 4 * GIB, (0, FTYP + moov + mdat))
    end = len(FTYP) + 16 + 4 * GIB
    return SparseReader(end + len(moov), (0, FTYP + mdat), (end, moov))


# --- Which ranges are read


@pytest.mark.parametrize("samples", [500, 20_000])
def test_fetch_metadata__movie_box_after_4_gib__takes_three_requests(samples):
    reader = large_file(box(b"moov", mvhd() + track(samples=samples) + SOUND + APPLE))
    photo = build_record(fetch_metadata(reader, REF)).document["photo"]
    assert (photo["camera_model"], photo["audio_codec"], photo["width_pixels"]) == ("iPhone X", "AAC", 1920)
    assert len(reader.calls) <= 3
    assert sum(length for _, length in reader.calls) <= 256 * 1024


@pytest.mark.parametrize("moov_first", [False, True])
@pytest.mark.parametrize(
    ("video_samples", "audio_samples"), [(150_000, 30_000), (90_000, 90_000), (38_000, 38_000), (20_000, 2000)]
)
def test_fetch_metadata__long_movie_box__takes_three_requests(moov_first, video_samples, audio_samples):
    more = keys(make="Apple", model="iPhone X", creationdate="2019-02-12T15:27:12+0800", title="A" * 20_000)
    moov = box(b"moov", mvhd() + track(samples=video_samples) + track(b"soun", b"mp4a", audio_samples) + more)
    reader = large_file(moov, moov_first=moov_first)
    fetched = fetch_metadata(reader, REF)
    document = build_record(fetched).document
    assert (document["status"], fetched.requests) <= ("ok", 3)
    assert fetched.bytes_read <= 256 * 1024
    photo = document["photo"]
    assert (photo["camera_model"], photo["video_codec"], photo["duration_seconds"]) == ("iPhone X", "H.264", 100)
    assert photo["taken_source"] == "Keys CreationDate"
    # The header of a longer sound track may be outside the ranges that are read.
    if audio_samples <= 38_000:
        assert photo["audio_codec"] == "AAC"


def test_fetch_metadata__user_data_before_long_tracks__does_not_hide_the_second_track():
    moov = box(b"moov", mvhd() + APPLE + track(samples=90_000) + track(b"soun", b"mp4a", 90_000) + track(samples=9_000))
    fetched = fetch_metadata(large_file(moov), REF)
    photo = build_record(fetched).document["photo"]
    assert (photo["camera_model"], photo["audio_codec"]) == ("iPhone X", "AAC")
    assert (fetched.status, fetched.requests) == ("ok", 3)


@pytest.mark.parametrize(
    ("video_samples", "audio_samples", "n_requests"), [(500, 500, 2), (60_000, 9_000, 3), (90_000, 90_000, 3)]
)
def test_fetch_metadata__boxes_after_the_movie_box__are_read_with_it(video_samples, audio_samples, n_requests):
    xml = b'<NonRealTimeMeta xmlns="urn:x"><Device manufacturer="Sony" modelName="ILCE-7M3"/></NonRealTimeMeta>'
    meta = box(b"meta", bytes(4) + handler(b"nrtm") + full(b"xml ", xml))
    moov = box(b"moov", mvhd() + track(samples=video_samples) + track(b"soun", b"mp4a", audio_samples))
    fetched = fetch_metadata(large_file(moov + meta), REF)
    document = build_record(fetched).document
    assert (document["status"], document["photo"]["camera_model"]) == ("ok", "ILCE-7M3")
    assert (fetched.requests, fetched.bytes_read <= 256 * 1024) == (n_requests, True)


def test_fetch_metadata__boxes_far_after_the_movie_box__do_not_hide_its_user_data():
    boxes_after = box(b"free", bytes(300_000)) + box(b"meta", bytes(4) + handler(b"mdta") + APPLE[20:])
    moov = box(b"moov", mvhd() + track(samples=90_000) + track(b"soun", b"mp4a", 90_000) + APPLE)
    fetched = fetch_metadata(large_file(moov + boxes_after), REF)
    assert (fetched.status, build_record(fetched).document["photo"]["camera_model"]) == ("ok", "iPhone X")


def test_find_last_boxes__end_of_a_range__gives_the_offset_of_boxes_that_reach_the_end():
    kinds = frozenset({b"udta", b"meta"})
    last = box(b"meta", bytes(9)) + box(b"free", b"udta")
    assert find_last_boxes(b"\0\0\0\x09udta" + bytes(50) + last, kinds) == 58
    assert find_last_boxes(last, kinds) == 0
    assert find_last_boxes(b"x" * 100 + last[:-1], kinds) is None
    assert find_last_boxes(last + box(b"trak", b""), kinds) is None
    assert find_last_boxes(b"meta" * 5000, kinds) is None


@pytest.mark.parametrize("moov_first", [False, True])
def test_fetch_metadata__movie_box_of_40_mb__is_read_without_its_sample_tables(moov_first):
    moov = box(b"moov", mvhd() + track(samples=5_000_000) + track(b"soun", b"mp4a", 5_000_000) + APPLE)
    reader = large_file(moov, moov_first=moov_first)
    fetched = fetch_metadata(reader, REF)
    photo = build_record(fetched).document["photo"]
    assert (fetched.status, photo["camera_model"], photo["frame_rate"], photo["audio_codec"]) == (
        "ok",
        "iPhone X",
        30,
        "AAC",
    )
    assert len(reader.calls) <= 5
    assert fetched.bytes_read <= 256 * 1024


def test_fetch_metadata__many_tracks_with_long_tables__take_at_most_13_requests():
    moov = box(b"moov", mvhd() + track(samples=100_000) * 80)
    fetched = fetch_metadata(large_file(moov), REF)
    assert fetched.status == "ok"
    assert fetched.requests <= 13
    assert fetched.bytes_read < 1024 * 1024


def test_fetch_metadata__fragmented_file__is_read_without_its_fragments():
    head = FTYP + box(b"moov", mvhd(0) + track() + box(b"mvex", full(b"mehd", struct.pack(">I", 1200))))
    fragment = box(b"moof", bytes(100)) + box(b"mdat", bytes(200_000))
    reader = SparseReader(
        len(head) + 50 * len(fragment), *[(len(head) + n * len(fragment), fragment) for n in range(50)], (0, head)
    )
    assert build_record(fetch_metadata(reader, REF)).document["photo"]["duration_seconds"] == 2
    assert len(reader.calls) == 1


# --- Tags and fields


def test_record__movie__has_tags_and_fields_of_photo():
    document = record_of(movie(track(matrix=TURNED), SOUND, APPLE)).document
    assert (document["format"], document["status"]) == ("mov", "ok")
    assert document["QuickTime Duration"]["printable"] == "0:01:40"
    assert document["Track1 CompressorID"]["values"] == "avc1"
    photo = document["photo"]
    assert (photo["media_type"], photo["duration_seconds"], photo["frame_rate"], photo["bit_rate"]) == (
        "video",
        100,
        30,
        80,
    )
    assert (photo["video_codec"], photo["audio_codec"]) == ("H.264", "AAC")
    assert (photo["width_pixels"], photo["height_pixels"]) == (1080, 1920)
    assert photo["location"]["coordinates"] == [151.2153, -33.8568]
    assert (photo["altitude_metres"], photo["taken_source"]) == (4, "Keys CreationDate")
    assert (photo["taken_local"].hour, photo["taken_offset"]) == (15, "+08:00")


@pytest.mark.parametrize(
    ("make", "source", "offset"),
    [
        ("NIKON CORPORATION", "camera clock", None),
        ("GoPro", "camera clock", None),
        ("Apple", "UTC", "+00:00"),
        ("Canon", "UTC assumed", "+00:00"),
    ],
)
def test_record__date_of_the_header__has_a_source_that_names_its_clock(make, source, offset):
    photo = photo_of(movie(track(), keys(make=make)))
    assert (photo["taken_source"], photo.get("taken_offset")) == (f"QuickTime CreateDate ({source})", offset)


@pytest.mark.parametrize(
    ("make", "taken_at", "local"),
    [("samsung", "17:46:40", "02:46:40"), ("NIKON", "08:46:40", "17:46:40"), ("Acme", "17:46:40", "02:46:40")],
)
def test_record__date_of_the_header_with_a_position__has_the_local_time_of_the_position(make, taken_at, local):
    photo = photo_of(movie(track(), keys(make=make, location_ISO6709="+35.6895+139.6917/")))
    assert (photo["taken_offset"], photo["taken_offset_inferred"]) == ("+09:00", True)
    assert (f"{photo['taken_at']:%H:%M:%S}", f"{photo['taken_local']:%H:%M:%S}") == (taken_at, local)


@pytest.mark.parametrize(
    ("key", "offset", "local"),
    [
        # The name has the start of the recording, and the header, which is in UTC, its start or its end.
        ("DCIM/VID_20240205_194640.mp4", "+02:00", "05 19:46"),
        ("20240205_231500.mp4", "+05:30", "05 23:16"),
        ("VID_20240205_081500.mp4", "-09:30", "05 08:16"),
        ("PXL_20240205_174640000.mp4", "+00:00", "05 17:46"),
        ("VID_20240205_195140.mp4", "+00:00", "05 17:46"),
        ("VID_20240209_194640.mp4", "+00:00", "05 17:46"),
        ("Holiday 2024-02-05.mp4", "+00:00", "05 17:46"),
    ],
)
def test_record__local_time_in_the_name__gives_the_offset(key, offset, local):
    fetched = fetch_metadata(MemoryReader(movie(track(), SOUND)), replace(REF, key=key))
    photo = build_record(fetched).document["photo"]
    assert (photo["taken_offset"], f"{photo['taken_local']:%d %H:%M}") == (offset, local)
    assert f"{photo['taken_at']:%d %H:%M}" == "05 17:46"
    assert photo.get("taken_offset_inferred", False) is (offset != "+00:00")
    assert photo["taken_source"] == "QuickTime CreateDate (UTC assumed)"


def test_record__user_data__has_texts_in_their_languages_and_the_position():
    german = (4 << 10) | (5 << 5) | 21
    texts = box(b"\xa9cmt", struct.pack(">HH", 7, german) + "Größe".encode()) + box(b"manu", b"Acme\0")
    place = box(b"\xa9xyz", struct.pack(">HH", 18, 0x55C4) + b"+48.8577-002.2950/")
    title = full(b"titl", struct.pack(">H", 0x15C7) + b"\xfe\xff" + "Küste".encode("utf-16-be") + b"\0\0")
    document = record_of(movie(track(), box(b"udta", texts + place + title))).document
    assert document["UserData Comment-deu"]["values"] == "Größe"
    assert document["UserData GPSCoordinates"]["printable"] == "48 deg 51' 27.72\" N, 2 deg 17' 42.00\" W"
    assert (document["photo"]["title"], document["photo"]["camera_make"]) == ("Küste", "Acme")


@pytest.mark.parametrize(("role", "word"), [(0, "shooting"), (1, "real"), (2, "fictional"), (3, "reserved")])
def test_record__location_of_3gpp__is_printed_with_its_role(role, word):
    numbers = struct.pack(">3i", round(2.295 * 65536), round(48.858 * 65536), 35 * 65536)
    body = struct.pack(">H", 0x15C7) + b"Quay\0" + bytes([role]) + numbers + b"earth\0" + b"\0"
    document = record_of(movie(track(), box(b"udta", full(b"loci", body)))).document
    expected = f"Quay Role={word} Lat=48.85800 Lon=2.29500 Alt=35.00 Body=earth"
    assert document["UserData LocationInformation"]["values"] == expected


def test_record__nctg_box_of_nikon__is_read_as_exif():
    def entry(tag, kind, count, value):
        return struct.pack(">IHH", tag, kind, count) + value

    nctg = (
        entry(1, 2, 6, b"NIKON\0") + entry(2, 2, 10, b"NIKON Z 6\0") + entry(0x110829A, 5, 1, struct.pack(">II", 1, 50))
    )
    nctg += entry(0x1200001, 2, 2, b"N\0") + entry(0x1200002, 5, 3, struct.pack(">6I", 53, 1, 30, 1, 0, 1))
    nctg += entry(0x1200003, 2, 2, b"E\0") + entry(0x1200004, 5, 3, struct.pack(">6I", 10, 1, 0, 1, 0, 1))
    photo = photo_of(movie(track(), box(b"udta", box(b"NCDT", box(b"NCTG", nctg)))))
    assert (photo["camera_model"], photo["exposure_seconds"]) == ("NIKON Z 6", 0.02)
    assert photo["location"]["coordinates"] == [10, 53.5]


def test_record__xml_box_of_sony__gives_camera_and_date():
    xml = b'<?xml version="1.0"?><NonRealTimeMeta xmlns="urn:x"><CreationDate value="2020-01-02T03:04:05+09:00"/>'
    xml += b'<Device manufacturer="Sony" modelName="ILCE-7M3" serialNo="42"/></NonRealTimeMeta>'
    document = record_of(movie(track()) + box(b"meta", bytes(4) + handler(b"nrtm") + full(b"xml ", xml))).document
    assert document["XML DeviceModelName"]["values"] == "ILCE-7M3"
    assert (document["photo"]["camera_make"], document["photo"]["taken_source"]) == ("Sony", "XML CreationDateValue")


def test_read_place__notations_of_iso_6709__are_degrees():
    assert read_place("+48.8577+002.295/") == [48.8577, 2.295]
    assert read_place("+4851.5-00217.25+010/") == pytest.approx([48.858333, -2.2875, 10], abs=1e-6)
    assert read_place("+485127.5-0021730/") == pytest.approx([48.857639, -2.291667], abs=1e-6)
    assert read_place("nowhere") is None
    assert place_text([-1.5, 2.0, -3.0]) == "1 deg 30' 0.00\" S, 2 deg 0' 0.00\" E, 3 m Below Sea Level"


def test_duration_text_and_date_text__number_of_seconds__is_printed_as_by_exiftool():
    assert (duration_text(0), duration_text(4.966), duration_text(3725.2)) == ("0 s", "4.97 s", "1:02:05")
    assert (date_text(0), date_text(CREATED)) == ("0000:00:00 00:00:00", "2024:02:05 17:46:40")
    assert date_text(1_000_000_000) == "2001:09:09 01:46:40"


# --- Damaged files


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (FTYP + b"\0\0\0\3abcd" + bytes(99), "invalid size"),
        (FTYP, "no movie box"),
        (movie(track())[:-20], "truncated"),
        (FTYP + struct.pack(">I4sQ", 1, b"mdat", 1 << 63), "no movie box"),
    ],
)
def test_record__damaged_movie__has_a_problem(data, word):
    record = record_of(data)
    assert record.status == "damaged"
    assert word in record.document["problem"]


def test_record__movie_box_of_size_0__extends_to_the_end_of_the_file():
    moov = bytearray(box(b"moov", mvhd() + track() + APPLE))
    moov[:4] = bytes(4)
    assert photo_of(FTYP + bytes(moov))["camera_model"] == "iPhone X"


def test_record__thousands_of_nested_boxes__give_a_record():
    data = b""
    for _ in range(5000):
        data = box(b"trak", data)
    assert record_of(FTYP + box(b"moov", mvhd() + data)).status in ("ok", "damaged")


@pytest.mark.skipif(not MEDIA.exists(), reason="needs ../shared/media")
def test_record__sample_movie__has_the_tags_of_exiftool():
    document = record_of((MEDIA / "exiftool" / "QuickTime.mov").read_bytes()).document
    expected = {
        "UserData Format": "Digital Camera",
        "MakerNote ExposureTime": "1/38",
        "MakerNote FocalLength": "18.9 mm",
        "ItemList TrackNumber": "1 of 2",
        "Track1 VendorID": "Pentax",
    }
    assert {name: document[name]["printable"] for name in expected} == expected
