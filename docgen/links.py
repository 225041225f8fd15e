"""`python -m docgen.links FOLDER`: check every link of a built site. Exit code: 1 if a link is broken, else 0.

`zensical build --strict` checks links between Markdown pages and their anchors. It does not check images, links in
HTML, absolute links and links to folders. It also accepts navigation entries without a page, and pages that the
navigation does not reach. This program finds all of these problems in the built pages.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The links, the loaded resources and the anchors of one HTML page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: dict[str, None] = {}
        self.resources: dict[str, None] = {}
        self.anchors: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value for name, value in attrs if value is not None}
        self.anchors.update(values[name] for name in ("id", "name") if name in values)
        if tag == "a" and "href" in values:
            self.links[values["href"]] = None
        elif tag == "link" and "href" in values:
            self.resources[values["href"]] = None
        if "src" in values:
            self.resources[values["src"]] = None


def find_problems(site: Path) -> Iterator[str]:
    """Yield one line for each broken link, and for each page that the start page's navigation does not reach."""
    site = site.resolve()
    # Skip 404.html. A server sends it for any address, so its links have to be absolute.
    files = [path for path in sorted(site.rglob("*.html")) if path != site / "404.html"]
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in files}
    for path, page in pages.items():
        for link in [*page.links, *page.resources]:
            reason = _check_link(link, path, pages, site, loaded=link in page.resources)
            if reason:
                yield f"{path.relative_to(site)}: {link}: {reason}"
    start = site / "index.html"
    reachable = {start, *(_target(link, start) for link in pages[start].links)} if start in pages else set()
    for path in pages.keys() - reachable:
        yield f"{path.relative_to(site)}: not in the navigation of mkdocs.yml"


def _check_link(link: str, path: Path, pages: dict[Path, Page], site: Path, *, loaded: bool) -> str | None:
    """Return why this link of a page is broken; None if it is not."""
    parts = urlsplit(link)
    if parts.scheme == "data":
        return None
    if parts.scheme or parts.netloc:
        return "loaded from another host" if loaded else None
    if parts.path.startswith("/"):
        return "absolute, so it breaks if the site is in a subfolder or is opened from disk"
    target = _target(link, path)
    if not target.is_relative_to(site) or not target.is_file():
        return "no such file"
    if parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
        return "no such anchor"
    return None


def _target(link: str, path: Path) -> Path:
    """Return the file that a relative link of the page at `path` names."""
    name = unquote(urlsplit(link).path)
    return (path.parent / name).resolve() if name else path


def main() -> int:
    """Report the problems of the site in the folder named on the command line."""
    problems = list(find_problems(Path(sys.argv[1])))
    sys.stderr.writelines(f"{problem}\n" for problem in problems)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
