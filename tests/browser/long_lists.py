"""Scroll lists of many photos, and read which photos are rendered."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.browser.conftest import next_frame

# The wheel scrolls a list up to the photo with this index.
LAST_INDEX_BY_WHEEL = 300


def rendered_ids(page: Page) -> dict[int, str]:
    """Wait until the list stops scrolling, and return the ids of the rendered photos by their index."""
    page.evaluate(
        """async (frames) => {
          const list = document.querySelector(".scroll");
          for (let same = 0, before = -1; same < frames; same = list.scrollTop === before ? same + 1 : 0) {
            before = list.scrollTop;
            await new Promise(requestAnimationFrame);
          }
        }""",
        20,
    )
    found: list[tuple[int, str]] = page.evaluate(
        """() => [...document.querySelectorAll("[data-index]")].map((one) => {
          const link = one.closest("a") ?? one.querySelector("a");
          return [Number(one.dataset.index), new URL(link.href).searchParams.get("photo")];
        })"""
    )
    return dict(sorted(found))


def scroll_to(page: Page, index: int) -> int:
    """Scroll until this index or a later one is rendered. Return the largest number of photos rendered at one time.

    The wheel scrolls over the first pages of the list. Then the list jumps to its end, page by page, because the wheel
    would draw each screen on the way.
    """
    page.mouse.move(900, 500)
    largest = 0
    while not page.locator(f'[data-index="{LAST_INDEX_BY_WHEEL}"]').count():
        page.mouse.wheel(0, 900)
        next_frame(page)
        largest = max(largest, page.locator("[data-index]").count())
    by_jumps: int = page.evaluate(
        """async (index) => {
          const list = document.querySelector(".scroll");
          let largest = 0;
          for (let last = 0; last < index; ) {
            list.scrollTop = list.scrollHeight;
            await new Promise(requestAnimationFrame);
            const rendered = [...document.querySelectorAll("[data-index]")].map((one) => Number(one.dataset.index));
            largest = Math.max(largest, rendered.length);
            last = Math.max(...rendered);
          }
          return largest;
        }""",
        index,
    )
    return max(largest, by_jumps)
