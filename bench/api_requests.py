"""The requests of the benchmark of the API, and a client that times them."""

from __future__ import annotations

import http.client
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from api.query.filters import Filters
from api.query.sort_order import Order, fingerprint, write_cursor
from bench.api_records import BUCKETS, CAMERAS, PLACES, SUBJECTS

COLLECTION = "exif_data"
# Function that returns the path of a request.
MakePath = Callable[[], str]
# Requests per case. Five of them are above the 99th percentile, so a single delayed response does not determine it.
REQUESTS_PER_CASE = 500
# Limits on the 99th percentile, in milliseconds: for a page of photos, one record, facets of many photos, facets of few
# photos, and the map.
PAGE_MS, RECORD_MS, FACETS_ALL_MS, FACETS_MS, MAP_MS = 20, 50, 1000, 100, 200
# This camera took a fortieth of all photos, and about a hundredth in these three of its eight years.
RARE_CAMERA = "E-M1MarkII"
RARE_CAMERA_YEARS = "2016..2018"


class Client:
    """One keep-alive connection."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def get(self, path: str) -> tuple[int, bytes, float]:
        """Return status, body and seconds."""
        start = time.perf_counter()
        self.connection.request("GET", quote(path, safe="/?&=%,.:-"))
        response = self.connection.getresponse()
        body = response.read()
        return response.status, body, time.perf_counter() - start


def percentile(times: list[float], fraction: float) -> float:
    """Return a percentile of times in seconds, in milliseconds."""
    return sorted(times)[min(len(times) - 1, int(len(times) * fraction))] * 1000


@dataclass(frozen=True)
class Case:
    """A kind of request, with different parameter values each time.

    Attributes:
        make_path: Returns the path to request. If it returns several lines, each is a path. The paths are requested one
            after another, and timed as one request.
        max_ms: Limit on the 99th percentile, in milliseconds.
        times: Number of requests.
    """

    name: str
    make_path: MakePath
    max_ms: int
    times: int = REQUESTS_PER_CASE

    def measure(self, client: Client, max_times: int) -> list[str]:
        """Send the requests. Return a row of the report: first time, median, 99th percentile, limit and remarks."""
        durations = []
        remarks = set()
        for _ in range(min(self.times, max_times)):
            seconds = 0.0
            for path in self.make_path().splitlines():
                status, body, path_seconds = client.get(path)
                seconds += path_seconds
                if status != 200:
                    remarks.add(f"status {status}")
                elif b'"partial":true' in body:
                    remarks.add("partial")
            durations.append(seconds)
        figures = [durations[0] * 1000, percentile(durations, 0.5), percentile(durations, 0.99)]
        if figures[-1] >= self.max_ms:
            remarks.add("limit missed")
        return [self.name, *(f"{figure:.1f}" for figure in figures), str(self.max_ms), ", ".join(sorted(remarks))]


def photo_cases(database: Any, rng: random.Random, count: int) -> list[Case]:
    """Return requests for pages of photos, in a collection of `count` records."""

    def one_of(parameter: str, values: Any) -> MakePath:
        return lambda: f"/photos?{parameter}={rng.choice(values)}"

    def date() -> str:
        return f"{rng.randrange(2016, 2024)}-{rng.randrange(1, 13):02}"

    def area(half_degrees: float) -> str:
        lng, lat = rng.choice(PLACES)
        return f"{lng - half_degrees:.4f},{lat - half_degrees:.4f},{lng + half_degrees:.4f},{lat + half_degrees:.4f}"

    def deep_page(page: int, **parameters: str) -> MakePath:
        """Return a path for the page with this number, with the cursor that the previous page would return."""
        filter_ = Filters(
            **{name: [value] if name == "camera" else value for name, value in parameters.items()}
        ).to_filter()
        order = Order.named("-taken")
        anchor = list(database[COLLECTION].find(filter_, sort=order.keys, skip=page * 50 - 1, limit=1))
        cursor = write_cursor(order.position_of(anchor[0]), fingerprint("-taken", filter_)) if anchor else "none"
        return lambda: f"/photos?{urlencode({**parameters, 'cursor': cursor}, quote_via=quote)}"

    last_page, middle_page = min(10_000, count // 60), max(1, count // 10_000)
    cameras = [camera[1] for camera in CAMERAS]
    pairs = [f"{camera[1]}&lens={lens}" for camera in CAMERAS for lens in camera[2] if lens]
    requests: list[tuple[str, MakePath]] = [
        ("no filter, page 1", lambda: "/photos"),
        (f"no filter, page {last_page:,}", deep_page(last_page)),
        ("camera", one_of("camera", cameras)),
        (f"camera, page {middle_page:,}", deep_page(middle_page, camera="ILCE-7M3")),
        ("two cameras", lambda: "/photos?camera=X-T4&camera=ILCE-7M3"),
        ("lens", one_of("lens", [lens for camera in CAMERAS for lens in camera[2] if lens])),
        ("camera and lens", one_of("camera", pairs)),
        ("iso, a range", lambda: f"/photos?iso={rng.choice([100, 200, 800])}-{rng.choice([1600, 3200])}"),
        (f"iso, a range, page {middle_page:,}", deep_page(middle_page, iso="100-3200")),
        ("iso, one value", one_of("iso", ["50", "640", "25600"])),
        ("camera and iso, a range", lambda: f"/photos?camera={rng.choice(cameras)}&iso=800-6400"),
        ("f", one_of("f", ["1.2-1.4", "2.8", "5.6-11"])),
        ("exposure", one_of("exposure", ["1/250-1/30", "1/8000", "1-10"])),
        ("focal", one_of("focal", ["24-70", "400-600", "35"])),
        ("taken, a month", lambda: f"/photos?taken={date()}"),
        ("near, 5 km", lambda: "/photos?near={1},{0},5".format(*rng.choice(PLACES))),
        ("bbox, a town", lambda: f"/photos?bbox={area(0.02)}"),
        ("bbox, a country", lambda: f"/photos?bbox={area(5)}"),
        ("bucket", one_of("bucket", BUCKETS)),
        ("bucket and prefix",
         lambda: f"/photos?bucket={rng.choice(BUCKETS)}&prefix={date().replace('-', '/')}/&sort=key"),
        ("bucket and prefix, newest first", lambda: f"/photos?bucket={rng.choice(BUCKETS)}&prefix={date()[:4]}/"),
        ("camera, lowest ISO first", lambda: f"/photos?camera={rng.choice(cameras)}&sort=iso"),
        ("iso, a range, by key", lambda: "/photos?iso=100-400&sort=key"),
        ("taken, a month, best rated first", lambda: f"/photos?taken={date()}&sort=-rating"),
        ("format", one_of("format", ["jpeg", "heic", "png"])),
        ("status", one_of("status", ["ok", "no_exif", "damaged"])),
        ("keyword", one_of("keyword", SUBJECTS)),
        ("rating", one_of("rating", [0, 5])),
        ("q, one word", one_of("q", SUBJECTS)),
        ("q, two words", lambda: f"/photos?q={rng.choice(SUBJECTS)}%20{rng.randrange(2016, 2024)}"),
        ("has=gps", lambda: "/photos?has=gps"),
    ]  # fmt: skip
    return [Case(name, make_path, PAGE_MS) for name, make_path in requests]


def view_cases(database: Any, rng: random.Random) -> list[Case]:
    """Return requests for single records, facets and the map."""
    ids = [record["_id"] for record in database["thumbnails"].find({}, {"_id": 1}, sort=[("_id", 1)], limit=1000)]
    encoded = [quote(id_, safe="") for id_ in ids]

    def record() -> str:
        path = f"/photos/{rng.choice(encoded)}"
        return f"{path}\n{path}/thumbnail"

    def map_path(zoom: int, size: float) -> str:
        lng, lat = rng.choice(PLACES)
        west, south, east, north = lng - size, lat - size / 2, lng + size, lat + size / 2
        return f"/map?zoom={zoom}&bbox={west:.4f},{south:.4f},{east:.4f},{north:.4f}"

    def count_matching(**filters: Any) -> str:
        return f"{database[COLLECTION].count_documents(Filters(**filters).to_filter()):,} photos"

    month, rare_count, years = (
        count_matching(taken="2020-05"),
        count_matching(camera=[RARE_CAMERA]),
        count_matching(camera=[RARE_CAMERA], taken=RARE_CAMERA_YEARS),
    )
    return [
        Case("one record, then its thumbnail", record, RECORD_MS),
        Case("its thumbnail alone", lambda: record().splitlines()[1], RECORD_MS),
        Case("every copy of one file", lambda: f"/photos/by-etag/{rng.randrange(100):032x}", RECORD_MS),
        Case("facets: four fields, everything", lambda: "/facets?fields=camera,lens,iso,taken", FACETS_ALL_MS, 50),
        Case(f"facets: four fields, a month ({month})",
             lambda: f"/facets?taken=20{rng.randrange(16, 24)}-{rng.randrange(1, 13):02}", FACETS_MS, 100),
        Case(f"facets: four fields, a camera's years ({years})",
             lambda: f"/facets?camera={RARE_CAMERA}&taken={RARE_CAMERA_YEARS}", FACETS_MS, 100),
        Case(f"facets: four fields, one camera ({rare_count})",
             lambda: f"/facets?camera={RARE_CAMERA}", FACETS_ALL_MS, 50),
        Case("map: the world", lambda: "/map?zoom=2", MAP_MS, 100),
        Case("map: a country", lambda: map_path(6, 8), MAP_MS, 100),
        Case("map: a town", lambda: map_path(12, 0.3), MAP_MS, 100),
        Case("map: streets", lambda: map_path(16, 0.02), MAP_MS, 100),
        Case("map: the world, one camera", lambda: f"/map?zoom=2&camera={RARE_CAMERA}", MAP_MS, 50),
    ]  # fmt: skip
