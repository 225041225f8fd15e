"""Photos on a map as clusters: a grid of cells, finer with each zoom, each with how many and where their middle is."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from api.query import Filter
from api.ranges import Box
from api.store import Collection, Document
from exifinator.cells import cell_degrees, span_cells

# Clusters are those of the cells (exifinator/cells.py) that are 64 pixels wide; at zoom 0 the world has 256.
_FIRST_LEVEL = 2
MAX_ZOOM = 22
# The finest grid of the whole collection that is kept; closer than that, few photos are in sight.
KEPT_ZOOM = 14
MAX_CELLS = 4096
# Of photos, where grouping all takes too long; fewer where the disk is slow.
SAMPLES = (50_000, 5_000, 500)
_BUILD_MS = 120_000
# A place on earth: what another program stored as one may be anything.
_PLACED: Filter = {
    "photo.location.coordinates.0": {"$gte": -180, "$lte": 180},
    "photo.location.coordinates.1": {"$gte": -90, "$lte": 90},
}

# Photos in a cell, the sums of their longitudes and latitudes, and the id of one of them.
Cell = tuple[int, float, float, str]
# By the cell's x and y.
Cells = dict[tuple[int, int], Cell]


def fitting_zoom(box: Box, zoom: int) -> int:
    """The finest grid up to `zoom` of which at most MAX_CELLS lie in the box: an answer stays an answer."""
    while zoom > 0 and math.prod(len(span) for span in _cells_across(box, zoom)) > MAX_CELLS:
        zoom -= 1
    return zoom


def _cells_across(box: Box, zoom: int) -> tuple[range, range]:
    return span_cells(box.west, box.south, box.east, box.north, zoom + _FIRST_LEVEL)


@dataclass(frozen=True)
class Pyramid:
    """The cells of every photo with a place, in every grid up to KEPT_ZOOM."""

    grids: list[Cells]

    def cells_in(self, box: Box, zoom: int) -> list[Cell]:
        """The cells that a box touches; those on its border are there as a whole."""
        grid = self.grids[zoom]
        columns, rows = _cells_across(box, zoom)
        around = 2 ** (zoom + _FIRST_LEVEL)
        if len(columns) * len(rows) > len(grid):
            inside = {column % around for column in columns}
            return [cell for (x, y), cell in grid.items() if x in inside and y in rows]
        places = dict.fromkeys((x % around, y) for x in columns for y in rows)
        return [grid[place] for place in places if place in grid]


async def build_pyramid(photos: Collection) -> Pyramid:
    """Group all photos once in the finest grid, and that grid into each coarser one. May take minutes."""
    finest: Cells = {}
    stages = _grouping({}, KEPT_ZOOM)
    cursor = await photos.aggregate(stages, maxTimeMS=_BUILD_MS, allowDiskUse=True, batchSize=500)
    async for row in cursor:
        finest[_place(row)] = _cell(row)
    grids = [finest]
    for _ in range(KEPT_ZOOM):
        coarser: Cells = {}
        add_cells(coarser, (((x // 2, y // 2), cell) for (x, y), cell in grids[-1].items()))
        grids.append(coarser)
    return Pyramid(grids[::-1])


async def group_cells(photos: Collection, filter_: Filter, zoom: int, *, budget_ms: int, limit: int = 0) -> Cells:
    """The cells of the photos that pass a filter, of the first `limit` of them if that is not 0."""
    stages = _grouping(filter_, zoom, limit)
    cursor = await photos.aggregate(stages, maxTimeMS=budget_ms, allowDiskUse=False)
    return {_place(row): _cell(row) for row in await cursor.to_list()}


def add_cells(cells: Cells, more: Iterable[tuple[tuple[int, int], Cell]]) -> None:
    """Put cells together in which other photos lie."""
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
    return [{"$match": {"$and": [_PLACED, filter_]}}, *([{"$limit": limit}] if limit else []), {"$group": group}]


def to_features(cells: Iterable[Cell]) -> list[dict[str, Any]]:
    """Cells as GeoJSON points: how many, and of a single photo its id."""
    return [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [round(lng / n, 6), round(lat / n, 6)]},
            "properties": {"count": n, "id": one if n == 1 else None},
        }
        for n, lng, lat, one in cells
    ]
