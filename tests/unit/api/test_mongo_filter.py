# ruff: noqa: E501 -- keep each row of a table on one line
"""Parse the JSON of `query`, `fields`, `sort` and `hint`, and refuse what is not allowed with a reason and a pointer."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import ObjectId
from bson.regex import Regex

from api.errors import BadParameter
from api.query.mongo_filter import ALLOWED, MAX_FIELDS, read_filter, read_hint, read_projection, read_sort
from exifinator.errors import BadQuery

ACCEPTED: list[tuple[str, Any, Any]] = [
    ("equality", {"a": 1}, {"a": 1}),
    ("dotted", {"Image Make.printable": "SONY"}, {"Image Make.printable": "SONY"}),
    ("nested-value", {"a": {"b": {"c": [1, None, True]}}}, {"a": {"b": {"c": [1, None, True]}}}),
    ("comparison", {"a": {"$gte": 1, "$lt": 2}}, {"a": {"$gte": 1, "$lt": 2}}),
    ("list", {"a": {"$in": [1, "/x/i"]}}, {"a": {"$in": [1, Regex("x", "i")]}}),
    ("logic", {"$or": [{"a": 1}, {"$and": [{"b": 2}]}]}, {"$or": [{"a": 1}, {"$and": [{"b": 2}]}]}),
    ("not", {"a": {"$not": {"$gt": 5}}}, {"a": {"$not": {"$gt": 5}}}),
    ("not-regex", {"a": {"$not": "/x/"}}, {"a": {"$not": Regex("x")}}),
    ("exists", {"a": {"$exists": 1}}, {"a": {"$exists": True}}),
    ("type", {"a": {"$type": ["string", 16]}}, {"a": {"$type": ["string", 16]}}),
    ("element", {"a": {"$elemMatch": {"b": {"$gt": 1}}}}, {"a": {"$elemMatch": {"b": {"$gt": 1}}}}),
    ("element-operators", {"a": {"$elemMatch": {"$gt": 1}}}, {"a": {"$elemMatch": {"$gt": 1}}}),
    ("size-mod-all", {"a": {"$size": 2, "$mod": [4, 0], "$all": [1]}}, {"a": {"$size": 2, "$mod": [4, 0], "$all": [1]}}),
    ("regex", {"a": {"$regex": "^x", "$options": "i"}}, {"a": {"$regex": Regex("^x", "i")}}),
    ("regex-slashes", {"a": {"$regex": "/^x/i"}}, {"a": {"$regex": Regex("^x", "i")}}),
    ("slashes", {"a": "/^x/mi"}, {"a": Regex("^x", "im")}),
    ("slashes-literal", {"a": {"$eq": "/x/i"}}, {"a": {"$eq": "/x/i"}}),
    ("date", {"a": {"$gt": {"$date": "2024-05-01T00:00:00Z"}}}, {"a": {"$gt": datetime(2024, 5, 1, tzinfo=UTC)}}),
    ("date-number", {"a": {"$date": 0}}, {"a": datetime(1970, 1, 1, tzinfo=UTC)}),
    ("date-long", {"a": {"$date": {"$numberLong": "0"}}}, {"a": datetime(1970, 1, 1, tzinfo=UTC)}),
    ("oid", {"a": {"$oid": "0" * 24}}, {"a": ObjectId("0" * 24)}),
    ("long", {"a": {"$numberLong": "5"}}, {"a": 5}),
    ("beyond-64-bits", {"a": 2**63}, {"a": float(2**63)}),
    ("box", {"a": {"$geoWithin": {"$box": [[0, 0], [1, 1]]}}}, {"a": {"$geoWithin": {"$box": [[0, 0], [1, 1]]}}}),
]  # fmt: skip


@pytest.mark.parametrize(("given", "expected"), [row[1:] for row in ACCEPTED], ids=[row[0] for row in ACCEPTED])
def test_read_filter__allowed_query__is_a_mongodb_filter(given: Any, expected: Any) -> None:
    result = read_filter(json.dumps(given))
    assert repr(result) == repr(expected)


REFUSED: list[tuple[str, Any, str]] = [
    ("where", {"$where": "1"}, "query.$where"),
    ("where-deep", {"$or": [{"a": 1}, {"$and": [{"$where": "1"}]}]}, r"query.$or[1].$and[0].$where"),
    ("expr", {"$expr": {"$function": {}}}, "query.$expr"),
    ("function-in-value", {"a": {"b": {"$function": {}}}}, "query.a.b.$function"),
    ("function-in-list", {"a": {"$in": [{"$function": {}}]}}, "query.a.$in[0].$function"),
    ("accumulator", {"a": {"$eq": {"$accumulator": {}}}}, "query.a.$eq.$accumulator"),
    ("text", {"$text": {"$search": "x"}}, "$text"),
    ("json-schema", {"$jsonSchema": {}}, "$jsonSchema"),
    ("comment", {"$comment": "x"}, "$comment"),
    ("near-sphere", {"a": {"$nearSphere": [0, 0]}}, "$nearSphere"),
    ("elem-match-where", {"a": {"$elemMatch": {"$where": "1"}}}, "query.a.$elemMatch.$where"),
    ("not-where", {"a": {"$not": {"$where": "1"}}}, "query.a.$not.$where"),
    ("operator-at-top", {"$gt": 1}, "not allowed here"),
    ("mixed", {"a": {"$gt": 1, "b": 2}}, "mixed"),
    ("code", {"a": {"$code": "x"}}, "$code"),
    ("ref", {"a": {"$ref": "x", "$id": 1}}, "$ref"),
    ("dollar-in-path", {"a.$where": 1}, "is not a field name"),
    ("nul", {"a\0b": 1}, "is not a field name"),
    ("empty-name", {"": 1}, "is not a field name"),
    ("long-name", {"a" * 301: 1}, "is not a field name"),
    ("no-object", [1], "an object"),
    ("or-no-list", {"$or": {}}, "a list of 1"),
    ("or-empty", {"$or": []}, "a list of 1"),
    ("or-wide", {"$or": [{"a": n} for n in range(21)]}, "a list of 1 to 20"),
    ("in-long", {"a": {"$in": list(range(201))}}, "a list of 0 to 200"),
    ("many", {"$or": [{"a": {"$in": list(range(100))}} for _ in range(10)]}, "at most 500"),
    ("deep", json.loads('{"a":' * 40 + "1" + "}" * 40), "more than 32 levels deep"),
    ("deep-logic", json.loads('{"$and":[' * 12 + '{"a":1}' + "]}" * 12), "more than 8 levels deep"),
    ("deep-operators", {"a": json.loads('{"$not":{"$elemMatch":' * 6 + '{"$gt":1}' + "}}" * 6)}, "more than 8 levels deep"),
    ("mod-zero", {"a": {"$mod": [0, 0]}}, "divisor"),
    ("options-alone", {"a": {"$options": "i"}}, "$regex in the same object"),
    ("regex-number", {"a": {"$regex": 5}}, "$regex and $options must be strings"),
    ("bad-date", {"a": {"$date": "yesterday"}}, "Extended JSON"),
    ("bad-oid", {"a": {"$oid": "x"}}, "Extended JSON"),
    ("shape", {"a": {"$geoWithin": {"$uniqueDocs": 1}}}, "one of"),
    ("geometry-crs", {"a": {"$geoWithin": {"$geometry": {"type": "Point", "coordinates": [], "crs": {}}}}}, "GeoJSON"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "reason"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_read_filter__query_not_allowed__names_the_reason_or_the_place(given: Any, reason: str) -> None:
    with pytest.raises(BadQuery) as refusal:
        read_filter(json.dumps(given))
    assert reason in str(refusal.value)


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ([1], ""),
        ({"$where": "1"}, "/$where"),
        ({"photo.iso": {"$gt": {"$date": "x"}}}, "/photo.iso/$gt/$date"),
        ({"$or": [{"a": 1}, {"b": {"$in": [{"$function": {}}]}}]}, "/$or/1/b/$in/0/$function"),
        ({"a/b": {"~c": {"$code": "x"}}}, "/a~1b/~0c/$code"),
        ({"a": {"b": {"": 1}}}, "/a/b/"),
        ({"x" * 300: {"$size": -1}}, f"/{'x' * 300}/$size"),
    ],
)  # fmt: skip
def test_read_filter__query_not_allowed__has_a_json_pointer_to_the_value(query: Any, pointer: str) -> None:
    with pytest.raises(BadParameter) as refusal:
        read_filter(json.dumps(query))
    assert (refusal.value.parameter, refusal.value.pointer, refusal.value.code) == ("query", pointer, "bad_parameter")
    assert len(str(refusal.value)) < 700


@pytest.mark.parametrize(
    "text",
    ["", "{", "{'a':1}", '{"a":NaN}', '{"a":Infinity}', '{"a":"\\ud800"}', "[" * 5000, '{"a":"' + "x" * 9000 + '"}', "\ud800"],
    ids=["empty", "open", "quotes", "nan", "infinity", "surrogate", "nesting", "long", "no-utf8"],
)  # fmt: skip
def test_read_filter__invalid_json__is_refused(text: str) -> None:
    with pytest.raises(BadQuery):
        read_filter(text)


def test_read_filter__invalid_json__has_the_code_bad_json_and_no_pointer() -> None:
    with pytest.raises(BadParameter) as refusal:
        read_filter('{"a":')
    assert (refusal.value.code, refusal.value.pointer) == ("bad_json", None)


def test_allowed__operators_that_run_code_or_use_other_collections__are_missing() -> None:
    assert not ALLOWED & {"$where", "$function", "$accumulator", "$expr", "$lookup", "$out", "$merge", "$jsonSchema"}


def test_read_filter__several_regexes__share_one_cost_limit() -> None:
    """Eight such expressions in $or took 45 CPU seconds on one caption, although each alone was allowed."""
    branch = {"photo.description": "/holiday.*beach/"}
    read_filter(json.dumps(branch))
    for query in (
        {"$or": [branch, branch]},
        {"$and": [{"$or": [branch]}, {"$nor": [branch]}]},
        {"photo.description": {"$in": ["/a.*b/", "/c.*d/"]}},
        {"photo.description": {"$not": "/a.*b/"}, "photo": {"$elemMatch": {"title": "/c.*d/"}}},
    ):
        with pytest.raises(BadParameter, match="could take too long"):
            read_filter(json.dumps(query))


def test_read_filter__regex_on_a_field_of_unlimited_length__must_be_linear() -> None:
    read_filter(json.dumps({"$or": [{"photo": {"$elemMatch": {"title": "/a.*b/"}}}]}))
    for query in ({"xmp.title": "/a.*b/"}, {"xmp": {"$elemMatch": {"photo": {"$not": "/a.*b/"}}}}):
        with pytest.raises(BadParameter, match="could take too long"):
            read_filter(json.dumps(query))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a":1,"_id":0}', {"a": 1, "_id": 0}),
        ('["a","b.c"]', {"a": 1, "b.c": 1}),
        ('{"a":true}', {"a": 1}),
        ("{}", {}),
    ],
)
def test_read_projection__list_or_object__is_a_mongodb_projection(text: str, expected: Any) -> None:
    assert read_projection(text) == expected


@pytest.mark.parametrize(
    "text",
    ['{"a":2}', '{"a":"$b"}', '{"a":{"$function":{}}}', '{"a":{"$slice":1}}', '{"$a":1}', '{"a.$":1}', '{"a..b":1}', "1", '[1]', '{"a":1.0}'],
)  # fmt: skip
def test_read_projection__expression_or_invalid_name__is_refused(text: str) -> None:
    with pytest.raises(BadQuery):
        read_projection(text)


def test_read_projection__repeated_name__counts_each_time_towards_the_limit() -> None:
    read_projection(json.dumps(["a"] * MAX_FIELDS))
    with pytest.raises(BadQuery, match="at most"):
        read_projection(json.dumps(["a"] * (MAX_FIELDS + 1)))


@pytest.mark.parametrize("text", ['{"a":-1}', '[["a",-1]]', '{"a":"desc"}'])
def test_read_sort__one_field_in_any_form__is_a_list_of_pairs(text: str) -> None:
    assert read_sort(text) == [("a", -1)]


@pytest.mark.parametrize(
    "text",
    ['{"a":2}', '{"a":{"$meta":"textScore"}}', '{"$natural":1}', '{"a":true}', '[["a"]]', "1", '{"a":1,"b":1,"c":1,"d":1,"e":1}'],
)  # fmt: skip
def test_read_sort__invalid_order__is_refused(text: str) -> None:
    with pytest.raises(BadQuery):
        read_sort(text)


@pytest.mark.parametrize("text", ['{"$natural":1}', "{}", '""', '{"a":5}', "[]", '{"a":{"$x":1}}'])
def test_read_hint__invalid_index__is_refused(text: str) -> None:
    with pytest.raises(BadQuery):
        read_hint(text)


def test_read_hint__fields_or_name_of_an_index__is_accepted() -> None:
    assert read_hint('{"photo.iso":1,"_id":-1}') == [("photo.iso", 1), ("_id", -1)]
    assert read_hint('"taken"') == "taken"
