"""The photo dialog: summary, tags, links, neighbours and copies."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote

from playwright.sync_api import Page, expect

from tests.browser.conftest import Explorer, wait_until
from tests.browser.test_explorer_gallery import tiles


def photos(explorer: Explorer, page: Page, **params: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.request.get(
        explorer.url + explorer.address(**params).replace("/?", "/photos?")
    ).json()["photos"]
    return found


def dialog(page: Page) -> Any:
    return page.locator("dialog.photo")


def test_photo__summary__has_the_usual_units_of_photography(explorer: Explorer) -> None:
    page = explorer.new_page()
    record = next(
        item for item in photos(explorer, page, camera="X-T4", has="gps", limit=50)
        if item["photo"]["exposure_seconds"] < 0.1 and item["photo"].get("focal_length_35mm")
    )  # fmt: skip
    page.goto(explorer.url + explorer.address(photo=record["id"]))
    photo = record["photo"]
    settings = dialog(page).locator(".settings")
    expect(settings).to_contain_text(f"1/{round(1 / photo['exposure_seconds'])} s · f/{photo['f_number']:g}")
    expect(settings).to_contain_text(f"ISO {photo['iso']} · {photo['focal_length_mm']:g} mm")
    expect(settings).to_contain_text(f"({photo['focal_length_35mm']} mm equivalent)")
    facts = dialog(page).locator(".summary dl")
    expect(facts).to_contain_text("FUJIFILM X-T4")
    expect(facts).to_contain_text(photo["lens_model"])
    east, north = photo["location"]["coordinates"]
    expect(facts).to_contain_text(f"{abs(north):.5f}° {'N' if north > 0 else 'S'}, {abs(east):.5f}°")


def test_photo__time_without_an_offset__has_no_time_zone(explorer: Explorer) -> None:
    page = explorer.new_page()
    demo_photos = photos(explorer, page, bucket="demo", has="date", limit=250)
    local = next(
        item
        for item in demo_photos
        if not item["photo"].get("taken_offset") and item["photo"]["taken_precision"] == "second"
    )
    page.goto(explorer.url + explorer.address(photo=local["id"]))
    taken = dialog(page).locator("dl > div", has_text="Taken")
    expect(taken).to_contain_text(local["photo"]["taken_at"][11:19])
    expect(taken).to_contain_text("(local time, time zone unknown)")
    zoned = next(item for item in demo_photos if item["photo"].get("taken_offset", "+00:00") != "+00:00")
    page.goto(explorer.url + explorer.address(photo=zoned["id"]))
    expect(taken).to_contain_text(zoned["photo"]["taken_offset"])


def test_photo__tags__are_grouped_and_searchable(explorer: Explorer) -> None:
    page = explorer.new_page()
    (record, *_) = photos(explorer, page, camera="X-T4")
    page.goto(explorer.url + explorer.address(photo=record["id"]))
    groups = dialog(page).locator(".tag-group h3")
    expect(groups.first).to_have_text("Image")
    assert {"Image", "EXIF", "GPS"} <= set(groups.all_inner_texts())
    dialog(page).get_by_role("searchbox", name="Find in metadata").fill("fnumber")
    expect(dialog(page).locator(".tag dt")).to_have_text(["FNumber"])
    dialog(page).get_by_role("searchbox", name="Find in metadata").fill("nothing has this")
    expect(dialog(page).get_by_role("tabpanel")).to_contain_text("No matching tags or values.")


def test_photo__xmp_and_json__have_tabs(explorer: Explorer) -> None:
    page = explorer.new_page()
    (record, *_) = photos(explorer, page, bucket="demo", has="keywords")
    page.goto(explorer.url + explorer.address(photo=record["id"]))
    dialog(page).get_by_role("tab", name="Tags").focus()
    page.keyboard.press("ArrowRight")
    expect(dialog(page).get_by_role("tab", name="XMP")).to_be_focused()
    expect(dialog(page).get_by_role("tabpanel")).to_contain_text("dc:subject")
    dialog(page).get_by_role("tab", name="JSON").click()
    expect(dialog(page).get_by_role("tab", name="JSON")).to_have_attribute("aria-selected", "true")
    shown = json.loads(dialog(page).locator("pre").inner_text())
    assert shown["photo"]["keywords"] == record["photo"]["keywords"]
    assert "tab=json" in page.url
    page.reload()
    expect(dialog(page).get_by_role("tab", name="JSON")).to_have_attribute("aria-selected", "true")


def test_photo__previous_and_next__stay_within_the_result(explorer: Explorer) -> None:
    page = explorer.new_page()
    ids = [item["id"] for item in photos(explorer, page, camera="X-T4", sort="-iso", limit=5)]
    page.goto(explorer.url + explorer.address(camera="X-T4", sort="-iso", photo=ids[1]))

    def wait_until_shown(id_: str) -> None:
        wait_until(page, "id => new URLSearchParams(location.search).get('photo') === id", id_)
        expect(dialog(page).locator("h2")).to_have_text(id_.rsplit("/", 1)[-1])

    dialog(page).get_by_role("button", name="Next photo").click()
    wait_until_shown(ids[2])
    expect(dialog(page).get_by_role("button", name="Previous photo")).to_be_enabled()
    page.keyboard.press("ArrowLeft")
    wait_until_shown(ids[1])
    expect(dialog(page).get_by_role("button", name="Previous photo")).to_be_enabled()
    page.keyboard.press("ArrowLeft")
    wait_until_shown(ids[0])
    expect(dialog(page).get_by_role("button", name="Next photo")).to_be_enabled()
    expect(dialog(page).get_by_role("button", name="Previous photo")).to_be_disabled()


def test_photo__closed__the_focus_returns_to_its_tile(explorer: Explorer) -> None:
    page = explorer.open(explorer.address(camera="X-T4"))
    tiles(page).nth(2).click()
    expect(dialog(page)).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog(page)).to_have_count(0)
    expect(page.locator('[data-index="2"]')).to_be_focused()
    expect(page).to_have_title("Camera: X-T4 · Gallery · EXIFinator")


def test_photo__closed__back_does_not_reopen_it(explorer: Explorer) -> None:
    page = explorer.open("/?view=table")
    page.get_by_role("link", name="Gallery").click()
    name = tiles(page).nth(2).get_attribute("aria-label") or ""
    tiles(page).nth(2).click()
    expect(page).to_have_title(f"{name.split(',')[0]} · Gallery · EXIFinator")
    for _ in range(2):
        expect(dialog(page).get_by_role("button", name="Next photo")).to_be_enabled()
        before = page.url
        page.keyboard.press("ArrowRight")
        expect(page).not_to_have_url(before)
    page.keyboard.press("Escape")
    expect(dialog(page)).to_have_count(0)
    # The focus is on the photo that the dialog showed last.
    expect(page.locator('[data-index="4"]')).to_be_focused()
    page.go_back()
    expect(page).to_have_url(f"{explorer.url}/?view=table")
    expect(dialog(page)).to_have_count(0)


def test_photo__opened_by_its_url__closes_without_leaving_the_page(explorer: Explorer) -> None:
    page = explorer.new_page()
    (record, *_) = photos(explorer, page, camera="X-T4")
    page.goto(explorer.url + explorer.address(camera="X-T4", photo=record["id"]))
    expect(dialog(page)).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog(page)).to_have_count(0)
    expect(page).to_have_url(explorer.url + explorer.address(camera="X-T4"))


def test_photo__copy_buttons__write_to_the_clipboard(explorer: Explorer) -> None:
    page = explorer.new_page(permissions=["clipboard-read", "clipboard-write"])
    (record, *_) = photos(explorer, page, camera="X-T4")
    page.goto(explorer.url + explorer.address(photo=record["id"]))
    dialog(page).get_by_role("button", name="Copy S3 URI").click()
    expect(dialog(page).get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == f"s3://{record['id']}"
    dialog(page).get_by_role("button", name="Copy Make", exact=True).click()
    wait_until(page, "async () => (await navigator.clipboard.readText()) === 'FUJIFILM'")


def test_photo__other_copies__are_listed(explorer: Explorer) -> None:
    page = explorer.new_page()
    (record, *_) = photos(explorer, page, camera="X-T4")
    copy = {**record, "id": "backup/copy.jpg"}
    page.route("**/photos/by-etag/*", lambda route: route.fulfill(json={"photos": [record, copy]}))
    page.goto(explorer.url + explorer.address(photo=record["id"]))
    expect(dialog(page).locator(".copies h3")).to_have_text("Another copy of this file")
    expect(dialog(page).locator(".copies a")).to_have_text("backup/copy.jpg")


def test_photo__unknown_id__is_reported(explorer: Explorer) -> None:
    page = explorer.open(explorer.address(photo="demo/no such.jpg"), allow=("status of 404",))
    expect(dialog(page).get_by_role("alert")).to_contain_text("This photo no longer exists, or the link is wrong.")
    dialog(page).get_by_role("button", name="Back to gallery").click()
    expect(dialog(page)).to_have_count(0)
    expect(tiles(page).first).to_be_visible()


def test_photo__value__links_to_the_photos_that_share_it(explorer: Explorer) -> None:
    page = explorer.new_page()
    (record, *_) = photos(explorer, page, camera="X-T4")
    page.goto(explorer.url + explorer.address(photo=record["id"]))
    dialog(page).get_by_role("link", name="FUJIFILM X-T4").click()
    expect(dialog(page)).to_have_count(0)
    expect(page.locator(".chip")).to_have_text("Camera: X-T4×")


def test_photo__people_places_and_serials__are_shown_and_linked(explorer: Explorer) -> None:
    page = explorer.new_page()
    record = next(item for item in photos(explorer, page, camera="X-T4", limit=50) if item["thumbnail"])
    area = {"x": 0.25, "y": 0.25, "w": 0.5, "h": 0.5}
    changes = {
        "title": "At the river", "headline": "Summer", "people": ["Anna"], "orientation": 6,
        "regions": [{"name": "Anna", "type": "Face", "area": area}], "camera_serial": "93M1", "label": "Red",
        "flash_fired": False, "copyright": "© Ada & Ben", "artist": 'Ada "A" Lee', "creators": [], "iso": 640,
        "taken_local": "2024-07-01T12:00:00", "time_zone": "Europe/Madrid", "software": "x" * 301,
        "taken_at": "2024-07-01T10:00:00Z", "taken_offset": "+02:00",
        "taken_offset_inferred": True, "date_suspect": "midnight", "white_balance": "daylight",
        "place": {"name": "Girona", "region": "Girona", "country": "Spain", "distance_km": 3.2},
    }  # fmt: skip
    shown = {
        **fetch_record(explorer, page, record["id"]),
        "kinds": ["panorama"],
        "text": {"Comment": "scanned"},
        "icc": {"name": "Display P3"},
        "ai": {"generated": True, "prompt": "a river"},
    }
    shown["photo"] = {**shown["photo"], **changes}
    page.route(f"**/photos/{quote(record['id'], safe='')}", lambda route: route.fulfill(json=shown))
    page.goto(explorer.url + explorer.address(photo=record["id"]))

    facts = dialog(page).locator(".summary")
    expect(facts.locator("h3")).to_have_text("At the river")
    expect(facts.locator(".headline")).to_have_text("Summer")
    values = {
        "Taken": "12:00:00 +02:00 (time zone inferred from the location)", "Time zone": "Europe/Madrid",
        "Nearest place": "Girona, Spain (3 km away)", "White balance": "Daylight",
    }  # fmt: skip
    for name, text in values.items():
        expect(facts.locator("dl > div").filter(has=page.get_by_text(name, exact=True))).to_contain_text(text)
    links = {
        "Anna": "person=Anna", "Girona": "place=Girona", "Spain": "country=Spain", "Panorama": "kind=panorama",
        "93M1": "camera_serial=93M1", "Did not fire": "flash=false", "© Ada & Ben": "copyright=%C2%A9+Ada+%26+Ben",
        "1 Jul 2024, 12:00:00 +02:00": "taken=2024-07-01", "Ada \"A\" Lee": "q=creator%3A%22Ada++A++Lee%22",
        "ISO\u00a0640": "iso=640", "Red": "label=Red", "Exactly midnight": "date_suspect=midnight",
    }  # fmt: skip
    for text, query in links.items():
        expect(facts.get_by_role("link", name=text, exact=True)).to_have_attribute("href", f"/?{query}")
    # No filter accepts a text of this length.
    expect(facts.get_by_text("x" * 301, exact=True)).to_be_visible()
    expect(facts.get_by_role("link", name="x" * 301, exact=True)).to_have_count(0)
    # The image is stored lying on its side: the upper left quarter is the upper right one as displayed.
    box = dialog(page).get_by_role("list", name="Marked areas").get_by_role("listitem")
    expect(box).to_have_text("Anna")
    style = box.get_attribute("style")
    assert style is not None
    assert "left: 50%" in style
    assert "top: 0%" in style
    for tab, text in (("File texts", "scanned"), ("Colour profile", "Display P3"), ("AI generation", "a river")):
        dialog(page).get_by_role("tab", name=tab).click()
        expect(dialog(page).get_by_role("tabpanel")).to_contain_text(text)


def test_photo__day_without_a_time__is_shown_as_a_day(explorer: Explorer) -> None:
    page = explorer.new_page()
    (record, *_) = photos(explorer, page, camera="X-T4", limit=1)
    shown = fetch_record(explorer, page, record["id"])
    dates = {"taken_at": "1978-05-01T00:00:00", "taken_local": "1978-05-01T00:00:00", "taken_precision": "month"}
    shown["photo"] = {"camera_model": "X-T4", **dates}
    page.route(f"**/photos/{quote(record['id'], safe='')}", lambda route: route.fulfill(json=shown))
    page.goto(explorer.url + explorer.address(photo=record["id"]))
    expect(dialog(page).locator("dl > div", has_text="Taken").locator("dd")).to_have_text("May 1978")


def test_photo__stack_and_sidecars__are_listed_and_lead_to_the_files(explorer: Explorer) -> None:
    page = explorer.new_page()
    first, second = photos(explorer, page, camera="X-T4", limit=2)
    stack = {"id": first["id"], "primary": True, "role": "photo", "count": 2}
    files = [{**first, "stack": stack}, {**second, "stack": {**stack, "primary": False, "role": "raw"}}]
    shown = {
        **fetch_record(explorer, page, first["id"]),
        "stack": stack,
        "sidecars": [{"id": "demo/f/IMG_1.xmp", "kind": "xmp", "fields": ["rating", "camera_model"]}],
    }
    page.route(f"**/photos/{quote(first['id'], safe='')}", lambda route: route.fulfill(json=shown))
    page.route("**/photos?stack=*", lambda route: route.fulfill(json={"photos": files}))
    page.route("**/photos?camera=*", lambda route: route.fulfill(json={"photos": files}))
    page.goto(explorer.url + explorer.address(camera="X-T4", photo=first["id"]))

    aside = dialog(page).locator(".aside")
    expect(aside).to_contain_text("Stack of 2 files")
    expect(aside).to_contain_text("RAW file")
    expect(aside.get_by_role("link", name="IMG_1.xmp")).to_have_attribute(
        "href", re.compile("photo=demo%2Ff%2FIMG_1.xmp")
    )
    expect(aside).to_contain_text("rating, camera model")
    page.get_by_role("button", name="Close").click()
    expect(tiles(page).first).to_have_accessible_name(re.compile("stack of 2 files"))
    expect(page.locator(".tile .badge").first).to_have_text("2")


def fetch_record(explorer: Explorer, page: Page, id_: str) -> dict[str, Any]:
    record: dict[str, Any] = page.request.get(f"{explorer.url}/photos/{quote(id_, safe='')}").json()
    return record
