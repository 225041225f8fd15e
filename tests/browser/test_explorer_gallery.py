"""The gallery with its justified rows, and the table with its columns and sort orders."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import PHONE, Explorer, wait_until
from tests.waiting import eventually

GENERATED_PHOTOS = 3000
PAGE_SIZE = 100


def fetch_counts(explorer: Explorer, page: Page, **params: Any) -> dict[str, Any]:
    """Return the complete and current counts of /facets.

    On a busy machine, the first response may be a timeout, or have the counts of a sample.
    """
    url = explorer.url + explorer.address(**params).replace("/?", "/facets?")
    counts: dict[str, Any] = {}

    def are_complete() -> bool:
        response = page.request.get(url)
        assert response.ok or response.status == 503, response.text()
        counts.update(response.json())
        return response.ok and not counts["partial"] and not counts["stale"]

    eventually(are_complete)
    return counts


def total_of(explorer: Explorer, page: Page, **filters: Any) -> int:
    """Return the API's number of photos that match the filters."""
    return int(fetch_counts(explorer, page, **filters, fields="status")["total"])


def tiles(page: Page) -> Any:
    return page.locator(".tile a")


def test_gallery__photos__fill_justified_rows(explorer: Explorer) -> None:
    page = explorer.open("/")
    expect(page.locator(".total")).to_have_text(f"{total_of(explorer, page)} photos, 1 other file")
    expect(tiles(page).first).to_be_visible()
    newest = page.request.get(f"{explorer.url}/photos?limit=1").json()["photos"][0]["photo"]
    taken = datetime.fromisoformat(newest["taken_local"])
    months = page.locator(".gallery .month")
    expect(months.first).to_have_text(f"{taken:%B %Y}")
    expect(months.nth(1)).to_have_text("June 2024")
    expect(page.locator(".gallery .day").first).to_have_text(f"{taken:%a} {taken.day}")
    # The caption, which is visible on hover, says when and where the photo was taken.
    expect(tiles(page).first.locator(".caption")).to_contain_text(f"{taken.day} {taken:%b %Y} · Kyoto, Japan")
    # Other sort orders have no headings, because neighbours need not be of the same day.
    page.get_by_label("Sort").select_option("-iso")
    expect(months).to_have_count(0)
    expect(page.locator(".gallery .day")).to_have_count(0)
    expect(tiles(page).first).to_be_visible()
    rows = page.locator(".gallery .row").evaluate_all(
        "rows => rows.map(row => { const a = [...row.children].map(t => t.getBoundingClientRect());"
        " return {left: a[0].left, right: a.at(-1).right, heights: new Set(a.map(b => b.height)).size}; })"
    )
    full = rows[:-1]
    assert len(full) > 3
    assert {row["heights"] for row in full} == {1}
    assert len({round(row["left"]) for row in full}) == len({round(row["right"]) for row in full}) == 1


LEAVE_BEFORE_PAINT = """(name) => new MutationObserver((changes, observer) => {
  if (!document.querySelector(".rows")) return;
  observer.disconnect();
  [...document.querySelectorAll("nav a")].find((link) => link.innerText.trim() === name).click();
}).observe(document.body, {childList: true, subtree: true})"""


@pytest.mark.parametrize("view", ["Gallery", "Table"])
def test_list__left_before_its_first_paint__stops_rendering(explorer: Explorer, view: str) -> None:
    page = explorer.open("/?view=statistics")
    link = page.get_by_role("navigation").get_by_role("link", name=view)
    link.wait_for()
    page.evaluate(LEAVE_BEFORE_PAINT, "Statistics")
    # If the list kept rendering, the page would log an error, and the fixture would fail the test.
    link.click()
    expect(page).to_have_url(re.compile("view=statistics"))
    link.click()
    expect(page.locator(".rows > *").first).to_be_visible()


