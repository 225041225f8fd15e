# ruff: noqa: E501 -- keep each row of a table on one line
"""Parse ranges, areas and cursors, and build MongoDB filters, sort orders and map cells from them."""

from __future__ import annotations

import base64
import math
import random
from datetime import UTC, datetime
from typing import Any, get_origin

import orjson
import pytest

from api.aggregations.map_clusters import Pyramid, fitting_zoom
from api.errors import RequestRefused
from api.http.parameters import REPEATABLE
from api.http.responses import encode_json, matches_etag
from api.query.filters import OTHER_FILES, PHOTOS_ONLY, PRIMARY_PHOTOS, Filters
from api.query.ranges import Box, Span, box_around, read_dates, read_fractions, read_numbers
from api.query.sort_order import Order, Position, SortName, fingerprint, read_cursor, write_cursor
from api.query.text_range import after_prefix
from exifinator.errors import BadQuery
from exifinator.search_keys.folders import folders_of
from exifinator.search_keys.geo_cells import MAX_CELLS, cells_between, cells_of, cells_of_photo


def day(year: int, month: int = 1, day: int = 1) -> datetime:
    return datetime(year, month, day, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [("100", 100, 100), ("100-400", 100, 400), ("400-100", 100, 400), ("100-", 100, None), ("-400", None, 400), ("1.8-4", 1.8, 4)],
)  # fmt: skip
def test_read_numbers__number_or_range__is_a_span(text: str, low: float | None, high: float | None) -> None:
    assert read_numbers(text, "iso") == Span(low, high)


@pytest.mark.parametrize("text", ["", "-", "a", "1--2", "1-2-3", "1e9", "٣", "1 ", "0x1", "nan", "-1-2", "1" * 10])
def test_read_numbers__invalid_text__is_refused(text: str) -> None:
    with pytest.raises(BadQuery, match="iso"):
        read_numbers(text, "iso")


@pytest.mark.parametrize(
    ("text", "low", "high"), [("1/250-1/30", 1 / 250, 1 / 30), ("1/30-1/250", 1 / 250, 1 / 30), ("0.5", 0.5, 0.5), ("1-", 1, None)]
)  # fmt: skip
def test_read_fractions__fraction_or_range__is_a_span_in_seconds(
    text: str, low: float | None, high: float | None
) -> None:
    assert read_fractions(text, "exposure") == Span(low, high)


@pytest.mark.parametrize("text", ["1/0", "/3", "1/", "1/2/3"])
def test_read_fractions__invalid_text__is_refused(text: str) -> None:
    with pytest.raises(BadQuery):
        read_fractions(text, "exposure")


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2024", day(2024), day(2025)),
        ("2024-12", day(2024, 12), day(2025, 1)),
        ("2024-02-29", day(2024, 2, 29), day(2024, 3, 1)),
        ("2023-02-31", day(2023, 2, 28), day(2023, 3, 1)),
        ("2024-05..2024-09", day(2024, 5), day(2024, 10)),
        ("2024-09..2024-05", day(2024, 5), day(2024, 10)),
        ("2024..", day(2024), None),
        ("..2024-05-03", None, day(2024, 5, 4)),
    ],
)
def test_read_dates__period__includes_its_last_day_month_or_year(
    text: str, start: datetime | None, end: datetime | None
) -> None:
    assert read_dates(text, "taken") == (start, end)


@pytest.mark.parametrize(
    "text", ["", "..", "2024-13", "2024-00", "24", "2024-5", "2024...2025", "1824", "2024-01-32", "x"]
)
def test_read_dates__invalid_text__is_refused(text: str) -> None:
    with pytest.raises(BadQuery):
        read_dates(text, "taken")


