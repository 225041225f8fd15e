"""The filters: values, ranges, the timeline, search, queries in JSON, chips, and the URL that stores them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.conftest import Explorer, settled_box, wait_until
from tests.browser.test_explorer_gallery import fetch_counts, tiles, total_of


def section(page: Page, title: str) -> Locator:
    return page.locator("section.filter").filter(has=page.get_by_role("button", name=title, exact=True))


def expect_total(page: Page, count: int) -> None:
    photos = f"{count:,} photo{'' if count == 1 else 's'}"
    expect(page.locator(".total")).to_have_text(re.compile(rf"^{photos}(, \d+ other files?)?$"))


def facet(explorer: Explorer, page: Page, name: str, **filters: Any) -> list[dict[str, Any]]:
    """Return the API's counts of the values of a field, for the photos that match the filters."""
    counts = fetch_counts(explorer, page, **filters, fields=name, others="true", top=200)
    rows: list[dict[str, Any]] = counts["facets"][name]
    return rows


def test_values__counts__follow_the_other_filters(explorer: Explorer) -> None:
    page = explorer.open("/")
    cameras = section(page, "Camera")
    cameras.get_by_role("checkbox", name="ILCE-7M3").check()
    expect_total(page, total_of(explorer, page, camera="ILCE-7M3"))
    # The counts of the other cameras stay, because these cameras can still be selected. Only lenses of the selected
    # camera are left.
    x_t4 = next(row["count"] for row in facet(explorer, page, "camera") if row["value"] == "X-T4")
    expect(cameras.locator(".value", has_text="X-T4").locator(".count")).to_contain_text(str(x_t4))
    lenses = [row["value"] for row in facet(explorer, page, "lens", camera="ILCE-7M3") if row["value"]]
    expect(section(page, "Lens").locator(".value:not(.quiet)")).to_have_count(len(lenses))
    cameras.get_by_role("checkbox", name="X-T4").check()
    expect_total(page, total_of(explorer, page, camera=["ILCE-7M3", "X-T4"]))
    assert "camera=ILCE-7M3&camera=X-T4" in page.url


def test_values__missing__can_be_selected(explorer: Explorer) -> None:
    page = explorer.open("/")
    section(page, "Lens").get_by_role("checkbox", name="No lens").check()
    expect_total(page, total_of(explorer, page, without="lens"))
    section(page, "Location").get_by_role("checkbox", name="Has location").check()
    expect_total(page, total_of(explorer, page, without="lens", has="gps"))
    section(page, "Location").get_by_role("checkbox", name="No location").check()
    expect_total(page, total_of(explorer, page, without=["lens", "gps"]))


def test_values__long_list__can_be_searched(explorer: Explorer) -> None:
    page = explorer.open("/")
    keywords = section(page, "Keywords")
    keywords.get_by_role("button", name="Show all").click()
    keywords.get_by_label("Find in Keywords").fill("aur")
    expect(keywords.locator(".value")).to_have_count(1)
    keywords.get_by_role("checkbox", name="aurora").check()
    expect_total(page, total_of(explorer, page, keyword="aurora"))


def test_panel__hidden_or_folded__stays_so(explorer: Explorer) -> None:
    page = explorer.open("/")
    section(page, "Lens").get_by_role("button", name="Lens", exact=True).click()
    page.keyboard.press("f")
    expect(page.get_by_role("complementary", name="Filters")).to_be_hidden()
    page.reload()
    expect(tiles(page).first).to_be_visible()
    expect(page.get_by_role("complementary", name="Filters")).to_be_hidden()
    page.get_by_role("button", name="Filters", exact=True).click()
    expect(section(page, "Lens").get_by_role("checkbox")).to_have_count(0)
    expect(section(page, "Camera").get_by_role("checkbox").first).to_be_visible()
    # A filter in the URL opens its section.
    page.goto(f"{explorer.url}/?without=lens")
    expect(section(page, "Lens").get_by_role("checkbox", name="No lens")).to_be_checked()


def test_camera__list__names_the_maker_which_is_a_filter_too(explorer: Explorer) -> None:
    page = explorer.open("/")
    section(page, "Camera").get_by_role("checkbox", name="SONY ILCE-7M3").check()
    makers = section(page, "Camera maker")
    makers.get_by_role("button", name="Camera maker", exact=True).click()
    expect(makers.get_by_role("checkbox")).to_have_count(1)
    makers.get_by_role("checkbox", name="SONY").check()
    expect(page.locator(".chip")).to_have_text(["Camera: ILCE-7M3×", "Camera maker: SONY×"])
    expect_total(page, total_of(explorer, page, camera="ILCE-7M3"))


