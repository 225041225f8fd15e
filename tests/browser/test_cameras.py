"""The view of cameras by serial number."""

from __future__ import annotations

import json
import re

from playwright.sync_api import Route, expect

from tests.browser.accessible import assert_accessible
from tests.browser.conftest import PHONE, Explorer, next_frame
from tests.browser.test_explorer_gallery import tiles


def test_cameras__bodies__are_listed_and_link_to_their_photos(explorer: Explorer) -> None:
    page = explorer.open("/?bucket=cameras&bucket=demo")
    page.get_by_role("navigation").get_by_role("link", name="Cameras").click()
    expect(page).to_have_title(re.compile("Cameras · EXIFinator$"))
    found = page.request.get(f"{explorer.url}/cameras?bucket=cameras&bucket=demo").json()
    rows = page.get_by_role("table").get_by_role("row")
    expect(rows).to_have_count(1 + len(found["cameras"]))
    expect(page.get_by_text(f"{found['total']} cameras", exact=True)).to_be_visible()
    leica = next(body for body in found["cameras"] if body["serial"] == "5412207")
    row = rows.filter(has_text="5412207")
    expect(row).to_contain_text("LEICA Q2")
    expect(row.get_by_role("cell").nth(1)).to_have_text(str(leica["photos"]))
    expect(row).to_contain_text("8 Jun 2024")
    expect(row.get_by_role("link", name=leica["lenses"][0]["value"])).to_be_visible()
    assert_accessible(page)
    # On a phone, each camera is a card, which is not wider than the screen.
    page.set_viewport_size(PHONE)
    page.reload()
    expect(page.get_by_role("table")).to_be_visible()
    expect(page.get_by_role("table").get_by_role("columnheader")).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert_accessible(page)
    link = page.get_by_role("link", name="5412207")
    # The timeline above the view appears with the counts.
    expect(page.locator(".timeline .bar").first).to_be_attached()
    link.scroll_into_view_if_needed()
    # Scrolling down hides the header in one of the next two frames. A click before that would miss the moving link.
    next_frame(page)
    next_frame(page)
    link.click()
    expect(tiles(page)).to_have_count(leica["photos"])
    assert "camera_serial=5412207" in page.url


def test_cameras__no_partial_or_failed_results__are_reported(explorer: Explorer) -> None:
    page = explorer.open("/?view=cameras&camera=none+such")
    expect(page.get_by_role("heading", name="No camera serial numbers in these photos")).to_be_visible()
    page.get_by_role("button", name="Clear all filters").click()
    expect(page.get_by_role("table")).to_be_visible()
    hostile = {"value": "<img src=x onerror=alert(1)>\u202e", "count": 1}
    body = {
        "make": None, "model": "\u202e<b>x</b>", "serial": "&serial=1#", "photos": 1, "first": None, "last": None,
        "shutter_count": None, "owners": [hostile] * 1, "lenses": [{"value": str(at), "count": 1} for at in range(5)],
    }  # fmt: skip

    def answer(route: Route) -> None:
        route.fulfill(json={"cameras": [body], "total": 300, "partial": True})

    page.route(re.compile(r"/cameras\?"), answer)
    page.goto(f"{explorer.url}/?view=cameras")
    expect(page.get_by_role("status").get_by_text("Partial counts")).to_be_visible()
    expect(page.get_by_text("300 cameras, the 1 with the most photos", exact=True)).to_be_visible()
    # Columns without values are left out.
    titles = ["Camera", "Serial number", "Photos", "Owner", "Lenses"]
    expect(page.get_by_role("columnheader")).to_have_text(titles)
    expect(page.get_by_text("2 more", exact=True)).to_have_attribute("title", "3\n4")
    link = page.get_by_role("link", name="&serial=1#")
    assert "camera_serial=%26serial%3D1%23" in (link.get_attribute("href") or "")
    expect(page.locator(".cameras img, .cameras b")).to_have_count(0)
    page.unroute(re.compile(r"/cameras\?"))
    problem = {"status": 503, "code": "query_timeout", "title": "Service Unavailable", "detail": "Too slow."}
    allowed = explorer.new_page(allow=("status of 503",))
    allowed.route(
        re.compile(r"/cameras\?"),
        lambda route: route.fulfill(status=503, content_type="application/problem+json", body=json.dumps(problem)),
    )
    allowed.goto(f"{explorer.url}/?view=cameras")
    expect(allowed.locator("main").get_by_role("alert")).to_contain_text("Too slow.")
