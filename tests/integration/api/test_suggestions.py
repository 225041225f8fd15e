"""GET /suggestions: values with their counts, and filters and mistakes in the search text."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.api.fixtures import Api
from tests.integration.api.library import make_records

RECORDS = make_records()


def suggestions(api: Api, text: str) -> dict[str, Any]:
    """Return the response to a search text, once all facets are counted."""
    content: dict[str, Any] = {"partial": True}
    while content["partial"]:  # Each request waits for the counts.
        answer = api.get("/suggestions", q=text)
        assert answer.status_code == 200, answer.text
        content = answer.json()
    return content


def test_get_suggestions__search_words__have_values_with_exact_counts(api: Api) -> None:
    groups = {group["name"]: group["suggestions"] for group in suggestions(api, "photo eos r")["groups"]}
    count = sum(record["photo"].get("camera_model") == "Canon EOS R5" for record in RECORDS)
    expected = {"text": "Canon EOS R5", "start": 6, "count": count, "filters": {"camera": ["Canon EOS R5"]}}
    assert groups["cameras"] == [expected]
    for text, group, parameters in (
        ("metro", "places", {"city": ["Metropolis"]}),
        ("2024", "folders", {"bucket": ["holiday"], "prefix": "2024/"}),
        ("hol", "keywords", {"keyword": ["holiday"]}),
        ("photo ad", "creators", {"creator": ["Ada"]}),
    ):
        rows = {row["name"]: row["suggestions"] for row in suggestions(api, text)["groups"]}[group]
        assert parameters in [row["filters"] for row in rows]
        for row in rows:
            result = api.get("/facets", fields="status", **row["filters"]).json()["total"]
            assert (row["count"], row["filters"]) == (result, row["filters"])


@pytest.mark.parametrize(
    ("text", "rest", "filters"),
    [
        ("photo camera:XT4 iso:800- -beach", "photo -beach", {"camera": ["X-T4"], "iso": "800-"}),
        ("has:gps has:lens rating:5 rating:4", "", {"has": ["gps", "lens"], "rating": ["5", "4"]}),
        ('title:"old town" -iso:100', 'title:"old town" -iso:100', {}),
        ("camera:nothing", "camera:nothing", {}),
        ("keyword:holiday keyword:beach", "keyword:holiday keyword:beach", {}),
        ("", "", {}),
    ],
)
def test_get_suggestions__filters_in_the_text__become_parameters(
    api: Api, text: str, rest: str, filters: dict[str, Any]
) -> None:
    content = suggestions(api, text)
    assert (content["parsed"], content["problem"]) == ({"q": rest, "filters": filters}, None)
    # The text finds the same photos as the parameters.
    parameters = {**filters, **({"q": rest} if rest else {})}
    as_text = api.get("/photos", limit=1000, **({"q": text} if text else {})).json()["photos"]
    assert api.get("/photos", limit=1000, **parameters).json()["photos"] == as_text


def test_get_suggestions__mistake_in_the_text__has_a_position_and_the_last_word_is_completed(api: Api) -> None:
    content = suggestions(api, 'iso:x "ab')
    assert content["parsed"] is None
    assert (content["problem"]["start"], content["problem"]["end"]) == (6, 9)
    content = suggestions(api, "iso:x camera:x-t")
    assert (content["problem"]["start"], content["problem"]["end"]) == (0, 5)
    assert content["groups"][0]["suggestions"][0]["filters"] == {"camera": ["X-T4"]}


@pytest.mark.parametrize("path", ["photos", "facets", "statistics", "map", "export.ndjson"])
def test_search__same_text_on_every_route__is_parsed_alike(api: Api, path: str) -> None:
    answer = api.get(f"/{path}", q='photo "number 7" -iso:9999 camera:"x')
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_parameter")
    assert "the quote is not closed (character 35)" in answer.json()["detail"]
    assert api.get(f"/{path}", q='photo "number 7" -iso:9999').status_code == 200


@pytest.mark.parametrize("limit", [1, 3])
def test_list_photos__pages_of_a_search__list_each_photo_once(api: Api, limit: int) -> None:
    for sort in ("-taken", "taken", "iso", "key"):
        whole = [photo["id"] for photo in api.get("/photos", q="img_001", sort=sort, limit=1000).json()["photos"]]
        assert len(whole) == 10
        seen: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            page = api.get("/photos", q="img_001", sort=sort, limit=limit, **cursor).json()
            seen += [photo["id"] for photo in page["photos"]]
            if page["next"] is None:
                break
            cursor = {"cursor": page["next"]}
        assert seen == whole
