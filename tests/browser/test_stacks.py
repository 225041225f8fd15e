"""Stacks: each is shown as one photo in the gallery, unless all files are requested."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import Explorer
from tests.browser.test_explorer_filters import section
from tests.browser.test_explorer_gallery import tiles


def test_gallery__stacks__are_one_photo_each_unless_all_files_are_requested(stacks_explorer: Explorer) -> None:
    page = stacks_explorer.open("/")
    total = page.locator(".total")
    expect(total).to_have_text("3 photos, 3 more files in stacks")
    expect(tiles(page)).to_have_count(3)
    expect(page.locator(".tile .badge")).to_have_text(["3", "2"])
    expect(section(page, "Camera").locator(".value", has_text="R5").locator(".count")).to_contain_text("3 photos")
    # The table shows the same photos.
    page.get_by_role("link", name="Table").click()
    expect(page.get_by_role("row", name=re.compile("pair"))).to_have_count(1)
    expect(total).to_have_text("3 photos, 3 more files in stacks")
    page.get_by_role("link", name="Gallery").click()

    # The dialog of a photo links to the other files of its stack.
    tiles(page).filter(has_text="pair.jpg").click()
    page.get_by_role("dialog").get_by_role("link", name="pair.cr2").click()
    expect(page).to_have_url(re.compile("photo=b%2Fpair.cr2"))
    page.get_by_role("button", name="Close").click()

    total.get_by_role("link", name="3 more files in stacks").click()
    expect(total).to_have_text("6 photos")
    expect(tiles(page)).to_have_count(6)
    assert "primary=false" in page.url
    page.get_by_role("button", name="Remove All files of stacks").click()
    expect(tiles(page)).to_have_count(3)

    # The count of a format is the number of files that are shown when it is selected.
    cr2 = section(page, "Format").locator(".value", has_text="CR2")
    expect(cr2.locator(".count")).to_contain_text("1 photo")
    cr2.get_by_role("checkbox").check()
    expect(total).to_have_text("1 photo")
    expect(tiles(page)).to_have_accessible_name(re.compile("^pair.cr2"))

    # If all matching files are in stacks, the page says so.
    page.goto(stacks_explorer.url + "/?taken=2024-01-05")
    page.get_by_role("link", name=re.compile("Stacks as one photo")).click()
    expect(tiles(page)).to_have_count(1)


def test_filters__switch_for_stacks__shows_each_stack_as_one_photo(stacks_explorer: Explorer) -> None:
    page = stacks_explorer.open("/?taken=2024&primary=false")
    switch = page.get_by_role("checkbox", name="Show each stack as one photo")
    expect(tiles(page)).to_have_count(6)
    expect(switch).not_to_be_checked()
    switch.check()
    expect(tiles(page)).to_have_count(3)
    assert "primary" not in page.url
    page.goto(stacks_explorer.url + "/?view=map")
    expect(page.locator(".total")).to_have_text("6 photos")
