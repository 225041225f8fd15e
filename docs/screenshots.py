"""Take screenshots of the explorer's main screens over the demo library, for docs/explorer/.

Run it with `python -m docs.screenshots`. It starts all servers on free ports, in a folder of its own, and stops them
afterwards. It needs the programs that the tests need.
"""

from __future__ import annotations

import argparse
import io
import itertools
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from exifinator.demo import make_demo
from tests.integration.conftest import Installation
from tests.servers import find_chromium, find_processes, run_mongod, run_rclone, run_redis, running

FOLDER = Path(__file__).resolve().parent / "explorer"
SIZES = {"desktop": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}
THEMES = ("light", "dark")
PHOTO = "demo/2019/Lofoten/DSC01250.JPG"
# So many copies of the demo library, read by so few greenlets, take long enough for four pictures of it.
COPIES = 40
GREENLETS = 6
COLOURS = 256
CHART_SECONDS = 12
TOKEN = "of-the-screenshots"  # noqa: S105


def _wait_for(selector: str) -> Callable[[Page], None]:
    return lambda page: expect(page.locator(selector).first).to_be_visible(timeout=30_000)


def _watch_batch(page: Page) -> None:
    """Start a batch where none runs, and wait until its chart shows something."""
    batch = page.locator("article.batch")
    page.locator(".past").wait_for()
    if not batch.count():
        page.get_by_role("combobox", name="Bucket").fill("archive")
        page.get_by_role("button", name="Start", exact=True).click()
        expect(batch.locator(".state.reading")).to_be_visible(timeout=120_000)
    # The chart begins when the page is opened.
    page.wait_for_timeout(CHART_SECONDS * 1000)


@dataclass(frozen=True)
class Screen:
    """One screen: where it is, and what to wait for or do before it is worth a picture."""

    name: str
    address: str
    until: Callable[[Page], None]


SCREENS = (
    Screen("gallery", "/", _wait_for("img.thumbnail")),
    Screen("table", "/?view=table", _wait_for(".table .rows [role=row]")),
    Screen("photo", f"/?photo={quote(PHOTO)}", _wait_for(".mini-map canvas.leaflet-tile-loaded")),
    Screen("map", "/?view=map&at=47.5,9,5", _wait_for(".single.pictured, .cluster")),
    Screen("statistics", "/?view=statistics", _wait_for(".columns .column")),
    # Last: what it reads would be in the other pictures.
    Screen("batches", "/?view=batches", _watch_batch),
)


def _port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def run_demo(folder: Path, library: Path | None) -> Iterator[str]:
    """Run all of EXIFinator over the demo library, already indexed, and yield the explorer's address."""
    for name in ("mongodb", "redis", "buckets", "logs"):
        (folder / name).mkdir()
    buckets = folder / "buckets"
    if library:
        shutil.copytree(library, buckets / "demo")
    make_demo(buckets / "demo")
    for at in range(COPIES):
        for photo in (buckets / "demo").rglob("*.*"):
            copy = buckets / "archive" / f"{at:02}" / photo.relative_to(buckets / "demo")
            copy.parent.mkdir(parents=True, exist_ok=True)
            os.link(photo, copy)
    port = _port()
    with (
        run_mongod(folder / "mongodb", _port()) as mongodb,
        run_redis(folder / "redis", _port()) as redis,
        run_rclone(buckets, _port(), cache="1m") as s3,
    ):
        settings = {
            "MONGODB_URI": mongodb,
            "REDIS_URL": redis,
            "S3_ENDPOINT_URL": s3,
            "API_PORT": port,
            "API_TOKEN": TOKEN,
            "GREENLETS": GREENLETS,
        }
        installation = Installation(settings, folder / "logs")
        try:
            installation.start_worker("download", "write")
            installation.run("demo")
            with running([sys.executable, "-m", "api"], port, folder / "logs" / "api.log", installation.environment):
                yield f"http://127.0.0.1:{port}"
        finally:
            # A batch outlives the API that it was started by.
            started = {batch["_id"] for batch in installation.store.batches.collection.find()}
            for process in find_processes(lambda process: not started.isdisjoint(process.cmdline())):
                process.kill()
            installation.close()


def take(browser: Browser, url: str, screen: Screen, size: str, theme: str) -> bytes:
    """Return a PNG of one screen."""
    context = browser.new_context(
        viewport=SIZES[size],  # type: ignore[arg-type]
        color_scheme=theme,  # type: ignore[arg-type]
        reduced_motion="reduce",
        has_touch=size == "phone",
        locale="en-GB",
    )
    page = context.new_page()
    page.add_init_script(f"sessionStorage.setItem('explorer.token', '{TOKEN}')")
    page.goto(url + screen.address)
    screen.until(page)
    if screen.name != "batches":  # its event stream stays open
        page.wait_for_load_state("networkidle")
    page.evaluate("document.fonts.ready")
    page.wait_for_timeout(500)
    picture = page.screenshot()
    context.close()
    return picture


def shrink(picture: bytes) -> bytes:
    """Return the PNG with a palette: a third of the bytes, without a visible difference."""
    out = io.BytesIO()
    image: Any = Image.open(io.BytesIO(picture)).convert("RGB")
    image.quantize(COLOURS, dither=Image.Dither.FLOYDSTEINBERG).save(out, "PNG", optimize=True)
    return out.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=[screen.name for screen in SCREENS], help="this screen alone")
    parser.add_argument("--library", type=Path, help="a demo library that is drawn already, as in var/; it is copied")
    parser.add_argument("--output", type=Path, default=FOLDER)
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="exifinator-screenshots-") as folder,
        run_demo(Path(folder), arguments.library) as url,
        sync_playwright() as driver,
    ):
        browser = driver.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
        wanted = [screen for screen in SCREENS if arguments.only in (None, screen.name)]
        for screen, size, theme in itertools.product(wanted, SIZES, THEMES):
            picture = shrink(take(browser, url, screen, size, theme))
            (arguments.output / f"{screen.name}-{size}-{theme}.png").write_bytes(picture)
        browser.close()


if __name__ == "__main__":
    main()
