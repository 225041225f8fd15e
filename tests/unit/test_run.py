"""What a run says of options that exclude each other, and how it ends where S3 refuses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from exifinator.batch_state import Numbers
from exifinator.config import build_config
from exifinator.errors import AccessDenied, BatchTaken, ConfigError
from exifinator.listing import Source
from exifinator.progress import ProgressDisplay
from exifinator.run import _check_options, _follow, find_sources, run_command


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--verify", "--refresh"], "--verify and --refresh"),
        (["--verify", "--prune"], "--verify and --prune"),
        (["--dry-run", "--verify"], "--verify and --dry-run"),
        (["--no-wait", "--verify"], "--verify and --no-wait"),
        (["--prune", "--refresh"], "--prune and --refresh"),
        (["--prune", "--no-wait"], "--prune and --no-wait"),
        (["--dry-run", "--no-wait"], "--dry-run and --no-wait"),
        (["--yes"], "--yes goes with --prune"),
        (["--prune"], "give --yes where nobody can answer"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_run__options_that_exclude_each_other__are_refused(options: list[str], named: str) -> None:
    result = CliRunner().invoke(run_command, [*options, "bucket"])

    assert isinstance(result.exception, ConfigError)
    assert named in str(result.exception)


@pytest.mark.parametrize("given", [("refresh", "dry_run"), ("refresh", "no_wait"), ("prune", "dry_run", "yes"), ()])
def test_run__options_that_go_together__are_taken(given: tuple[str, ...]) -> None:
    names = ("dry_run", "no_wait", "refresh", "verify", "prune", "yes")
    _check_options(**{name: name in given for name in names})


@pytest.mark.parametrize("text", ["", " "])
def test_find_sources__nothing_at_all__is_not_the_folder_that_one_is_in(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="names no bucket"):
        find_sources([text], build_config({}, {}), cwd=tmp_path)


def test_find_sources__name_longer_than_any_file__is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="bucket"):
        find_sources(["x" * 3000], build_config({}, {}), cwd=tmp_path)
    key = "x" * 900
    assert find_sources([f"photos/{key}"], build_config({}, {}), cwd=tmp_path) == [Source("photos", key)]


class Ending:
    """A batch whose listing ends with an error."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.resumed, self.id, self.numbers, self.older = False, "a", Numbers(), 0
        self.left: list[tuple[str, str | None]] = []

    def open(self, *, waits: bool) -> None:
        pass

    def list_and_queue(self, *, dry_run: bool) -> Iterator[Numbers]:
        yield self.numbers
        raise self.error

    def leave(self, state: str, *, problem: str | None = None) -> None:
        self.left.append((state, problem))


@pytest.mark.parametrize(
    ("error", "raised"), [(AccessDenied("S3 refuses b"), ConfigError), (BatchTaken("another run"), BatchTaken)]
)
def test_follow__s3_refuses__stops_with_the_sentence(error: Exception, raised: type[Exception]) -> None:
    batch: Any = Ending(error)
    quiet: Any = SimpleNamespace(show=lambda *args, **kwargs: None, note=lambda text: None)
    display: ProgressDisplay = quiet

    with pytest.raises(raised, match=str(error)):
        _follow(batch, display, dry_run=False, no_wait=False)

    assert batch.left == [("stopped", str(error))]
