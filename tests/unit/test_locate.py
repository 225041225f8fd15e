"""The place and the instant that follow from a photo's position."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pytest

from exifinator.places.locate import locate

TAKEN = datetime(2024, 7, 1, 12)
GIRONA = {"type": "Point", "coordinates": [2.82493, 41.98311]}
AT_SEA = {"type": "Point", "coordinates": [-30.0, 0.5]}


def test_locate__no_offset__the_instant_is_inferred_and_marked() -> None:
    found = locate({"location": GIRONA, "taken_at": TAKEN, "taken_precision": "second"})
    assert found.pop("place")["name"] == "Girona"
    assert found == {
        "time_zone": "Europe/Madrid",
        "taken_at": datetime(2024, 7, 1, 10, tzinfo=UTC),
        "taken_offset": "+02:00",
        "taken_offset_inferred": True,
    }


def test_locate__offset_of_the_camera__is_kept() -> None:
    photo = {"location": GIRONA, "taken_at": TAKEN, "taken_offset": "+09:00", "taken_precision": "second"}
    assert locate(photo).keys() == {"time_zone", "place"}


@pytest.mark.parametrize("precision", ["year", "month", "day"])
def test_locate__date_without_a_time__has_no_instant(precision: str) -> None:
    assert "taken_at" not in locate({"location": GIRONA, "taken_at": TAKEN, "taken_precision": precision})


def test_locate__at_sea__has_a_time_zone_but_no_place() -> None:
    assert locate({"location": AT_SEA}) == {"time_zone": "Etc/GMT+2"}


def test_locate__date_as_mongodb_returns_it__is_local_time() -> None:
    found = locate({"location": GIRONA, "taken_at": TAKEN.replace(tzinfo=UTC)})
    assert found["taken_at"] == datetime(2024, 7, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "location",
    [None, "x", {}, {"coordinates": [1]}, {"coordinates": ["a", "b"]}, {"coordinates": [200.0, 0.0]},
     {"coordinates": [math.nan, 1.0]}],
)  # fmt: skip
def test_locate__no_valid_position__finds_nothing(location: Any) -> None:
    assert locate({"location": location, "taken_at": TAKEN}) == {}
