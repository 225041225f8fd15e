"""Count photos by value, with the same filters as /photos."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import AfterValidator, BaseModel, Field, WithJsonSchema
from starlette.responses import Response

from api.aggregations.facet_counter import FacetCounter
from api.aggregations.facets import FACET_NAMES, FacetCounts, to_rows
from api.auth import READER
from api.database import QUERY_MS
from api.http.responses import json_response
from api.query.filters import Filters

router = APIRouter(dependencies=[READER], tags=["facets"])
MAX_FACETS = 8
_NAME = f"({'|'.join(FACET_NAMES)})"


# The filters of a facet, where their names differ from its own. Days and folders have no filter of their own: they are
# counted within the period and the folder.
_OWN: dict[str, set[str]] = {
    "place": {"near", "bbox", "has=gps", "without=gps"},
    "taken": {"taken", "has=date", "without=date"},
    "keyword": {"keyword", "has=keywords", "without=keywords"},
    "bucket": {"bucket", "prefix"},
    "day": set(),
    "folder": set(),
}


def _split_names(text: str) -> str:
    names = text.split(",")
    if len(names) > MAX_FACETS or not set(names) <= set(FACET_NAMES):
        raise ValueError(f"expected 1 to {MAX_FACETS} of {', '.join(FACET_NAMES)}, separated by commas")
    return text


class FacetArguments(Filters):
    """Filters, and what to count."""

    fields: Annotated[
        str,
        AfterValidator(_split_names),
        WithJsonSchema({"type": "string", "pattern": f"^{_NAME}(,{_NAME}){{0,{MAX_FACETS - 1}}}$"}),
    ] = Field(
        "camera,lens,iso,taken",
        description=f"Facets to count, separated by commas: {', '.join(FACET_NAMES)}.",
        examples=["camera,lens,iso,taken"],
    )
    top: int = Field(100, ge=1, le=1000, description="Maximum number of values of each facet.")
    others: bool = Field(
        False, description="Count each facet without its own filters, to show which other values could be chosen."
    )
    budget_ms: int = Field(1500, ge=50, le=QUERY_MS, description="Time limit for counting, in milliseconds.")


class FacetRow(BaseModel):
    """A value or a range (from `from` to before `to`), and the number of its photos."""

    count: int
    value: Any = Field(
        None, description="A value, a month as 2024-05, a day, a folder as 2024/, or null for photos without a value."
    )
    from_: float | None = Field(None, alias="from")
    to: float | None = None
    least: float | None = Field(None, description="The lowest value that exists in a range.")
    greatest: float | None = Field(None, description="The highest value that exists in a range.")


class Totals(BaseModel):
    """The number of photos, and how many of them were counted."""

    total: int = Field(description="Photos that match the filters.")
    more: bool = Field(description="There are more photos than `total`: counting all would take too long.")
    counted: int = Field(description="Photos that were counted: all, unless `cut_short`.")
    cut_short: bool = Field(
        description="Counting all photos exceeded the time limit: the counts are of a sample. All are being counted in "
        "the background: repeat the request after a few seconds."
    )
    stale: bool = Field(
        description="Photos were stored or deleted while the facets were counted, within the last minute: the counts "
        "need not add up to `total`. Repeat the request after a few seconds."
    )


class Facets(Totals):
    """Counts by facet."""

    facets: dict[str, list[FacetRow]]
    milliseconds: int


@router.get("/facets", summary="Count photos by value", response_model=Facets)
async def get_facets(request: Request, arguments: Annotated[FacetArguments, Query()]) -> Response:
    """Count photos by value (camera, lens, bucket, ...), range (iso, f, exposure, focal), month (taken) or day.

    `folder` counts the folders directly below the bucket and prefix of the filters.
    """
    start = time.perf_counter()
    names = list(dict.fromkeys(arguments.fields.split(",")))
    groups = _groups(arguments, names)
    counter: FacetCounter = request.app.state.counter
    counted: list[FacetCounts] = await asyncio.gather(
        *(
            counter.count(
                arguments.to_filter(exclude=out), group, budget_ms=arguments.budget_ms, below=arguments.id_start
            )
            for out, group in groups.items()
        )
    )
    counts = {name: values for part in counted for name, values in part.counts.items()}
    content = {
        "total": counted[0].total,
        "more": counted[0].total_is_lower_bound,
        "counted": next((part.sample_size for part in counted if part.cut_short), counted[0].sample_size),
        "cut_short": any(part.cut_short for part in counted),
        "stale": any(part.stale for part in counted),
        "facets": {name: to_rows(name, counts[name], limit=arguments.top) for name in names if name in counts},
        "milliseconds": round((time.perf_counter() - start) * 1000),
    }
    return json_response(request, content)


def _groups(arguments: FacetArguments, names: list[str]) -> dict[frozenset[str], list[str]]:
    """Group facets by the filters that they leave out. The first group has all filters, and its total is reported."""
    groups: dict[frozenset[str], list[str]] = {frozenset(): []}
    for name in names:
        own = arguments.names & _OWN.get(name, {name, f"has={name}", f"without={name}"})
        groups.setdefault(own if arguments.others else frozenset(), []).append(name)
    return groups
