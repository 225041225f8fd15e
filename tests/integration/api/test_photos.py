# ruff: noqa: E501 -- one line per row of a table
"""GET /photos: filters and pages, single photos, tags and thumbnails, over a real MongoDB."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

from tests.integration.api.fixtures import Api, WireApi
from tests.integration.api.library import ODD_KEYS, make_records

RECORDS = make_records()


def photo(record: dict[str, Any], name: str) -> Any:
    return record["photo"].get(name)


def lng(record: dict[str, Any]) -> float:
    return record["photo"]["location"]["coordinates"][0] if "location" in record["photo"] else 999.0


# (query string, function that says whether a record passes the same filter)
FILTERS: list[tuple[str, Any]] = [
    ("", lambda r: True),
    ("camera=ILCE-7M3", lambda r: photo(r, "camera_model") == "ILCE-7M3"),
    ("camera=ILCE-7M3&camera=X-T4", lambda r: photo(r, "camera_model") in ("ILCE-7M3", "X-T4")),
    ("camera=ilce-7m3", lambda r: False),
    ("lens=RF50mm F1.2 L USM", lambda r: photo(r, "lens_model") == "RF50mm F1.2 L USM"),
    ("iso=100-400", lambda r: 100 <= (photo(r, "iso") or 0) <= 400),
    ("iso=6400", lambda r: photo(r, "iso") == 6400),
    ("iso=800-", lambda r: (photo(r, "iso") or 0) >= 800),
    ("f=1.8-4", lambda r: 1.8 <= (photo(r, "f_number") or 0) <= 4),
    ("exposure=1/250-1/30", lambda r: 1 / 251 <= (photo(r, "exposure_seconds") or 0) <= 1 / 29),
    ("exposure=1/60", lambda r: photo(r, "exposure_seconds") == 1 / 60),
    ("focal=24-35", lambda r: 24 <= (photo(r, "focal_length_mm") or 0) <= 35),
    ("focal35=50-", lambda r: (photo(r, "focal_length_35mm") or 0) >= 50),
    ("focal35=-24&without=focal35", lambda r: (photo(r, "focal_length_35mm") or 0) <= 24),
    ("make=FUJIFILM&make=Canon", lambda r: photo(r, "camera_make") in ("FUJIFILM", "Canon")),
    ("taken=2024-02", lambda r: str(photo(r, "taken_local"))[:7] == "2024-02"),
    ("taken=2024-03..2024-04-15", lambda r: "2024-03-01" <= str(photo(r, "taken_local"))[:10] <= "2024-04-15"),
    ("taken=..2024-01-05", lambda r: str(photo(r, "taken_local"))[:10] <= "2024-01-05"),
    ("near=48.85,2.35,5", lambda r: lng(r) == 2.3522),
    ("near=0,0,25000", lambda r: lng(r) != 999),
    ("bbox=2,48,3,49", lambda r: lng(r) == 2.3522),
    ("bbox=179,-20,-179,0", lambda r: abs(lng(r)) == 179.9),
    ("bbox=-180,-90,180,90", lambda r: lng(r) != 999),
    ("bbox=-180,-16.55,180,90", lambda r: lng(r) not in (999.0, -179.9)),
    ("bucket=archive", lambda r: r["bucket"] == "archive"),
    ("bucket=archive&bucket=holiday", lambda r: r["bucket"] in ("archive", "holiday")),
    ("bucket=holiday&prefix=2024/IMG_001", lambda r: r["_id"].startswith("holiday/2024/IMG_001")),
    ("prefix=holiday/2024/IMG_001", lambda r: r["_id"].startswith("holiday/2024/IMG_001")),
    ("bucket=holiday&prefix=2024/", lambda r: r["_id"].startswith("holiday/2024/")),
    ("prefix=holiday/", lambda r: r["bucket"] == "holiday"),
    ("bucket=holiday&bucket=archive&prefix=holiday/2024/", lambda r: r["_id"].startswith("holiday/2024/")),
    ("prefix=odd-keys/../", lambda r: r["_id"].startswith("odd-keys/../")),
    ("format=png", lambda r: r["format"] == "png"),
    ("status=damaged&status=no_exif", lambda r: r["status"] in ("damaged", "no_exif")),
    ("keyword=work", lambda r: "work" in (photo(r, "keywords") or ())),
    ("label=Red", lambda r: photo(r, "label") == "Red"),
    ("without=label", lambda r: not photo(r, "label")),
    ("country=Spain&city=Metropolis", lambda r: "Spain" in r.get("countries", ()) and "Metropolis" in r.get("cities", ())),
    ("place=Town%202&place=Town%203", lambda r: bool({"Town 2", "Town 3"} & set(r.get("places", ())))),
    ("kind=panorama", lambda r: "panorama" in r.get("kinds", ())),
    ("creator=Ben&software=darktable%204.8", lambda r: "Ben" in (photo(r, "creators") or ())),
    ("camera_serial=serial%201&white_balance=daylight", lambda r: photo(r, "camera_serial") == "serial 1"),
    ("copyright=%C2%A9%20Ada%20%26%20Ben,%202024&flash=true", lambda r: bool(photo(r, "copyright") and photo(r, "flash_fired"))),
    ("flash=false&flash=true", lambda r: photo(r, "flash_fired") is not None),
    ("flash=true&without=flash", lambda r: photo(r, "flash_fired") is not False),
    ("flash=false&without=copyright", lambda r: photo(r, "flash_fired") is False and not photo(r, "copyright")),
    ("date_suspect=midnight&has=camera_serial", lambda r: photo(r, "date_suspect") == "midnight"),
    ("media_type=video", lambda r: photo(r, "media_type") == "video"),
    ("media_type=video&media_type=other&video_codec=HEVC", lambda r: photo(r, "video_codec") == "HEVC"),
    ("duration=12-60", lambda r: 12 <= (photo(r, "duration_seconds") or 0) <= 60),
    ("duration=-7.85&frame_rate=25-30", lambda r: photo(r, "duration_seconds") == 7.85),
    ("frame_rate=29.97&has=duration&without=audio_codec", lambda r: photo(r, "frame_rate") == 29.97),
    ("state=Nowhere", lambda r: False),
    ("rating=5&rating=4", lambda r: photo(r, "rating") in (4, 5)),
    ("has=gps", lambda r: lng(r) != 999),
    ("without=gps", lambda r: lng(r) == 999),
    ("has=gps&has=lens", lambda r: lng(r) != 999 and photo(r, "lens_model") is not None),
    ("q=Number 7", lambda r: "number" in r["words"] and any(word.startswith("7") for word in r["words"])),
    ("q=\"number 7\"", lambda r: photo(r, "description") == "Photo number 7"),
    ("q=IMG_001", lambda r: "/IMG_001" in r["key"]),
    ("q=photo -beach", lambda r: "photo" in r["words"] and "beach" not in r["words"]),
    ("q=xt4", lambda r: photo(r, "camera_model") == "X-T4"),
    ("q=focal35:35-50 -make:SONY", lambda r: photo(r, "focal_length_35mm") in (35, 50) and photo(r, "camera_make") != "SONY"),
    ("q=camera:x-t4 iso:800- has:gps", lambda r: photo(r, "camera_model") == "X-T4" and photo(r, "iso") >= 800 and lng(r) != 999),
    ("q=holidays -taken:2024-02", lambda r: "holiday" in r["words"] and str(photo(r, "taken_local"))[:7] != "2024-02"),
    ("q=title:beach", lambda r: False),
    ("q=keyword:beach place:town", lambda r: "beach" in (photo(r, "keywords") or ()) and "places" in r),
    ("q=BEACH", lambda r: "beach" in r["words"]),
    ("q=beach photo", lambda r: {"beach", "photo"} <= set(r["words"])),
    ("q=été", lambda r: "ete" in r["words"]),
    ("q=!", lambda r: False),
    ('query={"Image Make.printable":"/^so/i"}', lambda r: r.get("Image Make", {}).get("printable") == "SONY"),
    ('query={"photo.rating":{"$gt":4}}&has=gps', lambda r: photo(r, "rating") == 5 and lng(r) != 999),
    ('query={"$and":[{"photo.rating":5}],"bucket":"holiday"}', lambda r: photo(r, "rating") == 5 and r["bucket"] == "holiday"),
    ("iso=100-400&f=1.8-4&has=gps&taken=2024", lambda r: 100 <= (photo(r, "iso") or 0) <= 400 and 1.8 <= photo(r, "f_number") <= 4 and lng(r) != 999 and photo(r, "taken_at").year == 2024),
]  # fmt: skip


@pytest.mark.parametrize(("parameters", "passes"), FILTERS, ids=[row[0] or "none" for row in FILTERS])
def test_list_photos__filter__lists_the_matching_photos(api: Api, parameters: str, passes: Any) -> None:
    answer = api.client.get(f"/photos?limit=1000&{parameters}")
    assert answer.status_code == 200, answer.text
    result = answer.json()
    expected = {record["_id"] for record in RECORDS if passes(record)}
    assert {item["id"] for item in result["photos"]} == expected
    assert result["next"] is None


@pytest.mark.parametrize("sort", ["-taken", "taken", "key", "-key", "extracted", "-extracted"])
@pytest.mark.parametrize("limit", [1, 7, 50])
def test_list_photos__in_pages__lists_each_photo_once_in_order(api: Api, sort: str, limit: int) -> None:
    whole = api.get("/photos", sort=sort, limit=1000).json()["photos"]
    seen: list[str] = []
    cursor: str | None = None
    while True:
        parameters = {"sort": sort, "limit": limit} | ({"cursor": cursor} if cursor else {})
        page = api.get("/photos", **parameters).json()
        seen += [item["id"] for item in page["photos"]]
        cursor = page["next"]
        if cursor is None:
            break
        assert len(page["photos"]) == limit
    assert seen == [item["id"] for item in whole]
    assert len(set(seen)) == len(RECORDS)


@pytest.mark.parametrize("sort", ["-taken", "taken"])
def test_list_photos__sorted_by_date__undated_photos_are_last(api: Api, sort: str) -> None:
    dates = [item["photo"].get("taken_local") for item in api.get("/photos", sort=sort, limit=1000).json()["photos"]]
    assert dates[-12:] == [None] * 12
    assert dates[:-12] == sorted(dates[:-12], reverse=sort == "-taken")


def test_list_photos__more_pages_follow__links_to_the_next(api: Api) -> None:
    answer = api.get("/photos", limit=2, camera="X-T4")
    following = api.client.get(answer.links["next"]["url"]).json()
    assert following["photos"][0]["id"] not in answer.text
    assert {item["photo"]["camera_model"] for item in following["photos"]} == {"X-T4"}


def test_list_photos__cursor_of_another_query__is_404(api: Api) -> None:
    cursor = api.get("/photos", limit=2).json()["next"]
    answer = api.get("/photos", limit=2, camera="X-T4", cursor=cursor)
    assert (answer.status_code, answer.json()["parameter"]) == (404, "cursor")


@pytest.mark.parametrize(
    ("parameters", "parameter"),
    [("iso=abc", "iso"), ("iso=", "iso"), ("camra=X", "camra"), ("limit=1001", "limit"), ("limit=0", "limit"),
     ("iso=1&iso=2", "iso"), ("sort=photo.iso", "sort"), ("near=91,0,1", "near"), ("bbox=1,2,3", "bbox"),
     ("taken=yesterday", "taken"), ("status=fine", "status"), ("has=everything", "has"), ("rating=6", "rating"),
     ("query={}&query={}", "query"), ("query=[]", "query")],
)  # fmt: skip
def test_list_photos__invalid_parameter__is_400_with_its_name(api: Api, parameters: str, parameter: str) -> None:
    answer = api.client.get(f"/photos?{parameters}")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["parameter"].partition(".")[0] == parameter


def test_list_photos__time_without_offset__has_no_z(api: Api) -> None:
    shown = {
        item["id"]: item["photo"]["taken_at"]
        for item in api.get("/photos", limit=1000, bucket="holiday").json()["photos"]
    }
    assert shown["holiday/2024/IMG_0000.jpg"] == "2024-01-01T12:00:00"
    assert shown["holiday/2024/IMG_0001.jpg"] == "2024-01-02T12:01:00Z"


@pytest.mark.parametrize("name", ODD_KEYS)
def test_get_photo__odd_key__is_found_with_its_parts(wire_api: WireApi, name: str) -> None:
    id_ = f"odd-keys/{ODD_KEYS[name]}"
    written = quote(id_, safe="").encode()
    whole = wire_api.get_raw(b"/photos/" + written)
    assert json.loads(whole.body)["id"] == id_
    tag = wire_api.get_raw(b"/photos/" + written + b"/tags/Image%20Make")
    assert json.loads(tag.body)["tag"] == 271
    assert wire_api.get_raw(b"/photos/" + written + b"/thumbnail").status == 404


def test_get_photo__slashes_not_percent_encoded__is_found(api: Api) -> None:
    result = api.get("/photos/holiday/2024/IMG_0001.jpg").json()
    assert result["id"] == "holiday/2024/IMG_0001.jpg"
    assert result["tags"]["Image Make"]["printable"] == "Canon"
    assert set(result["tags"]) == {"Image Make", "Image Model", "EXIF ISOSpeedRatings"}
    assert api.get("/photos/holiday/2024/IMG_0001.jpg/tags/Image Model").json()["printable"] == "Canon EOS R5"


@pytest.mark.parametrize(
    "path",
    ["/photos/nothing", "/photos/holiday%2F2024%2FIMG_0001.jpg/tags/photo", "/photos/holiday%2F2024%2FIMG_0001.jpg/tags/_id",
     "/photos/holiday%2F2024%2FIMG_0001.jpg/tags/%24where", "/photos/by-etag/none", "/photos/holiday%2F2024%2FIMG_0002.jpg/thumbnail"],
)  # fmt: skip
def test_get_photo__photo_or_part_is_missing__is_404(api: Api, path: str) -> None:
    answer = api.client.get(path)
    assert (answer.status_code, answer.json()["title"]) == (404, "Not Found")


def test_get_tag__long_name_percent_encoded__is_limited_in_characters(api: Api) -> None:
    photo = "/photos/holiday%2F2024%2FIMG_0001.jpg/tags/"
    assert api.client.get(photo + quote("é" * 300)).status_code == 404
    assert api.client.get(photo + quote("é" * 301)).status_code == 400


def test_get_photo__percent_encoding_is_not_utf8__is_400(wire_api: WireApi) -> None:
    assert wire_api.get_raw(b"/photos/a%FF").status == 400


def test_get_thumbnail__address_from_the_photo_list__may_be_cached_forever(api: Api) -> None:
    (item,) = (i for i in api.get("/photos", limit=1000).json()["photos"] if i["thumbnail"])
    answer = api.client.get(item["thumbnail"])
    assert (answer.content, answer.headers["content-type"]) == (b"\xff\xd8\xff\xd9", "image/jpeg")
    assert "immutable" in answer.headers["cache-control"]
    bare = api.client.get(item["thumbnail"].partition("?")[0])
    assert "immutable" not in bare.headers["cache-control"]
    again = api.client.get(item["thumbnail"], headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_list_copies__same_etag__lists_all_copies(api: Api) -> None:
    result = api.get("/photos/by-etag/etag-3").json()["photos"]
    assert [item["id"] for item in result] == ["holiday/2024/IMG_0006.jpg", "holiday/2024/IMG_0007.jpg"]