def test_focal35__fields__filter_by_the_35_mm_equivalent(explorer: Explorer) -> None:
    page = explorer.open("/")
    equivalents = section(page, "35 mm equivalent")
    equivalents.get_by_role("button", name="35 mm equivalent", exact=True).click()
    equivalents.get_by_label("35 mm equivalent: from (value)").fill("20")
    equivalents.get_by_label("35 mm equivalent: to (value)").fill("30")
    page.keyboard.press("Enter")
    expect(page.locator(".chip")).to_have_text("35 mm equivalent: 20–30 mm×")
    count = total_of(explorer, page, focal35="20-30")
    assert 0 < count < total_of(explorer, page)
    expect_total(page, count)


def test_country__selected__finds_the_photos_taken_there(explorer: Explorer) -> None:
    page = explorer.open("/")
    first = facet(explorer, page, "country")[0]
    assert first["count"] > 0
    section(page, "Country").get_by_role("checkbox", name=first["value"]).check()
    expect_total(page, first["count"])
    expect(page.locator(".chip")).to_have_text(f"Country: {first['value']}×")


def test_rare_section__when_opened__is_counted(explorer: Explorer) -> None:
    page = explorer.new_page()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url) if "fields=city" in request.url else None)
    page.goto(explorer.url)
    cities = section(page, "City")
    expect(section(page, "Camera").get_by_role("checkbox").first).to_be_visible()
    assert requests == []
    cities.get_by_role("button", name="City", exact=True).click()
    first = facet(explorer, page, "city")[0]
    cities.get_by_role("checkbox", name=first["value"]).check()
    expect_total(page, first["count"])
    page.reload()
    expect(cities.get_by_role("checkbox", name=first["value"])).to_be_checked()
    labels = section(page, "Label")
    labels.get_by_role("button", name="Label", exact=True).click()
    expect(labels).to_contain_text("No label data in these photos.")


def test_values__rating_format_and_status__filter_the_photos(explorer: Explorer) -> None:
    page = explorer.open("/")
    section(page, "Rating").get_by_role("checkbox", name="★★★★★").check()
    expect_total(page, total_of(explorer, page, rating=5))
    section(page, "Rating").get_by_role("button", name="Clear Rating").click()
    section(page, "Format").get_by_role("checkbox", name="PNG").check()
    section(page, "Status").get_by_role("checkbox", name="Has EXIF").check()
    expect_total(page, total_of(explorer, page, format="png", status="ok"))


def test_folders__opened_level_by_level__filter_the_photos(explorer: Explorer) -> None:
    page = explorer.open("/")
    buckets = section(page, "Bucket and folder")
    buckets.get_by_role("checkbox", name="demo").check()
    buckets.locator(".plain .value", has_text="2024/").click()
    expect_total(page, total_of(explorer, page, bucket="demo", prefix="2024/"))
    buckets.locator(".plain .value").first.click()
    expect(page.locator(".chip", has_text="Folder")).to_contain_text("2024/")
    buckets.get_by_role("button", name="All", exact=True).click()
    expect_total(page, total_of(explorer, page, bucket="demo"))
    buckets.get_by_label("Folder or path prefix").fill("20")
    page.keyboard.press("Enter")
    expect_total(page, total_of(explorer, page, bucket="demo", prefix="20"))


def drag(page: Page, plot: Locator, first: int, last: int, bars: int) -> None:
    """Drag the mouse from the first to the last of these bars in a plot that has `bars` bars."""
    expect(plot.locator(".bar")).to_have_count(bars)
    plot.scroll_into_view_if_needed()
    box = settled_box(plot)
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * (first + 0.5) / bars, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * (last + 0.5) / bars, y, steps=4)
    page.mouse.up()


RANGES = {"iso": "ISO", "f": "Aperture", "exposure": "Exposure time", "focal": "Focal length"}


