"""Filter by an area that is drawn on the map: by mouse, with a finger, or by keys."""

from __future__ import annotations

import re

import httpx2 as httpx
from playwright.sync_api import expect

from tests.browser.accessible import assert_accessible
from tests.browser.conftest import PHONE, Explorer
from tests.browser.test_map import JAPAN, bbox_of, get_json, wait_until_loaded
from tests.waiting import eventually


def test_map__area_drawn_by_mouse__filters_until_its_chip_is_removed(explorer: Explorer) -> None:
    page = explorer.open(f"/?view=map&at={JAPAN}")
    wait_until_loaded(page)
    page.get_by_role("button", name="Draw area").click()
    layer = page.get_by_label("Area to filter by")
    expect(layer).to_be_focused()
    assert_accessible(page)
    box = layer.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + box["height"] * 0.9)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + box["height"] * 0.2, steps=4)
    page.mouse.up()
    expect(page).to_have_url(re.compile("bbox="))
    drawn = bbox_of(page)
    west, south, east, north = map(float, drawn.split(","))
    assert 130 < west < east < 142
    assert 32 < south < north < 38
    count = get_json(explorer, "/facets", fields="bucket", bbox=drawn)["total"]
    assert count > 0
    expect(page.locator(".map-count")).to_have_text(f"{count:,} photos in this area")
    # One rectangle in each copy of the world. The others are outside the view.
    expect(page.locator(".drawn-area")).to_have_count(3)
    # The area stays where it was drawn.
    at = httpx.URL(page.url).params["at"]
    page.locator(".map-frame").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_url(lambda url: httpx.URL(url).params["at"] != at)
    wait_until_loaded(page)
    assert bbox_of(page) == drawn
    expect(page.get_by_role("switch", name="Filter to this area")).not_to_be_checked()
    page.reload()
    expect(page.locator(".drawn-area")).to_have_count(3)
    page.get_by_role("button", name=re.compile("Remove Map area")).click()
    expect(page.locator(".drawn-area")).to_have_count(0)
    assert bbox_of(page) == ""
    assert "drawn=" not in page.url


def test_map__area_drawn_in_another_copy_of_the_world__is_shown(explorer: Explorer) -> None:
    """The notes about the photos in view do not cover the buttons of the note about drawing."""
    page = explorer.open("/?view=map&at=-60,-179,5")
    expect(page.get_by_text("No photos in this area.")).to_be_visible()
    page.get_by_role("button", name="Draw area").click()
    layer = page.get_by_label("Area to filter by")
    expect(layer).to_be_focused()
    expect(page.get_by_text("No photos in this area.")).to_have_count(0)
    box = layer.bounding_box()
    assert box
    # The middle of the map is the 179th meridian, so its left half is beyond the 180th.
    page.mouse.move(box["x"] + box["width"] * 0.1, box["y"] + box["height"] * 0.3)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.6, steps=4)
    page.mouse.up()
    expect(page).to_have_url(re.compile("bbox="))
    assert 0 < float(bbox_of(page).split(",")[0]) < 180
    view = page.locator(".map-frame").bounding_box()
    assert view

    def is_in_view() -> bool:
        shapes = [shape.bounding_box() for shape in page.locator(".drawn-area").all()]
        return any(shape and view["x"] < shape["x"] < view["x"] + view["width"] for shape in shapes)

    eventually(is_in_view)


def test_map__area_drawn_by_keys_or_a_finger__filters(explorer: Explorer) -> None:
    page = explorer.open(f"/?view=map&at={JAPAN}", viewport=PHONE, has_touch=True, is_mobile=True)
    wait_until_loaded(page)
    button = page.get_by_role("button", name="Draw area")
    layer = page.get_by_label("Area to filter by")
    button.press("Enter")
    expect(layer).to_be_focused()
    page.keyboard.press("Escape")
    expect(button).to_be_focused()
    expect(layer).to_have_count(0)
    page.keyboard.press("Enter")
    expect(layer).to_be_focused()
    for key in ("Shift+ArrowLeft", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    expect(page).to_have_url(re.compile("bbox="))
    expect(button).to_be_focused()
    by_keys = bbox_of(page)
    button.tap()
    expect(layer).to_be_focused()
    box = layer.bounding_box()
    assert box
    session = page.context.new_cdp_session(page)
    for kind, share in (("touchStart", 0.4), ("touchMove", 0.6), ("touchMove", 0.9), ("touchEnd", None)):
        at = {"x": box["x"] + box["width"] * share, "y": box["y"] + box["height"] * share} if share else None
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [at] if at else []})
    page.wait_for_url(lambda url: httpx.URL(url).params["bbox"] != by_keys)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
