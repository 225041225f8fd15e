"""GPS positions, altitudes, directions and speeds in EXIF and XMP."""

from __future__ import annotations

import pytest

from tests.unit.metadata.photo.builders import build, photo


def gps(latitude: str, longitude: str, *others: str) -> str:
    """Return XMP properties with a position, and other properties, each given as `name=value`."""
    names = ("GPSLatitude", "GPSLongitude", *(other.partition("=")[0] for other in others))
    values = (latitude, longitude, *(other.partition("=")[2] for other in others))
    return "".join(f"<exif:{name}>{value}</exif:{name}>" for name, value in zip(names, values, strict=True))


@pytest.mark.parametrize(
    ("xmp", "coordinates"),
    [
        (gps("41,24.5N", "2,10.5E"), [2.175, 41.40833333]),
        (gps("41,24,30S", "2,10,30W"), [-2.175, -41.40833333]),
        (gps("41,24.5n", "2,10.5e"), [2.175, 41.40833333]),
        (gps("41.408333", "-2.175"), [-2.175, 41.408333]),
        (gps("41.408333", "2.175", "GPSLatitudeRef=S", "GPSLongitudeRef=West"), [-2.175, -41.408333]),
        (gps("41.408333S", "2.175W"), [-2.175, -41.408333]),
        (gps("41 24 30 N", "2 10 30 E"), [2.175, 41.40833333]),
        (gps("41° 24' 30\" N", "2° 10' 30\" W"), [-2.175, 41.40833333]),
        (gps("41/1,2450/100N", "2/1,1050/100E"), [2.175, 41.40833333]),
        (gps("41,408333N", "2,175E"), [2.175, 41.408333]),
        (gps("0,0N", "2,10.5E"), [2.175, 0]),
        (gps("0,0N", "0,0E"), None),
        (gps("", "2,10.5E"), None),
        (gps("north", "east"), None),
    ],
)
def test_build_photo__position_of_xmp__is_a_point(xmp, coordinates):
    summary, problems = build(xmp=xmp)
    assert summary.get("location") == (coordinates and {"type": "Point", "coordinates": coordinates})
    assert not problems


@pytest.mark.parametrize("latitude", ["91,0N", "41,75.5,80N", "-41.4N"])
def test_build_photo__impossible_position_of_xmp__is_a_problem(latitude):
    summary, problems = build(xmp=gps(latitude, "2,10.5E"))
    assert "location" not in summary
    assert problems == ["The GPS position is out of range."]


# Cameras without a GPS fix store latitude 0 and longitude 0, the position called Null Island.
NULL_ISLAND = {"GPS GPSLatitude": [0.0, 0.0, 0.0], "GPS GPSLongitude": [0.0, 0.0, 0.0]}


@pytest.mark.parametrize(
    "others",
    [
        {},
        {"GPS GPSAltitude": [0.0]},
        {"GPS GPSDate": "2019:05:04"},
        {"GPS GPSAltitude": [0.0], "GPS GPSAltitudeRef": [1]},
    ],
)
def test_build_photo__null_island__gives_no_position_and_no_altitude(others):
    summary = photo({**NULL_ISLAND, "GPS GPSLatitudeRef": "N", "GPS GPSLongitudeRef": "E", **others})
    assert not {"location", "altitude_metres"} & summary.keys()


@pytest.mark.parametrize(
    ("latitude", "latitude_ref", "longitude", "longitude_ref", "coordinates"),
    [
        ([0.0, 0.0, 0.0], "S", [2.0, 30.0, 0.0], "E", [2.5, 0.0]),
        ([51.0, 30.0, 0.0], "N", [0.0, 0.0, 0.0], "W", [0.0, 51.5]),
        ([51.0, 30.0, 0.0], "N", [0.0, 0.0, 0.000001], "W", [0.0, 51.5]),
    ],
    ids=["equator, south", "meridian, west", "rounded, west"],
)
def test_build_photo__zero_degrees_south_or_west__is_not_negative_zero(
    latitude, latitude_ref, longitude, longitude_ref, coordinates
):
    tags = {
        "GPS GPSLatitude": latitude,
        "GPS GPSLatitudeRef": latitude_ref,
        "GPS GPSLongitude": longitude,
        "GPS GPSLongitudeRef": longitude_ref,
    }
    location = photo(tags)["location"]
    assert [str(value) for value in location["coordinates"]] == [str(value) for value in coordinates]


def test_build_photo__null_island_in_exif__gives_way_to_the_position_in_xmp():
    assert photo(NULL_ISLAND, xmp=gps("41,24.5N", "2,10.5E"))["location"]["coordinates"] == [2.175, 41.40833333]


@pytest.mark.parametrize(
    ("xmp", "altitude"),
    [
        ("<exif:GPSAltitude>120/1</exif:GPSAltitude>", 120),
        ("<exif:GPSAltitude>120.5</exif:GPSAltitude><exif:GPSAltitudeRef>1</exif:GPSAltitudeRef>", -120.5),
        ("<exif:GPSAltitude>120/0</exif:GPSAltitude>", None),
        ("<exif:GPSAltitude>999999</exif:GPSAltitude>", None),
    ],
)
def test_build_photo__altitude_of_xmp__is_in_metres(xmp, altitude):
    assert photo(xmp=xmp).get("altitude_metres") == altitude


def test_build_photo__direction_and_speed__are_in_degrees_and_km_per_hour():
    summary = photo({"GPS GPSImgDirection": [91.25], "GPS GPSSpeed": [10.0], "GPS GPSSpeedRef": "N"})
    assert (summary["direction_degrees"], summary["speed"]) == (91.25, 18.52)
    summary = photo({"GPS GPSImgDirection": [400.0], "GPS GPSSpeed": [10.0], "GPS GPSSpeedRef": "X"})
    assert not {"direction_degrees", "speed"} & summary.keys()
