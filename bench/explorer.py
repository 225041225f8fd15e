"""Measure the explorer over a million records in Chromium: `python -m bench.explorer`.

Starts a MongoDB, generates records (in the database `bench_explorer`, whose collections it drops first), runs
`python -m api` on the records, opens the explorer, scrolls, drags a histogram and pans the map, and writes
bench/EXPLORER.md. The browser, the API and MongoDB share the machine.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pymongo
from playwright.sync_api import Browser, Page, expect, sync_playwright

from bench.api import table
from bench.explorer_records import load
from exifinator.config import build_config
from tests.servers import find_chromium, reserve_port, run_mongod

DATABASE = "bench_explorer"
ROOT = Path(__file__).resolve().parent.parent
VIEWPORT = {"width": 1440, "height": 900}
TIMEOUT_MS = 120_000

# View -> its path and a selector. The measurement ends when an element matches the selector and, if it is an
# image, has been loaded.
VIEWS = {
    "gallery": ("/", "img.thumbnail"),
    "table": ("/?view=table", ".table .rows [role=row] [role=cell]"),
    "map": ("/?view=map", ".marker"),
    "statistics": ("/?view=statistics", ".column"),
    "gallery, one camera": ("/?camera=ILCE-7M3", ".tile .no-thumbnail, img.thumbnail"),
    "gallery, one month": ("/?taken=2020-05", ".tile .no-thumbnail, img.thumbnail"),
}

VIEW_COLUMNS = ["view", "median", "min", "max", "longest task", "total", "page", "API", "thumbnails"]

# A script that runs before the page's own scripts. It records the long tasks that the browser reports (at least 50 ms
# of the main thread), and the time at which the first element that matches SELECTOR appears.
_WATCH = """(() => {
  window.bench = {tasks: [], first: null};
  new PerformanceObserver((list) => bench.tasks.push(...list.getEntries().map((entry) => entry.duration)))
    .observe({type: "longtask", buffered: true});
  const selector = SELECTOR;
  const check = () => {
    const element = document.querySelector(selector);
    const isShown = element && (element.tagName !== "IMG" || (element.complete && element.naturalWidth));
    if (isShown) bench.first = performance.now();
    else requestAnimationFrame(check);
  };
  check();
})()"""


@contextlib.contextmanager
def run_api(mongodb: str) -> Iterator[str]:
    """Run `python -m api` on the generated records. Yield its URL."""
    port = reserve_port()
    settings = {"MONGODB_URI": mongodb, "MONGODB_DATABASE": DATABASE, "API_PORT": port}
    environment = {**os.environ, **{f"EXIFINATOR_{name}": str(value) for name, value in settings.items()}}
    process = subprocess.Popen([sys.executable, "-m", "api"], cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


class Visit:
    """A page in a browser with an empty cache, loaded until an element that matches `selector` is visible.

    Attributes:
        bytes: Number of bytes received so far, by kind: `page` (the page and its files), `API` (responses of the API)
            and `thumbnails`.
    """

    def __init__(self, browser: Browser, address: str, selector: str) -> None:
        self.context = browser.new_context(viewport=VIEWPORT)  # type: ignore[arg-type]
        self.page = self.context.new_page()
        self.page.set_default_timeout(TIMEOUT_MS)
        self.page.add_init_script(_WATCH.replace("SELECTOR", repr(selector)))
        self.bytes: dict[str, int] = {}
        self._urls: dict[str, str] = {}
        network = self.context.new_cdp_session(self.page)
        network.send("Network.enable")
        network.on(
            "Network.requestWillBeSent", lambda event: self._urls.update({event["requestId"]: event["request"]["url"]})
        )
        network.on("Network.loadingFinished", self._count)
        self.page.goto(address)
        expect(self.page.locator(selector).first).to_be_visible(timeout=TIMEOUT_MS)

    def _count(self, event: dict[str, Any]) -> None:
        url = self._urls.get(event["requestId"], "")
        path = url.split("/", 3)[-1]
        if "/thumbnail" in path:
            kind = "thumbnails"
        else:
            kind = "page" if path.startswith("static/") or path[:1] in ("", "?") else "API"
        self.bytes[kind] = self.bytes.get(kind, 0) + int(event["encodedDataLength"])

    def wait_until_idle(self) -> None:
        """Wait until no data has arrived for a second, and every image is loaded."""
        idle = 0
        while idle < 10:
            before = sum(self.bytes.values())
            self.page.wait_for_timeout(100)
            complete = self.page.evaluate("[...document.images].every((image) => image.complete && image.src)")
            idle = idle + 1 if complete and sum(self.bytes.values()) == before else 0

    def first_element_ms(self) -> float:
        return float(self.page.evaluate("bench.first ?? performance.now()"))

    def pop_long_tasks(self) -> list[float]:
        """Return the durations of the long tasks since the last call, in milliseconds."""
        return [float(duration) for duration in self.page.evaluate("bench.tasks.splice(0)")]

    def close(self) -> None:
        self.context.close()


def measure_view(browser: Browser, url: str, name: str, rounds: int) -> list[str]:
    path, selector = VIEWS[name]
    times = []
    for _ in range(rounds):
        visit = Visit(browser, url + path, selector)
        times.append(visit.first_element_ms())
        visit.wait_until_idle()
        sizes, tasks = visit.bytes, visit.pop_long_tasks()
        visit.close()
    total_bytes = sum(sizes.values())
    durations_ms = [statistics.median(times), min(times), max(times), max(tasks, default=0)]
    sizes_kb = [sizes.get(kind, 0) / 1000 for kind in ("page", "API", "thumbnails")]
    return [
        name,
        *(f"{value:,.0f}" for value in durations_ms),
        f"{total_bytes / 1000:,.0f}",
        *(f"{value:,.0f}" for value in sizes_kb),
    ]


def scroll(page: Page) -> None:
    page.mouse.move(900, 500)
    for _ in range(150):
        page.mouse.wheel(0, 300)
        page.wait_for_timeout(16)


def drag_histogram(page: Page) -> None:
    handle = page.locator("[data-handle=low]").nth(1)
    handle.scroll_into_view_if_needed()
    box = handle.bounding_box()
    assert box is not None
    for _ in range(3):
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.down()
        for step in range(120):
            page.mouse.move(box["x"] + 10 + step, box["y"] + box["height"] / 2)
            page.wait_for_timeout(8)
        page.mouse.up()
        page.wait_for_timeout(1500)
        page.go_back()
        page.wait_for_timeout(1000)


def pan_map(page: Page) -> None:
    for zoom in range(4):
        for _ in range(4):
            page.mouse.move(900, 600)
            page.mouse.down()
            for step in range(30):
                page.mouse.move(900 - 9 * step, 600 - 2 * step)
                page.wait_for_timeout(8)
            page.mouse.up()
            page.wait_for_timeout(700)
        if zoom < 3:
            page.get_by_role("button", name="Zoom in", exact=True).click()
            page.wait_for_timeout(1200)


MOVEMENTS: dict[str, tuple[str, Callable[[Page], None]]] = {
    "scrolling the gallery, 45,000 pixels": ("gallery", scroll),
    "scrolling the table, 45,000 pixels": ("table", scroll),
    "dragging a histogram, three times": ("gallery", drag_histogram),
    "panning the map at four zooms": ("map", pan_map),
}


def measure_movement(browser: Browser, url: str, name: str) -> list[str]:
    view, movement = MOVEMENTS[name]
    path, selector = VIEWS[view]
    visit = Visit(browser, url + path, selector)
    visit.wait_until_idle()
    visit.pop_long_tasks()
    start = time.perf_counter()
    movement(visit.page)
    seconds = time.perf_counter() - start
    tasks = visit.pop_long_tasks()
    visit.close()
    return [
        name,
        f"{seconds:.0f}",
        str(len(tasks)),
        str(sum(duration > 100 for duration in tasks)),
        f"{max(tasks, default=0):.0f}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000, help="number of records to generate")
    parser.add_argument(
        "--mongodb",
        help="URI of a server whose database bench_explorer may be dropped (default: start a server)",
    )
    parser.add_argument("--keep", action="store_true", help="use the records that an earlier run generated")
    parser.add_argument("--rounds", type=int, default=5, help="number of times that each view is opened")
    parser.add_argument("--wait", type=float, default=60, help="seconds to wait while the API counts all photos")
    parser.add_argument("--output", type=Path, default=ROOT / "bench" / "EXPLORER.md", help="file for the report")
    arguments = parser.parse_args()
    if arguments.mongodb:
        measure(arguments, arguments.mongodb)
        return
    with (
        tempfile.TemporaryDirectory(prefix="exifinator-bench-", ignore_cleanup_errors=True) as folder,
        run_mongod(Path(folder), reserve_port()) as mongodb,
    ):
        measure(arguments, mongodb)


def measure(arguments: argparse.Namespace, mongodb: str) -> None:
    """Generate the records, measure, and write the report."""
    config = build_config({"MONGODB_URI": mongodb, "MONGODB_DATABASE": DATABASE}, {})
    load_before = os.getloadavg()[0]
    with pymongo.MongoClient[dict[str, Any]](mongodb) as mongo:
        if not arguments.keep:
            load(mongo[DATABASE], config, arguments.records)
        count = mongo[DATABASE][config.mongodb_collection].estimated_document_count()
    with run_api(mongodb) as url, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
        first_gallery = measure_view(browser, url, "gallery", 1)
        first_gallery[0] = "gallery, the first after a start"
        first_map = measure_view(browser, url, "map", 1)
        first_map[0] = "map, the first after a start"
        # Let the API count all photos in the background, as it has done on a server that has been running for a while.
        measure_view(browser, url, "statistics", 1)
        time.sleep(arguments.wait)
        view_rows = [measure_view(browser, url, name, arguments.rounds) for name in VIEWS]
        movement_rows = [measure_movement(browser, url, name) for name in MOVEMENTS]
        version = browser.version
        browser.close()
    report = [
        "# The explorer's speed",
        f"`python -m bench.explorer --records {count}` on {os.cpu_count()} cores ({platform.machine()}), Python "
        f"{platform.python_version()}, Chromium {version}, {VIEWPORT['width']} x {VIEWPORT['height']} pixels. The "
        f"browser, the API and MongoDB share the cores. Load average (1 minute) before and after: {load_before:.1f} "
        f"and {os.getloadavg()[0]:.1f} (in a run at 2, other programs slowed the explorer down).",
        "## First view\n\nTime from the navigation to the first thumbnail, row, cluster or bar on the screen, with an "
        "empty cache, in milliseconds. `longest task` is the longest task of the main thread while the page loads. "
        "Sizes are in kB, as transferred (compressed) until the network was idle.",
        table(VIEW_COLUMNS, [first_gallery, first_map, *view_rows]),
        "## Movement\n\nLong tasks are those that the browser's PerformanceObserver reports (`longtask`: at least 50 "
        "ms of the main thread). The mouse is moved at the pace of a person's hand.",
        table(["movement", "seconds", "long tasks", "over 100 ms", "longest, ms"], movement_rows),
    ]
    arguments.output.write_text("\n\n".join(report) + "\n")
    print(arguments.output.read_text())


if __name__ == "__main__":
    main()
