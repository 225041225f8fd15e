"""Find the populated place nearest to a position, in a table that is mapped into memory."""

from __future__ import annotations

import json
import math
import mmap
from functools import cache, lru_cache
from importlib.resources import as_file, files
from typing import Any, NamedTuple

from exifinator.places.table_format import (
    CELL_BITS,
    COLUMN_BITS,
    GRID_COLUMNS,
    HEADER_ITEMS,
    ITEM_BYTES,
    KM_PER_DEGREE,
    LEAF,
    MAGIC,
    MAX_DISTANCE_KM,
    ROW_BITS,
    SECTIONS,
    VERSION,
    ZONE_DISTANCE_KM,
)

TABLE = "places.bin"
# Number of places whose names are cached. Many photos are taken near the same places.
CACHED_PLACES = 4096

Place = dict[str, str | float]


class _Table(NamedTuple):
    """The sections of the table that a search reads, and the texts. See table_format.py."""

    grid: memoryview
    nodes: memoryview
    candidates: memoryview
    latitudes: memoryview[float]
    longitudes: memoryview[float]
    name_offsets: memoryview
    cities: memoryview
    regions: memoryview
    zones: memoryview
    names: memoryview
    region_names: list[list[str]]
    zone_numbers: dict[str, int]
    countries: dict[str, str]


@cache
def _table() -> _Table:
    """Return the table, mapped into memory. The operating system shares its pages between all processes.

    Raises:
        ValueError: If the file is not a table of this version.
    """
    with as_file(files(__package__) / TABLE) as path, path.open("rb") as file:
        data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    header = data[: 4 * HEADER_ITEMS].cast("I")
    if (header[0], header[1]) != (MAGIC, VERSION):
        raise ValueError(f"{TABLE} is not a table of version {VERSION}.")
    start = 4 * HEADER_ITEMS
    sections: dict[str, Any] = {}
    for (name, item), count in zip(SECTIONS.items(), header[2:], strict=True):
        length = ITEM_BYTES[item] * count
        sections[name] = data[start : start + length].cast(item)  # type: ignore[call-overload]
        start += length + -length % 4
    texts = json.loads(bytes(sections.pop("texts")))
    zone_numbers = {zone: number for number, zone in enumerate(texts["zones"])}
    return _Table(**sections, region_names=texts["regions"], zone_numbers=zone_numbers, countries=texts["countries"])


def find_place(latitude: float, longitude: float, time_zone: str = "") -> Place | None:
    """Return the nearest populated place; None at sea, or if no place is within MAX_DISTANCE_KM.

    Args:
        latitude: In degrees.
        longitude: In degrees.
        time_zone: Name of the position's time zone. Near a border, a place in the same zone is preferred, because
            another zone is usually another country. A zone whose name begins with "Etc/" is at sea.

    Returns:
        `name`, `country`, `country_code` and `distance_km`; `region` if known; and `city`, the larger city that the
        place is part of, if there is one.
    """
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180) or time_zone.startswith("Etc/"):
        return None
    table = _table()
    # The column and row of the position in the finest grid. The North Pole belongs to the last row, and 180 degrees
    # east to the last column.
    x = min(int((longitude + 180) / 360 * (1 << COLUMN_BITS)), (1 << COLUMN_BITS) - 1)
    y = min(int((latitude + 90) / 180 * (1 << ROW_BITS)), (1 << ROW_BITS) - 1)
    node = table.grid[(y >> CELL_BITS) * GRID_COLUMNS + (x >> CELL_BITS)]
    nodes, shift = table.nodes, CELL_BITS
    while node and not node & LEAF:
        shift -= 1
        node = nodes[node + ((y >> shift & 1) << 1 | (x >> shift & 1))]
    if not node:
        return None
    number, squared = _nearest(table, node & ~LEAF, latitude, longitude, time_zone)
    distance_km = KM_PER_DEGREE * math.sqrt(squared)
    if distance_km > MAX_DISTANCE_KM:
        return None
    place = _describe(number).copy()
    place["distance_km"] = round(distance_km, 1)
    return place


def _nearest(table: _Table, index: int, latitude: float, longitude: float, time_zone: str) -> tuple[int, float]:
    """Return the number of the nearest place in a list of candidates, and the square of its distance in degrees.

    Args:
        table: The table.
        index: Where the list begins in `table.candidates`.
        latitude: In degrees.
        longitude: In degrees.
        time_zone: Name of the position's time zone; "" if unknown.
    """
    count = table.candidates[index]
    numbers = table.candidates[index + 1 : index + 1 + count].tolist()
    number, squared = _nearest_of(table, numbers, latitude, longitude)
    zones = table.zones
    zone = table.zone_numbers.get(time_zone)
    if zone is None or zones[number] == zone:
        return number, squared
    same_zone = [other for other in numbers if zones[other] == zone]
    if same_zone:
        other, other_squared = _nearest_of(table, same_zone, latitude, longitude)
        if math.sqrt(other_squared) <= math.sqrt(squared) + ZONE_DISTANCE_KM / KM_PER_DEGREE:
            return other, other_squared
    return number, squared


def _nearest_of(table: _Table, numbers: list[int], latitude: float, longitude: float) -> tuple[int, float]:
    latitudes, longitudes = table.latitudes, table.longitudes
    scale = math.cos(math.radians(latitude))
    if -170 < longitude < 170:
        distances = [
            (east := (longitude - longitudes[number]) * scale) * east + (north := latitude - latitudes[number]) * north
            for number in numbers
        ]
    else:
        # The place may be on the other side of the 180th meridian.
        distances = [
            (scale * ((longitude - longitudes[number] + 180) % 360 - 180)) ** 2 + (latitude - latitudes[number]) ** 2
            for number in numbers
        ]
    nearest = min(distances)
    return numbers[distances.index(nearest)], nearest


@lru_cache(maxsize=CACHED_PLACES)
def _describe(number: int) -> Place:
    """Return the names of a place. The result is cached, and must not be changed."""
    table = _table()
    code, region = table.region_names[table.regions[number]]
    place: Place = {"name": _name(table, number), "country": table.countries.get(code, code), "country_code": code}
    if region:
        place["region"] = region
    if table.cities[number] != number:
        place["city"] = _name(table, table.cities[number])
    return place


def _name(table: _Table, number: int) -> str:
    start, end = table.name_offsets[number], table.name_offsets[number + 1]
    return str(table.names[start:end], "utf-8")
