"""Accessibility checks with axe-core."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

# Only the rules whose results depend on the theme.
_COLOUR_RULES = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
# For other results, axe-core would describe each element of the page, which takes a third of its time.
_ONLY_VIOLATIONS = {"resultTypes": ["violations"]}


def assert_accessible(page: Page) -> None:
    """Assert that axe-core reports no violation. The rules about colours are checked in both themes."""
    page.evaluate(AXE_SCRIPT)
    violations = _find_violations(page, {})
    is_dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    page.emulate_media(color_scheme="light" if is_dark else "dark")
    violations += _find_violations(page, _COLOUR_RULES)
    page.emulate_media(color_scheme="dark" if is_dark else "light")
    found = [
        f"{rule['id']}: {rule['help']}\n    " + "\n    ".join(node["html"][:200] for node in rule["nodes"][:5])
        for rule in violations
    ]
    assert not found, "\n".join(found)


def _find_violations(page: Page, options: dict[str, Any]) -> list[dict[str, Any]]:
    command = "async (options) => (await axe.run(document, options)).violations"
    violations: list[dict[str, Any]] = page.evaluate(command, {**_ONLY_VIOLATIONS, **options})
    return violations
