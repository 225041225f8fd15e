"""Options of `run` that exclude each other, and batches that end early or make no progress."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from exifinator.batches.model import BatchCounts
from exifinator.batches.sources import find_sources
from exifinator.cli import run
from exifinator.cli.progress import ProgressDisplay
from exifinator.cli.run import _run_batch, result_addresses, run_command
from exifinator.cli.run_options import RunOptions
from exifinator.config import build_config
from exifinator.errors import AccessDenied, BatchTaken, ConfigError
from exifinator.monitoring import standstill
from exifinator.sources.source import Source


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
        (["--yes"], "--yes works only with --prune"),
        (["--prune"], "add --yes or --dry-run"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_run__options_that_exclude_each_other__are_refused(options: list[str], named: str) -> None:
    result = CliRunner().invoke(run_command, [*options, "bucket"])

    assert isinstance(result.exception, ConfigError)
    assert named in str(result.exception)


@pytest.mark.parametrize("given", [("refresh", "dry_run"), ("refresh", "no_wait"), ("prune", "dry_run", "yes"), ()])
def test_run__options_that_can_be_combined__are_accepted(given: tuple[str, ...]) -> None:
    chosen: dict[str, Any] = dict.fromkeys(given, True)
    RunOptions(**chosen).check()


@pytest.mark.parametrize("text", ["", " "])
def test_find_sources__empty_text__is_not_the_current_folder(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Not a bucket: "):
        find_sources([text], build_config({}, {}), cwd=tmp_path)


def test_find_sources__name_longer_than_a_file_name__is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="bucket"):
        find_sources(["x" * 3000], build_config({}, {}), cwd=tmp_path)
    key = "x" * 900
    assert find_sources([f"photos/{key}"], build_config({}, {}), cwd=tmp_path) == [Source("photos", key)]


class FailingBatch:
    """A batch whose listing ends with an error. Records the arguments of `detach`."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
        self.resumed, self.id, self.counts = False, "a", BatchCounts(queued=1810, stored=1)
        self.detached: list[tuple[str, str | None]] = []

    def open(self, *, will_watch: bool) -> None:
        pass

    def list_and_queue(self, *, dry_run: bool) -> Iterator[BatchCounts]:
        yield self.counts
        raise self.error

    def detach(self, state: str, *, problem: str | None = None) -> None:
        self.detached.append((state, problem))


@pytest.mark.parametrize(
    ("error", "raised"), [(AccessDenied("S3 refuses b"), ConfigError), (BatchTaken("another run"), BatchTaken)]
)
def test_run_batch__listing_fails__stops_the_batch_with_the_error_message(
    error: Exception, raised: type[Exception]
) -> None:
    batch: Any = FailingBatch(error)
    quiet: Any = SimpleNamespace(show=lambda *args, **kwargs: None, note=lambda text: None)
    display: ProgressDisplay = quiet

    with pytest.raises(raised, match=str(error)):
        _run_batch(batch, display, RunOptions())

    assert batch.detached == [("stopped", str(error))]


def test_run_batch__ctrl_c__detaches_and_names_the_number_of_queued_images() -> None:
    batch: Any = FailingBatch(KeyboardInterrupt())
    notes: list[str] = []
    display: Any = SimpleNamespace(show=lambda *args, **kwargs: None, note=notes.append)

    with pytest.raises(SystemExit) as ended:
        _run_batch(batch, display, RunOptions())

    assert ended.value.code == 130
    assert batch.detached == [("left", None)]
    assert notes[0].startswith("Detached. Workers will keep processing the 1,809 queued images. ")


class StalledBatch(FailingBatch):
    """A batch that ends without progress."""

    tally = SimpleNamespace(done_when_listed=0, older_extractor=0)
    queue = SimpleNamespace(client=None, keys=None)
    failures = ()

    def __init__(self) -> None:
        super().__init__(KeyboardInterrupt())

    def list_and_queue(self, *, dry_run: bool) -> Iterator[BatchCounts]:
        yield self.counts

    def wait(self) -> Iterator[BatchCounts]:
        yield from 3 * [self.counts]


def test_run_batch__no_progress__names_the_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standstill, "STANDSTILL_SECONDS", 0.0)
    monkeypatch.setattr(run, "load_config", lambda: build_config({}, {}))
    monkeypatch.setattr(run, "find_obstacles", lambda config: [f"{config.download_queue} is paused"])
    monkeypatch.setattr(run, "WorkerHealth", lambda client, keys: SimpleNamespace(refused_workers=list))
    batch: Any = StalledBatch()
    notes: list[str] = []
    display: Any = SimpleNamespace(show=lambda *args, **kwargs: None, note=notes.append)

    _run_batch(batch, display, RunOptions())

    assert notes == ["No image was done in the last 0 s: download is paused"]


def test_result_addresses__first_line__is_the_explorer() -> None:
    assert result_addresses(build_config({}, {})).splitlines()[0] == "Explore: http://127.0.0.1:3001/"
    on_network = build_config({"API_HOST": "0.0.0.0", "API_TOKEN": "a" * 20, "API_PORT": 3101}, {})
    assert result_addresses(on_network).splitlines()[0] == "Explore: http://127.0.0.1:3101/"
