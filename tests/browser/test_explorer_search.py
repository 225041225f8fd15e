"""The search box: words, suggestions, filters typed as words, and mistakes."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.accessible import assert_accessible
from tests.browser.conftest import PHONE, Explorer, wait_until
from tests.browser.library import MARKUP
from tests.browser.test_explorer_filters import expect_total
from tests.browser.test_explorer_gallery import tiles, total_of
from tests.browser.test_explorer_safety import assert_stays_text
from tests.waiting import eventually


def box(page: Page) -> Locator:
    return page.get_by_role("combobox", name="Search photos")


def options(page: Page) -> Locator:
    return page.get_by_role("listbox", name="Suggestions").get_by_role("option")


def option(page: Page, text: str) -> Locator:
    return options(page).filter(has_text=text)


def wait_for_suggestions(explorer: Explorer, page: Page) -> None:
    """Wait until the API has counted all values, which it does in the background after its start."""
    eventually(lambda: not page.request.get(f"{explorer.url}/suggestions?q=x").json()["partial"])


def test_search__suggestions__become_filters_when_chosen_by_keyboard_or_mouse(explorer: Explorer) -> None:
    page = explorer.open("/")
    expect(tiles(page).first).to_be_visible()
    # The API counts the values in the background after its start.
    eventually(lambda: "X-T4" in page.request.get(f"{explorer.url}/suggestions?q=sony%20x-t").text())
    page.keyboard.press("/")
    expect(box(page)).to_be_focused()
    expect(box(page)).to_have_attribute("aria-expanded", "false")
    page.keyboard.type("sony x-t")
    x_t4 = total_of(explorer, page, camera="X-T4")
    expect(page.get_by_role("group", name="Cameras").get_by_role("option")).to_contain_text([f"X-T4{x_t4}"])
    expect(box(page)).to_have_attribute("aria-expanded", "true")
    assert_accessible(page)

    # The first Down selects the first option, and Up returns to the text. Escape closes the list and keeps the text.
    page.keyboard.press("ArrowDown")
    selected = page.locator("[role=option][aria-selected=true]")
    expect(selected).to_have_count(1)
    expect(box(page)).to_have_attribute("aria-activedescendant", selected.get_attribute("id") or "")
    page.keyboard.press("ArrowUp")
    expect(selected).to_have_count(0)
    page.keyboard.press("Escape")
    expect(options(page)).to_have_count(0)
    expect(box(page)).to_have_value("sony x-t")
    expect(box(page)).to_be_focused()

    # A chosen value becomes a chip. The rest of the text stays as the search.
    box(page).fill("jpg x-t")
    option(page, "X-T4").hover()
    option(page, "X-T4").click()
    expect(page.locator(".chip")).to_have_text(["Search: jpg×", "Camera: X-T4×"])
    expect_total(page, total_of(explorer, page, q="jpg", camera="X-T4"))
    expect(box(page)).to_have_value("jpg")
    expect(options(page)).to_have_count(0)

    # The name of a filter is completed, and its values are suggested.
    box(page).fill("keyw")
    expect(option(page, "keyword:")).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(box(page)).to_have_value("keyword:")
    # Enter the text at once: the list of a part of it, such as "aur", would have only one option too.
    page.keyboard.insert_text("auro")
    # Until the response arrives, the list still shows all keywords, and the new list drops a selection.
    expect(options(page)).to_have_count(1)
    page.keyboard.press("ArrowDown")
    expect(option(page, "aurora")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(page.locator(".chip", has_text="Keyword: aurora")).to_be_visible()
    expect_total(page, total_of(explorer, page, camera="X-T4", keyword="aurora"))


def test_search__filters_typed_as_words__become_chips(explorer: Explorer) -> None:
    page = explorer.open("/?view=table&camera=ILCE-7M3")
    wait_for_suggestions(explorer, page)
    box(page).fill("jpg camera:x-t4 iso:800- has:gps -zzz")
    page.keyboard.press("Enter")
    chips = ["Search: jpg -zzz×", "ISO 800 or higher×", "Camera: ILCE-7M3×", "Camera: X-T4×", "Has location×"]
    expect(page.locator(".chip")).to_have_count(len(chips))
    expect(page.locator(".chip", has_text="Camera: X-T4")).to_be_visible()
    expect(page.locator(".chip", has_text="Search: jpg -zzz")).to_be_visible()
    filters = {"camera": ["ILCE-7M3", "X-T4"], "iso": "800-", "has": "gps", "q": "jpg"}
    expect_total(page, total_of(explorer, page, **filters))
    expect(box(page)).to_have_value("jpg -zzz")
    page.reload()
    expect(page.locator(".chip")).to_have_count(len(chips))


def test_search__mistake__is_shown_and_selected(explorer: Explorer) -> None:
    page = explorer.open("/")
    expect(tiles(page).first).to_be_visible()
    expect(page.locator(".total")).to_contain_text("photos")
    total = page.locator(".total").inner_text()
    box(page).fill("🏔 jpg iso:abc")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Iso: expected a number or a range")
    expect(box(page)).to_have_attribute("aria-invalid", "true")
    # The page selects the text after it has shown the message.
    wait_until(
        page,
        "() => { const box = document.activeElement;"
        " return box.value.slice(box.selectionStart, box.selectionEnd) === 'iso:abc'; }",
    )
    expect(page.locator(".chip")).to_have_count(0)
    expect(page.locator(".total")).to_have_text(total)
    page.keyboard.type("iso:100-")
    expect(page.get_by_role("alert")).to_have_count(0)


def test_search__failed_suggestions__do_not_prevent_the_search(explorer: Explorer) -> None:
    page = explorer.open("/", allow=("status of 503",), viewport=PHONE)

    def fail(route: Route) -> None:
        route.fulfill(status=503, json={"code": "unavailable", "detail": "Down."})

    page.route("**/suggestions?*", fail)
    box(page).fill("aurora iso:100-")
    page.keyboard.press("Enter")
    expect_total(page, total_of(explorer, page, q="aurora", iso="100-"))


def test_search__values_not_counted_yet__are_requested_again(explorer: Explorer) -> None:
    page = explorer.open("/")
    wait_for_suggestions(explorer, page)
    text = "camera:x-t4"
    partial = {"groups": [], "partial": True, "parsed": {"q": text, "filters": {}}, "problem": None}
    requests: list[str] = []

    def answer(route: Route) -> None:
        requests.append(route.request.url)
        if len(requests) == 1:
            route.fulfill(json=partial)
        else:
            route.continue_()

    page.route("**/suggestions?*", answer)
    box(page).fill(text)
    # These suggestions come from the second response.
    page.get_by_role("option", name="X-T4").first.click()
    expect(page.locator(".chip", has_text="Camera: X-T4")).to_be_visible()
    requests.clear()
    page.goto(explorer.url)
    box(page).fill(text)
    page.keyboard.press("Enter")
    expect(page.locator(".chip", has_text="Camera: X-T4")).to_be_visible()
    assert len(requests) >= 2


def test_suggestions__hostile_values__are_shown_as_text(hostile_explorer: Explorer) -> None:
    page = hostile_explorer.open("/")
    wait_for_suggestions(hostile_explorer, page)
    expect(tiles(page).first).to_be_visible()
    for text in ("img", "onerror", "script", "owned", MARKUP[:190]):
        box(page).fill(text)
        if text != MARKUP[:190]:
            expect(options(page).first).to_be_visible()
        assert_stays_text(page)
    page.keyboard.press("Enter")
    expect(page.locator(".chip, [role=alert]").first).to_be_visible()
    assert_stays_text(page)
