"""Return clusters of photos on a map, as GeoJSON."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from typing import Annotated, Any, Literal

from bson import json_util
from fastapi import Query, Request
from pydantic import BaseModel, Field
from pymongo.errors import ExecutionTimeout, PyMongoError
from starlette.responses import Response

from api.aggregations.background import BackgroundCounts
from api.aggregations.cached_value import StaleWhileRevalidate
from api.aggregations.map_clusters import (
    MAX_CACHED_ZOOM,
    MAX_ZOOM,
    Cells,
    Pyramid,
    add_cells,
    fitting_zoom,
    group_cells,
    to_features,
)
from api.aggregations.partitioned import PartitionedReader
from api.aggregations.sampling import SAMPLE_SIZES, read_sample
from api.auth import READER
from api.database import QUERY_MS, Store, StoreDep
from api.http.read_route import ReadRoute
from api.http.responses import REVALIDATE, bytes_response, encode_json
from api.http.router import PathRouter
from api.query.buckets import set_searched_buckets
from api.query.filters import PHOTOS_ONLY, Filters
from api.query.mongo_filter import Filter
from api.query.ranges import Box, read_box

router = PathRouter(dependencies=[READER], tags=["map"], route_class=ReadRoute)
_WORLD = Box(-180, -90, 180, 90)
# Time limits of a MongoDB query: during a request, and in the background.
_REQUEST_MS = 1000
_BACKGROUND_MS = 60_000
# How long to wait for the first clusters of the whole collection before using a sample instead.
_FIRST_SECONDS = 0.3
# Cells, and whether they cover only a sample of the photos.
GroupedCells = tuple[Cells, bool]


class MapArguments(Filters):
    """Filter parameters, and the zoom level of the map. `bbox` is the area of the map."""

    zoom: int = Field(2, ge=0, le=MAX_ZOOM, description="Zoom level of the map. Clusters are 64 pixels apart.")


class Point(BaseModel):
    type: Literal["Point"]
    coordinates: list[float] = Field(min_length=2, max_length=2)


class Cluster(BaseModel):
    """The number of photos, and the photo's id if there is only one."""

    count: int
    id: str | None


class ClusterFeature(BaseModel):
    type: Literal["Feature"]
    geometry: Point
    properties: Cluster


class Clusters(BaseModel):
    """GeoJSON (RFC 7946). If `partial` is true, the clusters cover only a sample of the photos."""

    type: Literal["FeatureCollection"]
    features: list[ClusterFeature]
    partial: bool


@router.get(
    "/map",
    summary="Get photos as clusters on a map",
    response_model=Clusters,
    responses={200: {"content": {"application/geo+json": {}}}},
)
async def get_map(request: Request, store: StoreDep, arguments: Annotated[MapArguments, Query()]) -> Response:
    """Return clusters of the photos that match the filters: at most a few thousand, however many photos there are.

    For a large area at a high zoom, clusters are coarser than requested. If `partial` is true, the clusters cover
    only a sample of the photos, and all photos are being counted in the background: repeat the request after a few
    seconds.
    """
    box = read_box(arguments.bbox, "bbox") if arguments.bbox else _WORLD
    zoom = fitting_zoom(box, arguments.zoom)
    await set_searched_buckets(store.photos, arguments)
    without_bbox = arguments.to_filter(exclude=frozenset({"bbox"}))
    cached: StaleWhileRevalidate[Pyramid] = request.app.state.pyramid
    is_cached = without_bbox == PHOTOS_ONLY and zoom <= MAX_CACHED_ZOOM
    pyramid = await _wait_briefly(cached) if is_cached else None
    is_sample = False
    if pyramid is not None:
        features = to_features(pyramid.cells_in(box, zoom))
    else:
        filter_ = arguments.to_filter()
        background: BackgroundCounts[GroupedCells] = request.app.state.background_maps
        key = json_util.dumps([filter_, zoom], sort_keys=True)
        reader: PartitionedReader = request.app.state.counter.reader
        cells, is_sample = background.get(key) or await _group(store, reader, filter_, zoom, is_in_progress=is_cached)
        features = to_features(cells.values())
        if is_sample and not is_cached:
            background.start(key, (cells, True), partial(_group_all, store, filter_, zoom))
    content: dict[str, Any] = {"type": "FeatureCollection", "features": features, "partial": is_sample}
    return bytes_response(request, encode_json(content), "application/geo+json", cache_control=REVALIDATE)


async def _wait_briefly(cached: StaleWhileRevalidate[Pyramid]) -> Pyramid | None:
    """Return the cached pyramid. If there is none yet, wait briefly for the first one, then give up and return None."""
    try:
        return await asyncio.wait_for(cached.wait(), _FIRST_SECONDS)
    except (TimeoutError, PyMongoError):
        return None


async def _group(
    store: Store, reader: PartitionedReader, filter_: Filter, zoom: int, *, is_in_progress: bool
) -> GroupedCells:
    """Return the cells of all matching photos or, if that takes too long, of a sample.

    Args:
        is_in_progress: Whether all photos are already being grouped in the background, so that a sample is enough.

    Raises:
        ExecutionTimeout: Even the smallest sample takes too long.
    """
    if not is_in_progress:
        with suppress(ExecutionTimeout):
            group = partial(group_cells, store.photos, zoom=zoom, budget_ms=_REQUEST_MS)
            cells: Cells = {}
            for part in await reader.read(filter_, group):
                add_cells(cells, part.items())
            return cells, False
    return await read_sample(partial(_group_sample, store, filter_, zoom))


async def _group_all(store: Store, filter_: Filter, zoom: int) -> GroupedCells:
    return await group_cells(store.photos, filter_, zoom, budget_ms=_BACKGROUND_MS), False


async def _group_sample(store: Store, filter_: Filter, zoom: int, size: int) -> GroupedCells:
    # There is nothing to fall back to if the smallest sample takes too long, so allow it more time.
    budget_ms = QUERY_MS if size == min(SAMPLE_SIZES) else _REQUEST_MS
    cells = await group_cells(store.photos, filter_, zoom, budget_ms=budget_ms, limit=size)
    # A sample smaller than its limit contains every match.
    return cells, sum(n for n, *_ in cells.values()) == size
