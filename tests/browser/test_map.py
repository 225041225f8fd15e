"""The map: clusters, single photos, the area filter, the list view and the keyboard."""

from __future__ import annotations

import base64
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.accessible import assert_accessible
from tests.browser.conftest import PHONE, Explorer, Start, next_frame, wait_until
from tests.servers import reserve_port, running, serving

# A position of the map (latitude, longitude, zoom). The demo has photos of two walks here, about a hundred kilometres
# apart.
JAPAN = "35,136,7"
# A PNG with one pixel.
TILE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def get_json(explorer: Explorer, path: str, **params: Any) -> Any:
    response = httpx.get(explorer.url + path, params=params)
    response.raise_for_status()
    return response.json()


def count_with_location(explorer: Explorer, **filters: str) -> int:
    rows = get_json(explorer, "/facets", fields="gps", **filters)["facets"]["gps"]
    return int(next(row["count"] for row in rows if row["value"]))


def clusters(page: Page) -> Locator:
    return page.locator(".marker")


def count_in_view(page: Page) -> int:
    """Return the number of photos in view, as the map shows it."""
    count = page.locator(".map-count")
    expect(count).to_have_text(re.compile(r"photos? in (view|this area)"))
    return int(str(count.text_content()).split()[0].replace(",", ""))


def map_position(page: Page) -> str:
    """Return the URL parameter `at`, or an empty text."""
    found = re.search(r"[?&]at=([^&]+)", page.url)
    return found[1] if found else ""


def zoom_of(page: Page) -> int:
    return int(map_position(page).split("%2C")[-1])


def wait_until_loaded(page: Page) -> None:
    """Wait until the map shows the results of its requests."""
    view = page.locator(".map-view[aria-busy=false]")
    expect(view).to_be_visible()
    # If the bar above the map grows with the results, the map shrinks in the next frame, and then requests a new area.
    next_frame(page)
    next_frame(page)
    expect(view).to_be_visible()
    expect(clusters(page).first).to_be_visible()
    # On a busy machine, the first response has only a sample of the photos.
    expect(page.get_by_text("Showing only some of the photos.")).to_have_count(0)


def test_map__photos_without_a_location__are_linked(explorer: Explorer) -> None:
    page = explorer.open("/?view=map")
    wait_until_loaded(page)
    without = get_json(explorer, "/facets", fields="bucket")["total"] - count_in_view(page)
    link = page.get_by_role("link", name=f"{without} without location")
    link.click()
    expect(page).to_have_url(re.compile(r"without=gps"))


def test_map__clicked_cluster__opens_and_updates_the_url(explorer: Explorer) -> None:
    page = explorer.open(f"/?view=map&at={JAPAN}")
    wait_until_loaded(page)
    label = str(clusters(page).first.get_attribute("aria-label"))
    total = int(label.split()[0])
    clusters(page).first.click()
    page.wait_for_url(lambda url: httpx.URL(url).params.get("at") not in (None, JAPAN))
    wait_until_loaded(page)
    assert zoom_of(page) > 7
    assert clusters(page).count() > 1, "the cluster did not open"
    assert count_in_view(page) == total, "photos of the cluster are missing"
    position = map_position(page)
    page.reload()
    wait_until_loaded(page)
    assert (map_position(page), count_in_view(page)) == (position, total)


def open_single(page: Page) -> Locator:
    """Open clusters until there is a marker of a single photo with a thumbnail."""
    for _ in range(8):
        # The thumbnails arrive after the markers.
        expect(page.locator(".single:not([data-described])")).to_have_count(0)
        single = page.locator(".single.pictured").first
        if single.count():
            return single
        before = page.url
        page.locator(".cluster").first.click()
        expect(page).not_to_have_url(before)
        wait_until_loaded(page)
    raise AssertionError("no cluster led to a single photo")


def test_map__single_photo__shows_its_thumbnail_and_opens_it(explorer: Explorer) -> None:
    page = explorer.open(f"/?view=map&at={JAPAN}")
    wait_until_loaded(page)
    single = open_single(page)
    wait_until(page, "() => document.querySelector('.single.pictured img')?.naturalWidth > 0")
    name = str(single.get_attribute("aria-label")).split(",")[0]
    single.click()
    expect(page).to_have_url(re.compile(r"[?&]photo=" + ".*" + re.escape(name)))


