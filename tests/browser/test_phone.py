"""The explorer on a phone: scrolling, menus and selecting with a finger."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.accessible import assert_accessible
from tests.browser.conftest import PHONE, Explorer, settled_box, wait_until
from tests.browser.test_explorer_gallery import tiles

SMALL_PHONE = {"width": 320, "height": 568}


def expect_top(page: Page, item: str, top: float) -> None:
    """Wait until an element is at this position of the screen, in pixels."""
    wait_until(
        page,
        "([item, top]) => Math.abs(document.querySelector(item)?.getBoundingClientRect().top - top) <= 1",
        [item, top],
    )


def assert_on_screen(page: Page, item: Locator) -> None:
    box, size = item.bounding_box(), page.viewport_size
    assert box
    assert size
    assert box["x"] >= 0
    assert box["y"] >= 0
    assert box["x"] + box["width"] <= size["width"]
    assert box["y"] + box["height"] <= size["height"]


@pytest.mark.parametrize(("view", "item"), [("gallery", "[data-index='12']"), ("table", "[data-index='20']")])
def test_header__while_scrolling__hides_and_returns_without_moving_the_photos(
    explorer: Explorer, view: str, item: str
) -> None:
    page = explorer.open(f"/?view={view}", viewport=PHONE, has_touch=True)
    header, photo = page.locator("header.top"), page.locator(item)
    expect(page.locator(".timeline .bar").first).to_be_visible()
    # After the first input, the list also renders photos below the screen.
    page.mouse.move(195, 700)
    expect(photo).to_be_attached()
    start = settled_box(photo)["y"]
    page.mouse.wheel(0, 400)
    expect(header).not_to_be_in_viewport()
    expect_top(page, item, start - 400)
    # While the mouse button is down, the header stays hidden: otherwise, it might receive the click.
    page.mouse.wheel(0, 600)
    expect_top(page, item, start - 1000)
    page.mouse.down()
    page.mouse.wheel(0, -200)
    expect_top(page, item, start - 800)
    assert "collapsed" in (header.get_attribute("class") or "")
    page.mouse.up()
    expect(header).to_be_in_viewport()
    # It returns above the photos, which stay where they are.
    expect_top(page, item, start - 800)
    # A key that focuses an element of the hidden header shows the header.
    page.mouse.wheel(0, 400)
    expect(header).not_to_be_in_viewport()
    page.keyboard.press("/")
    expect(header).to_be_in_viewport()
    expect(page.get_by_role("combobox", name="Search photos")).to_be_focused()


def test_menus__on_a_small_phone__stay_on_the_screen(explorer: Explorer) -> None:
    page = explorer.open("/?view=table", viewport=SMALL_PHONE, has_touch=True, is_mobile=True)
    expect(page.locator("[role=row] a").first).to_be_visible()
    for name in ("Saved views", "Export results", "Links", "Columns"):
        page.get_by_role("button", name=name, exact=True).tap()
        expect(page.get_by_role("dialog", name=name)).to_be_visible()
        assert_on_screen(page, page.get_by_role("dialog", name=name))
        page.keyboard.press("Escape")


def test_selection__by_finger__starts_with_a_long_press_or_a_button(explorer: Explorer) -> None:
    page = explorer.open("/", viewport=PHONE, has_touch=True, is_mobile=True)
    expect(tiles(page).first).to_be_visible()
    bar = page.get_by_role("region", name="Selection")
    status = bar.get_by_role("status").first
    # No circle for selecting covers the photos until the user starts to select.
    expect(page.locator(".tile .select").first).to_be_hidden()
    # The timeline above the gallery appears with the counts.
    expect(page.locator(".timeline .bar").first).to_be_visible()
    box = settled_box(page.locator(".tile").nth(1))
    touch = page.context.new_cdp_session(page)
    point = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [point]})
    expect(status).to_have_text("1 photo selected")
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect(page.locator("dialog.photo")).to_have_count(0)
    # Now a tap on a photo selects it, as does a tap on its circle.
    tiles(page).nth(2).tap()
    page.locator(".tile .select").nth(0).tap()
    expect(status).to_have_text("3 photos selected")
    assert_on_screen(page, bar)
    bar.get_by_role("button", name="Export selection").tap()
    expect(page.get_by_role("dialog", name="Export selection")).to_be_visible()
    assert_on_screen(page, page.get_by_role("dialog", name="Export selection"))
    assert_accessible(page)
    bar.get_by_role("button", name=re.compile("^Clear selection")).tap()
    expect(bar).to_be_hidden()
    select = page.get_by_role("button", name="Select", exact=True)
    select.tap()
    tiles(page).nth(2).tap()
    expect(status).to_have_text("1 photo selected")
    # After the last photo is deselected, taps still select.
    tiles(page).nth(2).tap()
    expect(bar).to_be_hidden()
    expect(select).to_have_attribute("aria-pressed", "true")
    select.tap()
    tiles(page).nth(2).tap()
    expect(page.locator("dialog.photo")).to_be_visible()
    wait_until(page, "() => location.search.includes('photo=')")
