"""Texts from photos, keys and URLs are shown as text, even if they contain HTML, scripts or control characters."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Explorer
from tests.browser.library import HIDDEN, HOSTILE_TEXTS, LONG, MARKUP

# Control characters, bidirectional marks and zero-width characters, which can make one text look like another.
INVISIBLE = "[\\u0000-\\u0009\\u000b-\\u001f\\u007f-\\u009f\\u200b\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]"


def assert_stays_text(page: Page) -> None:
    """Assert that no text became an element, an event handler or a URL, ran as a script, or hides other text."""
    # The title names the view or photo. A script would have set it to "owned".
    assert page.title().endswith("EXIFinator")
    scripts = page.locator("script").evaluate_all(
        "scripts => scripts.map(s => new URL(s.src).pathname.split('/').pop())"
    )
    assert [re.sub(r"-[A-Z0-9]{8}\.", ".", name) for name in sorted(scripts)] == ["explorer.js", "theme.js"]
    violations = page.evaluate(
        """(invisible) => {
          const found = [];
          for (const element of document.querySelectorAll('*')) {
            for (const {name, value} of element.attributes) {
              if (name.startsWith('on') || name === 'srcdoc') found.push(`${element.tagName} ${name}`);
              const isUrl = /^(href|src|action)$/.test(name);
              if (isUrl && !/^(https?:|[/#?]|blob:|data:image)/.test(value)) found.push(value);
            }
            if (element.tagName === 'IMG' && element.getAttribute('src') === 'x') found.push('img src=x');
          }
          const text = document.body.innerText;
          if (new RegExp(invisible).test(text)) found.push('invisible characters');
          return found;
        }""",
        INVISIBLE,
    )
    assert violations == []


@pytest.mark.parametrize("view", ["gallery", "table"])
def test_lists__hostile_texts__are_shown_as_text(hostile_explorer: Explorer, view: str) -> None:
    columns = "name,taken,camera,lens,description,keywords,artist,software,problem,etag,folder"
    page = hostile_explorer.open(hostile_explorer.address(view=view, columns=columns))
    expect(page.locator("[data-index]").first).to_be_visible()
    expect(page.locator("section.filter .value").first).to_be_visible()
    assert_stays_text(page)
    page.get_by_role("checkbox").first.check()
    expect(page.locator(".chip")).to_have_count(1)
    assert_stays_text(page)


@pytest.mark.parametrize("name", HOSTILE_TEXTS)
def test_photo__hostile_texts__are_shown_as_text(hostile_explorer: Explorer, name: str) -> None:
    page = hostile_explorer.new_page()
    found = page.request.get(f"{hostile_explorer.url}/photos?q={name}").json()["photos"]
    page.goto(f"{hostile_explorer.url}/?photo={quote(found[0]['id'], safe='')}")
    dialog = page.locator("dialog.photo")
    expect(dialog.locator(".tag").first).to_be_visible()
    assert_stays_text(page)
    if name == "markup":
        expect(dialog.locator(".description")).to_have_text(MARKUP)
    if name == "hidden":
        expect(dialog.locator(".description")).to_contain_text("evil\\u202egpj.exe\\u001b[31m\\u0007")
    for tab in ("XMP", "IPTC", "JSON"):
        dialog.get_by_role("tab", name=tab).click()
        expect(dialog.get_by_role("tab", name=tab)).to_have_attribute("aria-selected", "true")
        assert_stays_text(page)


def test_photo__tag_of_a_megabyte__is_truncated(hostile_explorer: Explorer) -> None:
    page = hostile_explorer.new_page()
    found = page.request.get(f"{hostile_explorer.url}/photos?q=long").json()["photos"]
    page.goto(f"{hostile_explorer.url}/?photo={quote(found[0]['id'], safe='')}")
    comment = page.locator(".tag", has=page.get_by_text("UserComment"))
    expect(comment.locator("dd > span").first).to_be_visible()
    assert len(comment.inner_text()) < 1000
    comment.get_by_role("button", name="Show").first.click()
    expect(comment).to_contain_text(f"{len(LONG):,} characters in total")
    assert len(comment.inner_text()) < 20_000


@pytest.mark.parametrize(
    "search",
    [
        "?q=" + quote(MARKUP[:190]),
        "?camera=" + quote(MARKUP) + "&keyword=" + quote(HIDDEN),
        "?view=__proto__&sort=constructor&columns=toString,constructor,__proto__",
        "?view=../../evil&tab=<script>&batch=javascript:1",
        "?prefix=" + quote(HIDDEN) + "&query=" + quote('{"a": "' + "<b>" + '"}'),
    ],
    ids=["words", "values", "prototype", "view", "query"],
)
def test_url__hostile_parameters__are_shown_as_text(hostile_explorer: Explorer, search: str) -> None:
    page = hostile_explorer.open(f"/{search}", allow=("status of 400",))
    expect(page.locator("main .screen, main [data-index]").first).to_be_visible()
    assert_stays_text(page)


def test_page__inline_scripts__are_blocked(explorer: Explorer) -> None:
    page = explorer.open("/", allow=("Content Security Policy",))
    page.evaluate(
        "const script = document.createElement('script');"
        "script.textContent = 'window.ran = 1'; document.body.append(script)"
    )
    assert page.evaluate("window.ran") is None
    assert page.evaluate("fetch('https://example.invalid/').then(() => 'sent', () => 'refused')") == "refused"


def test_saved_views__with_foreign_urls__are_dropped(explorer: Explorer) -> None:
    page = explorer.open("/")
    page.evaluate(
        """localStorage.setItem('explorer.views', JSON.stringify([
          {name: 'script', address: 'javascript:1'}, {name: 'elsewhere', address: '//evil.example/?x'},
          {name: 'mine', address: '/?camera=X-T4'}]))"""
    )
    page.reload()
    page.get_by_role("button", name="Saved views").click()
    expect(page.get_by_text("1 view is saved only in this browser.")).to_be_visible()
    page.get_by_role("button", name="Move to the server").click()
    expect(page.get_by_role("link", name="mine")).to_have_attribute("href", "/?camera=X-T4")
    expect(page.get_by_role("button", name="Move to the server")).to_have_count(0)
    assert page.evaluate("localStorage.getItem('explorer.views')") is None