def test_map__area_filter__counts_the_photos_in_view(explorer: Explorer) -> None:
    page = explorer.open(f"/?view=map&at={JAPAN}")
    wait_until_loaded(page)
    switch = page.get_by_role("switch", name="Filter to this area")
    switch.click()
    expect(page).to_have_url(re.compile(r"bbox="))
    box = httpx.URL(page.url).params["bbox"]
    total = get_json(explorer, "/facets", fields="bucket", bbox=box)["total"]
    assert total > 1
    expect(page.locator(".map-count")).to_have_text(f"{total} photos in this area")
    page.locator(".map-frame").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_url(lambda url: httpx.URL(url).params.get("bbox") not in (None, box))
    wait_until_loaded(page)
    west, _, east, _ = map(float, httpx.URL(page.url).params["bbox"].split(","))
    longitude = float(map_position(page).split("%2C")[1])
    assert west < longitude < east
    switch.click()
    expect(page).not_to_have_url(re.compile(r"bbox="))


def bbox_of(page: Page) -> str:
    return str(httpx.URL(page.url).params.get("bbox", ""))


def test_map__url_with_an_area__shows_it(explorer: Explorer) -> None:
    page = explorer.open("/?view=map&bbox=5,44,15,50")
    wait_until_loaded(page)
    assert count_in_view(page) >= get_json(explorer, "/facets", fields="bucket", bbox="5,44,15,50")["total"] > 0
    expect(page.get_by_role("switch", name="Filter to this area")).to_be_checked()
    expect(page).to_have_url(re.compile(r"bbox=5%2C44%2C15%2C50|bbox=5,44,15,50"))
    # `area`, which links from selected photos contain, moves the map but, unlike `bbox`, is no filter.
    page.goto(f"{explorer.url}/?view=map&area=135,34,137,36")
    wait_until_loaded(page)
    expect(page.get_by_role("switch", name="Filter to this area")).not_to_be_checked()
    assert 0 < count_in_view(page) < count_with_location(explorer)
    expect(page.locator(".chip")).to_have_count(0)


def test_map__filters__apply(explorer: Explorer) -> None:
    page = explorer.open("/?view=map&camera=X-T4")
    wait_until_loaded(page)
    filtered, unfiltered = count_with_location(explorer, camera="X-T4"), count_with_location(explorer)
    assert count_in_view(page) == filtered < unfiltered


def test_map__nothing_in_view__offers_to_fit_all_photos(explorer: Explorer) -> None:
    page = explorer.open("/?view=map&at=-60,-120,5")
    note = page.locator(".map-note").filter(has_text="No photos in this area.")
    note.get_by_role("button", name="Fit all photos").click()
    wait_until_loaded(page)
    assert count_in_view(page) > 100


def test_map__list__names_the_country_and_zooms_in(explorer: Explorer) -> None:
    page = explorer.open(f"/?view=map&list=1&at={JAPAN}")
    wait_until_loaded(page)
    row = page.get_by_role("region", name="Locations in view").get_by_role("listitem").first
    expect(row).to_contain_text("Japan")
    before = page.url
    row.get_by_role("button", name="Zoom in").click()
    expect(page).not_to_have_url(before)


def test_map__cluster_in_the_list__links_to_as_many_photos_as_it_shows(explorer: Explorer) -> None:
    page = explorer.open("/?view=map&list=1&at=40,10,3")
    wait_until_loaded(page)
    rows = page.locator(".place-list li").filter(has=page.get_by_role("link", name="Show"))
    assert rows.count() > 5
    for row in rows.all():
        count = int(str(row.locator(".place-name").text_content()).split()[0])
        box = httpx.URL(explorer.url + str(row.get_by_role("link").get_attribute("href"))).params["bbox"]
        assert get_json(explorer, "/facets", fields="bucket", bbox=box)["total"] == count


def test_map__keys__zoom_and_open_clusters(explorer: Explorer) -> None:
    page = explorer.open(f"/?view=map&at={JAPAN}")
    wait_until_loaded(page)
    frame = page.get_by_label(re.compile("Map of the photos"))
    frame.focus()
    page.keyboard.press("+")
    page.wait_for_url(re.compile(r"%2C8(&|$)"))
    page.keyboard.press("-")
    page.wait_for_url(re.compile(r"%2C7(&|$)"))
    wait_until_loaded(page)
    before = page.url
    clusters(page).first.focus()
    page.keyboard.press("Enter")
    expect(page).not_to_have_url(before)
    wait_until_loaded(page)
    # The focused marker has been removed, but the focus is still in the map.
    assert page.evaluate("document.activeElement.closest('.map-frame') !== null")