def test_gallery__thumbnail__has_the_orientation_of_the_photo(explorer: Explorer) -> None:
    page = explorer.open(explorer.address(camera="ILCE-7M3"))
    expect(tiles(page).first).to_be_visible()
    shapes = page.evaluate(
        """async () => {
          const {photos} = await (await fetch('/photos?camera=ILCE-7M3&limit=100')).json();
          const rotated = photos.find(({thumbnail, photo}) => thumbnail && photo.orientation === 6);
          let image;
          while (!(image = document.querySelector(`img[src="${rotated.thumbnail}"]`)))
            await new Promise(requestAnimationFrame);
          await image.decode();
          const box = image.getBoundingClientRect();
          return {file: image.naturalWidth / image.naturalHeight, shown: box.width / box.height,
                  photo: rotated.photo.width_pixels / rotated.photo.height_pixels, transform: image.style.transform};
        }"""
    )
    # The embedded thumbnail is landscape, the photo portrait.
    assert shapes["file"] > 1 > shapes["shown"]
    assert abs(shapes["shown"] - shapes["photo"]) < 0.05
    assert "rotate(90deg)" in shapes["transform"]


def test_gallery__photo_without_thumbnail__shows_name_and_status(explorer: Explorer) -> None:
    page = explorer.open(explorer.address(status="damaged"))
    tile = tiles(page).first
    expect(tile).to_contain_text("IMG_0000.JPG")
    expect(tile).to_contain_text("Damaged")
    assert tile.locator("img").count() == 0


def respond_with_page(route: Route) -> None:
    """Respond with a page of GENERATED_PHOTOS photos, as the API would."""
    query = parse_qs(urlsplit(route.request.url).query)
    start = int(query["cursor"][0]) if "cursor" in query else 0
    photos = [
        {"id": f"made/{index}.jpg", "bucket": "made", "key": f"{index}.jpg", "format": "jpeg", "status": "ok",
         "photo": {"width_pixels": 3000 + index % 7 * 500, "height_pixels": 3000}, "thumbnail": None}
        for index in range(start, min(GENERATED_PHOTOS, start + PAGE_SIZE))
    ]  # fmt: skip
    next_cursor = str(start + PAGE_SIZE) if start + PAGE_SIZE < GENERATED_PHOTOS else None
    route.fulfill(json={"photos": photos, "next": next_cursor})


SCROLL_TO_THE_END = """async ([scroller, last]) => {
  const element = document.querySelector(scroller);
  let largest = 0;
  while (!document.querySelector(`[data-index="${last}"]`)) {
    element.scrollTop = element.scrollHeight;
    await new Promise(requestAnimationFrame);
    largest = Math.max(largest, document.querySelectorAll('[data-index]').length);
  }
  return largest;
}"""


def assert_few_rendered_while_scrolling(page: Page, scroller: str) -> None:
    """Scroll to the end of the list and back, and assert that only a few photos are rendered at any time."""
    expect(page.locator("[data-index]").first).to_be_visible()
    largest = page.evaluate(SCROLL_TO_THE_END, [scroller, GENERATED_PHOTOS - 1])
    expect(page.locator(f'[data-index="{GENERATED_PHOTOS - 1}"]')).to_be_attached()
    assert largest < 250
    # Tab moves the focus to a photo on the screen, although the first photo is no longer rendered. In the table, the
    # buttons of the header come before the photos.
    before = page.locator(scroller) if scroller == ".gallery" else page.locator(f"{scroller} .sort").last
    before.focus()
    page.keyboard.press("Tab")
    focused = page.locator("[data-index]:focus")
    expect(focused).to_be_in_viewport()
    assert int(focused.get_attribute("data-index") or 0) > GENERATED_PHOTOS / 2
    # Photos that were dropped from memory are fetched again.
    page.locator(scroller).evaluate("element => { element.scrollTop = 0 }")
    expect(page.locator('[data-index="0"]')).to_contain_text("0.jpg")


def test_gallery__scrolled_through_thousands_of_photos__renders_few(explorer: Explorer) -> None:
    page = explorer.new_page()
    page.route("**/photos?*", respond_with_page)
    page.goto(explorer.url)
    assert_few_rendered_while_scrolling(page, ".gallery")


