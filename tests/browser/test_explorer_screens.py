"""The screens for loading, errors, a missing token and empty results; saved views, export, themes and help."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.accessible import assert_accessible
from tests.browser.conftest import PHONE, Explorer, wait_until
from tests.browser.test_explorer_gallery import tiles, total_of
from tests.integration.api.fixtures import TOKEN


def test_view__empty_database__explains_how_to_start(empty_explorer: Explorer) -> None:
    page = empty_explorer.new_page()
    for view in ("gallery", "table", "map", "statistics", "cameras"):
        page.goto(empty_explorer.url + empty_explorer.address(view=view))
        expect(page.get_by_role("heading", name="Your library is empty")).to_be_visible()
        expect(page.locator("pre")).to_contain_text("./run.sh my-bucket")
    assert_accessible(page)
    page.set_viewport_size(PHONE)
    assert_accessible(page)
    page.get_by_role("link", name="Start an indexing job").click()
    wait_until(page, "() => location.search.includes('view=batches')")


def test_loading__slow_request__is_reported_until_the_photos_arrive(explorer: Explorer) -> None:
    page = explorer.new_page()
    pending: list[Route] = []
    page.route("**/photos?*", lambda route: pending.append(route))
    page.goto(explorer.url)
    expect(page.get_by_text("Loading photos…", exact=True)).to_be_visible()
    expect(page.get_by_text("Still loading photos…", exact=True)).to_be_visible()
    expect(page.get_by_text("Filtering by date, camera or bucket makes it faster.")).to_be_visible()
    assert_accessible(page)
    for route in pending:
        route.continue_()
    expect(tiles(page).first).to_be_visible()


PROBLEM = {"type": "about:blank", "title": "Service Unavailable", "status": 503}


@pytest.mark.parametrize(
    ("code", "detail", "title"),
    [
        ("mongodb_error", "The MongoDB operation failed.", "Something went wrong"),
        ("query_timeout", "The query took longer than its time limit.", "The query timed out"),
        ("mongodb_unavailable", "MongoDB cannot be reached.", "Can't reach the database"),
        ("unavailable", "Try again later.", "Something went wrong"),
    ],
)
def test_error__of_the_api__is_shown_and_can_be_retried(explorer: Explorer, code: str, detail: str, title: str) -> None:
    page = explorer.new_page(allow=("status of 503",))
    body = json.dumps({**PROBLEM, "code": code, "detail": detail, "hint": "Narrow it by a filter that has an index."})
    page.route(
        "**/photos?*",
        lambda route: route.fulfill(status=503, content_type="application/problem+json", body=body),
    )
    page.goto(explorer.url)
    alert = page.locator("main").get_by_role("alert")
    expect(alert).to_contain_text(title)
    expect(alert).to_contain_text(detail)
    expect(alert).to_contain_text("Narrow it by a filter")
    assert_accessible(page)
    page.unroute("**/photos?*")
    # The page sends the request again by itself after an outage or a timeout, but not after other errors.
    if code == "mongodb_error":
        alert.get_by_role("button", name="Try again").click()
    expect(tiles(page).first).to_be_visible()


def test_part__file_that_an_update_removed__asks_to_reload_the_page(explorer: Explorer) -> None:
    page = explorer.new_page(allow=("status of 404",))
    page.route("**/on_demand-*.js", lambda route: route.fulfill(status=404))
    page.goto(explorer.url)
    tiles(page).first.click()
    alert = page.get_by_role("dialog").get_by_role("alert")
    expect(alert).to_contain_text("This page may be outdated")
    expect(alert).to_contain_text("Couldn't load the photo.")
    assert_accessible(page)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(tiles(page).first).to_be_focused()
    page.keyboard.press("Enter")
    # The second request has failed too.
    expect(alert).to_be_visible()
    page.unroute("**/on_demand-*.js")
    alert.get_by_role("button", name="Reload page").click()
    expect(page.get_by_role("dialog").locator(".summary")).to_be_visible()


def test_part__unreachable_server__is_loaded_after_the_outage(explorer: Explorer) -> None:
    page = explorer.new_page(allow=("ERR_FAILED",))
    for pattern in ("**/on_demand-*.js", "**/healthz", "**/readyz"):
        page.route(pattern, lambda route: route.abort())
    page.goto(explorer.url)
    page.get_by_role("link", name="Statistics").click()
    expect(page.locator("main").get_by_role("alert")).to_contain_text("Can't reach the server")
    page.unroute_all()
    expect(page.get_by_text("By focal length")).to_be_visible()


def test_error__unreachable_api__is_shown(explorer: Explorer) -> None:
    page = explorer.new_page(allow=("ERR_FAILED",))
    page.route("**/photos?*", lambda route: route.abort())
    page.goto(explorer.url)
    alert = page.locator("main").get_by_role("alert")
    expect(alert).to_contain_text("Can't reach the server")
    expect(alert).to_contain_text("Can't reach the EXIFinator server. Is it running?")


def test_error__invalid_filter_in_the_url__is_shown(explorer: Explorer) -> None:
    page = explorer.open(explorer.address(iso="many"), allow=("status of 400",))
    alert = page.locator("main").get_by_role("alert")
    expect(alert).to_contain_text("Invalid filter")
    expect(alert).to_contain_text("iso: expected a number or a range")
    page.get_by_role("button", name="Remove iso many").click()
    expect(tiles(page).first).to_be_visible()


def test_no_results__several_filters__suggest_the_one_to_remove(explorer: Explorer) -> None:
    page = explorer.open(explorer.address(camera="X-T4", format="png", rating="-1"))
    expect(page.get_by_role("heading", name="No photos match these filters")).to_be_visible()
    assert_accessible(page)
    hint = page.get_by_role("link", name="Remove “Rating: Rejected”")
    expect(hint).to_be_visible()
    hint.click()
    expect(tiles(page)).to_have_count(total_of(explorer, page, camera="X-T4", format="png"))


def test_token__of_a_protected_api__is_required_and_then_sent(guarded_explorer: Explorer) -> None:
    page = guarded_explorer.open("/", allow=("status of 401",))
    expect(page.get_by_role("heading", name="Access token required")).to_be_visible()
    # The form of the view gives way to the form of the whole page, which has no filters.
    expect(page.locator("#filters")).to_have_count(0)
    expect(page.locator("main").get_by_role("alert")).to_have_count(1)
    assert_accessible(page)
    page.get_by_label("Token").fill("a wrong one")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The access token is wrong.")).to_be_visible()
    expect(page.locator("#filters")).to_have_count(0)
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Continue").click()
    expect(tiles(page).first).to_be_visible()
    # Thumbnails need the token too, but an <img> cannot send it.
    wait_until(page, "() => document.querySelector('.tile img')?.naturalWidth > 0")
    assert page.locator(".tile img").first.get_attribute("src").startswith("blob:")
    # The token is stored for this tab, and never in the URL.
    assert TOKEN not in page.url
    page.reload()
    expect(tiles(page).first).to_be_visible()


def test_saved_view__opened_by_another_user__can_be_renamed_and_deleted(explorer: Explorer) -> None:
    name, new_name = "Fuji <b>at night</b>", "\u05dc\u05d9\u05dc\u05d4"
    address = explorer.address(camera="X-T4", view="table", sort="-iso", photo="none")
    owner = explorer.open(address, allow=("404", "409"))
    expect(owner.get_by_role("dialog")).to_be_visible()
    owner.keyboard.press("Escape")
    expect(owner.get_by_role("dialog")).to_have_count(0)
    expect(owner.locator("[role=row] a").first).to_be_visible()
    owner.get_by_role("button", name="Saved views").click()
    owner.get_by_label("Save this view as").fill(name)
    owner.get_by_role("button", name="Save", exact=True).click()
    expect(owner.get_by_role("link", name=name)).to_have_attribute("aria-current", "true")
    # Names that differ only in case are the same name.
    owner.get_by_label("Save this view as").fill(name.upper())
    expect(owner.get_by_role("button", name="Replace", exact=True)).to_be_visible()

    page = explorer.open("/", viewport=PHONE, has_touch=True)
    page.get_by_role("button", name="Saved views").click()
    page.get_by_role("button", name=f"Actions for {name}").click()
    assert_accessible(page)
    panel = page.locator(".tools .panel")
    assert panel.evaluate("panel => panel.scrollWidth <= panel.clientWidth")
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_label(f"New name of {name}")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name=f"Actions for {name}")).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_label(f"New name of {name}")).to_be_focused()
    page.keyboard.insert_text(new_name)
    page.keyboard.press("Enter")
    page.get_by_role("link", name=new_name).click()
    expect(page.get_by_role("columnheader", name="ISO")).to_have_attribute("aria-sort", "descending")
    expect(page.locator(".chip")).to_have_text("Camera: X-T4\u00d7")
    assert "photo=" not in page.url

    # The owner's page still shows the old view, so that the owner cannot delete the changed one by mistake.
    owner.get_by_role("button", name=f"Actions for {name}").click()
    owner.get_by_role("button", name="Delete", exact=True).click()
    owner.get_by_role("button", name="Delete view").click()
    expect(owner.get_by_role("alert")).to_have_text("This view has been changed in the meantime.")
    owner.get_by_role("button", name=f"Actions for {new_name}").click()
    owner.get_by_role("button", name="Delete", exact=True).click()
    owner.get_by_role("button", name="Delete view").click()
    expect(owner.get_by_role("link", name=new_name)).to_have_count(0)
    expect(owner.get_by_label("Save this view as")).to_be_focused()


def test_default_view__url_without_parameters__opens_it_once(explorer: Explorer) -> None:
    view = {"id": "1", "name": "Fuji", "address": "/?view=table&camera=X-T4&colour=red", "version": 1}
    page = explorer.new_page()
    # The tests share a library, so a default view that is really stored would open in other tests too.
    page.route("**/views", lambda route: route.fulfill(json={"views": [view], "default": "1"}))
    page.goto(explorer.url)
    expect(page.locator(".chip")).to_have_text("Camera: X-T4\u00d7")
    expect(page.get_by_role("link", name="Table")).to_have_attribute("aria-current", "page")
    # The stored view has a filter that this version of the explorer does not know.
    notice = page.get_by_text("This filter does not exist and is ignored: colour.")
    expect(notice).to_be_visible()
    notice.get_by_role("button", name="Remove").click()
    expect(notice).to_have_count(0)
    page.get_by_role("button", name="Remove Camera: X-T4").click()
    page.get_by_role("link", name="Gallery").click()
    expect(tiles(page).first).to_be_visible()
    page.reload()
    expect(tiles(page).first).to_be_visible()
    assert "camera" not in page.url
    page.goto(f"{explorer.url}/?has=gps")
    expect(page.locator(".chip")).to_have_text("Has location\u00d7")


@pytest.mark.parametrize("format_name", ["CSV", "NDJSON", "GeoJSON"])
def test_export__each_format__contains_the_matching_photos(explorer: Explorer, format_name: str) -> None:
    page = explorer.open(explorer.address(camera="X-T4", has="gps"))
    count = total_of(explorer, page, camera="X-T4", has="gps")
    page.get_by_role("button", name="Export results").click()
    expect(page.get_by_text(f"{count} photos").last).to_be_visible()
    with page.expect_download() as started:
        page.get_by_role("link", name=format_name, exact=False).filter(has_text=format_name).first.click()
    text = Path(started.value.path()).read_text()
    rows = {
        "CSV": lambda: list(csv.DictReader(text.splitlines())),
        "NDJSON": text.splitlines,
        "GeoJSON": lambda: json.loads(text)["features"],
    }[format_name]()
    assert len(rows) == count


def theme_of(page: Page) -> str:
    colour: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
    red = int(colour.split("(")[1].split(",")[0])
    return "dark" if red < 100 else "light"


@pytest.mark.parametrize(("system", "other"), [("light", "dark"), ("dark", "light")])
def test_theme__until_switched__is_that_of_the_system(explorer: Explorer, system: str, other: str) -> None:
    page = explorer.open("/", color_scheme=system)
    expect(page.get_by_role("button", name=f"{other.title()} theme")).to_be_visible()
    assert theme_of(page) == system
    page.get_by_role("button", name=f"{other.title()} theme").click()
    expect(page.get_by_role("button", name=f"{system.title()} theme")).to_be_visible()
    assert theme_of(page) == other
    page.reload()
    assert theme_of(page) == other


def test_help__question_mark_key__lists_the_keyboard_shortcuts(explorer: Explorer) -> None:
    page = explorer.open("/")
    expect(tiles(page).first).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_contain_text("Search")
    assert_accessible(page)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_have_count(0)
    button = page.get_by_role("button", name="Help", exact=True)
    button.press("Enter")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    expect(button).to_be_focused()
    page.keyboard.press("2")
    expect(page.get_by_role("table", name="Photos")).to_be_visible()
    page.keyboard.press("f")
    expect(page.get_by_role("complementary", name="Filters")).to_be_hidden()


def test_page__reduced_motion__is_not_animated(explorer: Explorer) -> None:
    page = explorer.open("/", reduced_motion="reduce")
    expect(tiles(page).first).to_be_visible()
    moving = page.evaluate(
        "[...document.querySelectorAll('*')].filter(e => getComputedStyle(e).transitionDuration !== '0s').length"
    )
    assert moving == 0
    assert page.evaluate("document.getAnimations().length") == 0


def test_screens__on_a_desktop__are_accessible(explorer: Explorer) -> None:
    # assert_accessible checks both themes.
    page = explorer.open("/")
    expect(tiles(page).first).to_be_visible()
    expect(page.locator(".bar").first).to_be_visible()
    assert_accessible(page)
    page.goto(explorer.url + explorer.address(camera="X-T4", iso="100-800", taken="2024", view="table", bucket="demo"))
    expect(page.locator("[role=row] a").first).to_be_visible()
    expect(page.locator(".folders .plain").first).to_be_visible()
    assert_accessible(page)
    page.get_by_role("button", name="Columns").click()
    expect(page.locator(".column-list")).to_be_visible()
    assert_accessible(page)
    page.goto(explorer.url + explorer.address(camera="X-T4"))
    tiles(page).first.click()
    expect(page.locator(".tag").first).to_be_visible()
    assert_accessible(page)


def test_screens__on_a_phone__are_accessible(explorer: Explorer) -> None:
    page = explorer.open(explorer.address(camera="X-T4"), viewport=PHONE, has_touch=True, is_mobile=True)
    expect(tiles(page).first).to_be_visible()
    assert_accessible(page)
    page.get_by_role("button", name="Filters").click()
    expect(page.locator("aside .value").first).to_be_visible()
    assert_accessible(page)
    page.get_by_role("button", name=re.compile("^Show .*photos")).click()
    tiles(page).first.click()
    expect(page.locator(".tag").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert_accessible(page)
