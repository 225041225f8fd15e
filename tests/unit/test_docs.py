"""The documentation: its reference is made from the code and leaves nothing out; its sums are right."""

from __future__ import annotations

import re
from typing import Any

import click
import pytest

from docgen import api, commands, fields, scaling, settings
from exifinator.cli import main
from exifinator.config import ROOT, Config
from exifinator.normalize import summarise


def test_settings_page__has_each_setting_once() -> None:
    page = settings.make_page()
    rows = re.findall(r"^\| `([A-Z0-9_]+)`\{#\1\} \| ([^|]+) \|", page, re.MULTILINE)
    assert [name for name, _ in rows] == [field.upper() for field in Config.model_fields]
    kinds = dict(rows)
    assert kinds["API_PORT"] == "whole number, 1 to 65,535"
    assert kinds["S3_TIMEOUT_SECONDS"] == "number, above 0 to 600"
    assert kinds["LOG_FORMAT"] == "`text` or `json`"
    assert kinds["API_TOKEN"] == "text, kept secret or None"


def test_commands_page__has_each_command_with_its_options() -> None:
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
                found = command.get_command(context, name)
                assert found is not None
                check(found, f"{path} {name}")

    check(main, "exifinator")
    for script in commands.SCRIPTS:
        assert f"### {script}\n\n```text\nUsage: ./{script}" in page


def test_api_page__has_each_address_and_parameter() -> None:
    from api.app import create_app

    page = api.make_page()
    document = create_app(Config()).openapi()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            section = page.split(f"## {method.upper()} {path}\n")[1].partition("\n## ")[0]
            for parameter in operation.get("parameters", ()):
                if "name" in parameter:
                    assert f"| `{parameter['name']}` |" in section
    assert "| `source` | body, needed | string |" in page


def test_records_page__fields_and_sources__are_those_of_the_code() -> None:
    found = fields.find_sources()
    assert set(found) == set(fields.MEANINGS)
    assert found["location"] == (dict, ["tag|GPS GPSLatitude", "tag|GPS GPSLongitude"])
    assert found["artist"] == (str, ["tag|Image Artist", "xmp|dc:creator", "iptc|By-line"])
    assert found["exposure_seconds"][0] is float
    assert found["width_pixels"][1][:2] == ["tag|EXIF ExifImageWidth", "tag|Image ImageWidth"]
    assert {"tag|EXIF OffsetTime", "tag|EXIF OffsetTimeOriginal"} <= set(found["taken_offset"][1])
    assert {"tag|GPS GPSDate", "xmp|xmp:CreateDate"} <= set(found["taken_at"][1])
    page = fields.make_page()
    for field in fields.MEANINGS:
        assert f"| `{field}` | " in page


def test_records_page__source_that_is_new_in_the_code__is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def with_serial(tags: Any, *others: Any) -> Any:
        photo, problems = summarise(tags, *others)
        tag = tags.get("EXIF BodySerialNumber")
        return {**photo, **({"serial": str(tag["values"])} if tag else {})}, problems

    monkeypatch.setattr(fields, "summarise", with_serial)
    assert fields.find_sources()["serial"] == (str, ["tag|EXIF BodySerialNumber"])


def test_scaling_page__tables__follow_from_the_figures() -> None:
    text, results = (path.read_text(encoding="utf-8") for path in (scaling.PAGE, scaling.RESULTS))
    assert scaling.compute(text, results) == text, "python -m docgen.scaling writes them anew"


def test_scaling_page__new_results__change_figures_and_tables() -> None:
    text, results = (path.read_text(encoding="utf-8") for path in (scaling.PAGE, scaling.RESULTS))
    before = scaling.read_figures(text)
    faster = re.sub(r"^\| EXIFinator \| [\d,.]+ ", "| EXIFinator | 2,000 ", results, count=1, flags=re.MULTILINE)
    page = scaling.compute(text, faster)
    assert scaling.read_figures(page) == {**before, "R": 2000}
    assert "| Time on the measured machine: n / R | 8.3 min | 14 h | 58 days |" in page
    with pytest.raises(ValueError, match="0 rows for K"):
        scaling.compute(text, results.replace("listed and queued", "queued"))


def test_scaling__arithmetic() -> None:
    assert scaling.transfer_price(5) == pytest.approx(450)
    assert scaling.transfer_price(200) == pytest.approx(900 + 3400 + 7000 + 2500)
    assert (scaling.duration(877), scaling.duration(87_719), scaling.duration(45)) == ("15 min", "24 h", "45 s")
    assert scaling.size(226_108_864) == "226 MB"


def test_docs__files__are_all_in_the_navigation() -> None:
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    named = set(re.findall(r"[\w/-]+\.md", (ROOT / "mkdocs.yml").read_text(encoding="utf-8")))
    assert pages <= named
