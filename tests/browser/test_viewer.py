"""The viewer, and previews in the gallery: originals come from an S3 server by presigned links."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pymongo
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from pydantic import SecretStr

from exifinator.config import Config
from tests.browser.accessible import assert_accessible
from tests.browser.conftest import PHONE, Explorer, wait_until
from tests.conftest import Addresses
from tests.data.build import box
from tests.data.movie import full, handler, movie
from tests.integration.api.fixtures import serve_api
from tests.integration.api.library import make_record
from tests.stub_s3 import StubS3, run_stub


def make_picture(width: int, height: int, image_format: str = "JPEG") -> bytes:
    output = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).convert("RGB").save(output, image_format)
    return output.getvalue()


def make_raf(jpeg: bytes) -> bytes:
    """Return a RAF file that has this JPEG as its preview."""
    head = b"FUJIFILMCCD-RAW ".ljust(84, b"\0") + struct.pack(">II", 200, len(jpeg))
    return head.ljust(200, b"\0") + jpeg


def cover(jpeg: bytes) -> bytes:
    """Return the boxes with the cover of a movie."""
    return handler(b"mdir") + box(b"ilst", box(b"covr", box(b"data", struct.pack(">II", 13, 0) + jpeg)))


# The format and the content of each file, in the order of the gallery. The last one has a cover, but nothing to play.
FILES = {
    "1.jpg": ("jpeg", make_picture(4000, 3000)),
    "2.raf": ("raf", make_raf(make_picture(1600, 1200))),
    "3.heic": ("heic", b"\0\0\0\x18ftypheic" + bytes(100)),
    "4.jpg": ("jpeg", b"<!doctype html><script>alert(1)</script>"),
    "5.mp4": ("mp4", b"\0\0\0\x18ftypmp42" + bytes(100)),
    "6.mov": ("mov", movie(box(b"udta", full(b"meta", cover(make_picture(640, 360)))))),
}


@dataclass
class Gallery:
    explorer: Explorer
    stub: StubS3

    def open(self, address: str, **options: Any) -> Page:
        # The page fetches originals from S3.
        return self.explorer.open(address, allow=(f"^foreign request: {self.stub.url}/shots/",), **options)

    def photo(self, name: str, **state: str) -> str:
        return "/?" + "&".join(f"{key}={value}" for key, value in state.items()) + f"&photo={quote(f'shots/{name}')}"


@pytest.fixture(scope="module")
def running(servers: Addresses) -> Iterator[tuple[str, StubS3]]:
    with run_stub(StubS3({"shots": {name: content for name, (_, content) in FILES.items()}})) as stub:
        config = Config(
            mongodb_uri=SecretStr(servers.mongodb_uri), mongodb_database="viewer", mrq_database="viewer-mrq"
        )
        config = config.model_copy(update={"s3_endpoint_url": stub.url, "api_preview_cache_mb": 0})
        records = [
            make_record("shots", name, 300 - at, format=kind, etag="", photo={"taken_at": taken, "taken_local": taken})
            for at, (name, (kind, _)) in enumerate(FILES.items())
            for taken in [make_record("shots", name, 300 - at)["photo"]["taken_at"]]
        ]
        with pymongo.MongoClient[dict[str, Any]](servers.mongodb_uri) as client:
            client.drop_database("viewer")
            client["viewer"]["exif_data"].insert_many(records)
        with serve_api(config) as api:
            yield api.url, stub


@pytest.fixture
def gallery(running: tuple[str, StubS3], browser: Browser) -> Iterator[Gallery]:
    explorer = Explorer(running[0], browser)
    yield Gallery(explorer, running[1])
    explorer.finish()


def test_gallery__files_without_a_thumbnail__show_a_preview_a_cover_or_the_reason(gallery: Gallery) -> None:
    page = gallery.open("/")
    tiles = page.locator(".tile")
    for at in (0, 1, 5):
        expect(tiles.nth(at).locator("img.thumbnail")).to_be_visible()
    for at, reason in ((2, "No preview"), (3, "Picture is damaged"), (4, "No preview")):
        expect(tiles.nth(at).locator(".why")).to_have_text(reason)


def test_viewer__keys__zoom_pan_change_photos_and_close(gallery: Gallery) -> None:
    page = gallery.open(gallery.photo("1.jpg"))
    page.get_by_role("link", name="View full screen").click()
    viewer = page.get_by_role("dialog", name="Viewer: 1.jpg")
    picture = viewer.locator(".stage img")
    expect(viewer.locator("footer")).to_have_text("Original, 4,000 × 3,000")
    assert picture.evaluate("image => image.src").startswith(f"{gallery.stub.url}/shots/1.jpg?")
    fitting = picture.bounding_box()
    assert fitting is not None
    assert fitting["width"] == pytest.approx(1200)  # 900 pixels high
    assert_accessible(page)
    page.keyboard.press("1")
    expect(viewer.get_by_label("Zoom", exact=True)).to_have_text("100%")
    assert picture.evaluate("image => image.getBoundingClientRect().width") == pytest.approx(4000)
    left = picture.evaluate("image => image.getBoundingClientRect().left")
    page.keyboard.press("ArrowRight")  # pans while zoomed
    wait_until(page, "left => document.querySelector('.stage img').getBoundingClientRect().left < left", left)
    expect(viewer).to_be_visible()
    page.keyboard.press("0")
    # The keys that change the photo do so only once its neighbours are known.
    expect(viewer.get_by_role("button", name="Next photo")).to_be_enabled()
    page.keyboard.press("ArrowRight")
    viewer = page.get_by_role("dialog", name="Viewer: 2.raf")
    expect(viewer.locator("footer")).to_have_text("Preview, 1,600 × 1,200")
    expect(viewer.get_by_role("button", name="Next photo")).to_be_enabled()
    page.keyboard.press("PageDown")
    viewer = page.get_by_role("dialog", name="Viewer: 3.heic")
    expect(viewer.get_by_role("alert")).to_have_text("No preview · This browser can't show the original")
    page.keyboard.press("Escape")
    expect(viewer).to_be_hidden()
    expect(page.get_by_role("dialog", name="Photo 3.heic")).to_be_visible()
    expect(page.get_by_role("link", name="View full screen")).to_be_focused()


def test_viewer__double_click_wheel_and_drag__zoom_and_pan(gallery: Gallery) -> None:
    page = gallery.open(gallery.photo("1.jpg", full="1"))
    percent = page.get_by_label("Zoom", exact=True)
    expect(percent).to_have_text("30%")
    page.mouse.dblclick(900, 450)
    expect(percent).to_have_text("100%")
    box = page.locator(".stage img").evaluate("image => image.getBoundingClientRect().x")
    page.mouse.move(700, 450)
    page.mouse.down()
    page.mouse.move(800, 450)
    page.mouse.up()
    wait_until(
        page, "(x) => Math.abs(document.querySelector('.stage img').getBoundingClientRect().x - x) < 1", box + 100
    )
    page.mouse.dblclick(700, 450)
    expect(percent).to_have_text("30%")
    page.mouse.wheel(0, -200)
    expect(percent).not_to_have_text("30%")


def test_viewer__video_that_the_browser_cannot_play__is_reported(gallery: Gallery) -> None:
    page = gallery.open(gallery.photo("5.mp4", full="1"))
    expect(page.locator(".viewer").get_by_role("alert")).to_have_text("This browser can't play the video")
    page.goto(gallery.explorer.url + gallery.photo("6.mov", full="1"))
    expect(page.locator(".viewer").get_by_role("img", name="6.mov")).to_be_visible()
    expect(page.locator(".viewer").get_by_role("alert")).to_have_text("This browser can't play the video")


def test_viewer__double_tap_and_swipes__zoom_change_photos_and_close(gallery: Gallery) -> None:
    page = gallery.open(gallery.photo("1.jpg", full="1"), viewport=PHONE, has_touch=True, is_mobile=True)
    session = page.context.new_cdp_session(page)

    def touch(*points: tuple[int, int]) -> None:
        for at, (x, y) in enumerate(points):
            kind = "touchMove" if at else "touchStart"
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
        session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    percent = page.get_by_label("Zoom", exact=True)
    expect(percent).to_have_text("10%")
    # Send both taps at once. A slow machine might deliver separate ones too late for a double tap.
    page.evaluate(
        """() => {
          const stage = document.querySelector(".viewer .stage");
          stage.setPointerCapture = () => {};
          for (const type of ["pointerdown", "pointerup", "pointerdown", "pointerup"])
            stage.dispatchEvent(new PointerEvent(type,
              {pointerId: 7, pointerType: "touch", clientX: 200, clientY: 400, button: 0, bubbles: true}));
          delete stage.setPointerCapture;
        }"""
    )
    expect(percent).to_have_text("100%")
    page.keyboard.press("0")
    expect(percent).to_have_text("10%")
    expect(page.locator(".viewer").get_by_role("button", name="Next photo")).to_be_enabled()
    touch((300, 420), (250, 420), (150, 425), (60, 425))
    expect(page.get_by_role("dialog", name="Viewer: 2.raf")).to_be_visible()
    touch((200, 300), (200, 380), (205, 470))
    expect(page.locator(".viewer")).to_be_hidden()


def test_viewer__slideshow__shows_the_next_photo_until_paused(gallery: Gallery) -> None:
    page = gallery.explorer.new_page(allow=(f"^foreign request: {gallery.stub.url}/shots/",))
    page.clock.install()
    page.goto(gallery.explorer.url + gallery.photo("1.jpg", full="1"))
    expect(page.locator(".viewer footer")).to_have_text("Original, 4,000 × 3,000")
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Pause slideshow")).to_be_visible()
    page.clock.run_for(5000)
    expect(page.get_by_role("dialog", name="Viewer: 2.raf")).to_be_visible()
    expect(page.locator(".viewer footer")).to_have_text("Preview, 1,600 × 1,200")
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Start slideshow")).to_be_visible()
    page.clock.run_for(20_000)
    expect(page.get_by_role("dialog", name="Viewer: 2.raf")).to_be_visible()
