"""Videos among photos: their tiles, rows and pages, and the filters for them."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import Explorer


def test_video__tile_row_page_and_filters__show_its_duration(explorer: Explorer) -> None:
    page = explorer.open("/")
    media = page.locator("section.filter").filter(has=page.get_by_role("button", name="Media type", exact=True))
    media.locator("label", has_text="Videos").click()
    expect(page.locator(".total")).to_have_text(re.compile("^1 "))
    tile = page.locator(".tile a")
    expect(tile).to_have_accessible_name(re.compile(r"^clip\.MOV, video 1:40, Apple iPhone X"))
    expect(tile.locator(".video-badge")).to_have_text(re.compile("1:40$"))
    expect(page.locator(".chip")).to_have_text("Videos×")

    for title, shown in (("Duration", ".values label"), ("Frame rate", ".values label"), ("Video codec", "label")):
        section = page.locator("section.filter").filter(has=page.get_by_role("button", name=title, exact=True))
        section.get_by_role("button", name=title, exact=True).click()
        expect(section.locator(shown)).to_have_count(1)

    tile.click()
    dialog = page.get_by_role("dialog")
    facts = dialog.locator(".summary dl > div")
    for name, text in {
        "Duration": "1:40", "Video": "H.264, 30 fps, 80 bit/s", "Audio": "AAC",
        "Dimensions": "1080 × 1920 pixels, 2.1 MP",
    }.items():  # fmt: skip
        expect(facts.filter(has=page.get_by_text(name, exact=True)).locator("dd")).to_have_text(text)
    dialog.get_by_role("link", name="30 fps").click()
    expect(page.locator(".chip")).to_have_text("30 fps×")

    page.goto(explorer.url + "/?view=table&duration=60-120&columns=name,duration,video_codec,bit_rate")
    row = page.get_by_role("row").nth(1)
    expect(row.get_by_role("cell")).to_have_text([re.compile("1:40"), "clip.MOV", "1:40", "H.264", "80 bit/s"])
    expect(page.locator(".chip")).to_have_text("Duration: 1:00–2:00×")
