"""Counts of what there is, under the same filters as /photos."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import AfterValidator, BaseModel, Field, WithJsonSchema
from starlette.responses import Response

from api.answers import answer_json
from api.counting import FACET_NAMES, Counted, FacetCounter, to_rows
from api.doors import READER
from api.filters import Filters
from api.store import QUERY_MS

router = APIRouter(dependencies=[READER], tags=["facets"])
MAX_FACETS = 8
_NAME = f"({'|'.join(FACET_NAMES)})"


# The filters of facets that have not the facet's name. Days and folders are counted within the period and the folder.
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
        raise ValueError(f"name 1 to {MAX_FACETS} of {', '.join(FACET_NAMES)}, with commas between")
    return text


class FacetArguments(Filters):
    """Which counts over which photos."""

    fields: Annotated[
        str,
        AfterValidator(_split_names),
        WithJsonSchema({"type": "string", "pattern": f"^{_NAME}(,{_NAME}){{0,{MAX_FACETS - 1}}}$"}),
    ] = Field(
        "camera,lens,iso,taken",
        description=f"What to count by: {', '.join(FACET_NAMES)}.",
        examples=["camera,lens,iso,taken"],
    )
    top: int = Field(100, ge=1, le=1000, description="At most so many values of each.")
    others: bool = Field(
        False, description="Count each facet under the other filters, without its own: what else could be chosen."
    )
    budget_ms: int = Field(1500, ge=50, le=QUERY_MS, description="How long counting may take, in milliseconds.")


class FacetRow(BaseModel):
    """A value and how many photos have it; of a range, its lower end and the one above it."""

    count: int
    value: Any = Field(
        None, description="A value, a month as 2024-05, a day, a folder as 2024/, or null for photos without one."
    )
    from_: float | None = Field(None, alias="from")
    to: float | None = None
    least: float | None = Field(None, description="The least value of a range that there is.")
    greatest: float | None = Field(None, description="The greatest.")


class Totals(BaseModel):
    """How many photos there are, and how many of them the counts are of."""

    total: int = Field(description="Photos that pass the filters.")
    more: bool = Field(description="There are more than `total`: counting those too would have taken too long.")
    counted: int = Field(description="Photos that the counts are of: all, unless cut_short.")
    cut_short: bool = Field(
        description="The budget ended before the photos did: the counts are of some of them. Ask again a few seconds "
        "later: all are being counted meanwhile."
    )


class Facets(Totals):
    """Counts by facet."""

    facets: dict[str, list[FacetRow]]
    milliseconds: int


@router.get("/facets", summary="Count photos by value", response_model=Facets)
async def get_facets(request: Request, arguments: Annotated[FacetArguments, Query()]) -> Response:
    """Counts by value (camera, lens, bucket, ...), by range (iso, f, exposure, focal), by month (taken) and by day.

    `folder` counts by what stands in the keys between bucket and prefix, as filtered by, and the next slash.
    """
    start = time.perf_counter()
    names = list(dict.fromkeys(arguments.fields.split(",")))
    groups = _groups(arguments, names)
    counter: FacetCounter = request.app.state.counter
    counted: list[Counted] = await asyncio.gather(
        *(
            counter.count(
                arguments.to_filter(leave_out=out), group, budget_ms=arguments.budget_ms, below=arguments.id_start
            )
            for out, group in groups.items()
        )
    )
    found = {name: rows for part in counted for name, rows in part.counts.items()}
    answer = {
        "total": counted[0].total,
        "more": counted[0].more,
        "counted": next((part.counted for part in counted if part.cut_short), counted[0].counted),
        "cut_short": any(part.cut_short for part in counted),
        "facets": {name: to_rows(name, found[name], most=arguments.top) for name in names if name in found},
        "milliseconds": round((time.perf_counter() - start) * 1000),
    }
    return answer_json(request, answer)


def _groups(arguments: FacetArguments, names: list[str]) -> dict[frozenset[str], list[str]]:
    """Facets by the filters that their counts leave out; first those under all filters, whose total is the answer's."""
    groups: dict[frozenset[str], list[str]] = {frozenset(): []}
    for name in names:
        own = arguments.given & _OWN.get(name, {name, f"has={name}", f"without={name}"})
        groups.setdefault(own if arguments.others else frozenset(), []).append(name)
    return groups
