"""The explorer's files: nothing inline, nothing made of HTML, libraries as published, and a small first view."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError
from starlette.testclient import TestClient

from api.app import create_app
from api.assets import FOLDER, AssetFolder
from api.routes.explorer import accepts_html, content_policy
from bundle.__main__ import BUILT, bundle, install
from exifinator.config import Config
from tests.servers import lack

VENDOR = FOLDER / "vendor"
OWN_SCRIPTS = sorted((FOLDER / "js").rglob("*.js"))
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
# Of the 300 kB of a first view, what is left belongs to answers and thumbnails.
FIRST_VIEW_BYTES = 70_000


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(create_app(Config()), base_url="http://localhost") as client:
        yield client


def test_vendored_files__are_those_of_the_list() -> None:
    listed = dict(re.findall(r"^\| `(.+)` \| `([0-9a-f]{64})` \|$", (VENDOR / "README.md").read_text(), re.M))
    there = {
        path.relative_to(VENDOR).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.rglob("*")
        if path.is_file() and not path.name.startswith("LICENSE") and path != VENDOR / "README.md"
    }
    assert there == listed


def test_vendored_libraries__have_their_licences() -> None:
    assert all(any(folder.glob("LICENSE*")) for folder in VENDOR.iterdir() if folder.is_dir())


def test_page__has_nothing_inline() -> None:
    page = (FOLDER / "index.html").read_text()
    assert re.findall(r"<script(?![^>]*\ssrc=)", page) == []
    assert re.findall(r"<style|\sstyle=|\son\w+=|javascript:", page) == []


@pytest.mark.parametrize("path", OWN_SCRIPTS, ids=lambda path: path.relative_to(FOLDER).as_posix())
def test_script__makes_no_html_of_text(path: Path) -> None:
    code = re.sub(r"^\s*//.*$", "", path.read_text(), flags=re.M)
    ways = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc|setHTML|DOMParser"
    assert re.findall(ways, code) == []
    # A style written as text would be refused by the policy; an object's goes through.
    assert re.findall(r"\bstyle=\$\{`|\sstyle=\"", code) == []


# The modules whose elements a stylesheet is for; all others are there at the same time.
OWNERS = {
    "batches": {"batches.js", "failures.js", "chart.js"},
    "map": {"map.js", "minimap.js", "places.js", "markers.js"},
    "photo": {"photo.js", "summary.js", "tags.js"},
    "statistics": {"statistics.js", "chart.js"},
    "table": {"table.js", "column_menu.js"},
}


def classes_of(script: Path) -> set[str]:
    """Every class that a script gives to an element."""
    given = re.findall(r'\bclass=(?:"([^"]*)"|\$\{`([^`]*)`\})', script.read_text())
    return set(re.findall(r"[\w-]+", " ".join(itertools.chain.from_iterable(given))))


@pytest.mark.parametrize("sheet", OWNERS)
def test_stylesheet_of_a_view__is_for_its_own_elements_alone(sheet: str) -> None:
    others = set().union(*(classes_of(path) for path in OWN_SCRIPTS if path.name not in OWNERS[sheet]))
    text = re.sub(r"/\*.*?\*/", "", (FOLDER / "css" / f"{sheet}.css").read_text(), flags=re.S)
    selectors = [one for head in re.findall(r"([^{}]+)\{", text) for one in re.split(r",(?![^()]*\))", head)]
    rules = [one.strip() for one in selectors if not re.match(r"\s*(@|from|to|\d)", one)]
    assert len(rules) > 5
    assert [rule for rule in rules if set(re.findall(r"\.([\w-]+)", rule)) <= others] == []


def linked_files() -> list[Path]:
    """What the page asks for before its first request to the API."""
    return [FOLDER / name for name in re.findall(r'\{\{base\}\}/([^"]+)"', (FOLDER / "index.html").read_text())]


def test_first_view__is_small_and_few_files() -> None:
    linked = linked_files()
    assert {path.name for path in linked} == {"explorer.css", "explorer.js", "icon.svg", "theme.js"}
    assert sum(len(gzip.compress(path.read_bytes(), 9)) for path in linked) < FIRST_VIEW_BYTES


def test_built_files__come_from_the_sources(tmp_path: Path) -> None:
    try:
        install()
    except (OSError, subprocess.CalledProcessError) as error:
        lack("esbuild", f"install Node with npm, and let it reach its registry ({error})")
    bundle(tmp_path)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    there = {path.name: path.read_bytes() for path in BUILT.iterdir()}
    assert made.keys() == there.keys() == {"explorer.css", "explorer.js"}
    assert made == there, "python -m bundle was not run after the last change of api/static"


def test_root__browser__gets_the_page(client: TestClient) -> None:
    answer = client.get("/", headers=BROWSER)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "Accept" in answer.headers["vary"]
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'self'")
    assert "unsafe" not in policy
    assert "://" not in policy
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


def test_file__of_this_version__is_kept_for_good(client: TestClient) -> None:
    version = AssetFolder().get().version
    answer = client.get(f"/static/{version}/js/app.js")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"


@pytest.mark.parametrize("path", ["/static/js/app.js", "/static/0123456789abcdef/js/app.js"], ids=["bare", "other"])
def test_file__of_no_or_another_version__is_asked_for_again(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.headers["cache-control"] == "no-cache"
    again = client.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path",
    ["/static/", "/static/nothing.js", "/static/index.html", "/static/../app.py", "/static/%2e%2e/app.py",
     "/static/..%2fapp.py", "/static//etc/passwd", "/static/vendor/leaflet"],
)  # fmt: skip
def test_file__anything_else__is_not_found(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def test_assets__changed_file__makes_another_version(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("1")
    folder = AssetFolder(tmp_path)
    before = folder.get()
    assert folder.get() is before
    (tmp_path / "a.js").write_text("22")
    assert folder.get().version != before.version


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


def test_original__by_default__is_not_signed(client: TestClient) -> None:
    answer = client.get("/photos/a%2Fb.jpg/original")
    assert answer.status_code == 403
    assert "API_SIGN_ORIGINALS" in answer.json()["detail"]
