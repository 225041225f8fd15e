"""Clusters of photos on a map: a grid of cells, finer with each zoom level, with counts and mean coordinates."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from api.database import Collection, Document
from api.query.mongo_filter import Filter
from api.query.ranges import Box
from exifinator.search_keys.geo_cells import cell_degrees, span_cells

# A cluster is a cell of exifinator/search_keys/geo_cells.py that is 64 pixels wide; at zoom 0 the world is 256 wide.
_FIRST_LEVEL = 2
MAX_ZOOM = 22
# The finest grid of the whole collection that is cached; at higher zooms few photos are in view.
MAX_CACHED_ZOOM = 14
MAX_CELLS = 4096
# Numbers of photos to group if grouping all takes too long; the smaller ones are for slow disks.
SAMPLES = (50_000, 5_000, 500)
_BUILD_MS = 120_000
# Valid coordinates: other programs may store anything.
_LOCATED: Filter = {
    "photo.location.coordinates.0": {"$gte": -180, "$lte": 180},
    "photo.location.coordinates.1": {"$gte": -90, "$lte": 90},
}

# The number of photos in a cell, the sums of their longitudes and latitudes, and the id of one of them.
Cell = tuple[int, float, float, str]
# By the cell's x and y.
Cells = dict[tuple[int, int], Cell]


def fitting_zoom(box: Box, zoom: int) -> int:
    """Return the highest zoom up to `zoom` at which the box has at most MAX_CELLS cells, to bound the response."""
    while zoom > 0 and math.prod(len(span) for span in _cells_across(box, zoom)) > MAX_CELLS:
        zoom -= 1
    return zoom


def _cells_across(box: Box, zoom: int) -> tuple[range, range]:
    return span_cells(box.west, box.south, box.east, box.north, zoom + _FIRST_LEVEL)


@dataclass(frozen=True)
class Pyramid:
    """The cells of all photos with a location, in every grid up to MAX_CACHED_ZOOM."""

    grids: list[Cells]

    def cells_in(self, box: Box, zoom: int) -> list[Cell]:
        """Return the cells that a box touches, including those on its border."""
        grid = self.grids[zoom]
        columns, rows = _cells_across(box, zoom)
        around = 2 ** (zoom + _FIRST_LEVEL)
        if len(columns) * len(rows) > len(grid):
            inside = {column % around for column in columns}
            return [cell for (x, y), cell in grid.items() if x in inside and y in rows]
        places = dict.fromkeys((x % around, y) for x in columns for y in rows)
        return [grid[place] for place in places if place in grid]


async def build_pyramid(photos: Collection) -> Pyramid:
    """Group all photos in the finest grid, and each grid into the next coarser one. May take minutes."""
    finest: Cells = {}
    stages = _grouping({}, MAX_CACHED_ZOOM)
    cursor = await photos.aggregate(stages, maxTimeMS=_BUILD_MS, allowDiskUse=True, batchSize=500)
    async for row in cursor:
        finest[_place(row)] = _cell(row)
    grids = [finest]
    for _ in range(MAX_CACHED_ZOOM):
        coarser: Cells = {}
        add_cells(coarser, (((x // 2, y // 2), cell) for (x, y), cell in grids[-1].items()))
        grids.append(coarser)
    return Pyramid(grids[::-1])


async def group_cells(photos: Collection, filter_: Filter, zoom: int, *, budget_ms: int, limit: int = 0) -> Cells:
    """Return the cells of the photos that match a filter, of the first `limit` of them if it is not 0."""
    stages = _grouping(filter_, zoom, limit)
    cursor = await photos.aggregate(stages, maxTimeMS=budget_ms, allowDiskUse=False)
    return {_place(row): _cell(row) for row in await cursor.to_list()}


def add_cells(cells: Cells, more: Iterable[tuple[tuple[int, int], Cell]]) -> None:
    """Add cells of other photos to `cells`."""
    for place, (n, lng, lat, one) in more:
        before = cells.get(place, (0, 0.0, 0.0, one))
        cells[place] = (before[0] + n, before[1] + lng, before[2] + lat, before[3])


def _cell(row: Document) -> Cell:
    return row["n"], row["lng"], row["lat"], row["one"]


def _place(row: Document) -> tuple[int, int]:
    return int(row["_id"]["x"]), int(row["_id"]["y"])


def _grouping(filter_: Filter, zoom: int, limit: int = 0) -> list[dict[str, Any]]:
    def cell(axis: int, half: int) -> dict[str, Any]:
        number = {"$arrayElemAt": ["$photo.location.coordinates", axis]}
        return {"$floor": {"$divide": [{"$add": [number, half]}, cell_degrees(zoom + _FIRST_LEVEL)]}}

    group = {
        "_id": {"x": cell(0, 180), "y": cell(1, 90)},
        "n": {"$sum": 1},
        "lng": {"$sum": {"$arrayElemAt": ["$photo.location.coordinates", 0]}},
        "lat": {"$sum": {"$arrayElemAt": ["$photo.location.coordinates", 1]}},
        "one": {"$first": "$_id"},
    }
    return [{"$match": {"$and": [_LOCATED, filter_]}}, *([{"$limit": limit}] if limit else []), {"$group": group}]


def to_features(cells: Iterable[Cell]) -> list[dict[str, Any]]:
    """Return cells as GeoJSON points with their count, and with the id of a single photo."""
    return [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [round(lng / n, 6), round(lat / n, 6)]},
            "properties": {"count": n, "id": one if n == 1 else None},
        }
        for n, lng, lat, one in cells
    ]