@pytest.mark.parametrize("seed", range(20))
def test_box_around__point_in_the_circle__is_in_the_box(seed: int) -> None:
    rng = random.Random(seed)
    latitude, longitude = (
        rng.choice([90.0, -89.9, 0.0, rng.uniform(-90, 90)]),
        rng.choice([180.0, rng.uniform(-180, 180)]),
    )
    radius = rng.choice([1e-5, 0.01, 0.5, 1.6, 3.1])
    box = box_around(latitude, longitude, radius)
    for _ in range(500):
        # The point at `distance` (an angle in radians) from the centre, on a great circle in the direction `bearing`.
        distance = radius * rng.choice([1, rng.random()])
        bearing = rng.choice([0, math.pi, rng.uniform(0, 2 * math.pi)])
        lat, lng = math.radians(latitude), math.radians(longitude)
        sine = math.sin(lat) * math.cos(distance) + math.cos(lat) * math.sin(distance) * math.cos(bearing)
        north = math.degrees(math.asin(max(-1, min(1, sine))))
        y, x = math.sin(bearing) * math.sin(distance) * math.cos(lat), math.cos(distance) - math.sin(lat) * sine
        turn = math.atan2(y, x)
        east = (math.degrees(lng + turn) + 180) % 360 - 180
        assert box.south <= north <= box.north
        assert box.west <= east <= box.east if box.west <= box.east else east >= box.west or east <= box.east