@pytest.mark.parametrize("name", RANGES)
def test_histogram__dragged__matches_the_counts_of_its_bars(explorer: Explorer, name: str) -> None:
    page = explorer.open("/")
    rows = [row for row in facet(explorer, page, name) if "least" in row]
    plot = section(page, RANGES[name]).locator(".plot")
    expect(plot.locator(".bar")).to_have_count(len(rows))
    drag(page, plot, 1, 3, len(rows))
    expect_total(page, sum(row["count"] for row in rows[1:4]))
    # After a reload, the same bars are selected.
    page.reload()
    expect(plot.locator(".bar.in")).to_have_count(3)
    section(page, RANGES[name]).get_by_role("button", name="Clear").click()
    expect_total(page, total_of(explorer, page))


def test_histogram__keys__move_the_ends_of_the_range(explorer: Explorer) -> None:
    page = explorer.open("/")
    rows = [row for row in facet(explorer, page, "iso") if "least" in row]
    low = section(page, "ISO").get_by_role("slider", name="ISO: from")
    low.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect_total(page, sum(row["count"] for row in rows[2:]))
    expect(low).to_be_focused()
    page.keyboard.press("Home")
    expect_total(page, total_of(explorer, page))
    assert "iso=" not in page.url


def test_timeline__clicked_year_month_and_days__filter_the_photos(explorer: Explorer) -> None:
    page = explorer.open(explorer.address(bucket="demo"))
    timeline = page.get_by_role("region", name="Timeline")
    timeline.locator(".bar[title^='May 2024']").or_(timeline.locator(".bar[title^='2024']")).first.click()
    expect(page).to_have_url(re.compile("taken=2024"))
    if "taken=2024-05" not in page.url:
        expect(timeline.locator(".bar")).to_have_count(12)
        timeline.locator(".bar[title^='May 2024']").click()
    expect(timeline.locator(".bar")).to_have_count(31)
    expect_total(page, total_of(explorer, page, bucket="demo", taken="2024-05"))
    drag(page, timeline.locator(".plot"), 9, 11, 31)
    expect(page.locator(".chip", has_text="10 May 2024 – 12 May 2024")).to_be_visible()
    expect_total(page, total_of(explorer, page, bucket="demo", taken="2024-05-10..2024-05-12"))
    timeline.get_by_role("button", name="2024", exact=True).click()
    expect_total(page, total_of(explorer, page, bucket="demo", taken="2024"))
    timeline.get_by_role("button", name="All years").click()
    expect_total(page, total_of(explorer, page, bucket="demo"))


def test_search__words__filter_the_photos(explorer: Explorer) -> None:
    page = explorer.open("/")
    expect(tiles(page).first).to_be_visible()
    page.keyboard.press("/")
    expect(page.get_by_role("combobox", name="Search photos")).to_be_focused()
    page.keyboard.type("lofoten aurora")
    page.keyboard.press("Enter")
    expect_total(page, total_of(explorer, page, q="lofoten aurora"))
    assert "q=lofoten+aurora" in page.url


QUERIES = {
    "syntax": ('{"photo.iso": 100,, }', ",", "Not valid JSON"),
    "operator": ('{"photo.iso": {"$foo": 1}}', '"$foo"', "the operator $foo is not allowed"),
    "deep": ('{"$or": [{"bucket": "a"}, {"photo.iso": {"$where": "1"}}]}', '"$where"', "$where is not allowed"),
    "value": ('{"photo.iso": {"$exists": "yes"}}', '"$exists"', "must be true or false"),
}


@pytest.mark.parametrize("case", QUERIES)
def test_query__invalid__has_its_error_marked(explorer: Explorer, case: str) -> None:
    query, marked, message = QUERIES[case]
    page = explorer.open("/", allow=("status of 400",))
    box = section(page, "Advanced query")
    box.get_by_role("button", name="Advanced query").click()
    box.get_by_role("textbox").fill(query)
    box.get_by_role("button", name="Apply").click()
    expect(box.get_by_role("alert")).to_contain_text(message)
    expect(box.locator("mark")).to_have_text(marked)
    expect(box.get_by_role("textbox")).to_be_focused()
    # The page selects the text after it has shown the message.
    wait_until(
        page,
        "(text) => { const box = document.activeElement;"
        " return box.value.slice(box.selectionStart, box.selectionEnd) === text; }",
        marked,
    )
    assert "query=" not in page.url


# Enter text into a box as soon as it is in the document, before the first paint.
TYPE_BEFORE_PAINT = """
new MutationObserver((_, observer) => {
  const box = document.querySelector("%s");
  if (!box) return;
  observer.disconnect();
  box.value = "typed early";
  box.dispatchEvent(new Event("input", { bubbles: true }));
}).observe(document, { childList: true, subtree: true });
"""


