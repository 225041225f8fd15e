"""The statistics view: its counts, links, keys and filters."""

from __future__ import annotations

import re
from typing import Any

import httpx2 as httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.accessible import assert_accessible
from tests.browser.conftest import PHONE, Explorer

# The explorer's URL parameters that /facets does not have.
EXPLORER_PARAMETERS = {"view", "sort", "columns", "photo", "at", "list"}


def wait_until_counted(page: Page) -> None:
    expect(page.locator(".statistics[aria-busy=false]")).to_be_visible()
    expect(page.locator(".statistics .notice")).to_have_count(0)


def test_statistics__every_bar__links_to_as_many_photos_as_it_shows(explorer: Explorer) -> None:
    page = explorer.open("/?view=statistics")
    wait_until_counted(page)
    buttons = page.locator(".statistics").get_by_role("button", name="Show all")
    for remaining in reversed(range(buttons.count())):
        buttons.first.click()
        # Wait for the render: a second click on the same button would collapse the list again.
        expect(buttons).to_have_count(remaining)
    links = page.locator(".statistics a").evaluate_all(
        "links => links.map(link => [link.getAttribute('aria-label') ?? link.title ?? '', link.textContent, link.href])"
    )
    counted = 0
    with httpx.Client() as client:
        for label, text, address in links:
            match = re.search(r"([\d,]+) photos?\b", label or "") or re.match(r"([\d,]+) photos? without", text)
            if not match:
                continue
            items = httpx.URL(address).params.multi_items()
            params = [(name, value) for name, value in items if name not in EXPLORER_PARAMETERS]
            response = client.get(explorer.url + "/facets", params=[*params, ("fields", "bucket")]).json()
            assert response["total"] == int(match[1].replace(",", "")), f"{label or text}: {address}"
            counted += response["total"] > 0
    assert counted > 90


def test_statistics__bar__is_a_link_to_the_gallery(explorer: Explorer) -> None:
    page = explorer.open("/?view=statistics&bucket=demo")
    wait_until_counted(page)
    page.get_by_role("link", name=re.compile("^SONY ILCE-7M3: ")).click()
    expect(page).to_have_url(re.compile(r"/\?(?!.*view=).*camera=ILCE-7M3"))
    assert httpx.URL(page.url).params["bucket"] == "demo", "the other filters stay"
    page.go_back()
    wait_until_counted(page)


def test_statistics__filters__apply(explorer: Explorer) -> None:
    page = explorer.open("/?view=statistics&camera=X-T4&hour=6-9")
    wait_until_counted(page)
    total = httpx.get(explorer.url + "/statistics", params={"camera": "X-T4", "hour": "6-9"}).json()["total"]
    expect(page.locator(".facts dd").first).to_have_text(str(total))
    hours = page.get_by_role("list", name=re.compile("by hour")).get_by_role("link")
    counts = [int(str(link.get_attribute("aria-label")).split(": ")[1].split()[0]) for link in hours.all()]
    assert sum(counts) == sum(counts[6:10]) == total > 0


def test_statistics__keys__move_between_bars(explorer: Explorer) -> None:
    page = explorer.open("/?view=statistics")
    wait_until_counted(page)
    bars = page.get_by_role("list", name=re.compile("by hour")).get_by_role("link")
    assert page.locator("[aria-label*='by hour'] a[tabindex='0']").count() == 1, "Tab stops once in the chart"
    bars.nth(5).focus()
    page.keyboard.press("ArrowRight")
    expect(bars.nth(6)).to_be_focused()
    expect(page.locator(".columns .readout").nth(1)).to_contain_text("06:00 to 07:00")
    page.keyboard.press("End")
    expect(bars.nth(23)).to_be_focused()
    page.keyboard.press("Home")
    expect(bars.nth(0)).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(bars.nth(0)).to_be_focused()


def test_statistics__partial_counts__are_reported_and_refetched(explorer: Explorer) -> None:
    page = explorer.new_page()
    answer = httpx.get(explorer.url + "/statistics").json()
    changes = {"partial": True, "counted": 100}
    page.route(re.compile(r"/statistics$"), lambda route: route.fulfill(json={**answer, **changes}))
    page.goto(explorer.url + "/?view=statistics")
    notice = page.get_by_text("Partial counts (100 photos so far)")
    expect(notice).to_be_visible()
    changes.clear()
    # The view fetches the counts again without a click on Refresh.
    expect(notice).to_have_count(0)
    expect(page.locator(".facts dd").first).to_have_text(str(answer["total"]))


def test_statistics__bucket__shows_its_share_of_photos_without_exif(explorer: Explorer) -> None:
    page = explorer.open("/?view=statistics")
    wait_until_counted(page)
    buckets = httpx.get(explorer.url + "/statistics").json()["buckets"]
    row = page.get_by_role("row", name=re.compile("^demo "))
    demo = next(bucket for bucket in buckets if bucket["bucket"] == "demo")
    share = row.get_by_role("link", name=f"{round(demo['no_exif'] / demo['count'] * 100)}%", exact=True)
    share.click()
    expect(page).to_have_url(re.compile("status=no_exif"))
    assert httpx.URL(page.url).params["bucket"] == "demo"


def test_statistics__no_photos__shows_the_reason(explorer: Explorer, empty_explorer: Explorer) -> None:
    page = explorer.open("/?view=statistics&camera=none-such")
    page.get_by_role("heading", name="No photos match these filters").wait_for()
    page = empty_explorer.open("/?view=statistics")
    page.get_by_role("heading", name="Your library is empty").wait_for()


def test_statistics__hostile_names__are_shown_as_text(hostile_explorer: Explorer) -> None:
    page = hostile_explorer.open("/?view=statistics")
    wait_until_counted(page)
    expect(page.get_by_role("list", name="Photos by camera")).to_contain_text("<script>")
    assert page.locator(".statistics script, .statistics img").count() == 0
    assert page.title() != "owned"
    links = page.locator(".statistics a").evaluate_all("links => links.map(link => link.protocol)")
    assert set(links) == {"http:"}


@pytest.mark.parametrize("options", [{}, {"viewport": PHONE, "color_scheme": "dark"}], ids=["desktop", "phone"])
def test_statistics__any_screen__is_accessible(explorer: Explorer, options: dict[str, Any]) -> None:
    page = explorer.open("/?view=statistics", **options)
    wait_until_counted(page)
    assert_accessible(page)
    # The page fits the width of the screen.
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
