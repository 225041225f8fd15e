"""Group photos into clusters on a map: cells of a grid that gets finer with each zoom level."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from api.database import Collection, Document
from api.query.filters import PHOTOS_ONLY
from api.query.mongo_filter import Filter
from api.query.ranges import Box
from exifinator.search_keys.geo_cells import cell_degrees, span_cells

# The level of the grid at zoom 0. A level has 2**level columns (see exifinator/search_keys/geo_cells.py). At zoom 0 the
# world is 256 pixels wide, so the cells of level 2 are 64 pixels wide.
_LEVEL_AT_ZOOM_0 = 2
MAX_ZOOM = 22
# The highest zoom whose grid of the whole collection is cached. Higher zooms need no cache, because few photos are in
# view.
MAX_CACHED_ZOOM = 14
MAX_CELLS = 4096
_BUILD_TIMEOUT_MS = 120_000
# Matches only photos with valid coordinates, because other programs may have stored arbitrary values.
_HAS_LOCATION: Filter = {
    "photo.location.coordinates.0": {"$gte": -180, "$lte": 180},
    "photo.location.coordinates.1": {"$gte": -90, "$lte": 90},
}

# The number of photos in a cell, the sums of their longitudes and latitudes, and the id of one of the photos.
Cell = tuple[int, float, float, str]
# Cells by their column and row in the grid.
Cells = dict[tuple[int, int], Cell]


def fitting_zoom(box: Box, zoom: int) -> int:
    """Return the highest zoom, up to `zoom`, at which the box has at most MAX_CELLS cells.

    This limits the size of the response.
    """
    while zoom > 0 and math.prod(len(span) for span in _cells_across(box, zoom)) > MAX_CELLS:
        zoom -= 1
    return zoom


def _cells_across(box: Box, zoom: int) -> tuple[range, range]:
    return span_cells(box.west, box.south, box.east, box.north, zoom + _LEVEL_AT_ZOOM_0)


@dataclass(frozen=True)
class Pyramid:
    """The cells of all photos with a location, in every grid up to MAX_CACHED_ZOOM.

    Attributes:
        grids: The grids, by zoom.
    """

    grids: list[Cells]

    def cells_in(self, box: Box, zoom: int) -> list[Cell]:
        """Return the cells that the box contains or touches."""
        grid = self.grids[zoom]
        columns, rows = _cells_across(box, zoom)
        columns_in_world = 2 ** (zoom + _LEVEL_AT_ZOOM_0)
        if len(columns) * len(rows) > len(grid):
            wrapped_columns = {column % columns_in_world for column in columns}
            return [cell for (x, y), cell in grid.items() if x in wrapped_columns and y in rows]
        positions = dict.fromkeys((x % columns_in_world, y) for x in columns for y in rows)
        return [grid[position] for position in positions if position in grid]


async def build_pyramid(photos: Collection) -> Pyramid:
    """Group all photos into the cells of all grids. May take minutes."""
    finest: Cells = {}
    stages = _group_stages(PHOTOS_ONLY, MAX_CACHED_ZOOM)
    cursor = await photos.aggregate(stages, maxTimeMS=_BUILD_TIMEOUT_MS, allowDiskUse=True, batchSize=500)
    async for row in cursor:
        finest[_cell_position(row)] = _to_cell(row)
    return _build_coarser_grids(finest)


def _build_coarser_grids(finest: Cells) -> Pyramid:
    """Return the pyramid above the finest grid: group the cells of each grid into those of the next coarser one."""
    grids = [finest]
    for _ in range(MAX_CACHED_ZOOM):
        coarser: Cells = {}
        add_cells(coarser, (((x // 2, y // 2), cell) for (x, y), cell in grids[-1].items()))
        grids.append(coarser)
    return Pyramid(grids[::-1])


def to_arrays(pyramid: Pyramid) -> list[list[Any]]:
    """Return the finest grid as arrays of equal length: x, y, and one for each element of Cell.

    The coarser grids can be computed from it.
    """
    return [
        list(array) for array in zip(*((*position, *cell) for position, cell in pyramid.grids[-1].items()), strict=True)
    ]


def from_arrays(arrays: list[list[Any]]) -> Pyramid:
    """Return the pyramid that `to_arrays` converted to these arrays."""
    return _build_coarser_grids(
        {(x, y): (count, lng, lat, id_) for x, y, count, lng, lat, id_ in zip(*arrays, strict=True)}
    )


async def group_cells(photos: Collection, filter_: Filter, zoom: int, *, budget_ms: int, limit: int = 0) -> Cells:
    """Group the photos that match a filter into cells. If `limit` is not 0, group only that many photos."""
    stages = _group_stages(filter_, zoom, limit)
    cursor = await photos.aggregate(stages, maxTimeMS=budget_ms, allowDiskUse=False)
    return {_cell_position(row): _to_cell(row) for row in await cursor.to_list()}


def add_cells(cells: Cells, added: Iterable[tuple[tuple[int, int], Cell]]) -> None:
    """Add the counts and sums of `added` to `cells`. The two must not have photos in common."""
    for position, (count, lng_sum, lat_sum, photo_id) in added:
        before = cells.get(position, (0, 0.0, 0.0, photo_id))
        cells[position] = (before[0] + count, before[1] + lng_sum, before[2] + lat_sum, before[3])


def _to_cell(row: Document) -> Cell:
    return row["n"], row["lng"], row["lat"], row["id"]


def _cell_position(row: Document) -> tuple[int, int]:
    return int(row["_id"]["x"]), int(row["_id"]["y"])


def _group_stages(filter_: Filter, zoom: int, limit: int = 0) -> list[dict[str, Any]]:
    def cell_number(axis: int, offset: int) -> dict[str, Any]:
        degrees = {"$arrayElemAt": ["$photo.location.coordinates", axis]}
        return {"$floor": {"$divide": [{"$add": [degrees, offset]}, cell_degrees(zoom + _LEVEL_AT_ZOOM_0)]}}

    group = {
        "_id": {"x": cell_number(0, 180), "y": cell_number(1, 90)},
        "n": {"$sum": 1},
        "lng": {"$sum": {"$arrayElemAt": ["$photo.location.coordinates", 0]}},
        "lat": {"$sum": {"$arrayElemAt": ["$photo.location.coordinates", 1]}},
        "id": {"$first": "$_id"},
    }
    matches = {"$match": {"$and": [_HAS_LOCATION, filter_]}}
    return [matches, *([{"$limit": limit}] if limit else []), {"$group": group}]


def to_features(cells: Iterable[Cell]) -> list[dict[str, Any]]:
    """Return cells as GeoJSON points at the mean location of their photos.

    Each point has the number of photos and, if there is only one, the id of that photo.
    """
    return [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [round(lng_sum / count, 6), round(lat_sum / count, 6)]},
            "properties": {"count": count, "id": photo_id if count == 1 else None},
        }
        for count, lng_sum, lat_sum, photo_id in cells
    ]
