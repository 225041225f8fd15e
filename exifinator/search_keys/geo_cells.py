"""Cells of a grid over the world. An index over them finds the photos of an area, newest first.

A geospatial index finds the photos of an area in no order, so all of them would be sorted for each page. A record has
its cells in grids of several sizes instead. A few dozen cells of one size cover any area, and the index has the photos
of each cell in order: a page costs the same, however many photos are in the area.
"""

from __future__ import annotations

import math

# A cell of a level is 360 / 2**level degrees wide and high: 22.5 degrees at level 4, 20 arc seconds (600 metres) at 16.
LEVELS = (4, 7, 10, 13, 16)
# MongoDB merges at most 200 ranges of an index in their order.
MAX_CELLS = 150


def cell_degrees(level: int) -> float:
    """Return the width and height of a cell."""
    return float(360 / 2**level)


def cells_of(longitude: float, latitude: float) -> list[int]:
    """Return the cells of a location, one for each level."""
    cells = []
    for level in LEVELS:
        size = cell_degrees(level)
        cells.append(_number(level, math.floor((longitude + 180) / size), math.floor((latitude + 90) / size)))
    return cells


def cells_between(west: float, south: float, east: float, north: float) -> list[int]:
    """Return the smallest cells of which at most MAX_CELLS cover an area.

    Args:
        west, east: west is greater than east if the area crosses the 180th meridian.
    """
    for level in reversed(LEVELS):
        columns, rows = span_cells(west, south, east, north, level)
        if len(columns) * len(rows) <= MAX_CELLS:
            break
    return sorted({_number(level, x, y) for x in columns for y in rows})


def span_cells(west: float, south: float, east: float, north: float, level: int) -> tuple[range, range]:
    """Return the columns and rows of the cells that an area touches. Columns go on past the 180th meridian."""
    size = cell_degrees(level)
    width = (east - west) % 360 if west > east else east - west
    first = math.floor((west + 180) / size)
    columns = range(first, math.floor((west + width + 180) / size) + 1)
    return columns, range(math.floor((south + 90) / size), math.floor((north + 90) / size) + 1)


def find_cells(photo: object) -> list[int]:
    """Return the cells of a record's `photo`; none without a valid location."""
    location = photo.get("location") if isinstance(photo, dict) else None
    match location.get("coordinates") if isinstance(location, dict) else None:
        case [int() | float() as longitude, int() | float() as latitude]:
            if -180 <= longitude <= 180 and -90 <= latitude <= 90:
                return cells_of(longitude, latitude)
    return []


def _number(level: int, x: int, y: int) -> int:
    return (level << 40) | (x % (1 << level) << 20) | y
