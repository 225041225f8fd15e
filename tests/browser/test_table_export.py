"""Export the columns that the table shows."""

from __future__ import annotations

import csv
from pathlib import Path

from playwright.sync_api import Locator, expect

from tests.browser.accessible import assert_accessible
from tests.browser.conftest import PHONE, Explorer


def test_table_export__files__have_the_shown_columns(explorer: Explorer) -> None:
    columns = "iso,taken,name,folder"
    page = explorer.open(explorer.address(view="table", columns=columns, camera="X-T4", sort="iso"))
    expect(page.locator('.table [data-index="0"]')).to_be_visible()
    page.get_by_role("button", name="Export results").click()
    assert_accessible(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Table as CSV").click()
    with Path(download.value.path()).open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    assert reader.fieldnames == ["id", "iso", "taken_local", "taken_offset", "key"]
    query = "/photos?camera=X-T4&sort=iso&limit=1000"
    expected = page.evaluate("async (query) => (await (await fetch(query)).json()).photos", query)
    assert [(row["id"], row["iso"]) for row in rows] == [
        (photo["id"], str(photo["photo"].get("iso", ""))) for photo in expected
    ]
    # The export accepts every column of the table.
    page.get_by_role("button", name="Columns").click()
    boxes = page.locator(".column-list").get_by_role("checkbox", checked=False)
    expect(boxes.first).to_be_visible()
    while boxes.count():
        boxes.first.click()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Export results").click()
    for title in ("Table as CSV", "Table as NDJSON"):
        link = page.get_by_role("link", name=title)
        assert page.evaluate("async (url) => (await fetch(url)).status", link.get_attribute("href")) == 200


def test_table__scrolled_sideways__keeps_the_file_name_in_view(explorer: Explorer) -> None:
    page = explorer.open("/?view=table", viewport=PHONE)
    row = page.get_by_role("row").nth(3)
    name = row.get_by_role("cell").nth(1)
    expect(name).to_be_visible()
    page.locator(".scroll.table").evaluate("element => element.scrollBy(700, 0)")
    expect(page.locator(".table.sideways")).to_be_visible()
    for cell in (name, page.get_by_role("columnheader", name="File")):
        box = cell.bounding_box()
        assert box
        assert box["x"] == 0
    # A click on any other cell of the row still opens the photo.
    text = str(name.text_content())
    page.mouse.click(PHONE["width"] - 20, box_middle(row))
    expect(page.get_by_role("dialog")).to_have_accessible_name(f"Photo {text}")


def box_middle(row: Locator) -> float:
    box = row.bounding_box()
    assert box
    return box["y"] + box["height"] / 2


def test_table_export__on_a_phone__menu_fits_the_screen_and_is_only_in_the_table(explorer: Explorer) -> None:
    page = explorer.open("/?view=table", viewport=PHONE, has_touch=True, is_mobile=True, color_scheme="dark")
    page.get_by_role("button", name="Export results").tap()
    expect(page.locator(".entries a").first).to_be_visible()
    for link in page.locator(".entries a").all():
        box = link.bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= PHONE["width"]
    # Close the menu, which covers the links to the views.
    page.get_by_role("button", name="Export results").tap()
    page.get_by_role("navigation").get_by_role("link", name="Gallery").tap()
    page.get_by_role("button", name="Export results").tap()
    expect(page.get_by_role("link", name="GeoJSON")).to_be_visible()
    expect(page.get_by_role("link", name="Table as CSV")).to_have_count(0)