@pytest.mark.parametrize("seed", range(20))
def test_cells_between__position_in_the_area__is_in_exactly_one_cell(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(200):
        south, north = sorted(rng.choice([90, -90, 0, rng.uniform(-90, 90)]) for _ in range(2))
        west, width = rng.choice([(-180, 360), (180, 0.01), (0, 180), (rng.uniform(-180, 180), rng.uniform(0, 359))])
        east = west + width if west + width <= 180 else west + width - 360
        cells = cells_between(west, south, east, north)
        assert len(cells) <= MAX_CELLS
        lng, lat = (
            west + width * rng.choice([0, 1, rng.random()]),
            rng.choice([south, north, rng.uniform(south, north)]),
        )
        lng = lng if lng <= 180 else lng - 360
        assert len(set(cells_of(lng, lat)) & set(cells)) == 1, (lng, lat, west, east)


@pytest.mark.parametrize(
    "photo",
    [None, {}, "text", {"location": None}, {"location": {"coordinates": [1]}}]
    + [{"location": {"coordinates": place}} for place in ([math.nan, 0.0], [181, 0], [0, math.inf], ["1", "2"])],
)
def test_cells_of_photo__invalid_position__is_in_no_cell(photo: Any) -> None:
    assert cells_of_photo(photo) == []


def test_cells_between__small_area__is_covered_by_small_cells() -> None:
    margin = 0.02
    cells = cells_between(2.35 - margin, 48.86 - margin, 2.35 + margin, 48.86 + margin)
    assert len(cells) > 30, "large cells would contain many photos outside the area"


def test_to_filter__several_parameters__must_all_match() -> None:
    filter_ = Filters(camera=["A", "B"], iso="100-400", bucket=["holiday"], prefix="2024/").to_filter()
    assert filter_["$and"][0] == {"photo.camera_model": {"$in": ["A", "B"]}}
    assert filter_["$and"][1]["photo.iso"]["$gte"] == pytest.approx(100, rel=1e-5)
    assert filter_["$and"][2:] == [{"folders": "holiday/2024/"}, PHOTOS_ONLY]


@pytest.mark.parametrize(
    ("given", "filter_"),
    [
        ({"prefix": "holi"}, {"_id": {"$gte": "holi", "$lt": "holj"}}),
        ({"prefix": "holiday/"}, {"bucket": "holiday"}),
        ({"prefix": "holiday/2024/"}, {"folders": "holiday/2024/"}),
        ({"prefix": "2024/05/", "bucket": ["holiday"]}, {"folders": "holiday/2024/05/"}),
        (
            {"prefix": "2024/05/IMG", "bucket": ["holiday"]},
            {"$and": [{"folders": "holiday/2024/05/"}, {"_id": {"$gte": "holiday/2024/05/IMG", "$lt": "holiday/2024/05/IMH"}}]},
        ),
        (
            {"prefix": "IMG", "bucket": ["holiday"]},
            {"$and": [{"bucket": "holiday"}, {"_id": {"$gte": "holiday/IMG", "$lt": "holiday/IMH"}}]},
        ),
        (
            {"prefix": "b/" + "d/" * 12},
            {"$and": [{"folders": "b/" + "d/" * 10}, {"_id": {"$gte": "b/" + "d/" * 12, "$lt": "b/" + "d/" * 11 + "d0"}}]},
        ),
    ],
    ids=["part of a bucket's name", "bucket", "folder", "folder in it", "in a folder", "in no folder", "deep"],
)  # fmt: skip
def test_to_filter__prefix__matches_the_innermost_folder(given: Any, filter_: Any) -> None:
    assert Filters(**given, media_type=["image", "video", "other"]).to_filter() == filter_


def test_to_filter__media_type__excludes_other_files_unless_requested() -> None:
    assert Filters().to_filter() == PHOTOS_ONLY
    assert Filters().to_filter(exclude=frozenset({"media_type"})) == {}
    assert Filters(media_type=["other"]).to_filter() == OTHER_FILES
    assert Filters(media_type=["video", "other"]).to_filter() == {"photo.media_type": {"$in": ["video", "other"]}}
    assert Filters(media_type=["other", "image", "video"]).to_filter() == {}
    assert Filters(camera=["A"]).to_filter() == {"$and": [{"photo.camera_model": "A"}, PHOTOS_ONLY]}


def test_to_filter__primary__excludes_sidecars_if_other_files_are_requested() -> None:
    assert Filters(primary=True).to_filter() == PRIMARY_PHOTOS
    assert Filters(primary=False).to_filter() == PHOTOS_ONLY
    assert Filters(primary=True, media_type=["image", "video", "other"]).to_filter() == {
        "stack.primary": {"$ne": False}, "sidecar": {"$exists": False},
    }  # fmt: skip


def test_restriction__filters__is_the_condition_that_most_photos_match() -> None:
    assert Filters(primary=True, camera=["A"]).restriction() == (PRIMARY_PHOTOS, {"media_type", "primary"})
    assert Filters(camera=["A"]).restriction() == (PHOTOS_ONLY, {"media_type"})
    assert Filters(media_type=["video"]).restriction() == ({}, frozenset())


@pytest.mark.parametrize(
    ("id_", "folders"),
    [
        ("b/a.jpg", []),
        ("b/2024/05/a.jpg", ["b/2024/", "b/2024/05/"]),
        ("b//a.jpg", ["b//"]),
        ("b/../ /", ["b/../", "b/../ /"]),
        ("no bucket", []),
        ("b/" + "d/" * 500, ["b/" + "d/" * at for at in range(1, 11)]),
    ],
    ids=["none", "two", "without a name", "unusual names", "id of another program", "more than the limit"],
)  # fmt: skip
def test_folders_of__record_id__is_split_at_the_slashes_of_the_key(id_: str, folders: list[str]) -> None:
    assert folders_of(id_) == folders


def test_to_filter__excluded_parameter__is_not_in_the_filter() -> None:
    filter_ = Filters(camera=["A"], lens=["B"]).to_filter(exclude=frozenset({"camera", "media_type"}))
    assert filter_ == {"photo.lens_model": "B"}


@pytest.mark.parametrize(
    ("prefix", "after"),
    [("a", "b"), ("a/", "a0"), ("\ud7ff", "\ue000"), ("a\U0010ffff", "b"), ("\U0010ffff", None), ("é", "ê")],
)
def test_after_prefix__prefix__is_the_first_string_after_all_that_begin_with_it(prefix: str, after: str | None) -> None:
    assert after_prefix(prefix) == after


def forged(*values: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(["m", values, "a"])).decode().rstrip("=")


TAKEN = Order.named("-taken")
POSITIONS = [Position((None,), "a/b"), Position((day(2024),), "a/\n🏔️"), Position((day(1960),), "")]


@pytest.mark.parametrize("position", POSITIONS, ids=["undated", "dated", "before-1970"])
def test_read_cursor__written_cursor__is_the_same_position(position: Position) -> None:
    query = fingerprint("-taken", {"a": day(2024)})
    assert read_cursor(write_cursor(position, query), query, TAKEN) == position


def test_read_cursor__position_with_two_values__is_the_same_position() -> None:
    order = Order.named("-iso")
    position = Position((0.5, day(2024)), "a/b")
    assert read_cursor(write_cursor(position, "m"), "m", order) == position


@pytest.mark.parametrize(
    "text",
    ["", "x", "====", "W10", "eyJhIjoxfQ", "é", write_cursor(POSITIONS[0], "other"), "A" * 5000, "WyJtIiwxZTk5OSwiYSJd", "WyJtIiwieCIsImEiXQ", "WyJtIixudWxsLHsiJGd0IjoiIn1d", forged({"$gt": ""}), forged([1e300]), forged(["x"]), forged([1, 2]), forged(1, 2), forged()],
    ids=["empty", "short", "padding", "list", "object", "no-ascii", "other-query", "long", "infinite", "text-date", "operator", "operator-as-value", "no-date", "text-as-date", "two-dates", "too-many", "too-few"],
)  # fmt: skip
def test_read_cursor__invalid_or_foreign_cursor__is_refused(text: str) -> None:
    with pytest.raises(RequestRefused) as refusal:
        read_cursor(text, "m", TAKEN)
    assert refusal.value.status == 404


def test_segments_after__descending_by_date__puts_undated_photos_last() -> None:
    same, older, undated = TAKEN.segments_after(Position((day(2024),), "x"))
    assert same == {"photo.taken_local": day(2024), "_id": {"$lt": "x"}}
    assert older == {"photo.taken_local": {"$lt": day(2024)}}
    assert undated == {"photo.taken_local": None}


def test_segments_after__equal_values__are_sorted_newest_first() -> None:
    segments = Order.named("iso").segments_after(Position((100, day(2024)), "x"))
    assert segments == [
        {"photo.iso": 100, "photo.taken_local": day(2024), "_id": {"$lt": "x"}},
        {"photo.iso": 100, "photo.taken_local": {"$lt": day(2024)}},
        {"photo.iso": 100, "photo.taken_local": None},
        {"photo.iso": {"$gt": 100}},
        {"photo.iso": None},
    ]


@pytest.mark.parametrize("name", ["iso", "-iso", "taken"])
def test_segments_after__start_of_the_list__puts_photos_without_the_value_last(name: SortName) -> None:
    with_value, without = Order.named(name).segments_after(None)
    ((path, condition),) = with_value.items()
    assert (condition, without) == ({"$ne": None}, {path: None})


@pytest.mark.parametrize("name", ["iso", "-iso"])
def test_segments_after__position_without_the_value__continues_only_with_such_photos(name: SortName) -> None:
    position, sign = Position((None, None), "x"), "$lt" if name == "iso" else "$gt"
    own, *others = Order.named(name).segments_after(position)
    assert own == {"photo.iso": None, "photo.taken_local": None, "_id": {sign: "x"}}
    assert others == ([] if name == "iso" else [{"photo.iso": None, "photo.taken_local": {"$ne": None}}])


def test_segments_after__reversed_order__puts_photos_without_the_value_first() -> None:
    order = Order.named("iso").flipped()
    assert order.segments_after(None) == [{"photo.iso": None}, {"photo.iso": {"$ne": None}}]
    assert order.segments_after(Position((None, None), "x"))[-1] == {"photo.iso": {"$ne": None}}
    assert order.segments_after(Position((100, day(2024)), "x"))[-1] == {"photo.iso": {"$lt": 100}}
    assert order.flipped() == Order.named("iso")


def test_encode_json__nan_date_and_bytes__are_null_and_strings() -> None:
    assert encode_json([float("nan"), day(2024), b"\xff"]) == b'[null,"2024-01-01T00:00:00Z","/w=="]'


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, False),
        ('W/"a"', True),
        ('"a"', True),
        ('"b", "a"', True),
        ("*", True),
        ('"b"', False),
        ("a", False),
        ("", False),
    ],
)
def test_matches_etag__header__is_compared_weakly(header: str | None, expected: bool) -> None:
    assert matches_etag(header, 'W/"a"') is expected


