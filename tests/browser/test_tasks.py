"""Common tasks of users, from start to end, in Chromium and Firefox, on a desktop and on a phone."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pymongo
import pytest
from playwright.sync_api import Locator, Page, expect
from pydantic import SecretStr

from exifinator.config import Config
from tests.browser.conftest import DESKTOP, PHONE, Explorer
from tests.browser.test_explorer_filters import expect_total, section
from tests.browser.test_explorer_gallery import tiles
from tests.browser.test_explorer_search import box
from tests.browser.test_viewer import make_picture
from tests.conftest import Addresses
from tests.integration.api.fixtures import serve_api
from tests.integration.api.library import make_record
from tests.stub_s3 import StubS3, run_stub
from tests.waiting import eventually

IN_OSLO = {"type": "Point", "coordinates": [10.75, 59.91]}
# The fields of the photos that the tasks search for, by day, or by name for photos without a date. Photos without a
# camera here get another camera.
PHOTOS: dict[str, dict[str, Any]] = {
    "2019-08-31": {"camera_model": "X-T4", "iso": 1600, "location": IN_OSLO},
    "2019-09-01": {"camera_model": "X-T4", "iso": 1600, "location": IN_OSLO},
    "2019-10-07": {"camera_model": "X-T4", "iso": 800, "location": IN_OSLO},
    "2019-10-08": {"camera_model": "X-T4", "iso": 3200},
    "2019-11-29": {"camera_model": "Z 6", "iso": 6400, "location": IN_OSLO},
    "2019-11-30": {"camera_model": "X-T4", "iso": 6400, "location": IN_OSLO},
    "1999-12-31": {"description": "A portrait of Mira Lindqvist"},
    "2020-01-01": {"creators": ["Mira Lindqvist"]},
    "2021-06-01": {"creators": ["Mira Lindqvist"], "camera_model": "X-T4"},
    "2022-01-01": {"creators": ["Jonas Berg"]},
    "scan": {},
    "slide": {"creators": ["Jonas Berg"]},
}
COPIES = ("2020-01-01", "2022-01-01")


def make_photo(at: int, name: str, values: dict[str, Any]) -> dict[str, Any]:
    taken = None if name.isalpha() else datetime.fromisoformat(name).replace(hour=23, minute=59, tzinfo=UTC)
    photo = {"camera_model": "LEICA Q2", "taken_at": taken, "taken_local": taken, "media_type": "image", **values}
    copied = {"fingerprint": "a" * 24} if name in COPIES else {}
    known = {name: value for name, value in photo.items() if value is not None}
    return make_record("shots", f"{name}.jpg", at, photo=known, etag="", **copied)


@pytest.fixture(scope="module")
def running(servers: Addresses) -> Iterator[tuple[str, str]]:
    """Yield the URLs of the explorer and of the S3 server with the originals."""
    picture = make_picture(1200, 800)
    with run_stub(StubS3({"shots": {f"{name}.jpg": picture for name in PHOTOS}})) as stub:
        config = Config(mongodb_uri=SecretStr(servers.mongodb_uri), mongodb_database="tasks", mrq_database="tasks-mrq")
        config = config.model_copy(update={"s3_endpoint_url": stub.url})
        with pymongo.MongoClient[dict[str, Any]](servers.mongodb_uri) as client:
            client.drop_database("tasks")
            client["tasks"]["exif_data"].insert_many(
                make_photo(at, name, values) for at, (name, values) in enumerate(PHOTOS.items())
            )
        with serve_api(config) as api:
            # The API counts the values, which the search box needs, in the background after its start.
            eventually(lambda: not api.get("/suggestions", q="x").json()["partial"])
            yield api.url, stub.url


@dataclass
class Person:
    """A user of the explorer, who uses only what is on the screen.

    Attributes:
        downloads: Firefox's folder for downloads.
    """

    explorer: Explorer
    page: Page
    is_phone: bool
    downloads: Path

    def start(self) -> None:
        self.page.get_by_role("link", name="EXIFinator").click()
        expect(self.page.locator(".chip")).to_have_count(0)
        expect_total(self.page, len(PHOTOS))

    def open_filters(self) -> None:
        if self.is_phone:
            self.page.get_by_role("button", name="Filters").click()

    def expect_photos(self, *names: str) -> None:
        """Wait until the gallery has exactly these photos, in this order."""
        if self.is_phone and self.page.locator("aside").is_visible():
            self.page.get_by_role("button", name=f"Show {len(names)} photos").click()
        expect_total(self.page, len(names))
        expect(self.page.locator(".tile .caption span:first-child")).to_have_text([f"{name}.jpg" for name in names])

    def download(self, button: Locator) -> str:
        """Press a button that saves a file, and return the file's text."""
        if self.explorer.browser.browser_type.name == "chromium":
            with self.page.expect_download() as download:
                button.click()
            return download.value.path().read_text()
        earlier = set(self.downloads.iterdir())
        button.click()
        (file,) = eventually(lambda: [path for path in set(self.downloads.iterdir()) - earlier if path.stat().st_size])
        return file.read_text()

    def search(self, text: str) -> None:
        box(self.page).fill(text)


