"""What may be named as a source: the same for `run` and for POST /batches."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from exifinator.batches import start
from exifinator.batches.sources import find_sources
from exifinator.batches.start import start_batch
from exifinator.config import build_config
from exifinator.errors import ConfigError
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
    ARN: Source(ARN),
    "b/" + "k" * 1024: Source("b", "k" * 1024),
    "b/é\n": Source("b", "é\n"),
}
REFUSED = [
    "", " ", ".", "..", "s3://", "s3:///a", "-x", "--dry-run", "s3://-x/a", "a b", "b\n", "bücher", "x" * 256,
    "https://host/b", "evil.example:80@x", "arn:x\x1f", "b/\0", "b/" + "é" * 513, "b/\udc80",
]  # fmt: skip


class Passed(Exception):
    """The source was accepted: S3 would be asked next."""


def accepted_by_run(text: str, folder: Path) -> Source | Path:
    [source] = find_sources([text], build_config({}, {}), cwd=folder)
    return source


def accepted_by_api(text: str, monkeypatch: pytest.MonkeyPatch) -> Source:
    def check(source: Source, config: Any) -> None:
        raise Passed(source)

    monkeypatch.setattr(start, "_check_source", check)
    with pytest.raises(Passed) as passed:
        start_batch(build_config({}, {}), cast(Store, None), text)
    return cast(Source, passed.value.args[0])


@pytest.mark.parametrize("text", ACCEPTED, ids=lambda text: repr(text[:30]))
def test_sources__names_that_servers_have__are_accepted_by_both(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert accepted_by_run(text, tmp_path) == ACCEPTED[text]
    assert accepted_by_api(text, monkeypatch) == ACCEPTED[text]


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: ascii(text[:30]))
def test_sources__other_names__are_refused_by_both(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The command line may name a folder too, such as "..": here there is none.
    missing = tmp_path / "missing" / "folder"
    with pytest.raises(ConfigError):
        accepted_by_run(text, missing)
    with pytest.raises(ConfigError):
        start_batch(build_config({}, {}), cast(Store, None), text)
