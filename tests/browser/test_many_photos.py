"""The explorer with many generated photos. The results are compared with MongoDB's own counts.

The tests generate 10,000 photos. To run the tests with a million photos, which take minutes to generate, set
EXIFINATOR_TEST_MANY to the URI of a MongoDB that `python -m bench.explorer --mongodb` has filled.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pymongo
import pytest
from playwright.sync_api import Browser, Page, Response, expect
from pydantic import SecretStr

from bench.explorer_records import load
from exifinator.config import Config
from tests.browser.conftest import Explorer, wait_until
from tests.browser.long_lists import rendered_ids, scroll_to
from tests.browser.test_explorer_filters import drag, expect_total, facet, section
from tests.browser.test_explorer_gallery import expect_columns, tiles
from tests.browser.test_explorer_photo import dialog
from tests.browser.test_explorer_search import box
from tests.browser.test_map import clusters, count_in_view, wait_until_loaded, zoom_of
from tests.browser.test_statistics import wait_until_counted
from tests.conftest import Addresses
from tests.integration.api.fixtures import Api, serve_api
from tests.waiting import eventually

DATABASE = "bench_explorer"
GIVEN_URI = os.environ.get("EXIFINATOR_TEST_MANY")
PHOTOS = 10_000
# The facets that the page requests at first: one string per request.
FACETS = (
    "camera,lens,keyword,rating,gps,bucket",
    "format,status,media_type",
    "taken,iso,f,exposure,focal,person,country",
)
Collection = pymongo.collection.Collection[dict[str, Any]]


@pytest.fixture(scope="module")
def config(servers: Addresses) -> Config:
    address = GIVEN_URI or servers.mongodb_uri
    config = Config(
        mongodb_uri=SecretStr(address), mongodb_database=DATABASE, mrq_database=f"{DATABASE}-mrq", api_previews=False
    )
    if not GIVEN_URI:
        servers.once(DATABASE, lambda: load_photos(config))
    return config


def load_photos(config: Config) -> None:
    with pymongo.MongoClient[dict[str, Any]](config.mongodb_uri.get_secret_value()) as client:
        load(client[DATABASE], config, PHOTOS)


@pytest.fixture(scope="module")
def records(config: Config) -> Iterator[Collection]:
    with pymongo.MongoClient[dict[str, Any]](config.mongodb_uri.get_secret_value()) as client:
        yield client[DATABASE][config.mongodb_collection]


def has_counted_all(api: Api, path: str) -> bool:
    """Return whether a response has the counts of all photos. On a busy machine, it may be a timeout."""
    response = api.get(path)
    assert response.is_success or response.status_code == 503, response.text
    return response.is_success and not response.json()["partial"]


@pytest.fixture(scope="module")
def address(config: Config, records: Collection) -> Iterator[str]:
    with serve_api(config) as api:
        # After its start, the API takes a minute to count a million photos. Wait for the counts, which it then caches.
        api.client.timeout = 120
        paths = [f"/facets?{text}fields={names}" for text in ("", "primary=true&") for names in FACETS]
        for path in (*paths, "/map?zoom=2"):
            eventually(partial(has_counted_all, api, path))
        assert api.get(paths[0]).json()["total"] == records.estimated_document_count()
        yield api.url


@pytest.fixture
def explorer(address: str, browser: Browser) -> Iterator[Explorer]:
    explorer = Explorer(address, browser)
    yield explorer
    explorer.finish()


NEWEST = [("photo.taken_local", -1), ("_id", -1)]


def wait_for_complete_counts(page: Page) -> None:
    expect(page.get_by_text("Partial counts")).to_have_count(0)


@pytest.mark.parametrize("view", ["gallery", "table"])
def test_list__scrolled_over_many_pages__has_each_photo_at_its_index(
    explorer: Explorer, records: Collection, view: str
) -> None:
    page = explorer.open(explorer.address(view=view))
    expect_total(page, records.estimated_document_count())
    # The page keeps 24 pages of 100 photos in memory.
    assert scroll_to(page, 2500) < 250
    # Wheel events that are still being processed scroll further, so compare the photos once the list has stopped.
    found = rendered_ids(page)
    indexes = list(found)
    assert len(indexes) > 10
    assert indexes == list(range(indexes[0], indexes[-1] + 1))
    assert indexes[-1] > 2400
    expected = records.find({}, {"_id": 1}, sort=NEWEST, skip=indexes[0], limit=len(indexes))
    assert list(found.values()) == [record["_id"] for record in expected]


def test_gallery__each_photo__has_a_thumbnail_or_the_reason_for_none(explorer: Explorer) -> None:
    page = explorer.open("/")
    wait_until(page, "() => document.querySelector('img.thumbnail')?.naturalWidth > 0")
    page.goto(explorer.url + explorer.address(status="no_exif"))
    expect(page.locator(".no-thumbnail").first).to_contain_text("No thumbnail")


def test_table__broken_thumbnail__shows_only_the_format(explorer: Explorer) -> None:
    page = explorer.new_page()
    page.route("**/thumbnail?*", lambda route: route.fulfill(body=b"no JPEG", content_type="image/jpeg"))
    page.goto(explorer.url + explorer.address(view="table"))
    box = page.locator(".table .no-thumbnail").first
    expect(box.locator(".format")).to_be_visible()
    assert box.inner_text().strip() in {"JPEG", "HEIF", "HEIC", "TIFF", "PNG", "WEBP", "CR3", "RAF", "AVIF", "JXL"}
    cell, shown = page.locator(".table .picture").first.bounding_box(), box.locator(".format").bounding_box()
    assert cell
    assert shown
    assert shown["x"] >= cell["x"]
    assert shown["x"] + shown["width"] <= cell["x"] + cell["width"]


def test_table__columns_and_sort_order__can_be_selected(explorer: Explorer, records: Collection) -> None:
    page = explorer.open(explorer.address(view="table", columns="name,iso"))
    page.get_by_role("button", name="Columns").click()
    page.get_by_role("checkbox", name="Software").check()
    page.keyboard.press("Escape")
    expect_columns(page, "File", "ISO", "Software")
    for direction in (1, -1):
        page.get_by_role("columnheader", name="ISO").get_by_role("button").click()
        wait_until(page, f"() => location.search.includes('sort={'-' if direction < 0 else ''}iso')")
        order = [("photo.iso", direction), ("photo.taken_local", -direction), ("_id", -direction)]
        first = records.find_one({"photo.iso": {"$ne": None}}, {"_id": 1}, sort=order)
        assert first is not None
        wait_until(
            page,
            "(id) => new URL(document.querySelector('[data-index=\"0\"]')?.closest('a')?.href ?? location)"
            ".searchParams.get('photo') === id",
            first["_id"],
        )


VALUE_FILTERS = {
    "camera": ("Camera", "ILCE-7M3", {"photo.camera_model": "ILCE-7M3"}),
    "lens": ("Lens", "No lens", {"photo.lens_model": None}),
    "keyword": ("Keywords", "harbour", {"photo.keywords": "harbour"}),
    "rating": ("Rating", "★★★★★", {"photo.rating": 5}),
    "format": ("Format", "HEIC", {"format": "heic"}),
    "status": ("Status", "No EXIF", {"status": "no_exif"}),
    "gps": ("Location", "No location", {"photo.location": None}),
    "bucket": ("Bucket and folder", "archive", {"bucket": "archive"}),
}


@pytest.mark.parametrize("name", VALUE_FILTERS)
def test_filter__one_value__finds_as_many_photos_as_mongodb_counts(
    explorer: Explorer, records: Collection, name: str
) -> None:
    title, choice, query = VALUE_FILTERS[name]
    page = explorer.open("/")
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer) if "fields=camera" in answer.url else None)
    section(page, title).get_by_role("checkbox", name=choice).check()
    expect_total(page, records.count_documents(query))
    # The counts in the filter panel are updated, and become complete.
    wait_for_complete_counts(page)
    if name != "camera":
        by_camera = records.aggregate([{"$match": query}, {"$group": {"_id": "$photo.camera_model", "n": {"$sum": 1}}}])
        expected = {row["_id"]: row["n"] for row in by_camera}
        assert {row["value"]: row["count"] for row in answers[-1].json()["facets"]["camera"]} == expected
    expect(page.locator(".chip")).to_have_count(1)
    page.go_back()
    expect_total(page, records.estimated_document_count())


def test_folders__opened_level_by_level__find_as_many_photos_as_mongodb_counts(
    explorer: Explorer, records: Collection
) -> None:
    archived_photo = records.find_one({"bucket": "archive"})
    assert archived_photo is not None
    page = explorer.open(explorer.address(bucket="archive"))
    folders = section(page, "Bucket and folder")
    prefix = "archive/"
    for folder in (f"{part}/" for part in archived_photo["key"].split("/")[:-1]):
        wanted = folders.locator(".plain .value", has_text=folder)
        more = folders.get_by_role("button", name="Show all")
        # A long list shows the folders with the most photos first, and the first counts may be partial.
        expect(wanted.or_(more).first).to_be_visible()
        if not wanted.count():
            more.click()
        wanted.click()
        prefix += folder
        expect_total(page, records.count_documents({"_id": {"$gte": prefix, "$lt": prefix[:-1] + "0"}}))


RANGES = {
    "iso": ("ISO", "photo.iso"),
    "f": ("Aperture", "photo.f_number"),
    "exposure": ("Exposure time", "photo.exposure_seconds"),
    "focal": ("Focal length", "photo.focal_length_mm"),
}


@pytest.mark.parametrize("name", RANGES)
def test_histogram__dragged__finds_as_many_photos_as_mongodb_counts(
    explorer: Explorer, records: Collection, name: str
) -> None:
    title, path = RANGES[name]
    page = explorer.open("/")
    rows = [row for row in facet(explorer, page, name) if "least" in row]
    plot = section(page, title).locator(".plot")
    # On a busy machine, the first counts are those of a sample. The page replaces them with the complete ones.
    for bar, row in enumerate(rows):
        expect(plot.locator(".bar").nth(bar)).to_have_attribute("title", re.compile(f": {row['count']:,}$"))
    expect(plot.locator(".bar")).to_have_count(len(rows))
    drag(page, plot, 1, 3, len(rows))
    between = {"$gte": rows[1]["least"] * (1 - 1e-6), "$lte": rows[3]["greatest"] * (1 + 1e-6)}
    expect_total(page, records.count_documents({path: between}))
    page.reload()
    expect(plot.locator(".bar.in")).to_have_count(3)


def test_timeline__year_month_and_days__find_as_many_photos_as_mongodb_counts(
    explorer: Explorer, records: Collection
) -> None:
    def count_taken(*bounds: tuple[int, ...]) -> int:
        start, end = (datetime(*bound, tzinfo=UTC) for bound in bounds)  # type: ignore[misc,arg-type]
        return records.count_documents({"photo.taken_local": {"$gte": start, "$lt": end}})

    page = explorer.open("/")
    timeline = page.get_by_role("region", name="Timeline")
    timeline.locator(".bar[title^='2020']").or_(timeline.locator(".bar[title^='May 2020']")).first.click()
    expect(page).to_have_url(re.compile("taken=2020"))
    if "taken=2020-05" not in page.url:
        expect_total(page, count_taken((2020, 1, 1), (2021, 1, 1)))
        timeline.locator(".bar[title^='May 2020']").click()
    expect_total(page, count_taken((2020, 5, 1), (2020, 6, 1)))
    drag(page, timeline.locator(".plot"), 9, 11, 31)
    expect_total(page, count_taken((2020, 5, 10), (2020, 5, 13)))
    timeline.get_by_role("button", name="All years").click()
    expect_total(page, records.estimated_document_count())


def test_search__words_and_query__find_as_many_photos_as_mongodb_counts(
    explorer: Explorer, records: Collection
) -> None:
    page = explorer.open("/", allow=("status of 400",))
    expect(tiles(page).first).to_be_visible()
    page.keyboard.press("/")
    expect(box(page)).to_be_focused()
    page.keyboard.type("beach 2019")
    page.keyboard.press("Enter")
    expect_total(page, records.count_documents({"words": {"$all": ["beach", "2019"]}}))
    page.get_by_role("button", name="Remove").click()
    query = section(page, "Advanced query")
    query.get_by_role("button", name="Advanced query").click()
    query.get_by_role("textbox").fill('{"photo.iso": {"$gte": 12800}, "photo.f_number": {"$foo": 2}}')
    page.keyboard.press("Control+Enter")
    expect(query.locator("mark")).to_have_text('"$foo"')
    query.get_by_role("textbox").fill('{"photo.iso": {"$gte": 12800}, "photo.f_number": {"$lt": 2}}')
    page.keyboard.press("Control+Enter")
    expect_total(page, records.count_documents({"photo.iso": {"$gte": 12800}, "photo.f_number": {"$lt": 2}}))


def test_filters__combined__stay_after_reload_back_and_in_a_saved_view(explorer: Explorer, records: Collection) -> None:
    query = {
        "photo.camera_model": {"$in": ["X-T4", "ILCE-7M3"]},
        "photo.location": {"$exists": True},
        "bucket": "family",
    }
    page = explorer.open(explorer.address(camera=["X-T4", "ILCE-7M3"], has="gps", bucket="family"))
    expect_total(page, records.count_documents(query))
    page.get_by_role("button", name="Remove Camera: X-T4").click()
    expect_total(page, records.count_documents({**query, "photo.camera_model": "ILCE-7M3"}))
    page.reload()
    expect_total(page, records.count_documents({**query, "photo.camera_model": "ILCE-7M3"}))
    page.go_back()
    expect_total(page, records.count_documents(query))
    page.get_by_role("button", name="Saved views").click()
    page.get_by_label("Save this view as").fill("the family's")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("link", name="the family's")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Clear all").click()
    expect_total(page, records.estimated_document_count())
    page.get_by_role("button", name="Saved views").click()
    page.get_by_role("link", name="the family's").click()
    expect_total(page, records.count_documents(query))


def area_query(box: str) -> dict[str, Any]:
    west, south, east, north = map(float, box.split(","))
    path = "photo.location.coordinates"
    return {f"{path}.0": {"$gte": west, "$lte": east}, f"{path}.1": {"$gte": south, "$lte": north}}


def test_map__clusters__contain_all_photos_with_a_location_and_open_on_click(
    explorer: Explorer, records: Collection
) -> None:
    page = explorer.open("/?view=map")
    wait_until_loaded(page)
    assert count_in_view(page) == records.count_documents({"photo.location": {"$exists": True}})
    before = zoom_of(page) if "at=" in page.url else 0
    clusters(page).first.click()
    wait_until(page, "() => location.search.includes('at=')")
    wait_until_loaded(page)
    assert zoom_of(page) > before
    # In Iceland, the photos are far enough apart for several clusters.
    page.goto(explorer.url + "/?view=map&at=64.96,-19,13")
    wait_until_loaded(page)
    expect(page.locator(".map-view")).to_be_visible()
    assert clusters(page).count() > 1


def test_map__area_filter__finds_as_many_photos_as_mongodb_counts(explorer: Explorer, records: Collection) -> None:
    page = explorer.open("/?view=map&at=48.86,2.35,11&camera=X-T4")
    wait_until_loaded(page)
    page.get_by_role("switch", name="Filter to this area").click()
    wait_until(page, "() => location.search.includes('bbox=')")
    wait_until_loaded(page)
    box = page.evaluate("new URLSearchParams(location.search).get('bbox')")
    query = {**area_query(box), "photo.camera_model": "X-T4"}
    expect(page.locator(".map-count")).to_have_text(f"{records.count_documents(query):,} photos in this area")
    page.get_by_role("navigation").get_by_role("link", name="Gallery").click()
    expect_total(page, records.count_documents(query))
    newest = records.find_one(query, {"_id": 1}, sort=NEWEST)
    assert newest is not None
    expect(tiles(page).first).to_be_visible()
    assert rendered_ids(page)[0] == newest["_id"]


def test_photo__summary_tags_neighbours_and_copies__are_those_of_the_record(
    explorer: Explorer, records: Collection
) -> None:
    first, second = records.find({"photo.camera_model": "ILCE-7M3"}, sort=NEWEST, limit=2)
    page = explorer.open(explorer.address(camera="ILCE-7M3", photo=first["_id"]))
    photo = first["photo"]
    expect(dialog(page).locator(".settings")).to_contain_text(f"f/{photo['f_number']:g}")
    expect(dialog(page).locator(".settings")).to_contain_text(f"ISO {photo['iso']:,}")
    expect(dialog(page).locator(".summary dl")).to_contain_text("SONY ILCE-7M3")
    dialog(page).get_by_role("searchbox", name="Find in metadata").fill("0x9003")
    expect(dialog(page).locator(".tag dt")).to_have_count(1)
    dialog(page).get_by_role("button", name="Next photo").click()
    wait_until(page, "id => new URLSearchParams(location.search).get('photo') === id", second["_id"])
    # A file with several copies.
    duplicated = records.find_one({"etag": {"$regex": "^0000000000"}})
    assert duplicated is not None
    copies = [record["_id"] for record in records.find({"etag": duplicated["etag"]}, {"_id": 1}).sort("_id", 1)]
    page.goto(explorer.url + explorer.address(photo=copies[0]))
    expect(dialog(page).locator(".copies a").first).to_be_visible()
    shown = dialog(page).locator(".copies a").all_inner_texts()
    assert set(shown) <= set(copies[1:])


def test_statistics__bars__link_to_as_many_photos_as_mongodb_counts(explorer: Explorer, records: Collection) -> None:
    page = explorer.open("/?view=statistics")
    wait_until_counted(page)
    expect(page.locator(".facts dd").first).to_have_text(f"{records.estimated_document_count():,}")
    page.get_by_role("link", name=re.compile("^SONY ILCE-7M3 ?:")).click()
    expect_total(page, records.count_documents({"photo.camera_model": "ILCE-7M3"}))
    page.go_back()
    wait_until_counted(page)
    hours = page.get_by_role("list", name=re.compile("by hour")).get_by_role("link")
    total = sum(
        int(str(link.get_attribute("aria-label")).split(": ")[1].split()[0].replace(",", "")) for link in hours.all()
    )
    assert total == records.count_documents({"photo.taken_local": {"$exists": True}})


def test_export__csv__contains_each_matching_photo(explorer: Explorer, records: Collection, tmp_path: Path) -> None:
    page = explorer.open(explorer.address(taken="2020-05"))
    expect(tiles(page).first).to_be_visible()
    page.get_by_role("button", name="Export results").click()
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("CSV")).click()
    download.value.save_as(tmp_path / "photos.csv")
    with (tmp_path / "photos.csv").open(newline="") as file:
        ids = {row["id"] for row in csv.DictReader(file)}
    month = {"$gte": datetime(2020, 5, 1, tzinfo=UTC), "$lt": datetime(2020, 6, 1, tzinfo=UTC)}
    assert ids == {record["_id"] for record in records.find({"photo.taken_local": month}, {"_id": 1})}
