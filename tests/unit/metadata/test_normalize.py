"""`photo`: the typed fields of a record that users search by."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from exifinator.metadata.normalize import build_photo, join_sentences
from exifinator.metadata.photo.sources import Metadata


def tags(**values: Any) -> dict[str, dict[str, Any]]:
    """Return tags whose values are strings or lists of numbers. The first `_` of an argument becomes a space."""
    return {name.replace("_", " ", 1): {"values": value} for name, value in values.items()}


def build(
    xmp: Any = None, iptc: Any = None, size: Any = (None, None), rotation_applied: bool = False, **values: Any
) -> Any:
    """Return `photo`, and the problems that were found in its values."""
    metadata = Metadata(tags(**values), xmp or {}, iptc or {}, size=size, rotation_applied=rotation_applied)
    return build_photo(metadata)


def photo(**values: Any) -> Any:
    """Return `photo` without its problems."""
    return build(**values)[0]


LOCAL = "2019:05:01 20:13:07"


@pytest.mark.parametrize(
    ("values", "taken_at", "offset"),
    [
        ({"EXIF_DateTimeOriginal": LOCAL}, datetime(2019, 5, 1, 20, 13, 7), None),
        (
            {"EXIF_DateTimeOriginal": LOCAL, "EXIF_OffsetTimeOriginal": "+02:00"},
            datetime(2019, 5, 1, 18, 13, 7, tzinfo=UTC),
            "+02:00",
        ),
        (
            {"EXIF_DateTimeOriginal": LOCAL, "EXIF_OffsetTime": "-05:00"},
            datetime(2019, 5, 2, 1, 13, 7, tzinfo=UTC),
            "-05:00",
        ),
        (
            {"EXIF_DateTimeOriginal": "0000:00:00 00:00:00", "EXIF_DateTimeDigitized": LOCAL},
            datetime(2019, 5, 1, 20, 13, 7),
            None,
        ),
        (
            {"GPS_GPSDate": "2019:05:01", "GPS_GPSTimeStamp": [18.0, 13.0, 7.5]},
            datetime(2019, 5, 1, 18, 13, 7, 500_000, tzinfo=UTC),
            "+00:00",
        ),
        ({"GPS_GPSDate": "2019:05:01", "GPS_GPSTimeStamp": [None, 1.0, 1.0]}, None, None),
        ({"GPS_GPSDate": "2019:05:01", "GPS_GPSTimeStamp": [900.0, 1.0, 1.0]}, None, None),
        ({"GPS_GPSDate": "9999:12:31", "GPS_GPSTimeStamp": [24.0, 0.0, 0.0]}, None, None),
        ({"Image_DateTime": LOCAL}, datetime(2019, 5, 1, 20, 13, 7), None),
        (
            {"EXIF_DateTimeOriginal": "0001:01:01 00:00:01", "EXIF_OffsetTimeOriginal": "+02:00"},
            datetime(1, 1, 1, 0, 0, 1),
            None,
        ),
        ({}, None, None),
    ],
    ids=[
        "local",
        "offset",
        "other-offset",
        "zero",
        "gps",
        "no-fix",
        "invalid-gps",
        "last-day",
        "modified",
        "first",
        "none",
    ],
)
def test_build_photo__dates__are_utc_where_the_offset_is_known(values, taken_at, offset):
    summary = photo(**values)
    assert summary.get("taken_at") == taken_at
    assert summary.get("taken_offset") == offset


@pytest.mark.parametrize(
    ("date", "taken_at"),
    [
        ("2019-05-01T20:13:07.250+02:00", datetime(2019, 5, 1, 18, 13, 7, 250_000, tzinfo=UTC)),
        ("2019-05-01T20:13:07Z", datetime(2019, 5, 1, 20, 13, 7, tzinfo=UTC)),
        ("2019-05-01T20:13", datetime(2019, 5, 1, 20, 13)),
    ],
)
def test_build_photo__date_of_xmp__is_used_if_exif_has_none(date, taken_at):
    assert photo(xmp={"photoshop:DateCreated": date})["taken_at"] == taken_at
    both = photo(xmp={"photoshop:DateCreated": date.replace("2019", "2001")}, EXIF_DateTimeOriginal=LOCAL)
    assert both["taken_at"].year == 2019


@pytest.mark.parametrize(
    ("latitude", "north", "longitude", "east", "coordinates"),
    [
        ([53.0, 33.0, 0.0], "N", [9.0, 59.0, 24.0], "W", [-9.99, 53.55]),
        ([33.0, 30.0, 0.0], "S", [70.0, 0.0, 0.0], "E", [70.0, -33.5]),
        ([33.5], "s", [70.25], "w", [-70.25, -33.5]),
        ([0.0, 0.0, 0.0], "N", [9.0, 0.0, 0.0], "E", [9.0, 0.0]),
        ([0.0, 0.0, 0.0], "N", [0.0, 0.0, 0.0], "E", None),
        ([None, None, None], "N", [None, None, None], "E", None),
        ([53.0, None, None], "N", [9.0, None, None], "E", [9.0, 53.0]),
        ([], "N", [], "E", None),
        ("53", "N", "9", "E", [9.0, 53.0]),
        ([-3.0], "", [9.0], "E", [9.0, -3.0]),
    ],
    ids=["north-west", "south-east", "decimal", "equator", "no-fix", "0/0", "only-degrees", "empty", "text", "signed"],
)
def test_build_photo__gps_position__is_a_point_or_absent(latitude, north, longitude, east, coordinates):
    summary, problems = build(
        GPS_GPSLatitude=latitude, GPS_GPSLatitudeRef=north, GPS_GPSLongitude=longitude, GPS_GPSLongitudeRef=east
    )
    assert summary.get("location") == (coordinates and {"type": "Point", "coordinates": coordinates})
    assert not problems


@pytest.mark.parametrize(("latitude", "longitude"), [([91.0], [9.0]), ([53.0], [181.0]), ([3.0, 61.0], [9.0])])
def test_build_photo__gps_position_out_of_range__is_absent_with_a_problem(latitude, longitude):
    summary, problems = build(GPS_GPSLatitude=latitude, GPS_GPSLongitude=longitude)
    assert "location" not in summary
    assert problems == ["The GPS position is out of range."]


@pytest.mark.parametrize(("metres", "reference", "altitude"), [(12.3, 0, 12.3), (12.3, 1, -12.3), (None, 0, None)])
def test_build_photo__altitude__is_negative_if_its_reference_is_below_sea_level(metres, reference, altitude):
    assert photo(GPS_GPSAltitude=[metres], GPS_GPSAltitudeRef=[reference]).get("altitude_metres") == altitude


@pytest.mark.parametrize(
    ("orientation", "size", "rotation_applied", "shown_size"),
    [
        (1, (640, 480), False, (640, 480)),
        (3, (640, 480), False, (640, 480)),
        (5, (640, 480), False, (480, 640)),
        (8, (640, 480), False, (480, 640)),
        (6, (480, 640), True, (480, 640)),
        (9, (640, 480), False, (640, 480)),
        (0, (640, 480), False, (640, 480)),
    ],
)
def test_build_photo__size__is_that_of_the_picture_as_shown(orientation, size, rotation_applied, shown_size):
    summary = photo(size=size, rotation_applied=rotation_applied, Image_Orientation=[orientation])
    assert (summary["width_pixels"], summary["height_pixels"]) == shown_size
    expected = 1 if rotation_applied else orientation
    assert summary.get("orientation") == (expected if 1 <= orientation <= 8 else None)


def test_build_photo__size_unknown_to_the_container__is_taken_from_exif():
    summary = photo(EXIF_ExifImageWidth=[4000], EXIF_ExifImageLength=[3000], Image_ImageWidth=[160])
    assert (summary["width_pixels"], summary["height_pixels"]) == (4000, 3000)


@pytest.mark.parametrize(
    ("values", "lens"),
    [
        ({"EXIF_LensModel": " EF 50mm ", "MakerNote_LensModel": "other"}, "EF 50mm"),
        ({"EXIF_LensModel": "  ", "EXIF_LensSpecification": [24.0, 70.0, 2.8, 2.8]}, "24-70mm f/2.8"),
        ({"EXIF_LensSpecification": [18.0, 55.0, 3.5, 5.6]}, "18-55mm f/3.5-5.6"),
        ({"EXIF_LensSpecification": [50.0, 50.0, None, None]}, "50mm"),
        ({"EXIF_LensSpecification": [None, None, None, None], "MakerNote_LensModel": "RF50"}, "RF50"),
        ({}, None),
    ],
)
def test_build_photo__lens__is_the_best_available_name(values, lens):
    assert photo(**values).get("lens_model") == lens


@pytest.mark.parametrize(("flash", "fired"), [(0, False), (1, True), (16, False), (25, True), (32, False)])
def test_build_photo__flash__has_fired_if_the_lowest_bit_is_set(flash, fired):
    assert photo(EXIF_Flash=[flash])["flash_fired"] is fired


@pytest.mark.parametrize(
    ("values", "iso"),
    [
        ({"EXIF_ISOSpeedRatings": [400]}, 400),
        ({"EXIF_ISOSpeedRatings": [65535], "EXIF_RecommendedExposureIndex": [102400]}, 102400),
        ({"EXIF_ISOSpeedRatings": [65535]}, 65535),
        ({"EXIF_ISOSpeed": [800]}, 800),
    ],
)
def test_build_photo__iso__comes_from_a_tag_that_can_hold_the_number(values, iso):
    assert photo(**values)["iso"] == iso


@pytest.mark.parametrize(
    ("values", "seconds", "f_number"),
    [
        ({"EXIF_ExposureTime": [0.004], "EXIF_FNumber": [2.8]}, 0.004, 2.8),
        ({"EXIF_ShutterSpeedValue": [8.0], "EXIF_ApertureValue": [4.0]}, 0.00390625, 4.0),
        ({"EXIF_ShutterSpeedValue": [-2147483648.0], "EXIF_ApertureValue": [None]}, None, None),
    ],
    ids=["numbers", "apex", "no-apex"],
)
def test_build_photo__exposure__is_in_seconds_and_f_numbers(values, seconds, f_number):
    summary = photo(**values)
    assert (summary.get("exposure_seconds"), summary.get("f_number")) == (seconds, f_number)


def test_build_photo__invalid_numbers__are_absent():
    assert photo(EXIF_FNumber=[None], EXIF_ExposureTime=[0.0], EXIF_ISOSpeedRatings=[0], EXIF_FocalLength=[]) == {
        "media_type": "image"
    }


XMP = {
    "dc:description": "of XMP",
    "dc:subject": ["x"],
    "dc:creator": ["Ada", "Ben"],
    "dc:rights": "R",
    "xmp:Rating": "5",
}
IPTC = {"Caption-Abstract": "of IPTC", "Keywords": ["i"], "By-line": ["Cid"], "CopyrightNotice": "C"}


def test_build_photo__description_and_artist__come_from_exif_first_then_xmp_then_iptc():
    names = ("description", "artist", "copyright")
    assert [photo(iptc=IPTC)[name] for name in names] == ["of IPTC", "Cid", "C"]
    assert [photo(xmp=XMP, iptc=IPTC)[name] for name in names] == ["of XMP", "Ada; Ben", "R"]
    summary = photo(xmp=XMP, iptc=IPTC, Image_ImageDescription="of EXIF", Image_Artist="E", Image_Copyright="D")
    assert [summary[name] for name in names] == ["of EXIF", "E", "D"]


def test_build_photo__keywords_and_creators_of_several_sources__are_joined():
    summary = photo(xmp=XMP, iptc=IPTC, Image_XPKeywords="a; b; X", Image_Artist="cid; Eve")
    assert summary["keywords"] == ["a", "b", "X", "i"]
    assert summary["creators"] == ["cid", "Eve", "Ada", "Ben"]


@pytest.mark.parametrize(("text", "rating"), [("-1", -1), ("4.0", 4), ("99", None), ("good", None), ("nan", None)])
def test_build_photo__rating_of_xmp__is_a_number_of_stars_or_absent(text, rating):
    assert photo(xmp={"xmp:Rating": text}).get("rating") == rating


def test_join_sentences__repeated_problem__is_joined_once():
    assert join_sentences(["a", "b", "a"]) == "a b"
    assert join_sentences([]) is None


@pytest.mark.parametrize(
    "other_tags",
    [{}, {"GPS_GPSAltitude": [0.0]}, {"GPS_GPSAltitude": [12.5]}, {"GPS_GPSDate": "2019:05:01"}],
    ids=["alone", "no altitude", "altitude", "date"],
)
def test_build_photo__gps_position_of_zeros__is_absent(other_tags):
    zero = [0.0, 0.0, 0.0]
    assert "location" not in photo(GPS_GPSLatitude=zero, GPS_GPSLongitude=zero, **other_tags)


@pytest.mark.parametrize("reference", ["N", "S"])
def test_build_photo__gps_position_on_the_equator__has_no_negative_zero(reference):
    position = {
        "GPS_GPSLatitude": [0.0, 0.0, 0.0],
        "GPS_GPSLatitudeRef": reference,
        "GPS_GPSLongitude": [9.5, 0.0, 0.0],
    }
    assert str(photo(**position, GPS_GPSLongitudeRef="W")["location"]["coordinates"]) == "[-9.5, 0.0]"