@pytest.mark.parametrize("box", ["#query-text", ".search input", ".folders form input"])
def test_text__typed_before_the_first_paint__stays(explorer: Explorer, box: str) -> None:
    page = explorer.new_page()
    page.add_init_script(TYPE_BEFORE_PAINT % box)
    page.goto(explorer.url)
    if box == "#query-text":
        section(page, "Advanced query").get_by_role("button", name="Advanced query").click()
    expect(tiles(page).first).to_be_visible()
    expect(page.locator(box)).to_have_value("typed early")


def test_query__valid__filters_the_photos(explorer: Explorer) -> None:
    page = explorer.open("/")
    box = section(page, "Advanced query")
    box.get_by_role("button", name="Advanced query").click()
    box.get_by_role("textbox").fill('{"Image Make.printable": "SONY"}')
    page.keyboard.press("Control+Enter")
    expect_total(page, total_of(explorer, page, query='{"Image Make.printable": "SONY"}'))
    expect(page.locator(".chip", has_text="Query")).to_be_visible()


def test_chips__removed__come_back_with_the_back_button(explorer: Explorer) -> None:
    filters = {"camera": ["X-T4", "ILCE-7M3"], "iso": "100-800", "has": "gps", "taken": "2019..2024"}
    page = explorer.open(explorer.address(**filters))
    chips = page.locator(".chip > span")
    texts = ["ISO 100–800", "Date: 2019 – 2024", "Camera: X-T4", "Camera: ILCE-7M3", "Has location"]
    expect(chips).to_have_text(texts)
    page.get_by_role("button", name="Remove Camera: X-T4").click()
    expect(chips).to_have_count(4)
    expect_total(page, total_of(explorer, page, **{**filters, "camera": "ILCE-7M3"}))
    page.go_back()
    expect(chips).to_have_text(texts)
    expect_total(page, total_of(explorer, page, **filters))
    page.go_forward()
    expect(chips).to_have_count(4)
    page.get_by_role("button", name="Clear all").click()
    expect_total(page, total_of(explorer, page))
    assert page.url == f"{explorer.url}/"


def test_request__outdated_by_another_filter__is_aborted(explorer: Explorer) -> None:
    page = explorer.open("/")
    expect(tiles(page).first).to_be_visible()
    # These requests never get a response, and the page must not wait for them.
    page.route("**/photos?*camera=X-T4*", lambda route: None)
    section(page, "Camera").get_by_role("checkbox", name="X-T4").check()
    expect(page.locator(".chip", has_text="X-T4")).to_be_visible()
    expect(tiles(page)).to_have_count(0)
    with page.expect_event("requestfailed", lambda request: "camera=X-T4" in request.url):
        page.get_by_role("button", name="Remove Camera: X-T4").click()
    expect(tiles(page).first).to_be_visible()


def test_counts__partial__are_refetched(explorer: Explorer) -> None:
    page = explorer.new_page()
    is_partial = True

    def respond(route: Route) -> None:
        counts = route.fetch().json()
        route.fulfill(json={**counts, "partial": is_partial})

    page.route("**/facets?*", respond)
    page.goto(explorer.url)
    notice = page.get_by_text("Partial counts")
    expect(notice).to_be_visible()
    is_partial = False
    expect(notice).to_have_count(0)


COUNTED = {"day": ".timeline .bar[title*='May 2024']:not([title$=': 0'])", "format": "role=checkbox[name=/^JPEG/]"}


@pytest.mark.parametrize("field", COUNTED)
def test_counts__of_days_or_files_partial__are_refetched(explorer: Explorer, field: str) -> None:
    page = explorer.new_page()
    is_first = True

    def respond(route: Route) -> None:
        """Respond to the first request for this field as if no photo had been counted yet."""
        nonlocal is_first
        counts = route.fetch().json()
        if field in counts["facets"] and is_first:
            is_first = False
            counts |= {"partial": True, "facets": {name: [] for name in counts["facets"]}}
        route.fulfill(json=counts)

    page.route("**/facets?*", respond)
    page.goto(explorer.url + explorer.address(bucket="demo", taken="2024-05"))
    expect(page.locator(COUNTED[field]).first).to_be_visible()