def test_table__scrolled_through_thousands_of_photos__renders_few(explorer: Explorer) -> None:
    page = explorer.new_page()
    page.route("**/photos?*", respond_with_page)
    page.goto(f"{explorer.url}/?view=table")
    assert_few_rendered_while_scrolling(page, ".table")


SCROLL_AND_WATCH = """async (scroller) => {
  const rows = document.querySelector(`${scroller} .rows`);
  const before = new Set(rows.children);
  let reinserted = 0;
  const watcher = new MutationObserver((changes) => {
    for (const {addedNodes} of changes) for (const node of addedNodes) reinserted += before.has(node);
  });
  watcher.observe(rows, {childList: true});
  for (let step = 1; step <= 5; step++) {
    document.querySelector(scroller).scrollTop = 250 * step;
    await new Promise((done) => setTimeout(done, 100));
  }
  watcher.disconnect();
  const indexes = [...rows.querySelectorAll('[data-index]')].map((one) => Number(one.dataset.index));
  return {reinserted, kept: [...before].filter((row) => row.isConnected).length, indexes};
}"""


@pytest.mark.parametrize("view", ["gallery", "table"])
def test_scroll__rows_that_stay__are_not_reinserted(explorer: Explorer, view: str) -> None:
    page = explorer.new_page()
    page.route("**/photos?*", respond_with_page)
    page.goto(explorer.url + explorer.address(view=view))
    expect(page.locator("[data-index]").first).to_be_visible()
    page.mouse.move(700, 500)
    expect(page.locator('[data-index="28"]')).to_be_attached()
    found = page.evaluate(SCROLL_AND_WATCH, f".{view}")
    assert found["reinserted"] == 0
    assert found["kept"] > 0
    # The elements are in the order of the list, without a gap, as screen readers expect.
    assert found["indexes"] == list(range(found["indexes"][0], found["indexes"][-1] + 1))


def test_gallery__before_any_input__renders_only_visible_tiles(explorer: Explorer) -> None:
    page = explorer.new_page()
    page.goto(explorer.url)
    expect(page.locator("img.thumbnail").first).to_be_visible()
    # The timeline above the gallery appears with the counts.
    expect(page.locator(".timeline .bar").first).to_be_visible()
    count = tiles(page).count()
    below = "[...document.querySelectorAll('.tile')].filter(t => t.getBoundingClientRect().top >= innerHeight).length"
    assert page.evaluate(below) == 0
    # The first input starts the prefetching.
    page.mouse.move(700, 500)
    wait_until(page, "(count) => document.querySelectorAll('.tile a').length > count", count)


def test_gallery__arrow_keys__move_between_photos(explorer: Explorer) -> None:
    page = explorer.open("/")
    tiles(page).first.focus()
    focused_index = "document.activeElement.dataset.index"
    page.keyboard.press("ArrowRight")
    expect(page.locator('[data-index="1"]')).to_be_focused()
    page.keyboard.press("ArrowDown")
    wait_until(page, f"() => Number({focused_index}) > 3")
    page.keyboard.press("ArrowUp")
    wait_until(page, f"() => Number({focused_index}) < 3")
    page.keyboard.press("End")
    wait_until(page, f"() => Number({focused_index}) > 50")
    page.keyboard.press("Enter")
    expect(page.locator("dialog.photo")).to_be_visible()
    url_of_photo = page.url
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)
    wait_until(page, f"() => Number({focused_index}) > 50")
    assert "photo=" in url_of_photo
    assert "photo=" not in page.url


def expect_columns(page: Page, *titles: str) -> None:
    """Wait until the table has exactly these columns, in this order."""
    shown = [re.compile(rf"^{re.escape(title)}\s*[↑↓]?$") for title in titles]
    expect(page.locator("[role=columnheader]:not(:first-child)")).to_have_text(shown)


