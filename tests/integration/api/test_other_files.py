"""Other files (neither photos nor videos) are counted, but left out of every view unless they are requested."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from exifinator.config import Config
from tests.integration.api.fixtures import Api, copy_library, open_api
from tests.integration.api.library import make_record, make_records
from tests.integration.api.test_counts import COUNT_METHODS, open_photos

EVERYTHING = {"media_type": ["image", "video", "other"]}


def make_other(key: str, at: int, format_: str, *, bucket: str = "holiday", bare: bool = True) -> dict[str, Any]:
    """Make the record of an other file. Unless it is `bare`, it has a camera, a date and a place, as a sidecar has."""
    record = make_record(bucket, key, at, format=format_, status="unsupported")
    record["photo"] = {} if bare else record["photo"]
    record["photo"]["media_type"] = "other"
    return record


OTHERS = [
    make_other("2024/readme.html", 500, "html"),
    make_other("2024/a.pdf", 501, "pdf"),
    # Sidecars, which share the map cells, the cameras and the months of photos.
    *(make_other(f"2024/IMG_{at}.xmp", at, "xmp", bare=False, bucket="sidecars") for at in (30, 31, 32, 65)),
]
# Damaged and unsupported images are photos.
UNREADABLE_IMAGES = [
    make_record("holiday", "2024/empty.jpg", 600, format="unknown", status="damaged", photo={"media_type": "image"}),
    make_record("holiday", "2024/a.psd", 601, format="psd", status="unsupported", photo={"media_type": "image"}),
]
PHOTOS = [*make_records(), *UNREADABLE_IMAGES]


@pytest.fixture(scope="module")
def mixed_api(library: Config) -> Iterator[Api]:
    """Yield the API of a library that contains other files too."""
    with copy_library(library) as config:
        with open_photos(config) as photos:
            photos.insert_many([*OTHERS, *UNREADABLE_IMAGES])
        with open_api(config) as api:
            yield api


def ids(api: Api, **params: Any) -> set[str]:
    return {photo["id"] for photo in api.get("/photos", limit=1000, **params).json()["photos"]}


@pytest.mark.parametrize("sort", ["-taken", "taken", "key", "-extracted", "-iso"])
def test_photos__other_files__are_left_out_unless_requested(mixed_api: Api, sort: str) -> None:
    photos, others = {record["_id"] for record in PHOTOS}, {record["_id"] for record in OTHERS}
    assert ids(mixed_api, sort=sort) == photos
    assert ids(mixed_api, sort=sort, media_type="other") == others
    assert ids(mixed_api, sort=sort, **EVERYTHING) == photos | others


def test_photos__other_files_and_filters__leaves_out_other_files(mixed_api: Api) -> None:
    others = {record["_id"] for record in OTHERS}
    for params in ({"camera": "X-T4"}, {"iso": "100-800"}, {"prefix": "holiday/2024/"}, {"has": "gps"}, {"q": "2024"}):
        left, together = ids(mixed_api, **params), ids(mixed_api, **params, **EVERYTHING)
        assert left == together - others, params
        assert together & others, params
    assert ids(mixed_api, status="unsupported") & {record["_id"] for record in UNREADABLE_IMAGES}
    page = mixed_api.get("/photos", limit=7, iso="100-800").json()
    pages = [photo["id"] for photo in page["photos"]]
    while page["next"]:
        page = mixed_api.get("/photos", limit=7, iso="100-800", cursor=page["next"]).json()
        pages += [photo["id"] for photo in page["photos"]]
    assert len(pages) == len(set(pages))
    assert set(pages) == ids(mixed_api, iso="100-800")


@pytest.mark.parametrize("count_method", COUNT_METHODS, ids=["everything", "grouped"])
def test_facets__other_files__have_only_a_count_of_their_own(mixed_api: Api, count_method: dict[str, str]) -> None:
    result = mixed_api.get("/facets", **count_method, fields="camera,format,status,bucket,keyword,gps,rating").json()
    assert (result["total"], result["other_files"]) == (len(PHOTOS), len(OTHERS))
    facets = {name: {row["value"]: row["count"] for row in rows} for name, rows in result["facets"].items()}
    assert facets["camera"] == Counter(record["photo"].get("camera_model") for record in PHOTOS)
    assert facets["format"] == Counter(record["format"] for record in PHOTOS)
    assert facets["status"] == Counter(record["status"] for record in PHOTOS)
    assert facets["bucket"] == Counter(record["bucket"] for record in PHOTOS)
    assert facets["keyword"] == Counter(word for record in PHOTOS for word in record["photo"].get("keywords", ()))
    assert facets["gps"] == Counter("location" in record["photo"] for record in PHOTOS)

    everything = mixed_api.get("/facets", **count_method, **EVERYTHING, fields="format,bucket").json()
    assert (everything["total"], everything["other_files"]) == (len(PHOTOS) + len(OTHERS), None)
    formats = {row["value"]: row["count"] for row in everything["facets"]["format"]}
    assert formats == Counter(record["format"] for record in [*PHOTOS, *OTHERS])


@pytest.mark.parametrize("count_method", COUNT_METHODS, ids=["everything", "grouped"])
def test_facets__media_type_with_others__includes_types_not_selected(
    mixed_api: Api, count_method: dict[str, str]
) -> None:
    expected = Counter(record["photo"].get("media_type") for record in [*PHOTOS, *OTHERS])
    for selected in ({}, {"media_type": "video"}):
        result = mixed_api.get("/facets", **count_method, **selected, fields="media_type,camera", others="true").json()
        assert {row["value"]: row["count"] for row in result["facets"]["media_type"]} == expected
    alone = mixed_api.get("/facets", **count_method, fields="media_type").json()["facets"]["media_type"]
    assert {row["value"] for row in alone} == {"image", "video", None}


def test_facets__with_filters__count_only_matching_other_files(mixed_api: Api) -> None:
    def other_files(**params: Any) -> int | None:
        number: int | None = mixed_api.get("/facets", fields="camera", **params).json()["other_files"]
        return number

    assert other_files(bucket="sidecars") == 4
    assert other_files(format="pdf") == 1
    assert other_files(format="jpeg") == 0
    assert other_files(media_type="image") is None


@pytest.mark.parametrize("count_method", COUNT_METHODS, ids=["everything", "grouped"])
def test_statistics__other_files__are_left_out(mixed_api: Api, count_method: dict[str, str]) -> None:
    result = mixed_api.get("/statistics", **count_method).json()
    assert (result["total"], result["other_files"]) == (len(PHOTOS), len(OTHERS))
    counts = Counter((record["bucket"], record["status"]) for record in PHOTOS)
    assert {(row["bucket"], "unsupported"): row["unsupported"] for row in result["buckets"]} == {
        (bucket, "unsupported"): counts[bucket, "unsupported"] for bucket, _ in counts
    }
    months = {row["value"]: row["count"] for row in result["facets"]["taken"]}
    assert months == Counter(
        f"{taken:%Y-%m}" if (taken := record["photo"].get("taken_local")) else None for record in PHOTOS
    )


@pytest.mark.parametrize("params", [{"zoom": 2}, {"zoom": 14}, {"zoom": 3, "bbox": "0,40,10,50"}], ids=str)
def test_map__other_files__are_not_in_clusters(mixed_api: Api, params: dict[str, Any]) -> None:
    def count(**more: Any) -> int:
        features = mixed_api.get("/map", **params, **more).json()["features"]
        return sum(feature["properties"]["count"] for feature in features)

    placed = sum("location" in record["photo"] for record in OTHERS)
    assert placed
    if "bbox" not in params:
        assert count() == sum("location" in record["photo"] for record in PHOTOS)
        assert count(**EVERYTHING) == count() + placed
    assert count(**EVERYTHING) == count() + count(media_type="other")


def test_exports__other_files__are_left_out_except_by_the_mongodb_rest_route(mixed_api: Api) -> None:
    def lines(**params: Any) -> int:
        return len(mixed_api.get("/export.ndjson", **params).text.splitlines())

    assert (lines(), lines(media_type="other"), lines(**EVERYTHING)) == (
        len(PHOTOS),
        len(OTHERS),
        len(PHOTOS) + len(OTHERS),
    )
    config = mixed_api.config
    path = f"/{config.mongodb_database}/{config.mongodb_collection}"
    assert mixed_api.get(path, count="true").json() == {"count": len(PHOTOS) + len(OTHERS)}
    assert len(mixed_api.get(path, limit=1000).json()) == len(PHOTOS) + len(OTHERS)
