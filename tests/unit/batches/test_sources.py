"""Which texts are accepted as a source. `run` and POST /batches have the same rules."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from exifinator.batches import start
from exifinator.batches.sources import Folder, find_sources
from exifinator.batches.start import start_batch
from exifinator.cli.run_options import RunOptions
from exifinator.config import build_config
from exifinator.errors import ConfigError
from exifinator.queue.image_queue import ImageQueue
from exifinator.sources.patterns import make_patterns
from exifinator.sources.source import Source
from exifinator.storage.store import Store

ARN = "arn:aws:s3:eu-west-1:123456789012:accesspoint:photos"
ACCEPTED = {
    "holiday": Source("holiday"),
    "holiday/2024/": Source("holiday", "2024/"),
    "s3://holiday/2024": Source("holiday", "2024"),
    "_archive": Source("_archive"),
    "a": Source("a"),
    ".photos": Source(".photos"),
    "Old_Bucket.1": Source("Old_Bucket.1"),
    "x" * 255: Source("x" * 255),
    ARN: Source(ARN.replace("accesspoint:", "accesspoint/")),
    "b/" + "k" * 1024: Source("b", "k" * 1024),
    "b/é\n": Source("b", "é\n"),
}
REFUSED = [
    "", " ", ".", "..", "s3://", "s3:///a", "-x", "--dry-run", "s3://-x/a", "a b", "b\n", "bücher", "x" * 256,
    "https://host/b", "evil.example:80@x", "arn:x\x1f", "b/\0", "b/" + "é" * 513, "b/\udc80",
]  # fmt: skip


class SourceAccepted(Exception):
    """Raised with the accepted source, instead of the request to S3 that would follow."""


def parse_for_run(text: str, folder: Path) -> Source | Folder:
    [source] = find_sources([text], build_config({}, {}), cwd=folder)
    return source


def parse_for_api(text: str, monkeypatch: pytest.MonkeyPatch) -> Source:
    def check(source: Source, *_: Any) -> None:
        raise SourceAccepted(source)

    monkeypatch.setattr(start, "_check_source", check)
    with pytest.raises(SourceAccepted) as raised:
        start_batch(build_config({}, {}), cast(Store, None), cast(ImageQueue, None), text)
    return cast(Source, raised.value.args[0])


@pytest.mark.parametrize("text", ACCEPTED, ids=lambda text: repr(text[:30]))
def test_sources__possible_bucket_names__are_accepted_by_run_and_api(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert parse_for_run(text, tmp_path) == ACCEPTED[text]
    assert parse_for_api(text, monkeypatch) == ACCEPTED[text]


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: ascii(text[:30]))
def test_sources__impossible_bucket_names__are_refused_by_run_and_api(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On the command line, ".." could also be a folder. Here, the folder does not exist.
    missing = tmp_path / "missing" / "folder"
    with pytest.raises(ConfigError):
        parse_for_run(text, missing)
    with pytest.raises(ConfigError):
        start_batch(build_config({}, {}), cast(Store, None), cast(ImageQueue, None), text)


@pytest.mark.parametrize(
    ("entry", "source"),
    [
        ("holiday", Source("holiday")),
        ("holiday/my photos", Source("holiday", "my photos")),
        (
            "inat/photos --include '*/original.*' --exclude \"a b/\" --exclude=*.gif",
            Source("inat", "photos", make_patterns(["*/original.*"], ["a b/", "*.gif"])),
        ),
        ("s3://b/x -- y  --exclude drafts/", Source("b", "x -- y", make_patterns([], ["drafts/"]))),
    ],
)
def test_find_sources__entry_of_s3_buckets__may_have_patterns(entry: str, source: Source, tmp_path: Path) -> None:
    config = build_config({"S3_BUCKETS": [entry]}, {})
    assert find_sources([], config, cwd=tmp_path) == [source]
    cli_patterns = make_patterns(["*.heic"])
    assert find_sources([], config, cwd=tmp_path, patterns=cli_patterns) == [replace(source, patterns=cli_patterns)]
    assert find_sources(["b"], config, cwd=tmp_path) == [Source("b")]


@pytest.mark.parametrize(
    "entry", ["b --include", "b --include 'x", "b --include x y", "b --exclude x --refresh", "b --include [x"]
)
def test_find_sources__invalid_entry_of_s3_buckets__names_the_setting(entry: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="S3_BUCKETS") as refusal:
        find_sources([], build_config({"S3_BUCKETS": [entry]}, {}), cwd=tmp_path)
    assert refusal.value.pointer == "S3_BUCKETS"


def test_find_sources__folder__has_the_given_patterns(tmp_path: Path) -> None:
    cli_patterns = make_patterns(["*.jpg"])
    assert find_sources([str(tmp_path)], build_config({}, {}), cwd=tmp_path, patterns=cli_patterns) == [
        Folder(tmp_path, cli_patterns)
    ]


def test_start_batch__invalid_pattern__is_refused_without_a_request_to_s3(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "_check_source", lambda *_: pytest.fail("a request was sent to S3"))
    with pytest.raises(ConfigError, match="exclude: the pattern") as refusal:
        start_batch(
            build_config({}, {}),
            cast(Store, None),
            cast(ImageQueue, None),
            "holiday",
            include=["*.jpg"],
            exclude=["[x"],
        )
    assert refusal.value.pointer == "exclude"


def test_read_patterns__options_and_files__are_joined(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("# originals\n*/original.*\n\n*.heic\n")
    (tmp_path / "out.txt").write_bytes("\ufeffdrafts/\r\n".encode())
    options = RunOptions(include=("*.heic",), include_from=("in.txt",), exclude_from=(str(tmp_path / "out.txt"),))
    assert options.read_patterns(tmp_path) == make_patterns(["*.heic", "*/original.*"], ["drafts/"])


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("missing.txt", None, "No such file"),
        ("binary", b"\xff\xfe\x00", "not a text file in UTF-8"),
        ("long", b"x\n" * 60_000, "longer than 100,000 characters"),
        ("~nobody-of-this-name/x", None, "cannot be read"),
    ],
)
def test_read_patterns__file_that_cannot_be_read__is_named(
    name: str, content: bytes | None, reason: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError, match=f"--exclude-from: the file {name} .*{reason}"):
        RunOptions(exclude_from=(name,)).read_patterns(tmp_path)
