"""`run --dry-run`, --max-requests and --max-dollars: what they print and store, and their exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from click.testing import Result

from exifinator.cli.forecast_view import WIDTH
from exifinator.processes import workers
from tests.integration.cli.runs import numbers_of
from tests.integration.conftest import Bucket, SharedInstallation, invoke
from tests.photos import make_jpeg, make_plain

PRICES = json.dumps({"get": 0.4, "list": 5, "transfer": 90})

Run = Callable[..., Result]


@pytest.fixture
def run(shared: SharedInstallation, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return run("bucket", "--json"), which runs the command `run` as if the workers were started."""
    monkeypatch.setattr(
        workers, "start_workers", lambda config: workers.WorkersReport("already running", False, "", "")
    )
    return lambda *arguments: invoke(shared, monkeypatch, "run", *arguments, S3_PRICES=PRICES)


@pytest.fixture
def photos(bucket: Bucket) -> Bucket:
    for number in range(9):
        bucket.put(f"2024/{number}.jpg", make_jpeg(seed=number))
    bucket.put("plain.jpg", make_plain())
    bucket.put("notes.txt", b"no photo\n" * 20_000)
    return bucket


def test_dry_run__small_bucket__predicts_the_counts_of_the_run(
    shared: SharedInstallation, photos: Bucket, run: Run
) -> None:
    dry = numbers_of(run("--dry-run", "--json", photos.name))
    forecast = dry["forecast"]
    assert (dry["listed"], dry["queued"], forecast["images"], forecast["exact"]) == (11, 11, 11, True)
    assert shared.records(photos.name) == {}
    assert shared.store.batches.collection.count_documents({"sources": f"s3://{photos.name}"}) == 0

    text = run("--dry-run", photos.name).output
    assert "Forecast for 11 images (all of them were read):" in text
    assert max(map(len, text.splitlines())) <= WIDTH

    counts = numbers_of(run("--json", photos.name))
    assert forecast["requests"]["expected"] == counts["requests"]
    assert forecast["bytes_read"]["expected"] == counts["bytes_read"]
    assert forecast["list_requests"] == counts["list_requests"]
    assert forecast["dollars"]["expected"] == pytest.approx(counts["dollars"], abs=1e-7)
    assert counts["dollars"] > counts["list_dollars"] > 0
    assert forecast["disk_bytes"]["low"] > 0

    again = numbers_of(run("--dry-run", "--json", photos.name))
    assert (again["unchanged"], again["forecast"]["images"], again["forecast"]["requests"]["high"]) == (11, 0, 0)


def test_max_requests__limit_is_reached__stops_with_a_message_and_can_be_resumed(
    shared: SharedInstallation, photos: Bucket, run: Run
) -> None:
    stopped = run("--max-requests=5", photos.name)
    assert stopped.exit_code == 3
    words = " ".join(stopped.output.split())
    assert "The batch stopped at its limit of 5 requests, after " in words
    assert "run the same sources with a higher --max-requests" in words
    assert 0 < len(shared.records(photos.name)) < 11

    resumed = run("--max-requests=1000", "--json", photos.name)
    assert resumed.exit_code == 0
    assert "Resuming batch" in resumed.stderr
    counts = json.loads(resumed.stdout)
    assert (counts["listed"], counts["requests"], counts["failed"]) == (11, 11, 0)
    assert len(shared.records(photos.name)) == 11


def test_max_dollars__with_json__reports_why_it_stopped(photos: Bucket, run: Run) -> None:
    numbers = numbers_of(run("--max-dollars=0.006", "--json", photos.name), code=3)
    assert "limit of $0.006, after $0.0" in numbers["problem"]
    assert numbers["dollars"] >= 0.006
    events = run("--max-dollars=1", "--json=events", photos.name).stdout.splitlines()
    end = json.loads(events[-1])
    assert (end["type"], end["numbers"]["stored"] + end["numbers"]["no_exif"]) == ("end", 10)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--max-dollars=0"], "--max-dollars must be a number above 0"),
        (["--max-dollars=nan"], "--max-dollars must be a number above 0"),
        (["--max-dollars=1", "--dry-run"], "--dry-run and --max-dollars cannot be combined"),
        (["--max-requests=1", "--no-wait"], "--no-wait and --max-requests cannot be combined"),
        (["--max-requests=0"], "--max-requests"),
    ],
)
def test_limits__invalid_or_conflicting_options__are_refused(run: Run, arguments: list[str], message: str) -> None:
    done = run(*arguments, "any")
    assert done.exit_code == 2
    assert message in done.output


def test_max_dollars__prices_are_unknown__is_refused(
    shared: SharedInstallation, photos: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = invoke(shared, monkeypatch, "run", "--max-dollars=1", photos.name)
    assert done.exit_code == 2
    assert "set S3_PRICES" in done.output
    assert shared.records(photos.name) == {}