def test_table__columns__can_be_selected_and_reordered(explorer: Explorer) -> None:
    page = explorer.open(explorer.address(view="table", columns="name,iso"))
    expect_columns(page, "File", "ISO")
    page.get_by_role("button", name="Columns").click()
    page.get_by_role("checkbox", name="Software").check()
    page.get_by_role("button", name="Move Software up").click()
    page.keyboard.press("Escape")
    expect_columns(page, "File", "Software", "ISO")
    expect(page).to_have_url(re.compile("columns=name%2Csoftware%2Ciso"))
    page.locator("[role=columnheader]", has_text="ISO").drag_to(page.locator("[role=columnheader]", has_text="File"))
    expect_columns(page, "ISO", "File", "Software")
    page.reload()
    expect_columns(page, "ISO", "File", "Software")


def test_table__header__sorts_in_both_directions(explorer: Explorer) -> None:
    page = explorer.open(explorer.address(view="table", columns="iso,name", bucket="demo", has="camera"))

    def isos() -> list[int]:
        shown: list[str] = page.locator(".rows [role=row] a").all_inner_texts()
        return [int(text.replace(",", "")) for text in shown if text != "—"]

    head = page.get_by_role("columnheader", name="ISO")
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "ascending")
    expect(page.locator('[data-index="5"]')).to_be_visible()
    assert isos() == sorted(isos())
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    expect(page.locator('[data-index="0"]')).not_to_have_text("100")
    assert len(isos()) > 10
    assert isos() == sorted(isos(), reverse=True)
    assert "sort=-iso" in page.url


def test_table__row__opens_the_photo(explorer: Explorer) -> None:
    page = explorer.open(explorer.address(view="table", bucket="demo"))
    page.locator('[data-index="0"]').focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator('[data-index="1"]')).to_be_focused()
    name = page.locator('[data-index="1"]').inner_text()
    page.keyboard.press("Enter")
    expect(page.locator("dialog h2")).to_have_text(name)


def test_page__on_a_phone__is_no_wider_than_the_screen(explorer: Explorer) -> None:
    page = explorer.open(
        explorer.address(taken="2019..2024", has="gps"), viewport=PHONE, has_touch=True, is_mobile=True
    )
    expect(tiles(page).first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert page.get_by_role("complementary").count() == 0
    page.get_by_role("button", name="Filters").click()
    page.get_by_role("checkbox", name="X-T4").check()
    page.get_by_role("button", name=re.compile("^Show .*photos")).click()
    expect(page.locator(".chip", has_text="X-T4")).to_be_visible()
    assert page.evaluate("document.querySelector('main').getBoundingClientRect().width") <= PHONE["width"]


# A small phone, and a screen 1280 pixels wide at a zoom of 200%.
NARROW = [{"width": 320, "height": 640}, {"width": 640, "height": 400}]


@pytest.mark.parametrize("view", ["gallery", "table", "map", "statistics", "cameras", "batches"])
def test_view__on_a_narrow_screen__is_not_cut_off(explorer: Explorer, view: str) -> None:
    page = explorer.open(explorer.address(view=view, camera="X-T4"), viewport=NARROW[0])
    expect(page.locator(".tile a, .item a, .marker, .column, .cameras p, .past").first).to_be_visible()
    for size in NARROW:
        page.set_viewport_size(size)  # type: ignore[arg-type]
        wait_until(page, "(width) => innerWidth === width", size["width"])
        # Some parts of the page adapt to the new size a frame later.
        wait_until(
            page,
            "(width) => document.documentElement.scrollWidth === width"
            " && ![...document.querySelectorAll('header.top *, .chips *, .view')].some(e => e.getClientRects().length"
            " && !e.matches('.visually-hidden, kbd') && e.getBoundingClientRect().right > innerWidth + 0.5)",
            size["width"],
        )
        # The sort menu stays readable.
        for box in (one.bounding_box() for one in page.locator(".order select").all()):
            assert box is not None
            assert box["width"] > 110
