"""Requests of the explorer: counts by day and folder, sorting by value, neighbours, and originals."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import httpx2 as httpx
import pymongo
import pytest
from pydantic import SecretStr

from exifinator.config import Config
from tests.integration.api.fixtures import TOKEN, Api, open_api
from tests.waiting import eventually


def test_facets__day_within_a_period__counts_the_photos_of_each_day(api: Api) -> None:
    rows = api.get("/facets", fields="day", taken="2024-02", others="true").json()["facets"]["day"]
    assert [row["value"] for row in rows] == sorted(row["value"] for row in rows)
    assert all(row["value"].startswith("2024-02-") for row in rows)
    for row in rows[:3]:
        assert row["count"] == api.get("/facets", fields="status", taken=row["value"]).json()["total"]


@pytest.mark.parametrize(
    ("filters", "value"),
    [({}, "holiday/"), ({"bucket": "holiday"}, "2024/"), ({"prefix": "holiday/20"}, "24/"), ({"prefix": "odd-keys/é"}, None)],  # noqa: E501
    ids=["buckets", "bucket", "part-of-a-name", "accents"],
)  # fmt: skip
def test_facets__folder_below_a_prefix__counts_the_photos_of_each_subfolder(
    api: Api, filters: dict[str, str], value: str | None
) -> None:
    rows = {
        row["value"]: row["count"] for row in api.get("/facets", fields="folder", **filters).json()["facets"]["folder"]
    }
    assert value in rows
    if value:
        beginning = f"{filters['bucket']}/" if "bucket" in filters else filters.get("prefix", "")
        assert rows[value] == api.get("/facets", fields="status", prefix=beginning + value).json()["total"]


@pytest.mark.parametrize("name", ["iso", "f", "exposure", "focal"])
def test_facets__range_of_values__has_its_least_and_greatest_value(api: Api, name: str) -> None:
    rows = [row for row in api.get("/facets", fields=name).json()["facets"][name] if "least" in row]
    assert rows
    for row in rows:
        filters = {name: f"{row['least']:.9f}-{row['greatest']:.9f}"}
        assert api.get("/facets", fields="status", **filters).json()["total"] == row["count"]


def test_facets__with_others__ignores_the_filter_of_the_facet_itself(api: Api) -> None:
    asked = {"fields": "lens,gps", "others": "true"}
    everything = api.get("/facets", fields="lens,gps").json()["facets"]
    assert api.get("/facets", without="lens", **asked).json()["facets"]["lens"] == everything["lens"]
    assert api.get("/facets", has="gps", **asked).json()["facets"]["gps"] == everything["gps"]
    assert api.get("/facets", has="gps", **asked).json()["facets"]["lens"] != everything["lens"]


# Name of the sort order -> field of a photo.
VALUES = {"camera": "camera_model", "iso": "iso", "f": "f_number", "exposure": "exposure_seconds", "rating": "rating"}


@pytest.mark.parametrize("direction", ["", "-"], ids=["up", "down"])
@pytest.mark.parametrize("name", VALUES)
def test_photos__sorted_by_a_value__lists_each_photo_once_in_order(api: Api, name: str, direction: str) -> None:
    asked = {"sort": direction + name, "limit": 7}
    result, cursor = [], None
    while cursor or not result:
        page = api.get("/photos", **asked, **({"cursor": cursor} if cursor else {})).json()
        result += page["photos"]
        cursor = page["next"]
    assert len({photo["id"] for photo in result}) == len(result) == api.get("/facets").json()["total"]
    values = [photo["photo"].get(VALUES[name]) for photo in result]
    known_values = [value for value in values if value is not None]
    assert known_values == sorted(known_values, reverse=bool(direction))
    assert values == known_values + [None] * (len(values) - len(known_values))


@pytest.mark.parametrize("sort", ["-taken", "taken", "key", "-iso", "iso", "-camera"])
def test_photos__after_or_before_a_photo__lists_its_neighbours(api: Api, sort: str) -> None:
    ids = [photo["id"] for photo in api.get("/photos", sort=sort, limit=1000).json()["photos"]]
    for at in (0, 1, 60, 118, len(ids) - 20, len(ids) - 1):
        after = api.get("/photos", sort=sort, after=ids[at], limit=2).json()["photos"]
        before = api.get("/photos", sort=sort, before=ids[at], limit=2).json()["photos"]
        assert [photo["id"] for photo in after] == ids[at + 1 : at + 3]
        assert [photo["id"] for photo in before] == ids[max(0, at - 2) : at]


@pytest.mark.parametrize("filters", [{}, {"exposure": "1/300-1", "camera": "X-T4"}], ids=["all", "some"])
@pytest.mark.parametrize("sort", ["-taken", "key", "iso", "-camera"])
def test_photos__before_repeated_from_the_last_photo__lists_all_photos(
    api: Api, sort: str, filters: dict[str, str]
) -> None:
    ids = [photo["id"] for photo in api.get("/photos", sort=sort, limit=1000, **filters).json()["photos"]]
    result = ids[-1:]
    while page := api.get("/photos", sort=sort, before=result[0], limit=7, **filters).json()["photos"]:
        result = [photo["id"] for photo in page] + result
    assert result == ids


def test_photos__before_a_photo__next_page_continues_the_list(api: Api) -> None:
    ids = [photo["id"] for photo in api.get("/photos", limit=20).json()["photos"]]
    page = api.get("/photos", before=ids[10], limit=3).json()
    following = api.get("/photos", before=ids[10], limit=3, cursor=page["next"]).json()
    assert [photo["id"] for photo in page["photos"] + following["photos"]] == ids[7:13]
    assert api.get("/photos", before=ids[0]).json() == {"photos": [], "next": None}


def test_photos__both_after_and_before__ignores_after(api: Api) -> None:
    both = {"after": "holiday/2024/IMG_0001.jpg", "before": "holiday/2024/IMG_0050.jpg"}
    assert api.get("/photos", **both).json() == api.get("/photos", before=both["before"]).json()


def test_photos__after_a_photo_that_the_filters_exclude__continues_from_its_place(api: Api) -> None:
    ids = [photo["id"] for photo in api.get("/photos", limit=1000).json()["photos"]]
    passing = {photo["id"] for photo in api.get("/photos", camera="X-T4", limit=1000).json()["photos"]}
    at = next(at for at, id_ in enumerate(ids) if at > 10 and id_ not in passing)
    (result,) = api.get("/photos", camera="X-T4", after=ids[at], limit=1).json()["photos"]
    assert result["id"] == next(id_ for id_ in ids[at:] if id_ in passing)


def test_photos__start_date__begins_there_and_pages_both_ways(api: Api) -> None:
    for sort in ("-taken", "taken"):
        photos = api.get("/photos", sort=sort, limit=1000).json()["photos"]
        ids = [photo["id"] for photo in photos]
        days = [(photo["photo"].get("taken_local") or "none")[:10] for photo in photos]
        assert "none" in days
        for start in ("2024-02", "2024-03-05", "2024", days[0], days[-2], "none"):
            at = next(at for at, day in enumerate(days) if day.startswith(start))
            page = api.get("/photos", sort=sort, start=start, limit=7).json()
            assert [photo["id"] for photo in page["photos"]] == ids[at : at + 7]
            if page["next"]:
                following = api.get("/photos", sort=sort, start=start, limit=3, cursor=page["next"]).json()
                assert [photo["id"] for photo in following["photos"]] == ids[at + 7 : at + 10]
            before = api.get("/photos", sort=sort, start=start, before=ids[at], limit=3).json()["photos"]
            assert [photo["id"] for photo in before] == ids[max(0, at - 3) : at]


def test_photos__start_date_without_photos__begins_at_the_next_photo(api: Api) -> None:
    newest = api.get("/photos", limit=1).json()["photos"]
    assert api.get("/photos", start="2216-05", limit=1).json()["photos"] == newest
    (first,) = api.get("/photos", start="1900", limit=1).json()["photos"]
    assert "taken_local" not in first["photo"]
    assert api.get("/photos", start="none", has="date").json()["photos"] == []


@pytest.mark.parametrize("sort", ["key", "-iso", "extracted"])
def test_photos__start_with_a_sort_other_than_by_date__is_409(api: Api, sort: str) -> None:
    answer = api.get("/photos", sort=sort, start="2024-05")
    assert (answer.status_code, answer.json()["code"]) == (409, "conflicting_parameters")


@pytest.mark.parametrize("start", ["2024-13", "2024-5", "May", "0999", "3000", "2024..2025", "", "٢٠٢٤", "none "])
def test_photos__start_is_not_a_date__is_400(api: Api, start: str) -> None:
    assert api.get("/photos", start=start).status_code == 400


def test_photos__after_a_photo__next_page_continues_the_list(api: Api) -> None:
    ids = [photo["id"] for photo in api.get("/photos", limit=20).json()["photos"]]
    first = api.get("/photos", after=ids[4], limit=3).json()
    second = api.get("/photos", after=ids[4], limit=3, cursor=first["next"]).json()
    assert [photo["id"] for photo in first["photos"] + second["photos"]] == ids[5:11]


def test_photos__after_a_missing_photo__is_404(api: Api) -> None:
    assert api.get("/photos", after="no/such.jpg").status_code == 404


@pytest.fixture(scope="module")
def signing_api(library: Config, moto_url: str) -> Iterator[Api]:
    """Yield an API that may sign links, with an S3 server that has one of its photos."""
    changes = {"s3_endpoint_url": moto_url, "api_sign_originals": True}
    client = boto3.client("s3", endpoint_url=moto_url, aws_access_key_id="test", aws_secret_access_key="secret")
    client.create_bucket(Bucket="holiday")
    client.put_object(Bucket="holiday", Key="2024/IMG_0001.jpg", Body=b"<script>not a photo</script>")
    with open_api(library.model_copy(update=changes)) as running:
        yield running


ORIGINAL = "/photos/holiday%2F2024%2FIMG_0001.jpg/original"


def test_original__signing_is_enabled__returns_a_link_that_expires(signing_api: Api) -> None:
    answer = signing_api.get(ORIGINAL)
    link = answer.json()
    assert answer.headers["cache-control"] == "no-store"
    assert "X-Amz-Expires=600" in link["url"]
    assert link["seconds"] == 600
    fetched = httpx.get(link["url"])
    assert fetched.content == b"<script>not a photo</script>"
    assert fetched.headers["content-disposition"] == "attachment"
    changed = httpx.get(link["url"].replace("IMG_0001", f"IMG_{secrets.token_hex(2)}"))
    assert changed.status_code >= 400


def test_original__redirect_is_requested__redirects_to_the_signed_link(signing_api: Api) -> None:
    answer = signing_api.get(ORIGINAL, redirect="true")
    assert (answer.status_code, answer.content) == (303, b"")
    assert "X-Amz-Signature=" in answer.headers["location"]


def test_original__object_without_a_record__is_404(signing_api: Api) -> None:
    assert signing_api.get("/photos/holiday%2Fsecret.txt/original").status_code == 404


def test_original__signing_is_disabled__is_403(library: Config) -> None:
    with open_api(library.model_copy(update={"api_sign_originals": False})) as api:
        answer = api.get(ORIGINAL)
    assert (answer.status_code, answer.headers["content-type"]) == (403, "application/problem+json")


@pytest.mark.parametrize(
    "given",
    [
        {"camera": "X-T4", "without": "camera"},
        {"rating": ["5", "4"], "without": "rating"},
        {"taken": "2024-02", "without": "date"},
        {"keyword": "beach", "without": "keywords"},
        {"lens": "FE 24-70mm F2.8 GM", "without": "lens", "iso": "100-400"},
    ],
)
def test_facets__value_and_none_selected_in_one_facet__counts_both(api: Api, given: dict[str, Any]) -> None:
    """A value and "none" selected in one facet match both kinds of photos, in counts and in pages of /photos."""
    (first, values), (_, missing), *rest = given.items()
    common = dict(rest)
    total = api.get("/facets", fields="status", **given).json()["total"]
    alone = [
        api.get("/facets", fields="status", **{name: value}, **common).json()["total"]
        for name, value in ((first, values), ("without", missing))
    ]
    assert total == sum(alone)
    assert 0 < alone[0] < total
    ids, page = [], api.get("/photos", limit=50, **given).json()
    while True:
        ids += [photo["id"] for photo in page["photos"]]
        if not page["next"]:
            break
        page = api.get("/photos", limit=50, cursor=page["next"], **given).json()
    assert len(ids) == len(set(ids)) == total


def test_prefix__without_a_bucket__finds_the_folder_in_all_buckets(api: Api) -> None:
    result = api.get("/facets", fields="folder,bucket", prefix="2024/").json()
    assert result["total"] == 120
    assert {row["value"] for row in result["facets"]["bucket"]} == {"holiday"}
    assert result["facets"]["folder"] == [{"value": None, "count": 120}]
    folders = api.get("/facets", fields="folder", prefix="20").json()["facets"]["folder"]
    assert folders == [{"value": "24/", "count": 120}]
    photos = api.get("/photos", prefix="2024/IMG_0001", sort="key").json()["photos"]
    assert [photo["id"] for photo in photos] == ["holiday/2024/IMG_0001.jpg"]
    for path in ("/statistics", "/photos", "/facets", "/map", "/export.ndjson"):
        assert api.get(path, prefix="2024/").status_code == 200


@pytest.mark.parametrize("maximum", [1, 5000], ids=["cut-off", "known"])
def test_facets__find_parameter__finds_rare_values(
    library: Config, monkeypatch: pytest.MonkeyPatch, maximum: int
) -> None:
    """With at most one value in the cached counts, only a query to MongoDB finds the others."""
    for module in ("facets", "facet_counter"):
        monkeypatch.setattr(f"api.aggregations.{module}.MAX_VALUES", maximum)
    given = {"fields": "camera,iso", "iso": "100-6400", "top": "1", "find": "eos r"}
    # The other tests share an API, which would keep the few counts.
    with open_api(library) as api:
        result = api.get("/facets", **given).json()["facets"]
        assert [row["value"] for row in result["camera"]] == ["Canon EOS R5"]
        assert [row for row in result["iso"] if "least" in row]
        assert api.get("/facets", fields="camera", find="nikon").json()["facets"]["camera"] == []
        keywords = api.get("/facets", fields="keyword", iso="100-6400", find="BEA").json()["facets"]["keyword"]
        assert keywords[0]["value"] == "beach"


def test_facets__find_parameter_with_a_maker__finds_its_cameras(api: Api) -> None:
    """The explorer shows cameras with their makers, so users search for both."""
    models = {
        text: {row["value"] for row in api.get("/facets", fields="camera", find=text).json()["facets"]["camera"]}
        for text in ("sony ilce", "SONY", "sony x-t4")
    }
    assert models["sony ilce"] == models["SONY"] > set()
    assert all(model.startswith("ILCE") for model in models["SONY"])
    assert models["sony x-t4"] == set()


def test_facets__record_stored_after_the_counts__are_stale_until_counted_again(own_library: Config) -> None:
    with open_api(own_library) as own:
        before = own.get("/facets", fields="camera").json()
        assert before["stale"] is False
        version = own.get("/library").json()["version"]
        assert version == own.get("/library").json()["version"]
        with pymongo.MongoClient[dict[str, Any]](own_library.mongodb_uri.get_secret_value()) as client:
            photos = client[own_library.mongodb_database][own_library.mongodb_collection]
            photos.insert_one(
                {"_id": "holiday/new", "bucket": "holiday", "extracted_at": datetime(2030, 1, 1, tzinfo=UTC)}
            )
        assert own.get("/library").json()["version"] != version
        again = own.get("/facets", fields="camera").json()
        assert (again["total"], again["stale"]) in [(before["total"], True), (before["total"] + 1, False)]
        statistics = own.get("/statistics").json()
        assert statistics["total"] == before["total"] + 1 or statistics["stale"]

        def is_fresh() -> bool:
            counts = own.get("/facets", fields="camera").json()
            return (counts["total"], counts["stale"]) == (before["total"] + 1, False)

        eventually(is_fresh)


@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        ({}, True),
        ({"api_host": "0.0.0.0", "api_token": SecretStr(TOKEN)}, True),
        ({"api_host": "0.0.0.0", "api_token": SecretStr(TOKEN), "api_public_read": True}, False),
    ],
    ids=["loopback", "token", "public"],
)
def test_library__registered_folders__are_hidden_from_public_readers(
    library: Config, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], shown: bool
) -> None:
    monkeypatch.setattr("api.routes.library.registered_folders", lambda: {"jpg_21c843": "/home/ada/jpg"})
    with open_api(library.model_copy(update=settings)) as api:
        headers = {"Authorization": f"Bearer {TOKEN}", "Host": "127.0.0.1"}
        folders = api.client.get("/library", headers=headers).json()["folders"]
    assert folders == ({"jpg_21c843": "/home/ada/jpg"} if shown else {})


def test_fingerprint__photos_with_copies__is_a_filter_and_a_facet(own_library: Config) -> None:
    with open_api(own_library) as own:
        with pymongo.MongoClient[dict[str, Any]](own_library.mongodb_uri.get_secret_value()) as client:
            photos = client[own_library.mongodb_database][own_library.mongodb_collection]
            for number in range(6):
                change = {"$set": {"fingerprint": f"{number % 4:024}"}}
                photos.update_one({"_id": f"holiday/2024/IMG_{number:04}.jpg"}, change)
        for given in ({}, {"iso": "50-9000"}):
            rows = own.get("/facets", fields="fingerprint", **given).json()["facets"]["fingerprint"]
            counts = {row["value"]: row["count"] for row in rows if row["value"]}
            assert counts == {f"{0:024}": 2, f"{1:024}": 2, f"{2:024}": 1, f"{3:024}": 1}
        result = own.get("/photos", fingerprint=f"{1:024}", sort="key").json()["photos"]
        assert [photo["id"] for photo in result] == ["holiday/2024/IMG_0001.jpg", "holiday/2024/IMG_0005.jpg"]
        assert {photo["fingerprint"] for photo in result} == {f"{1:024}"}
        detail = own.get(f"/photos/{result[0]['id'].replace('/', '%2F')}").json()
        assert "fingerprint" not in detail["tags"]
