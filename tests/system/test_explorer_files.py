"""The explorer's files: no inline scripts or styles, no HTML made from strings, a small first view, and caching."""

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
# All that the first view loads may be 300 kB. These files may take 90 kB of it, responses and thumbnails the rest.
FIRST_VIEW_BYTES = 90_000


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(create_app(Config()), base_url="http://localhost") as client:
        yield client


def test_libraries__in_the_bundle__are_pinned_and_have_licences() -> None:
    package = json.loads((STATIC.parents[1] / "bundle" / "package.json").read_text())
    locked = json.loads((STATIC.parents[1] / "bundle" / "package-lock.json").read_text())["packages"]
    licences = (BUILT / "licences.txt").read_text()
    for name, version in package["dependencies"].items():
        entry = locked[f"node_modules/{name}"]
        assert entry["version"] == version
        assert entry["integrity"].startswith("sha512-")
        assert f"{name} {version}\n" in licences
    assert [name for name, entry in locked.items() if "resolved" in entry] == []


def test_page__html__has_no_inline_script_or_style() -> None:
    page = (BUILT / "index.html").read_text()
    assert re.findall(r"<script(?![^>]*\ssrc=)", page) == []
    assert re.findall(r"<style|\sstyle=|\son\w+=|javascript:", page) == []


@pytest.mark.parametrize("path", OWN_SCRIPTS, ids=lambda path: path.relative_to(SCRIPTS).as_posix())
def test_script__source__builds_no_html_from_strings(path: Path) -> None:
    code = re.sub(r"^\s*//.*$|/\*\*.*?\*/", "", path.read_text(), flags=re.M | re.S)
    html_sinks = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc|setHTML|DOMParser"
    )
    assert re.findall(f"{html_sinks}|dangerouslySet", code) == []
    # The content security policy rejects a style given as a string, but not one given as an object.
    assert re.findall(r"\bstyle=\{`|\sstyle=\"", code) == []


# For each stylesheet, the modules or folders whose elements it styles. Elements of other modules may be on the page at
# the same time.
STYLED_MODULES = {
    "batches": ("batches/", "views/batches.jsx", "components/rate_chart.jsx", "components/action_button.jsx"),
    "cameras": ("views/cameras.jsx",),
    "map": ("map/", "views/map.jsx"),
    "photo": tuple(
        f"photos/{name}.jsx"
        for name in ("facts", "photo_dialog", "regions", "related_files", "summary", "tags", "when_and_where")
    ),
    "schedule": ("batches/schedule.jsx", "views/batches.jsx"),
    "statistics": (
        "views/statistics.jsx",
        "views/focal_charts.jsx",
        "components/chart_card.jsx",
        "components/charts.jsx",
    ),
    "table": ("views/table.jsx", "photos/column_menu.jsx"),
}


def classes_of(script: Path) -> set[str]:
    """Return the CSS classes that a script gives to elements."""
    values = re.findall(r'\bclass=(?:"([^"]*)"|\{`([^`]*)`\})', script.read_text())
    return set(re.findall(r"[\w-]+", " ".join(itertools.chain.from_iterable(values))))


@pytest.mark.parametrize("sheet", STYLED_MODULES)
def test_stylesheet__rules__match_only_elements_of_its_view(sheet: str) -> None:
    other_classes = set().union(
        *(
            classes_of(path)
            for path in OWN_SCRIPTS
            if not path.relative_to(SCRIPTS).as_posix().startswith(STYLED_MODULES[sheet])
        )
    )
    css = re.sub(r"/\*.*?\*/", "", (STATIC / "css" / f"{sheet}.css").read_text(), flags=re.S)
    heads = [part for head in re.findall(r"([^{}]+)\{", css) for part in re.split(r",(?![^()]*\))", head)]
    # Neither at-rules nor the steps of keyframes are selectors.
    selectors = [head.strip() for head in heads if not re.match(r"\s*(@|from|to|\d)", head)]
    assert len(selectors) > 5
    assert [name for name in selectors if set(re.findall(r"\.([\w-]+)", name)) <= other_classes] == []


def linked_files() -> list[Path]:
    """Return the files that the page loads before its first request to the API."""
    page = (BUILT / "index.html").read_text()
    linked = [BUILT / name for name in re.findall(r'"/static/([^"]+)"', page)]
    scripts = [path for path in linked if path.suffix == ".js"]
    imported = [name for path in scripts for name in re.findall(r'(?:\bfrom|\bimport)"\./([^"]+)"', path.read_text())]
    # A file that scripts import is also linked, so that the browser fetches it together with them.
    assert {BUILT / name for name in imported} <= set(linked)
    return linked


def test_first_view__linked_files__are_few_and_small() -> None:
    linked = linked_files()
    names = {re.sub(r"-[A-Z0-9]{8}", "", path.name) for path in linked}
    assert names == {"explorer.css", "explorer.js", "chunk.js", "icon.svg", "theme.js"}
    # Besides the entries, up to three chunks, each with code that several views share.
    assert len(linked) <= sum(map(len, ENTRIES.values())) + 3
    assert sum(len(gzip.compress(path.read_bytes(), 9)) for path in linked) < FIRST_VIEW_BYTES


def test_built_files__in_the_repository__equal_a_new_build(tmp_path: Path) -> None:
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
def test_accepts_html__accept_header__is_interpreted(accept: str, is_html: bool) -> None:
    assert accepts_html(accept) is is_html


def test_file__name_with_hash__is_cached_permanently(client: TestClient) -> None:
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
def test_file__path_that_is_not_served__is_not_found(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def test_page__linked_files__exist() -> None:
    assert all(path.is_file() for path in linked_files())


TILES = "https://{s}.tiles.example.org/{z}/{x}/{y}.png"


def test_content_policy__map_tiles_url__allows_images_of_its_host_only() -> None:
    policy = content_policy(Config(map_tiles_url=TILES))
    assert "img-src 'self' data: blob: https://*.tiles.example.org;" in policy
    assert policy.count("example") == 1


@pytest.mark.parametrize(
    "url",
    ["https://tiles.example.org/", "ftp://a/{z}/{x}/{y}", "https://a;script-src *//{z}/{x}/{y}",
     "https://a/{z}/{x}/{y} x", "https://a' 'unsafe-inline/{z}/{x}/{y}"],
)  # fmt: skip
def test_config__map_tiles_url_that_could_alter_the_policy__is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        Config(map_tiles_url=url)


def test_content_policy__origin_of_originals__allows_images_and_media_of_it_only() -> None:
    policy = content_policy(Config(), "https://s3.example.org")
    assert "img-src 'self' data: blob: https://s3.example.org; media-src 'self' https://s3.example.org;" in policy
    assert "media-src 'self'; object-src" in content_policy(Config())
    assert policy.startswith("default-src 'self';")
