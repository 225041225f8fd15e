"""/docs in a real browser: it renders, asks nobody else, and an example can be tried."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.integration.api.fixtures import Api, WireApi
from tests.servers import find_chromium

# As long as a test may take at all: a busy machine is slow, not wrong.
PATIENCE_MS = 300_000
expect.set_options(timeout=PATIENCE_MS)


class Watched:
    """A page, and what it complained of or asked elsewhere."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        page.set_default_timeout(PATIENCE_MS)
        self.complaints: list[str] = []
        self.elsewhere: list[str] = []
        page.on(
            "console", lambda said: self.complaints.append(said.text) if said.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("requestfailed", lambda request: self.complaints.append(request.url))
        page.on(
            "request",
            lambda request: (
                None if request.url.startswith((f"{url}/", "data:", "blob:")) else self.elsewhere.append(request.url)
            ),
        )


@pytest.fixture
def docs(wire_api: WireApi) -> Iterator[Watched]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
        watched = Watched(browser.new_page(viewport={"width": 1280, "height": 1000}), wire_api.url)
        watched.page.goto(f"{wire_api.url}/docs")
        yield watched
        browser.close()


def test_docs__in_a_browser__show_every_operation_and_try_one(docs: Watched, api: Api) -> None:
    described = api.get("/openapi.json").json()
    operations = sum(len(methods) for methods in described["paths"].values())
    page = docs.page
    expect(page.locator(".opblock")).to_have_count(operations)
    expect(page.get_by_role("heading", name="EXIFinator")).to_be_visible()

    page.locator("#operations-photos-list_photos .opblock-summary-control").click()
    row = page.locator("#operations-photos-list_photos tr[data-param-name=camera]")
    expect(row).to_contain_text("ILCE-7M3")
    page.locator("#operations-photos-list_photos .execute").click()
    answer = page.locator("#operations-photos-list_photos .live-responses-table")
    expect(answer.locator("td.response-col_status:not(.col_header)").first).to_contain_text("200")
    expect(answer).to_contain_text("holiday/2024/IMG_")

    assert docs.complaints == []
    assert docs.elsewhere == []
    if folder := os.environ.get("EXIFINATOR_TEST_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / "docs.png", full_page=True)


def test_docs__batches__say_how_to_listen(docs: Watched) -> None:
    section = docs.page.locator(".opblock-tag-section", has_text="batches").first
    expect(section).to_contain_text("GET /events")
    assert docs.complaints == []
