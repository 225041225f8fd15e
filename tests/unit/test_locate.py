"""locate derives the place, the time zone and the time in UTC from a photo's position."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pytest

from exifinator.places.locate import locate

TAKEN = datetime(2024, 7, 1, 12)
GIRONA = {"type": "Point", "coordinates": [2.82493, 41.98311]}
AT_SEA = {"type": "Point", "coordinates": [-30.0, 0.5]}


def test_locate__no_offset__infers_the_time_in_utc_and_marks_it() -> None:
    fields = locate({"location": GIRONA, "taken_at": TAKEN, "taken_precision": "second"})
    assert fields.pop("place")["name"] == "Girona"
    assert fields == {
        "time_zone": "Europe/Madrid",
        "taken_at": datetime(2024, 7, 1, 10, tzinfo=UTC),
        "taken_offset": "+02:00",
        "taken_offset_inferred": True,
    }


def test_locate__offset_of_the_camera__is_kept() -> None:
    photo = {"location": GIRONA, "taken_at": TAKEN, "taken_offset": "+09:00", "taken_precision": "second"}
    assert locate(photo).keys() == {"time_zone", "place"}


@pytest.mark.parametrize("precision", ["year", "month", "day"])
def test_locate__date_without_a_time__infers_no_time_in_utc(precision: str) -> None:
    assert "taken_at" not in locate({"location": GIRONA, "taken_at": TAKEN, "taken_precision": precision})


def test_locate__position_at_sea__has_a_time_zone_but_no_place() -> None:
    assert locate({"location": AT_SEA}) == {"time_zone": "Etc/GMT+2"}


def test_locate__local_time_marked_as_utc_by_mongodb__is_treated_as_local_time() -> None:
    fields = locate({"location": GIRONA, "taken_at": TAKEN.replace(tzinfo=UTC)})
    assert fields["taken_at"] == datetime(2024, 7, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "location",
    [None, "x", {}, {"coordinates": [1]}, {"coordinates": ["a", "b"]}, {"coordinates": [200.0, 0.0]},
     {"coordinates": [math.nan, 1.0]}],
)  # fmt: skip
def test_locate__no_valid_position__is_empty(location: Any) -> None:
    assert locate({"location": location, "taken_at": TAKEN}) == {}
