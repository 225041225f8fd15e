"""Files that are neither photos nor videos: counted beside the photos, and shown on request."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import Explorer
from tests.browser.test_explorer_filters import section
from tests.browser.test_explorer_gallery import tiles, total_of


def test_other_files__in_a_folder__are_counted_and_shown_on_request(explorer: Explorer) -> None:
    page = explorer.open("/?bucket=demo&prefix=Unsorted/")
    total = page.locator(".total")
    photos = total_of(explorer, page, bucket="demo", prefix="Unsorted/")
    expect(total).to_have_text(f"{photos} photos, 1 other file")
    expect(tiles(page)).to_have_count(photos)
    expect(page.get_by_role("link", name=re.compile(r"^notes\.jpg"))).to_have_count(0)
    media = section(page, "Media type")
    expect(media.locator(".value", has_text="Other files").locator(".count")).to_contain_text("1")

    total.get_by_role("link", name="1 other file").click()
    expect(total).to_have_text("1 other file")
    expect(tiles(page)).to_have_count(1)
    expect(tiles(page)).to_have_accessible_name(re.compile(r"^notes\.jpg"))
    assert "media_type=other" in page.url
    # The other media types can be added.
    media.get_by_role("checkbox", name=re.compile("^Photos")).check()
    media.get_by_role("checkbox", name=re.compile("^Videos")).check()
    expect(total).to_have_text(f"{photos + 1} files")
    expect(tiles(page)).to_have_count(photos + 1)
    page.get_by_role("button", name="Remove Other files").click()
    expect(total).to_have_text(f"{photos} photos, 1 other file".partition(",")[0])

    page.goto(explorer.url + "/?view=statistics&bucket=demo&prefix=Unsorted/")
    expect(total).to_have_text(f"{photos} photos, 1 other file")
