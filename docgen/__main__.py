"""`python -m docgen`: write the generated pages into docs/, which git ignores.

scripts/docs does this before each build, so the reference is never older than the code.
"""

from __future__ import annotations

from docgen import api, commands, fields, settings
from exifinator.config import ROOT

DOCS = ROOT / "docs"
PAGES = {
    "reference/settings.md": settings.make_page,
    "reference/commands.md": commands.make_page,
    "reference/api.md": api.make_page,
    "reference/records.md": fields.make_page,
}
# Kept at the top of the repository, where people look for them, and shown as pages of the documentation too.
COPIES = {"changelog.md": "CHANGELOG.md", "contributing.md": "CONTRIBUTING.md"}


def main() -> None:
    """Write each generated page."""
    for path, make_page in PAGES.items():
        (DOCS / path).parent.mkdir(exist_ok=True)
        (DOCS / path).write_text(make_page(), encoding="utf-8")
    for path, source in COPIES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        (DOCS / path).write_text(text.replace("](docs/", "]("), encoding="utf-8")


if __name__ == "__main__":
    main()
