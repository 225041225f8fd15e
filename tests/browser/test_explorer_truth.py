"""The parts of a page agree with each other, even while photos are being indexed, and after an outage."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pymongo
import pytest
from playwright.sync_api import Browser, Page, Route, expect
from pydantic import SecretStr

from exifinator.config import Config
from exifinator.storage.mongodb import connect_mongodb
from exifinator.storage.store import Store
from tests.browser.accessible import assert_accessible
from tests.browser.conftest import Explorer
from tests.browser.test_explorer_filters import drag, expect_total, section
from tests.browser.test_explorer_gallery import tiles, total_of
from tests.conftest import Addresses
from tests.integration.api.fixtures import serve_api
from tests.integration.api.library import make_record

# The number of records stored so far. It gives each record a later time than all before, because the API notices
# changes by the number of photos and the latest time.
_stored = itertools.count()


@dataclass
class OwnLibrary:
    """An explorer whose photos a test changes."""

    explorer: Explorer
    photos: pymongo.collection.Collection[dict[str, Any]]

    def store(self, *records: dict[str, Any]) -> None:
        """Store records as a worker does, each with a later time than all before, even in earlier tests."""
        for record in records:
            extracted_at = datetime(2027, 1, 1, tzinfo=UTC) + timedelta(seconds=next(_stored))
            self.photos.replace_one({"_id": record["_id"]}, {**record, "extracted_at": extracted_at}, upsert=True)


@pytest.fixture(scope="module")
def own_url(servers: Addresses) -> Iterator[tuple[str, Config]]:
    config = Config(
        mongodb_uri=SecretStr(servers.mongodb_uri),
        mongodb_database="truth",
        mrq_database="truth-mrq",
        api_previews=False,
    )
    with connect_mongodb(config) as client:
        Store(client, config).ensure_indexes()
    with serve_api(config) as api:
        yield api.url, config


@pytest.fixture
def library(own_url: tuple[str, Config], browser: Browser) -> Iterator[OwnLibrary]:
    url, config = own_url
    with pymongo.MongoClient[dict[str, Any]](config.mongodb_uri.get_secret_value()) as client:
        photos = client[config.mongodb_database][config.mongodb_collection]
        photos.delete_many({})
        explorer = Explorer(url, browser)
        yield OwnLibrary(explorer, photos)
        explorer.finish()


def records(count: int, *, first: int = 0, bucket: str = "b", **changes: Any) -> list[dict[str, Any]]:
    return [make_record(bucket, f"2024/{at:04}.jpg", at, **changes) for at in range(first, first + count)]


def test_stored_records__in_an_empty_library__appear_without_a_reload(library: OwnLibrary) -> None:
    """Once, the page showed "100 photos" above "Your library is empty"."""
    page = library.explorer.open("/")
    expect(page.get_by_role("heading", name="Your library is empty")).to_be_visible()
    library.store(*records(7))
    expect(tiles(page)).to_have_count(7)
    expect_total(page, 7)
    expect(section(page, "Camera").get_by_role("checkbox", name="X-T4")).to_be_visible()


def test_stored_records__gallery_or_table_open__are_offered(library: OwnLibrary) -> None:
    library.store(*records(5))
    page = library.explorer.open("/?bucket=b")
    expect(tiles(page)).to_have_count(5)
    library.store(*records(12, first=5))
    notice = page.locator(".new-photos")
    expect(notice).to_contain_text("12 new photos")
    expect_total(page, 17)
    notice.get_by_role("button", name="Show").click()
    expect(tiles(page)).to_have_count(17)
    expect(notice).to_have_count(0)
    page.get_by_role("link", name="Table").click()
    expect(page.locator("[role=row].item, .item [role=row]").first).to_be_visible()
    library.store(*records(1, first=17))
    expect(page.locator(".new-photos")).to_contain_text("1 new photo.")


def test_counts__stale__are_requested_again(library: OwnLibrary) -> None:
    library.store(*records(5))
    page = library.explorer.new_page()
    stale_responses = [1, 2]

    def respond(route: Route) -> None:
        counts = route.fetch().json()
        if stale_responses and stale_responses.pop():
            counts = {**counts, "total": 3, "stale": True}
        route.fulfill(json=counts)

    page.route("**/facets?*", respond)
    page.goto(library.explorer.url)
    expect_total(page, 5)


def test_timeline__photo_with_a_date_in_the_future__is_not_stretched_and_links_to_it(library: OwnLibrary) -> None:
    future = make_record("b", "future.jpg", 1)
    future["photo"]["taken_local"] = datetime(2216, 5, 1, tzinfo=UTC)
    library.store(*records(40), future)
    page = library.explorer.open("/")
    timeline = page.get_by_role("region", name="Timeline")
    expect(timeline.locator(".bar")).to_have_count(12)
    expect(timeline.locator(".bar").last).to_have_attribute("title", re.compile("December 2024"))
    timeline.get_by_role("link", name="1 photo in the future").click()
    expect_total(page, 1)
    page.goto(library.explorer.url + "/?view=statistics")
    expect(page.get_by_role("list", name="Photos by month").get_by_role("listitem")).to_have_count(2)
    expect(page.get_by_role("link", name="1 photo with a date in the future")).to_be_visible()


def test_filter__value_too_rare_for_its_list__is_found_by_the_api(library: OwnLibrary) -> None:
    """The list has only the 200 most frequent values. Once, users could neither see nor find the others."""
    # Each camera has two photos, except the last one, which is therefore the least frequent.
    cameras = records(439)
    for at, record in enumerate(cameras):
        record["photo"]["camera_model"] = f"Model {at // 2:03}"
    library.photos.insert_many(cameras)
    page = library.explorer.open("/")
    box = section(page, "Camera")
    box.get_by_role("button", name="Show all").click()
    expect(box.get_by_text("These are the 200 most frequent values.")).to_have_count(
        1 if len(cameras) - 30 > 200 else 0
    )
    searches: list[str] = []

    def answer_with_outdated_counts(route: Route) -> None:
        """Answer the first search from counts of the time before the rarest camera was stored."""
        searches.append(route.request.url)
        content = route.fetch().json()
        if len(searches) == 1:
            content |= {"stale": True, "facets": {"camera": []}}
        route.fulfill(json=content)

    page.route("**/facets?*find=*", answer_with_outdated_counts)
    box.get_by_label("Find in Camera").fill("MODEL 219")
    box.get_by_role("checkbox", name="Model 219").check()
    expect_total(page, 1)
    box.get_by_label("Find in Camera").fill("nothing like this")
    expect(box.get_by_text("No matches.")).to_be_visible()


def test_filter__two_values_of_one_list__finds_photos_with_either(explorer: Explorer) -> None:
    page = explorer.open("/")
    cameras = section(page, "Camera")
    cameras.get_by_role("checkbox", name="ILCE-7M3").check()
    cameras.get_by_role("checkbox", name="No camera").check()
    both = total_of(explorer, page, camera="ILCE-7M3") + total_of(explorer, page, without="camera")
    expect_total(page, both)
    cameras.get_by_role("button", name="Clear Camera").click()
    expect(page.locator(".chip")).to_have_count(0)
    expect_total(page, total_of(explorer, page))
    rating = section(page, "Rating")
    rating.get_by_role("checkbox", name="★★★★★").check()
    rating.get_by_role("checkbox", name="Unrated").check()
    expect_total(page, total_of(explorer, page, rating=5) + total_of(explorer, page, without="rating"))
    rating.get_by_role("button", name="Clear Rating").click()
    dates = section(page, "Date taken")
    dates.get_by_label("Date taken: from").fill("2024-01-01")
    page.keyboard.press("Enter")
    dates.get_by_role("checkbox", name="No date").check()
    expect_total(page, total_of(explorer, page, taken="2024..") + total_of(explorer, page, without="date"))
    assert "taken=2024-01-01.." in page.url


def test_folder_box__without_a_bucket__searches_all_buckets(explorer: Explorer) -> None:
    page = explorer.open("/")
    buckets = section(page, "Bucket and folder")
    buckets.get_by_label("Folder or path prefix").fill("2024/")
    page.keyboard.press("Enter")
    expect_total(page, total_of(explorer, page, bucket="demo", prefix="2024/"))
    folder = buckets.locator(".plain .value").first
    expect(folder).to_be_visible()
    folder.click()
    expect(page.locator(".chip", has_text="Folder: 2024/")).to_be_visible()
    expect(tiles(page).first).to_be_visible()


def test_range__typed_or_dragged_to_the_last_bar__has_no_upper_limit(explorer: Explorer) -> None:
    page = explorer.open("/")
    iso = section(page, "ISO")
    iso.get_by_label("ISO: from (value)").fill("801")
    page.keyboard.press("Enter")
    expect_total(page, total_of(explorer, page, iso="801-"))
    expect(page.locator(".chip")).to_contain_text("ISO from 801")
    assert "iso=801-" in page.url
    iso.get_by_label("ISO: to (value)").fill("many")
    page.keyboard.press("Enter")
    expect(iso.get_by_label("ISO: to (value)")).to_have_attribute("aria-invalid", "true")
    iso.get_by_role("button", name="Clear ISO").click()
    expect(page.locator(".chip")).to_have_count(0)
    bars = iso.locator(".bar").count()
    drag(page, iso.locator(".plot"), bars - 3, bars - 1, bars)
    # A range up to the last bar has no upper limit, so that it includes photos that are indexed later.
    expect(page).to_have_url(re.compile(r"iso=\d+-($|&)"))


def expect_outage(page: Page) -> None:
    expect(page.get_by_text("Can't reach the server").first).to_be_visible()


def test_page__after_an_outage__recovers_without_a_reload(explorer: Explorer) -> None:
    page = explorer.open("/", allow=("Failed to load resource", "ERR_"))
    expect(tiles(page).locator("img").first).to_be_visible()
    total = total_of(explorer, page)
    page.context.set_offline(True)
    section(page, "Camera").get_by_role("checkbox", name="X-T4").click()
    expect_outage(page)
    expect(page.get_by_text("Couldn't load filter counts.")).to_be_visible()
    page.context.set_offline(False)
    expect_total(page, total_of(explorer, page, camera="X-T4"))
    expect(tiles(page).first).to_be_visible()
    expect(page.get_by_role("region", name="Timeline")).to_be_visible()
    expect(page.get_by_text("Couldn't load filter counts.")).to_have_count(0)
    section(page, "Camera").get_by_role("checkbox", name="X-T4").uncheck()
    expect_total(page, total)


def test_thumbnail__server_unreachable__is_reported_and_fetched_again(explorer: Explorer) -> None:
    page = explorer.new_page(allow=("Failed to load resource", "ERR_"))
    page.route("**/thumbnail?*", lambda route: route.abort())
    page.goto(explorer.url)
    unreachable = tiles(page).filter(has_text="Can't reach the server")
    absent = tiles(page).filter(has_text="No thumbnail")
    expect(unreachable.first).to_be_visible()
    expect(absent.first).to_be_visible()
    page.unroute_all()
    expect(unreachable).to_have_count(0)
    expect(tiles(page).locator("img").first).to_be_visible()


# Preact runs effects after a frame, or after 35 ms if there is none.
LATE_EFFECTS = """
const { requestAnimationFrame, setTimeout } = window;
window.requestAnimationFrame = (callback) => setTimeout(() => requestAnimationFrame(callback), 1000);
window.setTimeout = (callback, delay, ...values) => setTimeout(callback, delay === 35 ? 1000 : delay, ...values);
"""


def test_thumbnail__failed_before_effects_have_run__is_reported(explorer: Explorer) -> None:
    page = explorer.new_page(allow=("Failed to load resource", "ERR_"))
    page.add_init_script(LATE_EFFECTS)
    page.route("**/thumbnail?*", lambda route: route.abort())
    page.goto(explorer.url)
    expect(tiles(page).filter(has_text="Can't reach the server").first).to_be_visible()


@pytest.mark.parametrize("code", ["access_denied", "foreign_origin"])
def test_batch__refused_by_the_api__shows_the_reason(explorer: Explorer, code: str) -> None:
    """Once, the page explained every response 403 as a missing token."""
    page = explorer.new_page(allow=("status of 403",))
    problem = {
        "status": 403,
        "code": code,
        "parameter": "source",
        "detail": "source: no credentials for no-such-bucket-x",
    }

    def refuse(route: Route) -> None:
        if route.request.method != "POST":
            route.continue_()
            return
        route.fulfill(status=403, content_type="application/problem+json", body=json.dumps(problem))

    page.route("**/batches", refuse)
    page.goto(explorer.url + "/?view=batches")
    page.get_by_role("combobox", name="Bucket").fill("no-such-bucket-x")
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_role("alert")).to_have_text("No credentials for no-such-bucket-x.")


def test_duplicates__groups_of_copies__are_values_of_a_filter(library: OwnLibrary) -> None:
    copies = records(3, fingerprint="a" * 24)
    library.store(*copies, *records(2, first=3, fingerprint="b" * 24), *records(4, first=5))
    page = library.explorer.open("/")
    duplicates = section(page, "Duplicates")
    duplicates.get_by_role("button", name="Duplicates", exact=True).click()
    expect(duplicates.locator(".value .count")).to_have_text(["3 photos", "2 photos"])
    expect(duplicates).to_contain_text("2 files with copies")
    duplicates.get_by_role("checkbox").nth(1).check()
    expect_total(page, 2)
    expect(page.locator(".chip")).to_contain_text("Copies of one file")
    tiles(page).first.click()
    others = page.locator(".copies")
    expect(others.get_by_role("heading")).to_have_text("Another copy of this file")
    others.get_by_role("link", name="Show all copies").click()
    expect_total(page, 2)
    page.get_by_role("button", name="Remove Copies of one file").first.click()
    page.get_by_role("navigation", name="Views").get_by_role("link", name="Duplicates").click()
    groups = page.locator(".duplicates > ul > li")
    expect(groups).to_have_count(2)
    expect(page.locator(".duplicates .summary-line")).to_contain_text("2 files with 3 extra copies")
    expect(groups.first.locator(".places a")).to_have_count(3)
    assert_accessible(page)
    groups.first.get_by_role("link", name="3 copies").click()
    expect_total(page, 3)


@pytest.mark.parametrize("view", ["gallery", "table", "map", "statistics", "batches"])
def test_page__every_view__has_one_h1_and_a_title(explorer: Explorer, view: str) -> None:
    page = explorer.open(explorer.address(view=view, camera="X-T4"))
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_count(1)
    expect(page).to_have_title(f"{heading.text_content()} · EXIFinator")


def test_texts__from_right_to_left__are_isolated(library: OwnLibrary) -> None:
    record = make_record("b", "שלום עולם/تجربة/صورة.jpg", 1)
    record["photo"]["description"] = "وصف (test)"
    library.store(record)
    page = library.explorer.open("/")
    tiles(page).first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".key bdi").first).to_have_text("שלום עולם")
    # The folders stay in the order of the path: the first one is on the left.
    boxes = [box for box in (part.bounding_box() for part in dialog.locator(".key").first.locator("bdi").all()) if box]
    assert [box["x"] for box in boxes] == sorted(box["x"] for box in boxes)
    expect(dialog.locator(".description")).to_have_attribute("dir", "auto")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_histogram__bars__have_the_contrast_of_graphics(explorer: Explorer, scheme: str) -> None:
    """The contrast is 3:1 with the background, and between selected and other bars (WCAG 1.4.11)."""
    page = explorer.open("/?iso=400-800", color_scheme=scheme)
    plot = section(page, "ISO").locator(".plot")
    expect(plot.locator(".bar.in").first).to_be_visible()
    colours = page.evaluate(
        """() => {
          const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
          const read = (selector, name) => {
            canvas.fillStyle = getComputedStyle(document.querySelector(selector))[name];
            canvas.fillRect(0, 0, 1, 1);
            return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
          };
          return [read("aside", "backgroundColor"), read("aside .bar.out > span", "backgroundColor"),
                  read("aside .bar.in > span", "backgroundColor")];
        }"""
    )

    def luminance(colour: list[int]) -> float:
        parts = [value / 255 for value in colour]
        linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    ground, other, chosen = map(luminance, colours)
    for one, two in ((ground, other), (ground, chosen), (other, chosen)):
        assert (max(one, two) + 0.05) / (min(one, two) + 0.05) >= 3
