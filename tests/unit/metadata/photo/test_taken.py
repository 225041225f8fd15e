"""The date of a photo: its sources, the camera's local time, dates in file names, and dates that cannot be true."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from exifinator.metadata.photo.file_names import date_in_name
from tests.unit.metadata.photo.builders import build, iptc_of, photo

ORIGINAL = "EXIF DateTimeOriginal"
# Exposure data shows that a digital camera took the photo.
CAMERA = {"EXIF ExposureTime": [0.01]}


@pytest.mark.parametrize(
    ("tags", "local", "at", "offset"),
    [
        (
            {ORIGINAL: "2023:12:31 23:40:00"},
            datetime(2023, 12, 31, 23, 40),
            datetime(2023, 12, 31, 23, 40),
            None,
        ),
        (
            {ORIGINAL: "2023:12:31 23:30:00", "EXIF OffsetTimeOriginal": "-08:00"},
            datetime(2023, 12, 31, 23, 30),
            datetime(2024, 1, 1, 7, 30, tzinfo=UTC),
            "-08:00",
        ),
        (
            {ORIGINAL: "2024:03:01 06:10:00+09:00", "EXIF OffsetTimeOriginal": "-08:00"},
            datetime(2024, 3, 1, 6, 10),
            datetime(2024, 2, 29, 21, 10, tzinfo=UTC),
            "+09:00",
        ),
    ],
    ids=["no-offset", "offset", "own-offset"],
)
def test_build_photo__local_time_of_the_camera__is_stored_beside_utc(tags, local, at, offset):
    summary = photo(tags)
    assert (summary["taken_local"], summary["taken_at"], summary.get("taken_offset")) == (local, at, offset)
    assert summary["taken_source"] == ORIGINAL


@pytest.mark.parametrize(
    ("sources", "local", "precision", "source"),
    [
        (
            {"xmp": "<photoshop:DateCreated>1978-05</photoshop:DateCreated>"},
            datetime(1978, 5, 1),
            "month",
            "photoshop:DateCreated",
        ),
        (
            {"xmp": "<xmp:CreateDate>2005-12-17T22:03:32Z</xmp:CreateDate>"},
            datetime(2005, 12, 17, 22, 3, 32),
            "second",
            "xmp:CreateDate",
        ),
        ({"iptc": iptc_of((55, "20061029"))}, datetime(2006, 10, 29), "day", "DateCreated"),
        (
            {"iptc": iptc_of((55, "20061029"), (60, "062751-0500"))},
            datetime(2006, 10, 29, 6, 27, 51),
            "second",
            "DateCreated",
        ),
        # The day comes from XMP. IPTC has the same day, and the time.
        (
            {
                "xmp": "<photoshop:DateCreated>2006-10-29</photoshop:DateCreated>",
                "iptc": iptc_of((55, "20061029"), (60, "062751-0500")),
            },
            datetime(2006, 10, 29, 6, 27, 51),
            "second",
            "DateCreated",
        ),
        # A source with another day does not add its time.
        (
            {
                "xmp": "<photoshop:DateCreated>2003-08-31</photoshop:DateCreated>"
                "<xmp:CreateDate>2005-12-17T22:03:32Z</xmp:CreateDate>"
            },
            datetime(2003, 8, 31),
            "day",
            "photoshop:DateCreated",
        ),
        (
            {"text": {"Creation Time": "Wed, 01 May 2019 20:13:07 +0200"}},
            datetime(2019, 5, 1, 20, 13, 7),
            "second",
            "Creation Time",
        ),
        ({"text": {"tIME": "2019-05-01T20:13:07Z"}}, datetime(2019, 5, 1, 20, 13, 7), "second", "tIME"),
        ({"key": "a/IMG-20241123-WA0010.jpg"}, datetime(2024, 11, 23), "day", "file name"),
        # XMP has the day, and the file name has the same day with the time.
        (
            {"xmp": "<photoshop:DateCreated>2024-11-23</photoshop:DateCreated>", "key": "IMG_20241123_101112.jpg"},
            datetime(2024, 11, 23, 10, 11, 12),
            "second",
            "file name",
        ),
    ],
)
def test_build_photo__date_of_other_sources__has_its_precision_and_source(sources, local, precision, source):
    summary = photo(**sources)
    assert (summary["taken_local"], summary["taken_precision"], summary["taken_source"]) == (local, precision, source)


def test_build_photo__date_in_the_file_name__does_not_replace_that_of_the_camera():
    assert photo({ORIGINAL: "2019:05:01 20:13:07"}, key="IMG_20241123_101112.jpg")["taken_local"].year == 2019


def test_build_photo__date_that_cannot_be_read__is_a_problem_and_the_next_source_is_used():
    summary, problems = build({ORIGINAL: "2019:05:01 08:13:07 xyz", "EXIF DateTimeDigitized": "2019:05:01 20:13:07"})
    assert summary["taken_local"] == datetime(2019, 5, 1, 20, 13, 7)
    assert problems == ["A date cannot be read: '2019:05:01 08:13:07 xyz'."]
    summary, problems = build({ORIGINAL: "2019:05:01 08:13:07 xyz"})
    assert "taken_at" not in summary
    assert len(problems) == 1


@pytest.mark.parametrize(
    ("name", "local", "precision"),
    [
        ("IMG-20241123-WA0010.jpg", datetime(2024, 11, 23), "day"),
        ("PXL_20210315_101112345.jpg", datetime(2021, 3, 15, 10, 11, 12, 345_000), "second"),
        ("Screenshot_20210315-101112.png", datetime(2021, 3, 15, 10, 11, 12), "second"),
        ("Screenshot_2021-03-15-10-11-12-789_com.app.jpg", datetime(2021, 3, 15, 10, 11, 12, 789_000), "second"),
        ("Screenshot 2021-03-15 at 10.11.12 PM.png", datetime(2021, 3, 15, 22, 11, 12), "second"),
        ("WeChat 2021-03-15 1.20.00 中午.png", datetime(2021, 3, 15, 13, 20), "second"),
        ("2021-03-15 11.20.00 中午.png", datetime(2021, 3, 15, 11, 20), "second"),
        ("Bildschirmfoto 2021-03-15 um 10.11.12.png", datetime(2021, 3, 15, 10, 11, 12), "second"),
        ("WhatsApp Image 2021-03-15 at 10.11.12.jpeg", datetime(2021, 3, 15, 10, 11, 12), "second"),
        ("signal-2021-03-15-101112.jpg", datetime(2021, 3, 15, 10, 11, 12), "second"),
        ("photo_2021-03-15_10-11-12.jpg", datetime(2021, 3, 15, 10, 11, 12), "second"),
        ("20210315_101112.jpg", datetime(2021, 3, 15, 10, 11, 12), "second"),
        ("IMG20210315101112.jpg", datetime(2021, 3, 15, 10, 11, 12), "second"),
        ("mmexport1615803072345.jpg", datetime(2021, 3, 15, 10, 11, 12, 345_000), "second"),
    ],
)
def test_date_in_name__names_of_phones_and_messengers__have_a_date(name, local, precision):
    date = date_in_name(f"2001-01-01/{name}")
    assert date
    assert (date.local, date.precision) == (local, precision)


@pytest.mark.parametrize(
    "name",
    [
        "IMG_1234.jpg", "DSC00042.JPG", "20211315_101112.jpg", "12345678901234567890.jpg", "20210231.jpg",
        "18991231.jpg", "2021.jpg", "5120210315.jpg", "1" * 5000,
    ],
)  # fmt: skip
def test_date_in_name__other_numbers__are_no_dates(name):
    assert date_in_name(name) is None


def test_date_in_name__file_of_a_pixel_phone__is_in_utc():
    assert date_in_name("PXL_20210315_101112345.jpg").offset == "+00:00"
    assert date_in_name("IMG_20210315_101112345.jpg").offset is None


def test_build_photo__future_date_in_the_file_name__is_ignored():
    assert "taken_at" not in photo(key="IMG_20991123_101112.jpg")


@pytest.mark.parametrize(
    ("text", "tags", "reason"),
    [
        ("2019:05:01 20:13:07", CAMERA, None),
        ("2027:05:01 20:13:07", CAMERA, "future"),
        ("1987:05:01 20:13:07", CAMERA, "before_digital"),
        ("1987:05:01 20:13:07", {**CAMERA, "EXIF FileSource": [1]}, None),
        ("1987:05:01 20:13:07", {"EXIF FileSource": [3]}, "before_digital"),
        ("1987:05:01 20:13:07", {}, None),
        ("2000:01:01 00:00:00", CAMERA, "camera_default"),
        ("2014:01:01 12:00:00", CAMERA, "camera_default"),
        ("1980:01:01 03:04:05", CAMERA, "camera_default"),
        ("1970:01:01 00:00:00", {}, "camera_default"),
        ("2014:01:01 00:00:07", CAMERA, None),
        ("2019:05:01 00:00:00", CAMERA, "midnight"),
        ("2019:05:01", CAMERA, None),
        ("1978", {}, None),
    ],
)
def test_build_photo__date_that_cannot_be_true__is_suspect(text, tags, reason):
    assert photo({ORIGINAL: text, **tags}).get("date_suspect") == reason
