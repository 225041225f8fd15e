"""The explorer's files: nothing inline, no HTML from text, one-way imports, a small first view, and caching."""

from __future__ import annotations

import gzip
import itertools
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError
from starlette.testclient import TestClient

from api.app import create_app
from api.routes.explorer import BUILT, accepts_html, content_policy
from bundle.__main__ import ENTRIES, STATIC, bundle, install
from exifinator.config import Config
from tests.servers import lack

SCRIPTS = STATIC / "js"
OWN_SCRIPTS = sorted(path for path in SCRIPTS.rglob("*.js*"))
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
# A first view may have 300 kB. The rest is left for responses and thumbnails.
FIRST_VIEW_BYTES = 90_000


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(create_app(Config()), base_url="http://localhost") as client:
        yield client


def test_libraries__are_pinned_and_have_their_licences() -> None:
    package = json.loads((STATIC.parents[1] / "bundle" / "package.json").read_text())
    locked = json.loads((STATIC.parents[1] / "bundle" / "package-lock.json").read_text())["packages"]
    licences = (BUILT / "licences.txt").read_text()
    for name, version in package["dependencies"].items():
        entry = locked[f"node_modules/{name}"]
        assert entry["version"] == version
        assert entry["integrity"].startswith("sha512-")
        assert f"{name} {version}\n" in licences
    assert [name for name, entry in locked.items() if "resolved" in entry] == []


def test_page__has_nothing_inline() -> None:
    page = (BUILT / "index.html").read_text()
    assert re.findall(r"<script(?![^>]*\ssrc=)", page) == []
    assert re.findall(r"<style|\sstyle=|\son\w+=|javascript:", page) == []


@pytest.mark.parametrize("path", OWN_SCRIPTS, ids=lambda path: path.relative_to(SCRIPTS).as_posix())
def test_script__makes_no_html_of_text(path: Path) -> None:
    code = re.sub(r"^\s*//.*$|/\*\*.*?\*/", "", path.read_text(), flags=re.M | re.S)
    ways = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc|setHTML|DOMParser"
    assert re.findall(f"{ways}|dangerouslySet", code) == []
    # The policy rejects a style given as text, but not one given as an object.
    assert re.findall(r"\bstyle=\{`|\sstyle=\"", code) == []


# The modules or folders whose elements a stylesheet is for. All others are on the page at the same time.
OWNERS = {
    "batches": ("batches/", "views/batches.jsx", "components/rate_chart.jsx", "components/action_button.jsx"),
    "cameras": ("views/cameras.jsx",),
    "map": ("map/", "views/map.jsx"),
    "photo": tuple(
        f"photos/{name}.jsx"
        for name in ("facts", "photo_dialog", "regions", "related_files", "summary", "tags", "when_and_where")
    ),
    "schedule": ("batches/schedule.jsx", "views/batches.jsx"),
    "statistics": ("views/statistics.jsx", "components/charts.jsx"),
    "table": ("views/table.jsx", "photos/column_menu.jsx"),
}


def classes_of(script: Path) -> set[str]:
    """Return the classes that a script gives to elements."""
    given = re.findall(r'\bclass=(?:"([^"]*)"|\{`([^`]*)`\})', script.read_text())
    return set(re.findall(r"[\w-]+", " ".join(itertools.chain.from_iterable(given))))


@pytest.mark.parametrize("sheet", OWNERS)
def test_stylesheet_of_a_view__is_for_its_own_elements_alone(sheet: str) -> None:
    others = set().union(
        *(
            classes_of(path)
            for path in OWN_SCRIPTS
            if not path.relative_to(SCRIPTS).as_posix().startswith(OWNERS[sheet])
        )
    )
    text = re.sub(r"/\*.*?\*/", "", (STATIC / "css" / f"{sheet}.css").read_text(), flags=re.S)
    selectors = [one for head in re.findall(r"([^{}]+)\{", text) for one in re.split(r",(?![^()]*\))", head)]
    rules = [one.strip() for one in selectors if not re.match(r"\s*(@|from|to|\d)", one)]
    assert len(rules) > 5
    assert [rule for rule in rules if set(re.findall(r"\.([\w-]+)", rule)) <= others] == []


def linked_files() -> list[Path]:
    """Return the files that the page loads before its first request to the API."""
    page = (BUILT / "index.html").read_text()
    linked = [BUILT / name for name in re.findall(r'"/static/([^"]+)"', page)]
    scripts = [path for path in linked if path.suffix == ".js"]
    imported = [name for path in scripts for name in re.findall(r'(?:\bfrom|\bimport)"\./([^"]+)"', path.read_text())]
    # A file that scripts import is also linked, so that the browser fetches it together with them.
    assert {BUILT / name for name in imported} <= set(linked)
    return linked


