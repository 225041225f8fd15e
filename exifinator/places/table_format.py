"""The file of populated places: its layout, which scripts/make_places.py writes and populated_places.py reads.

The file is mapped into memory, so that all processes share it. Numbers are little-endian.

    header        magic, version, and the number of items of each section
    grid          for each of 256 x 128 cells of 1.4 degrees: a node
    nodes         blocks of four nodes: the quarters of a cell
    candidates    lists of places by number, each after its length
    latitudes     of each place, in degrees
    longitudes
    name_offsets  where each place's name begins in `names`, and one more for the end
    cities        of each place: the number of the city that it is part of, or its own
    regions       of each place: its number in `texts`
    zones         of each place: the number of its time zone in `texts`
    names         in UTF-8
    texts         JSON: regions, time zones and countries

A node is 0 for a cell without places, the index of a block of nodes, or an index in `candidates` with the bit LEAF. The
candidates of a leaf are all the places that are the nearest one of their time zone anywhere in the cell.
"""

from __future__ import annotations

MAGIC, VERSION = 0x4C505845, 1
# Section -> format of its items, in the order of the file.
SECTIONS = {
    "grid": "I",
    "nodes": "I",
    "candidates": "I",
    "latitudes": "f",
    "longitudes": "f",
    "name_offsets": "I",
    "cities": "I",
    "regions": "H",
    "zones": "H",
    "names": "B",
    "texts": "B",
}
ITEM_BYTES = {"I": 4, "f": 4, "H": 2, "B": 1}
HEADER_ITEMS = 2 + len(SECTIONS)

LEAF = 1 << 31
GRID_COLUMNS, GRID_ROWS = 256, 128
# Coordinates of a point in the grid have this many bits, of which the cells of the grid take the first 8 and 7.
COLUMN_BITS, ROW_BITS = 24, 23
CELL_BITS = 16

# A photo further away from any place has no place.
MAX_DISTANCE_KM = 100.0
# A place in the time zone of the photo is preferred to a nearer one in another zone, which is usually another country,
# if it is at most this much further away.
ZONE_DISTANCE_KM = 30.0
KM_PER_DEGREE = 111.195
