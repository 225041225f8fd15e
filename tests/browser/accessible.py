"""Accessibility checks with axe-core."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

# Only the rules whose results depend on the theme.
_COLOUR_RULES = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}


def assert_accessible(page: Page) -> None:
    """Assert that axe-core reports no violation. The rules about colours are checked in both themes."""
    violations = Axe().run(page).response["violations"]
    is_dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    page.emulate_media(color_scheme="light" if is_dark else "dark")
    violations += Axe().run(page, options=_COLOUR_RULES).response["violations"]
    page.emulate_media(color_scheme="dark" if is_dark else "light")
    found = [
        f"{rule['id']}: {rule['help']}\n    " + "\n    ".join(node["html"][:200] for node in rule["nodes"][:5])
        for rule in violations
    ]
    assert not found, "\n".join(found)
