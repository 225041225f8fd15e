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
# Maps pages to their sources: files that people expect at the top of the repository, and that are also pages of the
# documentation.
COPIES = {"changelog.md": "CHANGELOG.md", "contributing.md": "CONTRIBUTING.md"}


def main() -> None:
    """Write each generated page."""
    for path, make_page in PAGES.items():
        (DOCS / path).parent.mkdir(exist_ok=True)
        (DOCS / path).write_text(make_page(), encoding="utf-8")
    for path, source in COPIES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        # Links in the source are relative to the top of the repository, and links in the page to docs/.
        (DOCS / path).write_text(text.replace("](docs/", "]("), encoding="utf-8")


if __name__ == "__main__":
    main()