def test_cells_in__area_across_the_180th_meridian__returns_cells_on_both_sides() -> None:
    cells = {(1023, 5): (1, 179.9, -80.0, "east"), (0, 5): (1, -179.9, -80.0, "west"), (500, 5): (1, 0.0, -80.0, "no")}
    pyramid = Pyramid([{} for _ in range(8)] + [cells])
    in_area = pyramid.cells_in(Box(179.8, -89, -179.8, -70), 8)
    assert {cell[3] for cell in in_area} == {"east", "west"}


def test_fitting_zoom__whole_world__is_reduced() -> None:
    assert fitting_zoom(Box(-180, -90, 180, 90), 22) == 4
    assert fitting_zoom(Box(2.2, 48.8, 2.3, 48.9), 14) == 14


# Excludes the condition on the default media types, which these tests do not examine.
MEDIA = frozenset({"media_type"})
MISSING_CAMERA = {"photo.camera_model": {"$exists": False}}


@pytest.mark.parametrize(
    ("given", "filter_"),
    [
        ({"camera": ["A"], "without": ["camera"]}, {"$or": [{"photo.camera_model": "A"}, MISSING_CAMERA]}),
        ({"rating": [5], "without": ["rating"]}, {"$or": [{"photo.rating": 5}, {"photo.rating": {"$exists": False}}]}),
        ({"keyword": ["a"], "without": ["keywords"]}, {"$or": [{"photo.keywords": "a"}, {"photo.keywords": {"$exists": False}}]}),
        ({"person": ["a"], "without": ["people"]}, {"$or": [{"photo.people": "a"}, {"photo.people": {"$exists": False}}]}),
        (
            {"taken": "2024", "without": ["date"]},
            {"$or": [{"photo.taken_local": {"$gte": day(2024), "$lt": day(2025)}}, {"photo.taken_local": {"$exists": False}}]},
        ),
        # Alternatives exist only between `camera` and `without=camera`; a photo must match `without=lens` as well.
        (
            {"camera": ["A"], "without": ["lens", "camera"]},
            {"$and": [{"photo.lens_model": {"$exists": False}}, {"$or": [{"photo.camera_model": "A"}, MISSING_CAMERA]}]},
        ),
        ({"camera": ["A"], "has": ["camera"]}, {"$and": [{"photo.camera_model": "A"}, {"photo.camera_model": {"$exists": True}}]}),
    ],
)  # fmt: skip
def test_to_filter__value_and_without_of_one_field__match_either(given: Any, filter_: Any) -> None:
    assert Filters(**given).to_filter(exclude=MEDIA) == filter_


