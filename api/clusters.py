"""Photos on a map as clusters: a grid of cells, finer with each zoom, each with how many and where their middle is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from api.query import Filter
from api.ranges import Box
from api.store import Collection, Document

# A map tile has 256 pixels a side, so a cell 64.
CELLS_A_TILE = 4
MAX_ZOOM = 22
# The finest grid of the whole collection that is kept; closer than that, few photos are in sight.
KEPT_ZOOM = 14
MAX_CELLS = 4096
# Of photos, where grouping all takes too long; fewer where the disk is slow.
SAMPLES = (50_000, 5_000, 500)
_BUILD_MS = 120_000

# x and y of a cell -> photos in it, the sums of their longitudes and latitudes, and the id of one of them.
Cells = dict[tuple[int, int], tuple[int, float, float, str]]


def cell_degrees(zoom: int) -> float:
    """The width of a cell."""
    return float(360 / (CELLS_A_TILE * 2**zoom))


def fitting_zoom(box: Box, zoom: int) -> int:
    """The finest grid up to `zoom` of which at most MAX_CELLS lie in the box: an answer stays an answer."""
    while zoom > 0 and math.prod(len(span) for span in _cells_across(box, zoom)) > MAX_CELLS:
        zoom -= 1
    return zoom


def _cells_across(box: Box, zoom: int) -> tuple[range, range]:
    """The columns and rows of cells that a box touches; columns beyond the 180th meridian count on."""
    size = cell_degrees(zoom)
    width = (box.east - box.west) % 360 if box.west > box.east else box.east - box.west
    first = math.floor((box.west + 180) / size)
    columns = range(first, math.floor((box.west + width + 180) / size) + 1)
    return columns, range(math.floor((box.south + 90) / size), math.floor((box.north + 90) / size) + 1)


@dataclass(frozen=True)
class Pyramid:
    """The cells of every photo with a place, in every grid up to KEPT_ZOOM."""

    grids: list[Cells]

    def cells_in(self, box: Box, zoom: int) -> list[tuple[int, float, float, str]]:
        """The cells that a box touches; those on its border are there as a whole."""
        grid = self.grids[zoom]
        columns, rows = _cells_across(box, zoom)
        around = CELLS_A_TILE * 2**zoom
        if len(columns) * len(rows) > len(grid):
            inside = {column % around for column in columns}
            return [cell for (x, y), cell in grid.items() if x in inside and y in rows]
        places = dict.fromkeys((x % around, y) for x in columns for y in rows)
        return [grid[place] for place in places if place in grid]


async def build_pyramid(photos: Collection) -> Pyramid:
    """Group all photos once in the finest grid, and that grid into each coarser one. May take minutes."""
    finest: Cells = {}
    stages = _grouping({"photo.location.type": "Point"}, KEPT_ZOOM)
    cursor = await photos.aggregate(stages, maxTimeMS=_BUILD_MS, allowDiskUse=True, batchSize=500)
    async for row in cursor:
        finest[_place(row)] = (row["n"], row["lng"], row["lat"], row["one"])
    grids = [finest]
    for _ in range(KEPT_ZOOM):
        coarser: Cells = {}
        for (x, y), (n, lng, lat, one) in grids[-1].items():
            place = (x // 2, y // 2)
            before = coarser.get(place, (0, 0.0, 0.0, one))
            coarser[place] = (before[0] + n, before[1] + lng, before[2] + lat, before[3])
        grids.append(coarser)
    return Pyramid(grids[::-1])


async def group_cells(
    photos: Collection, filter_: Filter, zoom: int, *, budget_ms: int, limit: int = 0
) -> list[tuple[int, float, float, str]]:
    """The cells of the photos that pass a filter, of the first `limit` of them if that is not 0."""
    stages = _grouping(filter_, zoom, limit)
    cursor = await photos.aggregate(stages, maxTimeMS=budget_ms, allowDiskUse=False)
    return [(row["n"], row["lng"], row["lat"], row["one"]) for row in await cursor.to_list()]


def _place(row: Document) -> tuple[int, int]:
    return int(row["_id"]["x"]), int(row["_id"]["y"])


def _grouping(filter_: Filter, zoom: int, limit: int = 0) -> list[dict[str, Any]]:
    def cell(axis: int, half: int) -> dict[str, Any]:
        number = {"$arrayElemAt": ["$photo.location.coordinates", axis]}
        return {"$floor": {"$divide": [{"$add": [number, half]}, cell_degrees(zoom)]}}

    group = {
        "_id": {"x": cell(0, 180), "y": cell(1, 90)},
        "n": {"$sum": 1},
        "lng": {"$sum": {"$arrayElemAt": ["$photo.location.coordinates", 0]}},
        "lat": {"$sum": {"$arrayElemAt": ["$photo.location.coordinates", 1]}},
        "one": {"$first": "$_id"},
    }
    return [{"$match": filter_}, *([{"$limit": limit}] if limit else []), {"$group": group}]


def to_features(cells: list[tuple[int, float, float, str]]) -> list[dict[str, Any]]:
    """Cells as GeoJSON points: how many, and of a single photo its id."""
    return [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [round(lng / n, 6), round(lat / n, 6)]},
            "properties": {"count": n, "id": one if n == 1 else None},
        }
        for n, lng, lat, one in cells
    ]