def test_first_view__is_small_and_few_files() -> None:
    linked = linked_files()
    names = {re.sub(r"-[A-Z0-9]{8}", "", path.name) for path in linked}
    assert names == {"explorer.css", "explorer.js", "chunk.js", "icon.svg", "theme.js"}
    # Besides the entries, a chunk for each set of views that share code.
    assert len(linked) <= sum(map(len, ENTRIES.values())) + 3
    assert sum(len(gzip.compress(path.read_bytes(), 9)) for path in linked) < FIRST_VIEW_BYTES


def test_built_files__come_from_the_sources(tmp_path: Path) -> None:
    try:
        install()
    except (OSError, subprocess.CalledProcessError) as error:
        lack("esbuild", f"install Node with npm, and let it reach its registry ({error})")
    bundle(tmp_path)
    fresh = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    committed = {path.name: path.read_bytes() for path in BUILT.iterdir()}
    assert fresh.keys() == committed.keys(), "python -m bundle was not run after the last change of api/static"
    assert fresh == committed


def test_root__browser__gets_the_page(client: TestClient) -> None:
    answer = client.get("/", headers=BROWSER)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "Accept" in answer.headers["vary"]
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'self'")
    assert "unsafe" not in policy
    # Only originals come from another server.
    foreign = {part.split()[0]: part for part in policy.split("; ") if "://" in part}
    assert foreign.keys() <= {"img-src", "media-src"}
    assert all(re.findall(r"\S+://\S+", part) == ["https://*.amazonaws.com"] for part in foreign.values())
    assert "{{" not in answer.text


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html;q=0, application/json", ""])
def test_root__program__gets_json(client: TestClient, accept: str) -> None:
    answer = client.get("/", headers={"Accept": accept})
    assert answer.json()["photos"] == "/photos"
    assert "Accept" in answer.headers["vary"]


@pytest.mark.parametrize(
    ("accept", "is_html"),
    [("text/html", True), ("application/json, text/html;q=0.5", True), ("text/html;q=0.0", False), ("text/*", False)],
)
def test_accepts_html__header__is_read(accept: str, is_html: bool) -> None:
    assert accepts_html(accept) is is_html


def test_file__name_with_hash__is_kept_permanently(client: TestClient) -> None:
    (script,) = BUILT.glob("explorer-*.js")
    answer = client.get(f"/static/{script.name}")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "Accept-Encoding" in answer.headers["vary"]


def test_file__name_without_hash__is_revalidated(client: TestClient) -> None:
    answer = client.get("/static/licences.txt")
    assert answer.headers["cache-control"] == "no-cache"
    again = client.get("/static/licences.txt", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path",
    ["/static/", "/static/nothing.js", "/static/index.html", "/static/../app.py", "/static/%2e%2e/app.py",
     "/static/..%2fapp.py", "/static/..%2findex.html", "/static//etc/passwd", "/static/./index.html", "/static/%00"],
)  # fmt: skip
def test_file__anything_else__is_not_found(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def test_page__links_to_files_that_exist() -> None:
    assert all(path.is_file() for path in linked_files())


TILES = "https://{s}.tiles.example.org/{z}/{x}/{y}.png"


def test_content_policy__tiles__allow_pictures_from_there_alone() -> None:
    policy = content_policy(Config(map_tiles_url=TILES))
    assert "img-src 'self' data: blob: https://*.tiles.example.org;" in policy
    assert policy.count("example") == 1


@pytest.mark.parametrize(
    "url",
    ["https://tiles.example.org/", "ftp://a/{z}/{x}/{y}", "https://a;script-src *//{z}/{x}/{y}",
     "https://a/{z}/{x}/{y} x", "https://a' 'unsafe-inline/{z}/{x}/{y}"],
)  # fmt: skip
def test_config__tiles_that_would_end_the_policy__are_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        Config(map_tiles_url=url)


def test_content_policy__originals__may_be_shown_from_their_origin_alone() -> None:
    policy = content_policy(Config(), "https://s3.example.org")
    assert "img-src 'self' data: blob: https://s3.example.org; media-src 'self' https://s3.example.org;" in policy
    assert "media-src 'self'; object-src" in content_policy(Config())
    assert policy.startswith("default-src 'self';")
