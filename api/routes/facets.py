"""Count photos by value, with the same filters as /photos."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from fastapi import Query, Request
from pydantic import AfterValidator, BaseModel, Field, WithJsonSchema
from starlette.responses import Response

from api.aggregations.camera_makes import CameraMakes
from api.aggregations.facet_counter import FacetCounter
from api.aggregations.facets import FACET_NAMES, FacetCounts, to_rows
from api.aggregations.value_search import SEARCHABLE
from api.auth import READER
from api.database import QUERY_MS, Collection, StoreDep, read_version
from api.http.read_route import ReadRoute
from api.http.responses import json_response
from api.http.router import PathRouter
from api.query.buckets import set_searched_buckets
from api.query.filters import Filters

router = PathRouter(dependencies=[READER], tags=["facets"], route_class=ReadRoute)
MAX_FACETS = 10
_NAME = f"({'|'.join(FACET_NAMES)})"


# Each facet's own filters, where they differ from the default (`NAME`, `has=NAME` and `without=NAME`). `day` and
# `folder` have no filters of their own, so a selected period or folder always applies to them.
_OWN_FILTERS: dict[str, set[str]] = {
    "gps": {"near", "bbox", "has=gps", "without=gps"},
    "taken": {"taken", "has=date", "without=date"},
    "keyword": {"keyword", "has=keywords", "without=keywords"},
    "person": {"person", "has=people", "without=people"},
    "bucket": {"bucket", "prefix"},
    "day": set(),
    "folder": set(),
}


def _check_names(text: str) -> str:
    names = text.split(",")
    if len(names) > MAX_FACETS or not set(names) <= set(FACET_NAMES):
        raise ValueError(f"expected 1 to {MAX_FACETS} of {', '.join(FACET_NAMES)}, separated by commas")
    return text


class FacetArguments(Filters):
    """Filter parameters, and the facets to count."""

    fields: Annotated[
        str,
        AfterValidator(_check_names),
        WithJsonSchema({"type": "string", "pattern": f"^{_NAME}(,{_NAME}){{0,{MAX_FACETS - 1}}}$"}),
    ] = Field(
        "camera,lens,iso,taken",
        description=f"Facets to count, separated by commas: {', '.join(FACET_NAMES)}.",
        examples=["camera,lens,iso,taken"],
    )
    top: int = Field(
        100, ge=1, le=1000, description="Maximum number of values per facet. Ranges and times are not limited."
    )
    others: bool = Field(
        False,
        description="Also count the values that a facet's own filters exclude, to show what else could be selected. "
        "For example, count all cameras even if `camera` selects one of them.",
    )
    find: Annotated[str, Field(min_length=1, max_length=100)] | None = Field(
        None,
        description="Return only values that contain this text, ignoring case. This does not apply to ranges, times, "
        "ratings and folders.",
        examples=["sony"],
    )
    budget_ms: int = Field(1500, ge=50, le=QUERY_MS, description="Time limit for counting, in milliseconds.")


class FacetRow(BaseModel):
    """The number of photos with a value, or in a range. A range includes `from`, but not `to`."""

    count: int
    value: Any = Field(
        None,
        description="A value, a month (2024-05), a day, a folder (2024/), or null for photos without a value.",
    )
    make: str | None = Field(
        None,
        description="The maker of a camera model, if its oldest and newest photos have the same; otherwise absent.",
    )
    from_: float | None = Field(None, alias="from")
    to: float | None = None
    least: float | None = Field(None, description="The lowest value that occurs in the range.")
    greatest: float | None = Field(None, description="The highest value that occurs in the range.")


class Totals(BaseModel):
    """The number of matching photos, and how many of them were counted."""

    total: int = Field(description="Number of photos and videos that match the filters.")
    other_files: int | None = Field(
        description="Number of files that match the filters, but are not counted because they are neither photos nor "
        "videos: see `media_type`. Null if `media_type` is given, or if counting them exceeded the time limit."
    )
    files_in_stacks: int | None = Field(
        description="With `primary=true`: the number of files that match the other filters, but are not counted "
        "because another file of their stack is its primary. Null otherwise, or if counting them took too long."
    )
    more: bool = Field(
        description="Whether `total` is only a lower bound, because counting every match would have taken too long."
    )
    counted: int = Field(description="Number of photos that were counted: all of them, unless `partial` is true.")
    partial: bool = Field(
        description="Whether the counts cover only a sample, because counting all photos exceeded the time limit. In "
        "this case, all photos are being counted in the background: repeat the request after a few seconds."
    )
    stale: bool = Field(
        description="Whether photos were stored or deleted while the facets were counted, or afterwards. The counts, "
        "which may be up to a minute apart, may then be outdated, or not add up to `total`: repeat the request after a "
        "few seconds."
    )


async def count_left_out(counter: FacetCounter, arguments: Filters, budget_ms: int) -> dict[str, int | None]:
    """Return `other_files` and `files_in_stacks` of Totals."""
    other_files, files_in_stacks = await asyncio.gather(
        _count_other_files(counter, arguments, budget_ms), _count_in_stacks(counter, arguments, budget_ms)
    )
    return {"other_files": other_files, "files_in_stacks": files_in_stacks}


async def _count_other_files(counter: FacetCounter, arguments: Filters, budget_ms: int) -> int | None:
    if arguments.media_type:
        return None
    return await counter.count_other_files(arguments.to_filter(exclude=frozenset({"media_type"})), budget_ms)


async def _count_in_stacks(counter: FacetCounter, arguments: Filters, budget_ms: int) -> int | None:
    if not arguments.primary:
        return None
    # Only photos and videos are in stacks.
    excluded = frozenset({"primary", "media_type"} if arguments.leaves_out_other_files else {"primary"})
    return await counter.count_in_stacks(arguments.to_filter(exclude=excluded), budget_ms)


class Facets(Totals):
    """Counts by facet."""

    facets: dict[str, list[FacetRow]]
    milliseconds: int


@router.get("/facets", summary="Count photos by value", response_model=Facets)
async def get_facets(request: Request, store: StoreDep, arguments: Annotated[FacetArguments, Query()]) -> Response:
    """Count photos by value (camera, lens, bucket, ...), range (iso, f, exposure, focal), month (taken), day or hour.

    `folder` counts photos by folder, one level below the bucket and prefix that the filters select.
    """
    start = time.perf_counter()
    names = list(dict.fromkeys(arguments.fields.split(",")))
    groups = _groups(arguments, names)
    version = await read_version(store.photos)
    counter: FacetCounter = request.app.state.counter
    makes: CameraMakes = request.app.state.makes
    await set_searched_buckets(store.photos, arguments)
    results, left_out = await asyncio.gather(
        _count_groups(counter, makes, arguments, groups), count_left_out(counter, arguments, arguments.budget_ms)
    )
    counts = {name: values for result in results for name, values in result.counts.items()}
    rows = {name: to_rows(name, counts[name], limit=arguments.top) for name in names if name in counts}
    await makes.add_to(rows.get("camera", ()))
    content = {
        "total": results[0].total,
        **left_out,
        "more": results[0].total_is_lower_bound,
        "counted": next((result.sample_size for result in results if result.is_sample), results[0].sample_size),
        "partial": any(result.is_sample for result in results),
        "stale": await is_stale(store.photos, results, version),
        "facets": rows,
        "milliseconds": round((time.perf_counter() - start) * 1000),
    }
    return json_response(request, content)


async def _count_groups(
    counter: FacetCounter,
    makes: CameraMakes,
    arguments: FacetArguments,
    groups: Mapping[frozenset[str], list[str]],
) -> list[FacetCounts]:
    """Count each group of facets with the filters that it does not exclude."""
    counts = (_count_group(counter, makes, arguments, excluded, group) for excluded, group in groups.items())
    return list(await asyncio.gather(*counts))


async def _count_group(
    counter: FacetCounter,
    makes: CameraMakes,
    arguments: FacetArguments,
    excluded: frozenset[str],
    names: list[str],
) -> FacetCounts:
    filter_ = arguments.to_filter(exclude=excluded)
    budget_ms = arguments.budget_ms
    counts = await counter.count(filter_, names, budget_ms=budget_ms, id_prefix=arguments.id_prefix)
    if arguments.find:
        for name in SEARCHABLE.intersection(names):
            known_makes = await makes.find(counts.counts[name]) if name == "camera" else None
            counts = await counter.find(filter_, counts, name, arguments.find, budget_ms=budget_ms, makes=known_makes)
    return counts


async def is_stale(photos: Collection, results: Iterable[FacetCounts], version: object) -> bool:
    """Return whether photos may have been stored or deleted while they were counted, or afterwards.

    Args:
        version: The version of the collection before counting; see read_version.
    """
    if any(result.stale or result.version not in (None, version) for result in results):
        return True
    return version is not None and version != await read_version(photos)


def _groups(arguments: FacetArguments, names: list[str]) -> dict[frozenset[str], list[str]]:
    """Group facets by the filters to exclude. The first group excludes none, and has the total of the response."""
    groups: dict[frozenset[str], list[str]] = {frozenset(): []}
    for name in names:
        own = arguments.names & _OWN_FILTERS.get(name, {name, f"has={name}", f"without={name}"})
        groups.setdefault(own if arguments.others else frozenset(), []).append(name)
    return groups
