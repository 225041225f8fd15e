"""Photos on a map, as clusters in GeoJSON."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from typing import Annotated, Any, Literal

from bson import json_util
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from pymongo.errors import ExecutionTimeout, PyMongoError
from starlette.responses import Response

from api.answers import REVALIDATE, answer_bytes, encode_json
from api.clusters import (
    KEPT_ZOOM,
    MAX_ZOOM,
    SAMPLES,
    Cells,
    Pyramid,
    add_cells,
    fitting_zoom,
    group_cells,
    to_features,
)
from api.doors import READER
from api.filters import Filters
from api.query import Filter
from api.ranges import Box, read_box
from api.remembered import Remembered
from api.side_by_side import SideBySide
from api.store import QUERY_MS, ReadStore, Store
from api.wide_counts import WideCounts

router = APIRouter(dependencies=[READER], tags=["map"])
_WORLD = Box(-180, -90, 180, 90)
_BUDGET_MS = 1000
_ALL_MS = 60_000
# How long the clusters of everything are waited for where none are kept yet; then some photos stand for all of them.
_FIRST_SECONDS = 0.3
# Cells, and whether they are of some photos only.
Grouped = tuple[Cells, bool]


class MapArguments(Filters):
    """What part of the world, how close, and which photos."""

    zoom: int = Field(2, ge=0, le=MAX_ZOOM, description="The map's zoom: clusters are 64 pixels apart.")


class Point(BaseModel):
    type: Literal["Point"]
    coordinates: list[float] = Field(min_length=2, max_length=2)


class Cluster(BaseModel):
    """How many photos; the id where it is one."""

    count: int
    id: str | None


class ClusterFeature(BaseModel):
    type: Literal["Feature"]
    geometry: Point
    properties: Cluster


class Clusters(BaseModel):
    """GeoJSON (RFC 7946); cut_short: the clusters are of some of the photos only."""

    type: Literal["FeatureCollection"]
    features: list[ClusterFeature]
    cut_short: bool


@router.get(
    "/map",
    summary="Photos as clusters on a map",
    response_model=Clusters,
    responses={200: {"content": {"application/geo+json": {}}}},
)
async def get_map(request: Request, store: ReadStore, arguments: Annotated[MapArguments, Query()]) -> Response:
    """At most a few thousand clusters, however many photos: of a large area at a high zoom they are coarser.

    Where they were cut short, all are being counted meanwhile, for who asks again a few seconds later.
    """
    box = read_box(arguments.bbox, "bbox") if arguments.bbox else _WORLD
    zoom = fitting_zoom(box, arguments.zoom)
    others = arguments.to_filter(leave_out=frozenset({"bbox"}))
    kept: Remembered[Pyramid] = request.app.state.pyramid
    is_kept = not others and zoom <= KEPT_ZOOM
    pyramid = await _first(kept) if is_kept else None
    cut_short = False
    if pyramid is not None:
        features = to_features(pyramid.cells_in(box, zoom))
    else:
        filter_ = arguments.to_filter()
        wide: WideCounts[Grouped] = request.app.state.wide_maps
        key = json_util.dumps([filter_, zoom], sort_keys=True)
        side_by_side: SideBySide = request.app.state.counter.side_by_side
        cells, cut_short = wide.get(key) or await _group(store, side_by_side, filter_, zoom, is_under_way=is_kept)
        features = to_features(cells.values())
        if cut_short and not is_kept:
            wide.keep(key, (cells, True), partial(_group_all, store, filter_, zoom))
    answer: dict[str, Any] = {"type": "FeatureCollection", "features": features, "cut_short": cut_short}
    return answer_bytes(request, encode_json(answer), "application/geo+json", cache_control=REVALIDATE)


async def _first(kept: Remembered[Pyramid]) -> Pyramid | None:
    """What is kept; where nothing is yet, what is made within a moment."""
    try:
        return await asyncio.wait_for(kept.wait(), _FIRST_SECONDS)
    except (TimeoutError, PyMongoError):
        return None


async def _group(store: Store, side_by_side: SideBySide, filter_: Filter, zoom: int, *, is_under_way: bool) -> Grouped:
    """The cells of as many photos as can be grouped in time, and whether those are some of them only.

    is_under_way: all of them are being grouped already, which nobody needs twice.
    Raises: ExecutionTimeout where even a few cannot be.
    """
    if not is_under_way:
        with suppress(ExecutionTimeout):
            group = partial(group_cells, store.photos, zoom=zoom, budget_ms=_BUDGET_MS)
            cells: Cells = {}
            for part in await side_by_side.read(filter_, group):
                add_cells(cells, part.items())
            return cells, False
    some = await _group_some(store, filter_, zoom)
    # A sample that is not full has all that there are.
    return some, sum(n for n, *_ in some.values()) in SAMPLES


async def _group_all(store: Store, filter_: Filter, zoom: int) -> Grouped:
    return await group_cells(store.photos, filter_, zoom, budget_ms=_ALL_MS), False


async def _group_some(store: Store, filter_: Filter, zoom: int) -> Cells:
    for sample in SAMPLES[:-1]:
        with suppress(ExecutionTimeout):
            return await group_cells(store.photos, filter_, zoom, budget_ms=_BUDGET_MS, limit=sample)
    return await group_cells(store.photos, filter_, zoom, budget_ms=QUERY_MS, limit=SAMPLES[-1])
