"""Find the place and the time zone of a position."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime

import pytest

from exifinator.places import populated_places
from exifinator.places.populated_places import find_place
from exifinator.places.table_format import KM_PER_DEGREE, MAX_DISTANCE_KM

CITIES = {
    "Girona": (41.98311, 2.82493, "ES", "Catalonia"),
    "Galway": (53.27194, -9.04889, "IE", "Connacht"),
    "Suva": (-18.14161, 178.44149, "FJ", "Central"),
    "Nuku‘alofa": (-21.13938, -175.2018, "TO", "Tongatapu"),
    "Longyearbyen": (78.22334, 15.64689, "SJ", "Svalbard"),
    "Ushuaia": (-54.81084, -68.31591, "AR", "Tierra del Fuego"),
    "Reykjavík": (64.13548, -21.89541, "IS", "Capital Region"),
}


@pytest.mark.parametrize("name", CITIES)
def test_find_place__centre_of_a_city__is_the_city(name):
    latitude, longitude, code, region = CITIES[name]
    place = find_place(latitude, longitude)
    assert place is not None
    assert (place["name"], place["country_code"], place["region"]) == (name, code, region)
    assert place["distance_km"] < 2


@pytest.mark.parametrize(
    ("latitude", "longitude"), [(0, 0), (45, -40), (-60, 170), (90, 0), (-90, 0), (0, -140), (89.99, 180), (-89, -180)]
)
def test_find_place__ocean_or_pole__is_none(latitude, longitude):
    assert find_place(latitude, longitude) is None


@pytest.mark.parametrize(
    ("latitude", "longitude"),
    [(91, 0), (0, 181), (-90.1, 0), (math.nan, 0), (0, math.nan), (math.inf, 0), (0, -math.inf)],
)
def test_find_place__impossible_position__is_none(latitude, longitude):
    assert find_place(latitude, longitude) is None


def test_find_place__time_zone_of_the_sea__is_none():
    assert find_place(41.98311, 2.82493, "Etc/GMT") is None


def test_find_place__district_of_a_city__names_the_city():
    place = find_place(52.53878, 13.42443, "Europe/Berlin")  # Prenzlauer Berg
    assert place is not None
    assert "Berlin" in (place["name"], place.get("city"))
    assert place["country"] == "Germany"


def test_find_place__position_near_a_border__is_in_the_country_of_its_time_zone():
    # Between Haparanda in Sweden and Tornio in Finland, 2 km apart.
    swedish, finnish = (find_place(65.842, 24.143, zone) for zone in ("Europe/Stockholm", "Europe/Helsinki"))
    assert swedish is not None
    assert finnish is not None
    assert (swedish["country_code"], finnish["country_code"]) == ("SE", "FI")


def test_find_place__result_changed_by_the_caller__does_not_change_the_next_result():
    place = find_place(41.98311, 2.82493)
    assert place is not None
    place["name"] = "elsewhere"
    again = find_place(41.98311, 2.82493)
    assert again is not None
    assert again["name"] == "Girona"


def test_find_place__random_positions__have_the_distance_of_the_nearest_place():
    table = populated_places._table()
    positions = list(zip(table.latitudes, table.longitudes, strict=True))
    rng = random.Random("places")
    for _ in range(20):
        latitude, longitude = rng.choice(positions)
        latitude = max(-90.0, min(90.0, latitude + rng.uniform(-0.3, 0.3)))
        longitude = max(-180.0, min(180.0, longitude + rng.uniform(-0.3, 0.3)))
        scale = math.cos(math.radians(latitude))
        nearest_km = KM_PER_DEGREE * min(
            math.hypot(scale * ((longitude - east + 180) % 360 - 180), latitude - north) for north, east in positions
        )
        place = find_place(latitude, longitude)
        if nearest_km > MAX_DISTANCE_KM:
            assert place is None
        else:
            assert place is not None
            assert place["distance_km"] == pytest.approx(nearest_km, abs=0.051)


def test_find_place__any_position__compares_few_candidates():
    """A search is slow only if a list of candidates is long. 30 candidates take 10 microseconds."""
    table = populated_places._table()
    lengths, index = [], 0
    while index < len(table.candidates):
        lengths.append(table.candidates[index])
        index += 1 + table.candidates[index]
    assert sum(lengths) / len(lengths) < 10
    assert sorted(lengths)[len(lengths) * 99 // 100] <= 30


def test_table__columns__are_complete_and_names_are_utf_8():
    table = populated_places._table()
    count = len(table.latitudes)
    assert count > 200_000
    assert len(table.cities) == len(table.regions) == len(table.zones) == count == len(table.name_offsets) - 1
    assert all(populated_places._name(table, number) for number in range(0, count, 97))
    assert max(table.cities) < count


# --- Time zones


@pytest.fixture
def time_zones():
    pytest.importorskip("tzfpy")
    from exifinator.places import time_zones

    return time_zones


@pytest.mark.parametrize(
    ("position", "local", "zone", "offset", "utc"),
    [
        ((41.98, 2.82), "2024-07-01T12:00:00", "Europe/Madrid", "+02:00", "2024-07-01T10:00:00"),
        ((41.98, 2.82), "2024-01-01T12:00:00", "Europe/Madrid", "+01:00", "2024-01-01T11:00:00"),
        ((27.7, 85.3), "2024-01-01T12:00:00", "Asia/Kathmandu", "+05:45", "2024-01-01T06:15:00"),
        ((47.6, -52.7), "2024-01-01T00:30:00", "America/St_Johns", "-03:30", "2024-01-01T04:00:00"),
        # A local time that occurs twice, and one that does not occur.
        ((52.5, 13.4), "2024-10-27T02:30:00", "Europe/Berlin", "+02:00", "2024-10-27T00:30:00"),
        ((52.5, 13.4), "2024-03-31T02:30:00", "Europe/Berlin", "+01:00", "2024-03-31T01:30:00"),
        ((0, -30), "2024-01-01T12:00:00", "Etc/GMT+2", "-02:00", "2024-01-01T14:00:00"),
    ],
)
def test_infer_utc__local_time_and_zone__is_the_time_in_utc_and_the_offset(
    time_zones, position, local, zone, offset, utc
):
    assert time_zones.time_zone_of(*position) == zone
    inferred = time_zones.infer_utc(datetime.fromisoformat(local), zone)
    assert inferred == (datetime.fromisoformat(utc).replace(tzinfo=UTC), offset)


@pytest.mark.parametrize("local", [datetime.min, datetime.max, datetime(1700, 1, 1), datetime(9999, 12, 31, 23, 59)])
@pytest.mark.parametrize("zone", ["Pacific/Honolulu", "Pacific/Auckland"])
def test_infer_utc__extreme_date__is_none_or_a_time_in_utc(time_zones, local, zone):
    inferred = time_zones.infer_utc(local, zone)
    assert inferred is None or inferred.taken_at.tzinfo is UTC


@pytest.mark.parametrize(("latitude", "longitude"), [(91, 0), (0, 181), (math.nan, 0), (0, math.inf)])
def test_time_zone_of__impossible_position__is_empty(time_zones, latitude, longitude):
    assert time_zones.time_zone_of(latitude, longitude) == ""


@pytest.mark.parametrize("name", ["", "Europe/Nowhere", "../../etc/passwd"])
def test_infer_utc__unknown_time_zone__is_none(time_zones, name):
    assert time_zones.infer_utc(datetime(2024, 1, 1), name) is None