def test_to_filter__near_and_without_gps__match_either() -> None:
    near = Filters(near="48,2,5").to_filter(exclude=MEDIA)
    both = Filters(near="48,2,5", without=["gps"]).to_filter(exclude=MEDIA)
    assert both == {"$or": [near, {"photo.location": {"$exists": False}}]}


def test_to_filter__excluded_value_and_without__omits_each_alternative() -> None:
    filters = Filters(camera=["A"], without=["camera"])
    assert filters.to_filter(exclude=MEDIA | {"camera", "without=camera"}) == {}
    assert filters.to_filter(exclude=MEDIA | {"camera"}) == MISSING_CAMERA


@pytest.mark.parametrize(
    ("buckets", "given", "filter_"),
    [
        (["a", "b"], {"prefix": "2024/"}, {"folders": {"$in": ["a/2024/", "b/2024/"]}}),
        # The first part of the prefix is also the name of a bucket.
        (["a", "2024"], {"prefix": "2024/"}, {"$or": [{"bucket": "2024"}, {"folders": "2024/2024/"}, {"folders": "a/2024/"}]}),
        (["a", "b"], {"prefix": "a/2024/"}, {"folders": {"$in": ["a/2024/", "a/a/2024/", "b/a/2024/"]}}),
        (["a"], {"prefix": "20"}, {"$or": [{"_id": {"$gte": "20", "$lt": "21"}}, {"$and": [{"bucket": "a"}, {"_id": {"$gte": "a/20", "$lt": "a/21"}}]}]}),
        ([], {"prefix": "2024/", "bucket": ["a", "b"]}, {"$and": [{"bucket": {"$in": ["a", "b"]}}, {"folders": {"$in": ["a/2024/", "b/2024/"]}}]}),
        ([str(at) for at in range(300)], {"prefix": "x/"}, {"$or": [{"bucket": "x"}, {"key": {"$gte": "x/", "$lt": "x0"}}]}),
    ],
)  # fmt: skip
def test_to_filter__prefix_without_a_bucket__is_matched_in_all_buckets(
    buckets: list[str], given: Any, filter_: Any
) -> None:
    filters = Filters(**given)
    filters.set_all_buckets(buckets)
    assert filters.to_filter(exclude=MEDIA) == filter_


def test_repeatable__filters_whose_values_are_lists__may_be_repeated():
    lists = {name for name, field in Filters.model_fields.items() if get_origin(field.annotation) is list}
    assert lists == REPEATABLE
