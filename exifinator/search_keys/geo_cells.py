"""Compute the cells of grids over the world. An index over the cells finds the photos in an area, newest first.

A geospatial index returns the photos in an area in no particular order, so MongoDB would have to sort all of them for
each page. Instead, a record contains its cells in grids of several sizes. Any area can be covered with at most
MAX_CELLS cells of one size, and the index contains the photos of each cell in order. So the cost of a page
does not depend on the number of photos in the area.
"""

from __future__ import annotations

import math

# Cells are 360 / 2**level degrees wide and high: 22.5 degrees at level 4, 20 arc seconds (600 metres) at level 16.
LEVELS = (4, 7, 10, 13, 16)
# MongoDB merges at most 200 ranges of an index in index order; 150 leaves a margin.
MAX_CELLS = 150


def cell_degrees(level: int) -> float:
    """Return the width and height of a cell, in degrees."""
    return float(360 / 2**level)


def cells_of(longitude: float, latitude: float) -> list[int]:
    """Return the cells that contain a location, one for each level."""
    cells = []
    for level in LEVELS:
        degrees = cell_degrees(level)
        cells.append(
            _cell_number(level, math.floor((longitude + 180) / degrees), math.floor((latitude + 90) / degrees))
        )
    return cells


def cells_between(west: float, south: float, east: float, north: float) -> list[int]:
    """Return cells that cover an area: at most MAX_CELLS, of the smallest possible size.

    Args:
        west, south, east, north: The edges in degrees. `west` is greater than `east` if the area crosses the 180th
            meridian.
    """
    for level in reversed(LEVELS):
        columns, rows = span_cells(west, south, east, north, level)
        if len(columns) * len(rows) <= MAX_CELLS:
            break
    return sorted({_cell_number(level, x, y) for x in columns for y in rows})


def span_cells(west: float, south: float, east: float, north: float, level: int) -> tuple[range, range]:
    """Return the columns and rows of the cells that an area touches. Columns continue past the 180th meridian."""
    degrees = cell_degrees(level)
    width = (east - west) % 360 if west > east else east - west
    first_column = math.floor((west + 180) / degrees)
    columns = range(first_column, math.floor((west + width + 180) / degrees) + 1)
    return columns, range(math.floor((south + 90) / degrees), math.floor((north + 90) / degrees) + 1)


def cells_of_photo(photo: object) -> list[int]:
    """Return the cells of a record's field `photo`; an empty list if it has no valid location."""
    location = photo.get("location") if isinstance(photo, dict) else None
    match location.get("coordinates") if isinstance(location, dict) else None:
        case [int() | float() as longitude, int() | float() as latitude]:
            if -180 <= longitude <= 180 and -90 <= latitude <= 90:
                return cells_of(longitude, latitude)
    return []


def _cell_number(level: int, x: int, y: int) -> int:
    return (level << 40) | (x % (1 << level) << 20) | y
