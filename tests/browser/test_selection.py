"""Select photos in the gallery, copy their paths and export them."""

from __future__ import annotations

import json
import re
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.accessible import assert_accessible
from tests.browser.conftest import Explorer


def test_selection__mouse_and_keyboard__count_export_and_clear(explorer: Explorer) -> None:
    page = explorer.open("/")
    tiles = page.locator(".tile a")
    ids = [json.loads(text) for text in page.evaluate(
        "async () => (await (await fetch('/photos?limit=8')).json()).photos.map(({id}) => JSON.stringify(id))"
    )]  # fmt: skip
    bar = page.get_by_role("region", name="Selection")
    expect(tiles.nth(7)).to_be_visible()
    expect(bar).to_be_hidden()
    page.locator(".tile").nth(1).hover()
    page.locator(".tile .select").nth(1).click()
    expect(bar.get_by_role("status").first).to_have_text("1 photo selected")
    # While photos are selected, a click selects instead of opening the photo.
    tiles.nth(6).click()
    tiles.nth(4).click(modifiers=["Shift"])
    expect(bar.get_by_role("status").first).to_have_text("4 photos selected")
    expect(page.locator("dialog")).to_have_count(0)
    expect(page.get_by_role("checkbox", checked=True)).to_have_count(4)
    assert_accessible(page)
    # The arrow keys move the focus. The key x selects a photo, and Shift+x all photos up to the focused one.
    tiles.nth(4).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("x")
    expect(bar.get_by_role("status").first).to_have_text("3 photos selected")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+x")
    expect(bar.get_by_role("status").first).to_have_text("5 photos selected")
    expect(bar.get_by_role("link", name="Show on map")).to_have_attribute("href", re.compile("view=map&area="))
    bar.get_by_role("button", name="Export selection").click()
    with page.expect_download() as download:
        bar.get_by_role("button", name="CSV for Excel").click()
    lines = Path(download.value.path()).read_bytes().split(b"\r\n")
    assert lines[0].startswith(b"\xef\xbb\xbf")
    exported = [line.split(b'"')[1].decode() for line in lines[1:-1]]
    assert exported == [ids[at] for at in (1, 4, 5, 6, 7)]
    tiles.nth(4).focus()
    page.keyboard.press("Escape")
    expect(bar).to_be_hidden()
    tiles.nth(0).click()
    expect(page.locator("dialog.photo")).to_be_visible()
