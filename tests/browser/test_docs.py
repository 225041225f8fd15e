"""Open /docs in a browser: it renders, sends no request to another server, and its examples can be run."""

from __future__ import annotations

import json

from playwright.sync_api import expect

from tests.browser.conftest import Explorer
from tests.servers import NO_PROXY


def test_docs__in_a_browser__show_every_operation_and_run_one(explorer: Explorer) -> None:
    with NO_PROXY.open(f"{explorer.url}/openapi.json") as response:
        openapi = json.load(response)
    operations = sum(len(methods) for methods in openapi["paths"].values())
    page = explorer.open("/docs", viewport={"width": 1280, "height": 1000})
    expect(page.locator(".opblock")).to_have_count(operations)
    expect(page.get_by_role("heading", name="EXIFinator")).to_be_visible()
    expect(page.locator(".opblock-tag-section", has_text="batches").first).to_contain_text("GET /events")

    page.locator("#operations-photos-list_photos .opblock-summary-control").click()
    row = page.locator("#operations-photos-list_photos tr[data-param-name=camera]")
    expect(row).to_contain_text("ILCE-7M3")
    page.locator("#operations-photos-list_photos .execute").click()
    responses = page.locator("#operations-photos-list_photos .live-responses-table")
    expect(responses.locator("td.response-col_status:not(.col_header)").first).to_contain_text("200")
    expect(responses).to_contain_text('"photos"')
