"""Suggest filters while a search is typed, and turn the filters written in a search into parameters."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any

from fastapi import Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from api.aggregations.suggestions import Suggester, Suggestion
from api.auth import READER
from api.http.parameters import REPEATABLE, Arguments
from api.http.read_route import ReadRoute
from api.http.responses import json_response
from api.http.router import PathRouter
from api.query.filters import Filters, read_items, read_search
from api.query.search_syntax import MAX_QUERY_CHARS, SearchItem, SearchSyntaxError
from exifinator.search_keys.search_text import TEXT_NAMES

router = PathRouter(dependencies=[READER], tags=["facets"], route_class=ReadRoute)


class SuggestionArguments(Arguments):
    """The text of a search."""

    q: str = Field(
        "",
        max_length=MAX_QUERY_CHARS,
        description="The text of the search up to the cursor.",
        examples=["beach iso:800- cam"],
    )


class SuggestionRow(BaseModel):
    """A filter to add, or a text that completes the typed one."""

    text: str = Field(description="The value of the filter, or the text that completes the typed one.")
    start: int = Field(description="Position of the first character of `q` that the suggestion replaces.")
    count: int | None = Field(
        description="Number of photos with the value in the whole collection; null for a completed text."
    )
    filters: dict[str, Any] = Field(description="The parameters of the filter; empty for a completed text.")


class SuggestionGroup(BaseModel):
    """Suggestions of one kind, most frequent first."""

    name: str
    suggestions: list[SuggestionRow]


class SearchProblem(BaseModel):
    """Why the search is invalid, and which characters of `q` are wrong: from `start` to before `end`."""

    detail: str
    start: int
    end: int


class ParsedSearch(BaseModel):
    """The filters that are written in the search, as parameters, and the text without them."""

    q: str
    filters: dict[str, Any]


class Suggestions(BaseModel):
    """Suggestions for the end of a search, and what the whole search means."""

    groups: list[SuggestionGroup]
    partial: bool = Field(
        description="Whether suggestions may be missing, because some values are not counted yet: repeat the request."
    )
    parsed: ParsedSearch | None = Field(description="The parts of the search; null if it is invalid.")
    problem: SearchProblem | None = Field(description="Why the search is invalid; null if it is valid.")


@router.get("/suggestions", summary="Suggest filters for a search", response_model=Suggestions)
async def get_suggestions(request: Request, arguments: Annotated[SuggestionArguments, Query()]) -> Response:
    """Suggest cameras, lenses, people, creators, places, keywords and folders whose words begin with the typed ones.

    Counts cover the whole collection, as in /facets without a filter. `parsed` has the filters that are written as
    words, such as `camera:x-t4 iso:800-`, as parameters.
    """
    suggester: Suggester = request.app.state.suggester
    text = arguments.q
    parsed, problem, is_parsed = None, None, True
    try:
        parsed, is_parsed = await _parse(suggester, text)
    except SearchSyntaxError as error:
        problem = {"detail": error.reason, "start": error.start, "end": error.end}
    try:
        # After a space, the last word is complete, so there is nothing to suggest.
        items = [] if text[-1:].isspace() else read_search(text, is_typing=True)
        groups, is_complete = await suggester.suggest(items)
    except SearchSyntaxError:
        groups, is_complete = {}, True
    content = {
        "groups": [{"name": name, "suggestions": [_row(row) for row in rows]} for name, rows in groups.items()],
        "partial": not (is_complete and is_parsed),
        "parsed": parsed,
        "problem": problem,
    }
    return json_response(request, content)


def _row(suggestion: Suggestion) -> dict[str, Any]:
    return {
        "text": suggestion.text,
        "start": suggestion.start,
        "count": suggestion.count,
        "filters": suggestion.filters,
    }


async def _parse(suggester: Suggester, text: str) -> tuple[dict[str, Any], bool]:
    """Return the parameters for the filters in a search with the rest of its text, and whether this is complete.

    A filter whose values were not counted in time stays in the text.

    Raises:
        SearchSyntaxError: The search is invalid.
    """
    if text.strip():
        Filters.model_validate({"q": text}).to_filter()
    filters: dict[str, Any] = {}
    kept: list[SearchItem] = []
    is_complete = True
    items = read_search(text)
    repeated = {name for name, count in Counter(item.name for item in items).items() if count > 1}
    for item in items:
        # In a search, a photo must have the words of all items. As values of a parameter, one of them would suffice.
        is_joint = item.name in TEXT_NAMES and item.name in repeated
        values = [] if is_joint else await _values_of(suggester, item)
        if not values:
            kept.append(item)
            is_complete = is_complete and values is not None
        elif item.name in REPEATABLE:
            known = filters.setdefault(item.name, [])
            known += [value for value in values if value not in known]
        else:
            filters[item.name] = values[0]
    return {"q": " ".join(text[item.start : item.end] for item in kept), "filters": filters}, is_complete


async def _values_of(suggester: Suggester, item: SearchItem) -> list[str] | None:
    """Return the values of the parameter that has the same meaning as an item.

    Returns:
        The values; an empty list if there is no such parameter. None if the facet was not counted in time.
    """
    if not item.name or item.is_excluded or item.name not in Filters.model_fields:
        return []
    if item.name in TEXT_NAMES:
        return await suggester.resolve(item)
    value = getattr(read_items([item]), item.name)
    return [str(part) for part in value] if isinstance(value, list) else [str(value)]