def find_autumn_nights(person: Person) -> None:
    """Find all photos of a camera above ISO 800 in autumn 2019 with GPS."""
    person.start()
    page = person.page
    person.open_filters()
    section(page, "Camera").get_by_role("checkbox", name="X-T4").check()
    iso = section(page, "ISO").get_by_label("ISO: from (value)")
    iso.fill("801")
    iso.press("Enter")
    dates = section(page, "Date taken")
    dates.get_by_label("Date taken: from (value)").fill("2019-09-01")
    dates.get_by_label("Date taken: to (value)").fill("2019-11-30")
    dates.get_by_label("Date taken: to (value)").press("Enter")
    section(page, "Location").get_by_role("checkbox", name="Has location").check()
    person.expect_photos("2019-11-30", "2019-09-01")
    # Find the same photos with the search box.
    person.start()
    person.search("camera:x-t4 iso:801- taken:2019-09..2019-11 has:gps")
    page.keyboard.press("Enter")
    person.expect_photos("2019-11-30", "2019-09-01")
    expect(page.locator(".chip")).to_have_count(4)


def find_photos_without_a_date(person: Person) -> None:
    person.start()
    person.open_filters()
    section(person.page, "Date taken").get_by_role("checkbox", name="No date").check()
    person.expect_photos("slide", "scan")


def find_duplicates(person: Person) -> None:
    """Open a photo that has a copy, and find all copies."""
    person.start()
    tiles(person.page).filter(has_text="2020-01-01").click()
    copies = person.page.locator(".copies")
    expect(copies.get_by_role("heading")).to_have_text("Another copy of this file")
    copies.get_by_role("link", name="Show all copies").click()
    person.expect_photos("2022-01-01", "2020-01-01")


def find_everything_by_an_artist(person: Person) -> None:
    """Find the photos with the artist's name, and from one of them those with the same creator."""
    person.start()
    person.search("lindqvist")
    person.page.keyboard.press("Enter")
    person.expect_photos("2021-06-01", "2020-01-01", "1999-12-31")
    tiles(person.page).first.click()
    person.page.get_by_role("dialog").get_by_role("link", name="Mira Lindqvist").click()
    person.expect_photos("2021-06-01", "2020-01-01")
    expect(person.page.locator(".chip")).to_have_text("Creator: Mira Lindqvist×")


def look_and_export(person: Person) -> None:
    """Open a photo, zoom in, go to the next one, and export a selection."""
    person.start()
    page = person.page
    tiles(page).first.click()
    page.get_by_role("link", name="View full screen").click()
    viewer = page.get_by_role("dialog", name="Viewer: 2022-01-01.jpg")
    expect(viewer.locator("footer")).to_have_text("Original, 1,200 × 800")
    zoom = viewer.get_by_label("Zoom", exact=True)
    fitting = zoom.inner_text()
    viewer.get_by_role("button", name="Zoom in").click()
    expect(zoom).not_to_have_text(fitting)
    viewer.get_by_role("button", name="Next").click()
    expect(page.get_by_role("dialog", name="Viewer: 2021-06-01.jpg").locator("footer")).to_have_text(
        "Original, 1,200 × 800"
    )
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Close").click()
    expect(page.locator("dialog")).to_have_count(0)
    select = page.get_by_role("button", name="Select", exact=True)
    if select.is_visible():
        select.click()
        tiles(page).nth(1).click()
    else:
        page.locator(".tile").nth(1).hover()
        page.locator(".tile .select").nth(1).click()
    tiles(page).nth(3).click()
    bar = page.get_by_role("region", name="Selection")
    expect(bar.get_by_role("status").first).to_have_text("2 photos selected")
    bar.get_by_role("button", name="Export selection").click()
    text = person.download(bar.get_by_role("button", name="CSV for other programs"))
    assert [row["id"] for row in csv.DictReader(io.StringIO(text))] == ["shots/2021-06-01.jpg", "shots/2019-11-30.jpg"]


TASKS = (
    find_autumn_nights, find_photos_without_a_date, find_duplicates, find_everything_by_an_artist, look_and_export,
)  # fmt: skip


@pytest.fixture(params=["desktop", "phone"])
def size(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["browser", "firefox"], ids=["chromium", "firefox"])
def person(
    request: pytest.FixtureRequest, size: str, running: tuple[str, str], firefox_downloads: Path
) -> Iterator[Person]:
    url, s3 = running
    is_phone = size == "phone"
    explorer = Explorer(url, request.getfixturevalue(request.param))
    # The viewer fetches the originals from S3.
    allowed = (f"^foreign request: {s3}/shots/",)
    page = explorer.new_page(allow=allowed, viewport=PHONE if is_phone else DESKTOP, has_touch=is_phone)
    page.goto(url)
    yield Person(explorer, page, is_phone, firefox_downloads)
    explorer.finish()


def test_tasks__all_on_one_page__succeed(person: Person) -> None:
    """The tasks share a page, because opening a page takes longer than a task."""
    for task in TASKS:
        task(person)
