"""bench/fidelity.py compares records with ExifTool's output."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from bench.fidelity import (
    BENCH,
    UNEXPLAINED,
    Reasons,
    field_table,
    fields_of,
    note_table,
    note_values,
    photo_values,
    read_answers,
    report,
)
from bench.fidelity_notes import compare_notes
from bench.fidelity_photo import compare_photo


@pytest.mark.parametrize(
    ("answers", "photo", "is_same"),
    [
        ({"ISO": 400}, {"iso": 400}, True),
        ({"ISO": 64.84}, {"iso": 65}, False),
        ({"ExposureTime": 0.016667}, {"exposure_seconds": 1 / 60}, True),
        ({"SerialNumber": 12345678}, {"camera_serial": "012345678"}, True),
        ({"Make": "NIKON  Corporation\0"}, {"camera_make": "Nikon Corporation"}, True),
        ({"Subject": ["sea", "boat"]}, {"keywords": ["boat", "sea", "more"]}, True),
        ({"Subject": ["sea", "boat"]}, {"keywords": ["boat"]}, False),
        ({"Artist": ["Anna", "Bert"]}, {"artist": "Anna; Bert"}, True),
        ({"LensID": "Canon EF 50mm f/1.8 or Sigma Lens"}, {"lens_model": "EF 50mm f/1.8"}, True),
        ({"LensID": "Canon EF 50mm f/1.8"}, {"lens_model": "EF 50mm f/1.4"}, False),
        ({"ImageWidth": 640, "ImageHeight": 480}, {"width_pixels": 480, "height_pixels": 640}, True),
        ({"DateTimeOriginal": "2019:05:04 12:10:11+02:00"}, {"taken_local": datetime(2019, 5, 4, 12, 10, 11)}, True),
        ({"GPSLatitude": 41.4, "GPSLongitude": 2.17}, {"location": {"coordinates": [2.17, 41.4]}}, True),
        ({"Title": "Regatta"}, {}, False),
    ],
)
def test_compare_photo__field__is_the_same_if_the_values_mean_the_same(answers, photo, is_same):
    assert [comparison.is_same for comparison in compare_photo("a.jpg", answers, photo)] == [is_same]


@pytest.mark.parametrize("answers", [{"ImageDescription": "OLYMPUS DIGITAL CAMERA"}, {"LensID": "Unknown (61)"}, {}])
def test_compare_photo__value_without_information__is_not_compared(answers):
    assert not list(compare_photo("a.jpg", answers, {}))


@pytest.mark.parametrize(
    ("answer", "tag", "is_same"),
    [
        ((3, "Auto"), {"values": [3], "printable": "Auto"}, True),
        (("1 2 3", "1 2 3"), {"values": [1, 2, 3], "printable": "1 2 3"}, True),
        ((4, "Manual"), {"values": [3], "printable": "Auto"}, False),
        (("(Binary data 9 bytes, use -b option to extract)", ""), {"values": [], "printable": "(9 bytes)"}, None),
    ],
)
def test_compare_notes__tag__is_the_same_if_number_and_text_are_equal(answer, tag, is_same):
    document: dict[str, Any] = {"MakerNote Mode": tag}
    (comparison,) = compare_notes("a.jpg", {"Canon:Mode": answer, "IFD0:Make": ("x", "x")}, document)
    assert comparison.is_found
    assert comparison.is_same is is_same


def test_compare_notes__container_tag_of_a_video__is_compared_under_its_group():
    document = {"Track1 ImageWidth": {"values": [640], "printable": "640"}, "MakerNote ImageWidth": {}}
    answers = {"QuickTime:Track1:ImageWidth": (640, "640"), "RIFF:FrameRate": (25, "25")}
    assert not list(compare_notes("a.heic", answers, {**document, "photo": {"media_type": "image"}}))
    document["photo"] = {"media_type": "video"}
    track, rate = compare_notes("a.mov", answers, document)
    assert (track.maker, track.is_same, track.is_of_container) == ("Track1", True, True)
    assert (rate.maker, rate.is_found, rate.is_of_container) == ("RIFF", False, True)
    (note,) = compare_notes("a.jpg", {"MakerNotes:Canon:ImageWidth": (640, "640")}, {})
    assert (note.maker, note.is_of_container) == ("Canon", False)


def test_read_answers__json_of_exiftool__is_a_mapping_by_file(tmp_path):
    path = tmp_path / "answers.json"
    lens = {"num": 61182, "val": "Canon RF 24-105mm F4L"}
    path.write_text(json.dumps([{"SourceFile": "./a/b.jpg", "ISO": {"num": 100, "val": "100"}, "LensID": lens}]))
    answers = read_answers(path)
    assert photo_values(answers["a/b.jpg"]) == {"ISO": 100, "LensID": "Canon RF 24-105mm F4L"}
    assert note_values({"Canon:ISO": {"id": 2, "num": 100, "val": "100"}}) == {"Canon:ISO": (100, "100")}


def test_tables__comparisons__are_counted_as_percentages():
    comparisons = list(compare_photo("a.jpg", {"ISO": 400, "Title": "Regatta"}, {"iso": 400}))
    assert "| iso | 1 | 100.0% | 100.0% | 100.0% |" in field_table(comparisons)
    assert "| title | 1 | 0.0% | 0.0% | 0.0% |" in field_table(comparisons)
    assert note_table(compare_notes("a.jpg", {"Canon:Mode": (1, "1")}, {}))[-1] == "| **all** | 1 | 0.0% | 0 |  |  |"


def test_tables__difference__counts_as_right_only_if_nothing_is_lacking():
    answers = {"ISO": 0, "Make": "Canon"}
    comparisons = [*compare_photo("a.jpg", answers, {}), *compare_photo("a.pgf", {"ISO": 100, "Make": "Canon"}, {})]
    assert "| iso | 2 | 0.0% | 0.0% | 50.0% |" in field_table(comparisons)
    assert "| camera_make | 2 | 0.0% | 0.0% | 0.0% |" in field_table(comparisons)
    page = report(comparisons, [], ["media"])
    right, lacking = page.split("## Fields that are missing or worse")
    assert "| a.jpg | iso | 0 | None | A 0 says nothing. |" in right
    assert "| a.pgf | iso | 100 | None | EXIFinator does not support this format. |" in lacking


def test_fields_of__sidecar__are_the_values_for_its_photo():
    assert fields_of({"photo": {}, "sidecar": {"kind": "xmp", "values": {"rating": 4}}}) == {"rating": 4}
    assert fields_of({"photo": {"rating": 3}}) == {"rating": 3}


def test_reasons__published_page__explains_every_difference():
    assert "not explained" not in (BENCH / "FIDELITY.md").read_text()
    reasons = Reasons(BENCH / "fidelity_reasons.toml")
    assert reasons.find("photo", "a/b.PGF", "iso") == ("EXIFinator does not support this format.", False)
    assert reasons.find("photo", "a/b.jpg", "iso", 0) == ("A 0 says nothing.", True)
    assert reasons.find("photo", "a/b.jpg", "iso", 7) == UNEXPLAINED
