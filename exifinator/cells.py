"""Cells of a grid over the world: by those in which a photo lies an index finds the photos of an area, newest first.

An index of points knows what lies near, in no order: each page of an area would be sorted out of all its photos. A
record names its cells in grids of several sizes, so that any area is covered by a few dozen cells of one of them, and
what the index has of each is in order already: a page costs the same, however many photos lie there.
"""

from __future__ import annotations

import math

# In the grid of a level a cell is 360 / 2**level degrees wide and high, 22.5 degrees to 20 seconds: 600 metres.
LEVELS = (4, 7, 10, 13, 16)
# MongoDB merges at most 200 stretches of an index in their order.
MOST_CELLS = 150


def cell_degrees(level: int) -> float:
    """The width and the height of a cell."""
    return float(360 / 2**level)


def cells_of(longitude: float, latitude: float) -> list[int]:
    """The cells of a place, one of each level."""
    found = []
    for level in LEVELS:
        size = cell_degrees(level)
        found.append(_number(level, math.floor((longitude + 180) / size), math.floor((latitude + 90) / size)))
    return found


def cells_between(west: float, south: float, east: float, north: float) -> list[int]:
    """The cells that cover an area, at most MOST_CELLS, as small as may be.

    west is greater than east where the area crosses the 180th meridian.
    """
    for level in reversed(LEVELS):
        columns, rows = span_cells(west, south, east, north, level)
        if len(columns) * len(rows) <= MOST_CELLS:
            break
    return sorted({_number(level, x, y) for x in columns for y in rows})


def span_cells(west: float, south: float, east: float, north: float, level: int) -> tuple[range, range]:
    """The columns and rows of cells that an area touches; columns beyond the 180th meridian count on."""
    size = cell_degrees(level)
    width = (east - west) % 360 if west > east else east - west
    first = math.floor((west + 180) / size)
    columns = range(first, math.floor((west + width + 180) / size) + 1)
    return columns, range(math.floor((south + 90) / size), math.floor((north + 90) / size) + 1)


def find_cells(photo: object) -> list[int]:
    """The cells of a record's `photo`; none where it says no place on earth."""
    location = photo.get("location") if isinstance(photo, dict) else None
    match location.get("coordinates") if isinstance(location, dict) else None:
        case [int() | float() as longitude, int() | float() as latitude]:
            if -180 <= longitude <= 180 and -90 <= latitude <= 90:
                return cells_of(longitude, latitude)
    return []


def _number(level: int, x: int, y: int) -> int:
    return (level << 40) | (x % (1 << level) << 20) | y
