"""Define the file format of the populated places. scripts/make_places.py writes it, populated_places.py reads it.

The file is mapped into memory, so that all processes share it. Numbers are little-endian.

    header        magic, version, and the number of items of each section
    grid          a node for each of 256 x 128 cells of 1.4 degrees
    nodes         blocks of four nodes, for the quarters of a cell
    candidates    lists of places: the length of the list, then the numbers of the places
    latitudes     of each place, in degrees
    longitudes
    name_offsets  of each place: where its name begins in `names`; then the length of `names`
    cities        of each place: the number of the city that it is part of, or its own number
    regions       of each place: the index of its region in `texts`
    zones         of each place: the index of its time zone in `texts`
    names         in UTF-8
    texts         JSON: regions, time zones and countries

A node is 0 for a cell without places, the index of a block of nodes, or an index in `candidates` with the bit LEAF. The
candidates of a leaf are the places that are, for some point in the cell, the nearest place of their time zone.
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
# Bits of a column and a row in the finest grid. The first 8 and 7 bits are the column and row in `grid`, and the other
# CELL_BITS lead through `nodes`.
COLUMN_BITS, ROW_BITS = 24, 23
CELL_BITS = 16

# A photo that is farther than this from all places has no place.
MAX_DISTANCE_KM = 100.0
# A place in the time zone of the photo is preferred to a nearer place in another zone, which is usually another
# country, if the difference between the distances is at most this.
ZONE_DISTANCE_KM = 30.0
KM_PER_DEGREE = 111.195
