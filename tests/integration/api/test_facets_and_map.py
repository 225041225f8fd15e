# ruff: noqa: E501 -- one line per row of a table
"""Facets and the map, compared with counts of the same records."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

import pytest

from api.aggregations.facets import LIST_FACETS
from exifinator.config import Config
from exifinator.storage.mongodb import connect_mongodb
from exifinator.storage.store import Store
from tests.integration.api.fixtures import Api, open_api
from tests.integration.api.library import PLACES, make_records

RECORDS = make_records()
EVERY_FACET = [
    "camera,lens,iso,f,exposure,focal,taken,gps",
    "bucket,format,status,keyword,rating",
    "country,state,city,place,kind,creator,person,label",
    "owner,software,camera_serial,lens_serial,white_balance,color_space,date_suspect,copyright,flash",
    "media_type,duration,frame_rate,video_codec,audio_codec,make,focal35",
]


def counts_by_value(rows: list[dict[str, Any]]) -> dict[Any, int]:
    return {row["value"]: row["count"] for row in rows}


def test_get_facets__without_filters__counts_each_value(api: Api) -> None:
    result = api.get("/facets", fields="camera,status,taken,iso,bucket").json()
    assert (result["total"], result["partial"]) == (len(RECORDS), False)
    expected = Counter(record["photo"].get("camera_model") for record in RECORDS)
    assert counts_by_value(result["facets"]["camera"]) == dict(expected)
    assert counts_by_value(result["facets"]["status"]) == dict(Counter(record["status"] for record in RECORDS))
    months = Counter(str(r["photo"]["taken_local"])[:7] if "taken_local" in r["photo"] else None for r in RECORDS)
    assert counts_by_value(result["facets"]["taken"]) == dict(months)
    isos = {(row.get("from"), row.get("to")): row["count"] for row in result["facets"]["iso"] if "from" in row}
    assert isos[(100, 200)] == sum(record["photo"].get("iso") == 100 for record in RECORDS)
    assert sum(isos.values()) == sum("iso" in record["photo"] for record in RECORDS)


def test_get_facets__of_videos__equal_the_numbers_that_filters_find(api: Api) -> None:
    facets = api.get("/facets", fields="media_type,duration,frame_rate,video_codec").json()["facets"]
    videos = [record["photo"] for record in RECORDS if record["photo"].get("media_type") == "video"]
    assert len(videos) > 10
    assert counts_by_value(facets["media_type"])["video"] == len(videos)
    codecs = dict(Counter(video["video_codec"] for video in videos))
    assert {value: n for value, n in counts_by_value(facets["video_codec"]).items() if value} == codecs
    for name, field in (("duration", "duration_seconds"), ("frame_rate", "frame_rate")):
        rows = [row for row in facets[name] if "least" in row]
        assert len(rows) > 2
        assert sum(row["count"] for row in rows) == len(videos)
        for row in rows:
            low, high = row["from"] or 0, row["to"] or 1e9
            assert row["count"] == sum(low <= video[field] < high for video in videos), (name, row)
            matches = api.get("/photos", **{name: f"{row['least']:.6f}-{row['greatest']:.6f}"}, limit=1000).json()
            assert len(matches["photos"]) == row["count"], (name, row)


def test_get_facets__35_mm_equivalents__are_counted_by_range(api: Api) -> None:
    rows = api.get("/facets", fields="focal35").json()["facets"]["focal35"]
    values = Counter(record["photo"].get("focal_length_35mm") for record in RECORDS)
    counts = {row["from"]: row["count"] for row in rows if row.get("least") is not None}
    assert counts == {value: count for value, count in values.items() if value is not None}


@pytest.mark.parametrize("path", ["/facets?fields=camera", "/facets?fields=camera&bucket=holiday", "/statistics?"])
def test_get_facets__camera__has_the_maker_of_each_model(api: Api, path: str) -> None:
    rows = api.client.get(path).json()["facets"]["camera"]
    makes = {row["value"]: row.get("make") for row in rows if row["value"]}
    assert makes.pop("@SUM(1+1)")
    assert makes == {"ILCE-7M3": "SONY", "Canon EOS R5": "Canon", "X-T4": "FUJIFILM"}


# Key -> (date on the camera's clock, its offset from UTC in hours). Some dates in UTC have another day or month.
NEAR_MIDNIGHT = {
    "party.jpg": (datetime(2023, 12, 31, 23, 40), None),
    "new-year.jpg": (datetime(2023, 12, 31, 23, 30), -8),
    "morning.jpg": (datetime(2024, 3, 1, 6, 10), 9),
    "noon.jpg": (datetime(2024, 3, 1, 12), 13),
    "night.jpg": (datetime(2024, 3, 1, 0, 15), 5.75),
}


def test_filters__photos_near_midnight__use_the_day_on_the_clock_of_the_camera(own_library: Config) -> None:
    records = [
        {
            "_id": f"b/{key}", "bucket": "b", "key": key, "status": "ok", "size": 1,
            "photo": {"media_type": "image", "taken_local": local, "taken_at": local - timedelta(hours=hours or 0)},
        }
        for key, (local, hours) in NEAR_MIDNIGHT.items()
    ]  # fmt: skip
    with closing(connect_mongodb(own_library)) as client, open_api(own_library) as api:
        Store(client, own_library).records.collection.insert_many(records)

        def keys(**params: str) -> set[str]:
            return {photo["key"] for photo in api.get("/photos", bucket="b", **params).json()["photos"]}

        assert keys(taken="2023-12-31") == {"party.jpg", "new-year.jpg"}
        assert keys(taken="2024-03-01") == {"morning.jpg", "noon.jpg", "night.jpg"}
        assert keys(taken="2024-01") == keys(taken="2024-02") == set()
        facets = api.get("/facets", bucket="b", fields="taken,day,hour").json()["facets"]
    counts = {name: {row["value"]: row["count"] for row in rows} for name, rows in facets.items()}
    assert counts["taken"] == {"2023-12": 2, "2024-03": 3}
    assert counts["day"] == {"2023-12-31": 2, "2024-03-01": 3}
    assert counts["hour"] == {0: 1, 6: 1, 12: 1, 23: 2}


@pytest.mark.parametrize("fields", EVERY_FACET)
def test_get_facets__with_a_filter__equal_the_counts_without_a_filter(api: Api, fields: str) -> None:
    everything = api.get("/facets", fields=fields).json()
    # Without a filter, MongoDB counts the entries of an index. With a filter, it groups the photos.
    grouped = api.get("/facets", fields=fields, query='{"size":{"$gt":0}}').json()
    for name in fields.split(","):
        rows = [
            sorted(map(json.dumps, (row for row in item["facets"][name] if name not in LIST_FACETS or row["value"])))
            for item in (everything, grouped)
        ]
        assert rows[0] == rows[1], name


def test_get_facets__with_others__applies_all_filters_except_that_of_the_facet(api: Api) -> None:
    narrow = api.get("/facets", fields="camera,lens", camera="X-T4").json()
    wide = api.get("/facets", fields="camera,lens", camera="X-T4", others="true").json()
    assert set(counts_by_value(narrow["facets"]["camera"])) == {"X-T4"}
    assert set(counts_by_value(wide["facets"]["camera"])) == {"X-T4", "ILCE-7M3", "Canon EOS R5", "@SUM(1+1)", None}
    assert wide["facets"]["lens"] == narrow["facets"]["lens"]
    assert wide["total"] == narrow["total"] == sum(r["photo"].get("camera_model") == "X-T4" for r in RECORDS)


@pytest.mark.parametrize("fields", ["", "camera,", "secret", "camera;lens", "$where", ",".join(["camera"] * 11)])
def test_get_facets__unknown_field__is_refused(api: Api, fields: str) -> None:
    assert api.get("/facets", fields=fields).status_code == 400


def test_get_map__whole_world__has_every_place(api: Api) -> None:
    for _ in range(2):  # The first response is computed, the second one is cached.
        result = api.get("/map", zoom=6).json()
        assert result["type"] == "FeatureCollection"
        assert sum(f["properties"]["count"] for f in result["features"]) == sum(
            "location" in r["photo"] for r in RECORDS
        )
        assert len(result["features"]) == len(PLACES)


@pytest.mark.parametrize(
    ("parameters", "places"),
    [("bbox=2,48,3,49&zoom=8", 1), ("bbox=179,-20,-179,0&zoom=3", 2), ("bbox=10,10,20,20", 0), ("bbox=2,48,3,49&zoom=22", 1),
     ("camera=X-T4&zoom=6", 5), ("without=gps", 0)],
)  # fmt: skip
def test_get_map__area_and_filter__are_applied(api: Api, parameters: str, places: int) -> None:
    answer = api.client.get(f"/map?{parameters}")
    assert answer.headers["content-type"] == "application/geo+json"
    assert len(answer.json()["features"]) == places