def test_map__hostile_names__are_shown_as_text(hostile_explorer: Explorer) -> None:
    page = hostile_explorer.open("/?view=map&list=1&at=50,12,8")
    wait_until_loaded(page)
    expect(page.locator(".single").first).to_have_attribute("aria-label", re.compile("Jan 2024"))
    assert page.title() != "owned"
    assert page.locator(".marker script, .place-list script, .place-list img[onerror]").count() == 0
    places = page.get_by_role("region", name="Locations in view")
    for text in (
        "script>.jpg",
        "javascript:document.title='owned'.jpg",
        "\"'`&lt;&amp;{{settings}}${1+1}",
        "\\u202egpj",
    ):
        expect(places).to_contain_text(text)


def test_map__same_location__opens_a_popup_that_escape_closes(explorer: Explorer) -> None:
    page = explorer.new_page()
    point = {"type": "Point", "coordinates": [139.7, 35.6]}
    feature = {"type": "Feature", "geometry": point, "properties": {"count": 12, "id": None}}
    answer = {"type": "FeatureCollection", "features": [feature], "partial": True}
    page.route(re.compile(r"/map\?"), lambda route: route.fulfill(json=answer))
    page.goto(explorer.url + "/?view=map&at=35.6,139.7,6")
    expect(page.get_by_text("Showing only some of the photos.")).to_be_visible()
    marker = page.get_by_role("button", name="12 photos, zoom in")
    marker.focus()
    page.keyboard.press("Enter")
    popup = page.locator(".leaflet-popup")
    expect(popup).to_contain_text("12 photos here")
    expect(popup.get_by_role("link", name="Show all 12")).to_have_attribute("href", re.compile("bbox="))
    page.keyboard.press("Escape")
    expect(popup).to_have_count(0)
    expect(marker).to_be_focused()


def test_map__theme__follows_the_page(explorer: Explorer) -> None:
    page = explorer.open("/?view=map&at=0,-30,5", color_scheme="light")  # the Atlantic
    sea_is_between = """([low, high]) => {
        const tile = document.querySelector("canvas.leaflet-tile-loaded");
        const red = tile?.getContext("2d").getImageData(7, 7, 1, 1).data[0];
        return low <= red && red <= high;
    }"""
    wait_until(page, sea_is_between, [180, 255])
    page.get_by_role("button", name="Dark theme").click()
    wait_until(page, sea_is_between, [0, 60])


@pytest.mark.parametrize("options", [{}, {"viewport": PHONE, "color_scheme": "dark"}], ids=["desktop", "phone"])
def test_map__any_screen__first_shows_all_photos_and_is_accessible(explorer: Explorer, options: dict[str, Any]) -> None:
    page = explorer.open("/?view=map", **options)
    wait_until_loaded(page)
    assert count_in_view(page) == count_with_location(explorer)
    page.goto(f"{explorer.url}/?view=map&list=1&at={JAPAN}")
    wait_until_loaded(page)
    expect(page.locator(".place-list")).to_contain_text("Japan")
    assert_accessible(page)


@contextmanager
def tile_server() -> Iterator[tuple[str, list[str]]]:
    """Run a map tile server, and yield its URL and the paths requested from it."""
    requested: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requested.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "image/png")
            self.end_headers()
            self.wfile.write(TILE)

        def log_message(self, *args: object) -> None:
            pass

    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as url:
        yield url, requested


def test_map__tiles__come_only_from_the_configured_server(
    browser: Browser, start_explorer: Start, explorer_mongodb: str, tmp_path: Path
) -> None:
    start_explorer("demo")
    port = reserve_port()
    with tile_server() as (tiles, requested):
        environment = {
            "EXIFINATOR_API_PORT": str(port),
            "EXIFINATOR_MONGODB_URI": explorer_mongodb,
            "EXIFINATOR_MONGODB_DATABASE": "demo",
            "EXIFINATOR_MAP_TILES_URL": tiles + "/{z}/{x}/{y}.png",
            "EXIFINATOR_MAP_TILES_ATTRIBUTION": "(c) <b>the mappers</b>",
        }
        with running([sys.executable, "-m", "api"], port, tmp_path / "api.log", environment):
            explorer = Explorer(f"http://127.0.0.1:{port}", browser)
            page = explorer.open("/?view=map&at=35,136,7", allow=(f"foreign request: {re.escape(tiles)}/7/",))
            wait_until_loaded(page)
            expect(page.locator(".leaflet-tile-pane img").first).to_be_visible()
            # HTML in the attribution stays text.
            expect(page.locator(".map-source")).to_have_text("(c) <b>the mappers</b> · Place names: GeoNames")
            explorer.finish()
    assert requested
    assert all(re.fullmatch(r"/7/\d+/\d+\.png", path) for path in requested)
