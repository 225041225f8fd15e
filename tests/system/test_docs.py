"""The documentation: the generated reference is complete, computed tables are current, and broken links are found."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from docgen import api, commands, fields, scaling, settings
from docgen.__main__ import COPIES, PAGES
from docgen.links import find_problems
from exifinator.cli.main import main
from exifinator.config import ROOT, Config
from exifinator.metadata.photo.fields import DERIVED, FIELDS


def test_settings_page__rows__are_the_settings_with_their_types() -> None:
    page = settings.make_page()
    rows = re.findall(r"^\| `([A-Z0-9_]+)`\{#\1\} \| ([^|]+) \|", page, re.MULTILINE)
    assert [name for name, _ in rows] == [field.upper() for field in Config.model_fields]
    types = dict(rows)
    assert types["API_PORT"] == "integer, 1 to 65,535"
    assert types["S3_TIMEOUT_SECONDS"] == "number, above 0 to 600"
    assert types["LOG_FORMAT"] == "`text` or `json`"
    assert types["API_TOKEN"] == "secret string or None"


def test_commands_page__sections__are_the_commands_with_their_options() -> None:
    page = commands.make_page()

    def check(command: click.Command, path: str) -> None:
        assert re.search(rf"^##+ {path}$", page, re.MULTILINE), path
        section = re.split(rf"^##+ {path}$", page, flags=re.MULTILINE)[1].partition("\n#")[0]
        for parameter in command.params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                assert parameter.opts[0] in section, f"{path} {parameter.opts[0]}"
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                result = command.get_command(context, name)
                assert result is not None
                check(result, f"{path} {name}")

    check(main, "exifinator")
    for script in commands.SCRIPTS:
        assert f"### {script}\n\n```text\nUsage: ./{script}" in page


def test_api_page__sections__are_the_addresses_with_their_parameters() -> None:
    from api.app import create_app

    page = api.make_page()
    document = create_app(Config()).openapi()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            section = page.split(f"## {method.upper()} {path}\n")[1].partition("\n## ")[0]
            for parameter in operation.get("parameters", ()):
                if "name" in parameter:
                    assert f"| `{parameter['name']}` |" in section
    assert "| `source` | body, required | string |" in page


def test_records_page__fields_and_sources__are_those_of_the_code() -> None:
    page = fields.make_page()
    for field in (*FIELDS, *DERIVED):
        assert f"| `{field.name}`{'*' if field.type.startswith('array') else ''} | {field.type} | " in page
    assert '| `Image Copyright`, `dc:rights`, `tiff:Copyright`, "CopyrightNotice", *Copyright*, ' in page
    assert "`GPS GPSDate` (`GPS GPSTimeStamp`)" in page
    assert "`olympus digital camera`" in page


def test_scaling_page__tables__follow_from_the_figures() -> None:
    text, results = (path.read_text(encoding="utf-8") for path in (scaling.PAGE, scaling.RESULTS))
    assert scaling.compute(text, results) == text, "update the page with python -m docgen.scaling"


def test_scaling_page__new_results__change_figures_and_tables() -> None:
    text, results = (path.read_text(encoding="utf-8") for path in (scaling.PAGE, scaling.RESULTS))
    before = scaling.read_figures(text)
    faster = re.sub(r"^\| EXIFinator \| [\d,.]+ ", "| EXIFinator | 2,000 ", results, count=1, flags=re.MULTILINE)
    page = scaling.compute(text, faster)
    assert scaling.read_figures(page) == {**before, "R": 2000}
    assert "| Time on the measured machine: n / R | 8.3 min | 14 h | 58 days |" in page
    with pytest.raises(ValueError, match="0 rows for K"):
        scaling.compute(text, results.replace("listed and queued", "queued"))


def test_scaling__prices_durations_and_sizes__are_computed_and_formatted() -> None:
    assert scaling.transfer_price(5) == pytest.approx(450)
    assert scaling.transfer_price(200) == pytest.approx(900 + 3400 + 7000 + 2500)
    assert (scaling.format_duration(877), scaling.format_duration(87_719), scaling.format_duration(45)) == (
        "15 min",
        "24 h",
        "45 s",
    )
    assert scaling.format_bytes(226_108_864) == "226 MB"


def test_docs__each_page__is_in_the_navigation() -> None:
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    named = set(re.findall(r"[\w/-]+\.md", (ROOT / "mkdocs.yml").read_text(encoding="utf-8")))
    assert pages <= named


GOOD_SITE = {
    "index.html": '<a href="a.html">A</a> <a href="b/c.html#part">C</a> <img src="picture.png" alt="">',
    "a.html": '<h2 id="top">A</h2> <a href="#top">up</a> <a href="https://example.org/gone">out</a>',
    "b/c.html": '<h2 id="part">C</h2> <a href="../a.html#top">A</a> <img src="data:image/png;base64,AA==" alt="">',
    "404.html": '<a href="/index.html">Start</a>',
    "picture.png": "",
}


def make_site(folder: Path, **changes: str) -> Path:
    """Write GOOD_SITE into a folder, with more HTML appended to some of its pages."""
    for name, html in {**GOOD_SITE, **{name: GOOD_SITE.get(name, "") + more for name, more in changes.items()}}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(html)
    return folder


def test_find_problems__good_site__has_none(tmp_path: Path) -> None:
    assert list(find_problems(make_site(tmp_path))) == []


@pytest.mark.parametrize(
    ("page", "html", "problem"),
    [
        pytest.param("a.html", '<a href="no.html">', "a.html: no.html: no such file", id="missing page"),
        pytest.param("a.html", '<a href="b/c.html#no">', "a.html: b/c.html#no: no such anchor", id="anchor elsewhere"),
        pytest.param("a.html", '<a href="#no">', "a.html: #no: no such anchor", id="anchor on the same page"),
        pytest.param("b/c.html", '<a href="a.html">', "b/c.html: a.html: no such file", id="relative to its folder"),
        pytest.param("a.html", '<a href="b/">', "a.html: b/: no such file", id="folder"),
        pytest.param("a.html", '<a href="../x.html">', "a.html: ../x.html: no such file", id="outside"),
        pytest.param("a.html", '<img src="no.png">', "a.html: no.png: no such file", id="missing image"),
        pytest.param("a.html", '<link href="no.css">', "a.html: no.css: no such file", id="missing stylesheet"),
        pytest.param(
            "a.html",
            '<a href="/a.html">',
            "a.html: /a.html: absolute, so it breaks if the site is in a subfolder or is opened from disk",
            id="absolute",
        ),
        pytest.param(
            "a.html",
            '<script src="https://example.org/x.js"></script>',
            "a.html: https://example.org/x.js: loaded from another host",
            id="script of another host",
        ),
        pytest.param("d.html", "", "d.html: not in the navigation of mkdocs.yml", id="page that nothing links to"),
    ],
)
def test_find_problems__broken_link__is_the_only_problem(tmp_path: Path, page: str, html: str, problem: str) -> None:
    assert list(find_problems(make_site(tmp_path, **{page: html}))) == [problem]


def test_generated_pages__of_docgen__are_in_the_navigation_and_ignored_by_git() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    for path in (*PAGES, *COPIES):
        assert f": {path}\n" in navigation
        assert {f"/docs/{path}", f"/docs/{path.partition('/')[0]}/"} & set(ignored)
