"""Hints on slow queries: they name the field and what would help."""

from __future__ import annotations

import pytest

from api.query.filters import FILTER_PATHS
from api.query.index_hints import GENERAL_ADVICE, suggest_speedup
from exifinator.config import Config
from exifinator.storage.indexes import INDEXES

CONFIG = Config().model_copy(update={"indexed_tags": ("Image Make",)})


@pytest.mark.parametrize(
    ("parameters", "words"),
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
def test_suggest__what_is_slow__is_named(parameters: dict[str, str], words: list[str]) -> None:
    hint = suggest_speedup(parameters, CONFIG)
    assert [word for word in words if word not in hint] == []


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
def test_suggest__nothing_stands_out__is_general(parameters: dict[str, str]) -> None:
    assert suggest_speedup(parameters, CONFIG) == GENERAL_ADVICE


@pytest.mark.parametrize(
    "query",
    [
        '{"photo.iso":100,"photo.metering":"x"}',
        '{"$and":[{"photo.iso":100},{"$or":[{"photo.metering":"x"},{"size":1}]}]}',
        '{"$or":[{"photo.iso":100,"size":1},{"bucket":"a"}]}',
    ],
)
def test_suggest__an_index_finds_some__the_other_fields_are_not_blamed(query: str) -> None:
    assert suggest_speedup({"query": query}, CONFIG) == GENERAL_ADVICE


def test_suggest__field_of_any_length__is_shown_in_short() -> None:
    assert len(suggest_speedup({"query": '{"' + "x" * 299 + '":1}'}, CONFIG)) < 800


def test_general_advice__names_each_filter_on_one_field__which_all_have_an_index() -> None:
    first_fields = {index.keys[0][0] for index in INDEXES}
    assert {name for name, path in FILTER_PATHS.items() if path not in first_fields} == set()
    assert {name for name in FILTER_PATHS if f" {name}," not in GENERAL_ADVICE} == set()
