"""`extract` prints the records of local files, and needs no server."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from exifinator.cli.extract import extract, extract_command, to_json
from exifinator.errors import ObjectChanged
from exifinator.sources.local_files import LocalReader, local_ref
from tests.data import build

PHOTO = build.jpeg(build.exif_segment(build.photo_tiff()), picture_bytes=100_000)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "photo.jpg").write_bytes(PHOTO)
    (tmp_path / "a.png").write_bytes(build.png())
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "héron 写真.txt").write_text("not a photo")
    return tmp_path


def run(*arguments: str | Path):
    return CliRunner().invoke(extract_command, [str(argument) for argument in arguments])


def test_extract__photo__is_a_record_with_the_path(folder):
    record = extract(folder / "b" / "photo.jpg")
    assert record["path"] == str(folder / "b" / "photo.jpg")
    assert record["status"] == "ok"
    assert record["photo"]["taken_at"] == "2019-05-01T18:13:07.250000Z"
    assert json.loads(json.dumps(record)) == record


@pytest.mark.parametrize("is_relative", [False, True])
def test_extract__relative_or_absolute_path__is_the_id(folder, monkeypatch, is_relative):
    monkeypatch.chdir(folder)
    path = Path("b") / "photo.jpg" if is_relative else folder / "b" / "photo.jpg"
    assert extract(path)["_id"] == str(path)


def test_extract_command__folder__prints_one_line_per_file_sorted_by_path(folder):
    result = run(folder)
    assert result.exit_code == 0
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert [Path(record["path"]).name for record in records] == ["a.png", "photo.jpg", "empty.jpg", "héron 写真.txt"]
    assert [record["status"] for record in records] == ["no_exif", "ok", "damaged", "unsupported"]
    assert result.stderr == ""


def test_extract_command__verbose__prints_requests_and_bytes_to_stderr(folder):
    result = run("--verbose", folder / "b" / "photo.jpg")
    assert "1 request" in result.stderr
    assert f"of {len(PHOTO):,} bytes" in result.stderr
    assert len(result.stdout.splitlines()) == 1


def test_extract_command__missing_file__is_reported_and_other_files_are_printed(folder):
    result = run(folder / "none.jpg", folder / "a.png")
    assert result.exit_code == 1
    assert result.stderr == f"{folder / 'none.jpg'} cannot be read: No such file or directory\n"
    assert len(result.stdout.splitlines()) == 1


@pytest.mark.parametrize("arguments", [[], ["--no-such-option", "x"]], ids=["nothing", "unknown-option"])
def test_extract_command__wrong_usage__exits_with_2(arguments):
    assert run(*arguments).exit_code == 2


@pytest.mark.skipif(os.name != "posix", reason="needs file names of any bytes")
def test_extract_command__name_that_is_not_utf_8__is_printed(tmp_path):
    path = os.fsencode(tmp_path) + b"/caf\xe9.jpg"
    with open(path, "wb") as file:  # noqa: PTH123  # pathlib does not accept bytes
        file.write(PHOTO)
    result = run(tmp_path)
    assert result.exit_code == 0
    assert json.loads(result.stdout)["status"] == "ok"


def test_to_json__string_not_encodable_in_utf_8__is_replaced():
    assert json.dumps(to_json({"a\udce9": ["\udce9", 1, None]}), ensure_ascii=False).encode()


def test_local_reader__file_changed_between_reads__raises_object_changed(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(PHOTO)
    reader = LocalReader()
    first = reader.read_range(local_ref(path), 0, 10)
    assert (first.data, first.total_bytes) == (PHOTO[:10], len(PHOTO))
    path.write_bytes(PHOTO + b"more")
    with pytest.raises(ObjectChanged):
        reader.read_range(local_ref(path), 10, 10, if_match=first.etag)
    assert (reader.requests, reader.bytes_read) == (1, 10)


def test_extract__pipe__raises_instead_of_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(OSError, match="not a regular file"):
        extract(tmp_path / "pipe")
