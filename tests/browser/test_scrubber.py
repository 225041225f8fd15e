"""The slider along the gallery's edge, which shows the photos of any month."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.accessible import assert_accessible
from tests.browser.conftest import PHONE, Explorer, settled_box, wait_until

PHONE_OPTIONS: dict[str, Any] = {"viewport": PHONE, "has_touch": True, "is_mobile": True, "color_scheme": "dark"}


HAS_JUMPED = "() => document.querySelector('.scrubber:not(.moving)')?.ariaValueNow > 10"


def scrubber(page: Page) -> Locator:
    return page.get_by_role("slider", name="Jump to date")


def fetch_photo_ids(page: Page, query: str) -> list[str]:
    """Return the ids of the photos that the API returns."""
    ids: list[str] = page.evaluate(
        "async (query) => (await (await fetch(`/photos?${query}`)).json()).photos.map(({ id }) => id)", query
    )
    return ids


def wait_until_in_first_row(page: Page, photo_id: str) -> None:
    """Wait until a photo is in the first fully visible row."""
    wait_until(
        page,
        """(id) => {
          const top = document.querySelector('.scroll').getBoundingClientRect().top;
          const boxes = [...document.querySelectorAll('.tile a')].map((link) => [
            new URL(link.href).searchParams.get('photo'), link.getBoundingClientRect().top,
          ]).filter((box) => box[1] >= top);
          const first = Math.min(...boxes.map((box) => box[1]));
          return boxes.some((box) => box[0] === id && box[1] < first + 2);
        }""",
        photo_id,
    )


def drag(page: Page, start: float, end: float, steps: int) -> None:
    """Press the mouse button on the slider, and move the mouse, without releasing the button.

    `start` and `end` are fractions of the slider's height.
    """
    box = settled_box(scrubber(page))
    x = box["x"] + box["width"] / 2
    page.mouse.move(x, box["y"] + start * box["height"])
    page.mouse.down()
    page.mouse.move(x, box["y"] + end * box["height"], steps=steps)


@pytest.mark.parametrize("options", [{}, PHONE_OPTIONS], ids=["desktop-light", "phone-dark"])
def test_scrubber__dragged__shows_the_month_and_the_photos_above_it(
    explorer: Explorer, options: dict[str, Any]
) -> None:
    page = explorer.open("/", **options)
    starts: list[str] = []
    page.on("request", lambda request: starts.extend(parse_qs(urlsplit(request.url).query).get("start", [])))
    expect(scrubber(page)).to_have_attribute("aria-valuenow", "0")
    drag(page, 0.85, 0.7, steps=100)
    label = scrubber(page).locator(".place")
    expect(label).to_be_visible()
    month = label.inner_text()
    page.mouse.up()
    row = find_month(page, month)
    expect(scrubber(page)).to_have_attribute("aria-valuetext", re.compile(f"^{month}, {row['count']} photo"))
    ids = fetch_photo_ids(page, f"start={row['value']}&limit=1")
    starts.remove(row["value"])  # the request of fetch_photo_ids
    wait_until_in_first_row(page, ids[0])
    # The page need not fetch each month that the mouse passed, only the last one.
    assert 0 < len(starts) < 30
    assert_accessible(page)
    # The photos above the month can be scrolled to.
    all_ids = fetch_photo_ids(page, "limit=1000")
    index = all_ids.index(ids[0])
    page.locator(".scroll").evaluate("(list) => { list.scrollTop -= list.clientHeight; }")
    expect(page.locator(f'.tile a[href*="{file_name(all_ids[index - 1])}"]')).to_be_visible()
    scrubber(page).focus()
    page.keyboard.press("Home")
    wait_until_in_first_row(page, all_ids[0])
    expect(scrubber(page)).to_have_attribute("aria-valuenow", "0")


def find_month(page: Page, name: str) -> dict[str, Any]:
    """Return the API's counts of a month, given its name in the explorer."""
    rows = page.evaluate("async () => (await (await fetch('/facets?fields=taken')).json()).facets.taken")
    date = datetime.strptime(name, "%B %Y")
    found: dict[str, Any] = next(row for row in rows if row.get("value") == f"{date:%Y-%m}")
    return found


def file_name(photo_id: str) -> str:
    return str(photo_id.split("/")[-1])


def test_scrubber__keys__move_by_month_and_to_photos_without_a_date(explorer: Explorer) -> None:
    page = explorer.open("/?sort=taken")
    rows = page.evaluate("async () => (await (await fetch('/facets?fields=taken')).json()).facets.taken")
    assert rows[-1].get("value") is None
    expect(scrubber(page)).to_have_attribute("aria-valuemax", str(len(rows) - 1))
    scrubber(page).focus()
    page.keyboard.press("End")
    expect(scrubber(page)).to_have_attribute("aria-valuetext", f"No date, {rows[-1]['count']} photos")
    (undated,) = fetch_photo_ids(page, "sort=taken&start=none&limit=1")
    expect(page.locator(f'.tile a[href*="{file_name(undated)}"]')).to_be_visible()
    page.keyboard.press("PageUp")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(scrubber(page)).to_have_attribute("aria-valuenow", str(len(rows) - 4))
    (first,) = fetch_photo_ids(page, f"sort=taken&start={rows[-4]['value']}&limit=1")
    expect(page.locator(f'.tile a[href*="{file_name(first)}"]')).to_be_visible()
    expect(scrubber(page)).to_be_focused()


def test_scrubber__jump__keeps_the_selection(explorer: Explorer) -> None:
    page = explorer.open("/")
    bar = page.get_by_role("region", name="Selection")
    page.locator(".tile").nth(1).hover()
    page.locator(".tile .select").nth(1).click()
    drag(page, 0.9, 0.9, steps=1)
    page.mouse.up()
    wait_until(page, HAS_JUMPED)
    page.locator(".tile").nth(3).click()
    expect(bar.get_by_role("status").first).to_have_text("2 photos selected")
    expect(page.get_by_role("checkbox", name="Select", checked=True)).to_have_count(1)
    scrubber(page).focus()
    page.keyboard.press("Home")
    expect(page.locator(".tile").nth(1).get_by_role("checkbox")).to_be_checked()
    # The table starts at the beginning of the list.
    page.keyboard.press("End")
    wait_until(page, HAS_JUMPED)
    page.get_by_role("navigation").get_by_role("link", name="Table").click()
    (newest,) = fetch_photo_ids(page, "limit=1")
    expect(page.locator('.table [data-index="0"]')).to_have_attribute("href", re.compile(re.escape(file_name(newest))))


def test_scrubber__with_filters__has_only_matching_months_and_only_in_date_order(explorer: Explorer) -> None:
    page = explorer.open(explorer.address(taken="2019..2020"))
    rows = page.evaluate(
        "async () => (await (await fetch('/facets?fields=taken&taken=2019..2020')).json()).facets.taken"
    )
    expect(scrubber(page)).to_have_attribute("aria-valuemax", str(len(rows) - 1))
    page.get_by_label("Sort").select_option("key")
    expect(page.locator(".tile").first).to_be_visible()
    expect(scrubber(page)).to_have_count(0)
