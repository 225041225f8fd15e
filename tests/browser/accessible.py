"""What axe-core finds on a page."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

_GRAVE = ("serious", "critical")


def assert_accessible(page: Page) -> None:
    """Fails with what axe-core calls serious or critical."""
    found = Axe().run(page).response["violations"]
    grave = [
        f"{rule['id']}: {rule['help']}\n    " + "\n    ".join(node["html"][:200] for node in rule["nodes"][:5])
        for rule in found
        if rule["impact"] in _GRAVE
    ]
    assert not grave, "\n".join(grave)
