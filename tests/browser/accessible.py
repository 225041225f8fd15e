"""What axe-core finds on a page."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

_GRAVE = ("serious", "critical")


# What a theme can spoil.
_COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}


def assert_accessible(page: Page) -> None:
    """Fails with what axe-core calls serious or critical, in the theme that is shown and, of colours, in the other."""
    found = Axe().run(page).response["violations"]
    is_dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    page.emulate_media(color_scheme="light" if is_dark else "dark")
    found += Axe().run(page, options=_COLOURS).response["violations"]
    page.emulate_media(color_scheme="dark" if is_dark else "light")
    grave = [
        f"{rule['id']}: {rule['help']}\n    " + "\n    ".join(node["html"][:200] for node in rule["nodes"][:5])
        for rule in found
        if rule["impact"] in _GRAVE
    ]
    assert not grave, "\n".join(grave)
