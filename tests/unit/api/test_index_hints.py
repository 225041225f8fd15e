"""suggest_speedup names the field that makes a query slow, and what would help."""

from __future__ import annotations

import pytest

from api.query.index_hints import GENERAL_ADVICE, suggest_speedup
from api.query.paths import FILTER_PATHS
from exifinator.config import Config
from exifinator.storage.indexes import INDEXES

CONFIG = Config().model_copy(update={"indexed_tags": ("Image Make",)})


@pytest.mark.parametrize(
    ("parameters", "fragments"),
    [
        ({"query": '{"EXIF BodySerialNumber.printable":"7"}'}, ["BodySerialNumber.printable` has no", "INDEXED_TAGS"]),
        ({"query": '{"photo.metering":"x"}'}, ["`photo.metering` has no index", "camera, lens"]),
        ({"query": '{"size":{"$gt":5}}'}, ["`size` has no index"]),
        ({"query": '{"Image Make.values":"SONY"}'}, ["`Image Make.printable` has one"]),
        ({"query": '{"key":"/x/"}'}, ["`x`", "begin it with ^", "`q`"]),
        ({"query": '{"_id":{"$regex":"beach"}}'}, ["`_id`", "begin it with ^"]),
        ({"query": '{"_id":"/^a/i"}'}, ["flag i"]),
        ({"query": '{"_id":"/^a|b/"}'}, ["begin it with ^"]),
        ({"query": '{"photo.camera_model":{"$in":["/a/"]}}'}, ["`photo.camera_model`", "begin it with ^"]),
        ({"query": '{"photo.iso":{"$ne":100}}'}, ["indexes cannot find missing or different values"]),
        ({"query": '{"$or":[{"photo.iso":1},{"$and":[{"problem":"x"}]}]}', "skip": "0"}, ["`problem` has no index"]),
        ({"query": '{"$nor":[{"problem":"x"}]}'}, ["`problem` has no index"]),
        ({"sort": '{"size":-1}'}, ["`sort`: `size` has no index"]),
        ({"skip": "900000"}, ["`skip` reads every", "`cursor`"]),
    ],
)  # fmt: skip
def test_suggest__slow_condition__names_the_field_and_advice(parameters: dict[str, str], fragments: list[str]) -> None:
    hint = suggest_speedup(parameters, CONFIG)
    assert [fragment for fragment in fragments if fragment not in hint] == []


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"camera": "X-T4", "sort": "-taken"},
        {"query": '{"_id":"/^family/"}'},
        {"query": '{"Image Make.printable":"SONY"}'},
        {"query": "{"},
        {"query": '{"$where":"1"}'},
    ],
)
def test_suggest__no_slow_condition__is_general_advice(parameters: dict[str, str]) -> None:
    assert suggest_speedup(parameters, CONFIG) == GENERAL_ADVICE


@pytest.mark.parametrize(
    "query",
    [
        '{"photo.iso":100,"photo.metering":"x"}',
        '{"$and":[{"photo.iso":100},{"$or":[{"photo.metering":"x"},{"size":1}]}]}',
        '{"$or":[{"photo.iso":100,"size":1},{"bucket":"a"}]}',
    ],
)
def test_suggest__one_condition_has_an_index__does_not_name_the_other_fields(query: str) -> None:
    assert suggest_speedup({"query": query}, CONFIG) == GENERAL_ADVICE


def test_suggest__long_field_name__is_abbreviated() -> None:
    assert len(suggest_speedup({"query": '{"' + "x" * 299 + '":1}'}, CONFIG)) < 800


def test_general_advice__filters_on_one_field__are_all_named_and_have_an_index() -> None:
    first_fields = {index.keys[0][0] for index in INDEXES}
    assert {name for name, path in FILTER_PATHS.items() if path not in first_fields} == set()
    assert {name for name in FILTER_PATHS if f" {name}," not in GENERAL_ADVICE} == set()
