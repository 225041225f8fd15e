"""The output of `status`: batches with their patterns, the schedule, and tables that fit the terminal."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console
from rich.text import Text

from exifinator.batches.model import BatchCounts
from exifinator.cli import status_view
from exifinator.monitoring.status import Status


def print_batch(**batch: Any) -> list[str]:
    """Return the lines that `status` prints for a batch."""
    fields = {"id": "b1", "state": "reading", "rate": None, "seconds_left": None, "numbers": BatchCounts().as_dict()}
    status = cast(Status, SimpleNamespace(batches=[{**fields, **batch}]))
    console = Console(width=140, color_system=None)
    with console.capture() as capture:
        console.print(status_view._batches(status))
    return [line.rstrip() for line in capture.get().splitlines() if line.strip()]


def test_batches__patterns__are_on_the_line_below_the_sources() -> None:
    patterns = {"source": "s3://inat", "include": ["*/original.*"], "exclude": ["[red]x[/]", "a\x1b[31m" + "y" * 90]}
    _, sources, options = print_batch(sources=["s3://inat"], patterns=[patterns])
    assert "s3://inat" in sources
    assert "--include */original.* --exclude [red]x" in options
    assert options.strip().endswith("…")
    assert "\x1b" not in options


def test_batches__no_patterns__add_no_line() -> None:
    assert len(print_batch(sources=["s3://a", "s3://b"], patterns=[])) == 2


NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
BATCH = {"id": "20240101-000000-abcdef", "state": "reading"}
ENTRY: dict[str, Any] = {"source": "s3://a/2024/", "every": "6h", "at": None, "timezone": None, "last_batch": None}


@pytest.mark.parametrize(
    ("entry", "cells"),
    [
        ({"last": None, "next_at": NOON + timedelta(hours=2)}, ["6h", "-", "in 2 h 0 min"]),
        (
            {
                "at": "02:00",
                "timezone": "Europe/Berlin",
                "last": {"at": NOON - timedelta(hours=4), "outcome": "started", "problem": None},
                "last_batch": BATCH,
                "next_at": NOON - timedelta(minutes=1),
            },
            ["6h at 02:00 Europe/Berlin", "indexing, 4 h 0 min ago", "due"],
        ),
        (
            {
                "last": {"at": NOON, "outcome": "skipped", "problem": "Batch b1 was still running"},
                "last_batch": BATCH,
                "next_at": NOON + timedelta(seconds=9),
            },
            ["6h", "skipped 0 s ago: Batch b1 was still running", "in 9 s"],
        ),
        (
            {
                "last": {"at": NOON, "outcome": "failed", "problem": "[red]no\x1b[31m"},
                "next_at": NOON + timedelta(seconds=9),
            },
            ["6h", "not started 0 s ago: [red]no\\x1b[31m", "in 9 s"],
        ),
        (
            {"last": {"at": NOON, "outcome": "started", "problem": None}, "next_at": NOON + timedelta(seconds=9)},
            ["6h", "started, 0 s ago", "in 9 s"],
        ),
    ],
    ids=["never due", "running", "skipped", "failed", "purged"],
)
def test_schedule__entry__shows_the_last_outcome_and_the_next_time(entry: dict[str, Any], cells: list[str]) -> None:
    console = Console(width=140, color_system=None)
    with console.capture() as capture:
        console.print(status_view._schedule(Status(NOON, schedule=[{**ENTRY, **entry}])))
    row = re.split(r" {2,}", capture.get().splitlines()[1].strip())
    assert row[0] == "s3://a/2024/"
    assert " | ".join(row[1:]).replace(" | ", " ") == " ".join(cells)


MILLION = 1_234_567


def make_status() -> Status:
    status = Status(datetime.now(UTC))
    for name in ("Redis", "MongoDB", "API", "dashboard"):
        status.services.append(
            {"name": name, "address": f"http://127.0.0.1:3001/{name}", "up": True, "version": "9.0.1"}
        )
    status.redis = {"memory_bytes": 10**9, "memory_limit_bytes": 2 * 10**9, "disk_bytes": 10**9}
    status.mongodb = {"memory_bytes": 10**9, "disk_bytes": 10**10, "disk_free_bytes": 10**11}
    status.records = MILLION
    status.queues = [{"name": "download", "images": MILLION, "oldest_seconds": 4000.0, "paused": True}]
    host: dict[str, Any] = {"name": "a-host-with-a-long-name", "processes": 16, "busy": 0.5, "load": 12.3, "cores": 16}
    status.hosts = [{**host, "reads_per_second": 1500.0, "writes_per_second": 1500.0, "memory_mb": 2000}]
    numbers = BatchCounts(listed=MILLION, unchanged=MILLION // 2, stored=MILLION // 2, failed=12).as_dict()
    batch: dict[str, Any] = {"id": "20240101-000000-abcdef", "sources": ["s3://a-bucket-with-a-long-name/2024/summer/"]}
    status.batches = [
        {**batch, "state": "reading", "numbers": numbers, "rate": 1523.4, "seconds_left": 4000.0, "patterns": []}
    ]
    last = {"at": status.at, "outcome": "skipped", "problem": "Batch 20240101-000000-abcdef was still running"}
    entry = {**ENTRY, "at": "02:00", "timezone": "America/Argentina/ComodRivadavia", "next_at": status.at, "last": last}
    status.schedule = [{**entry, "source": "s3://a-bucket-with-a-long-name/2024/summer/"}]
    example = {"message": "AccessDenied: " + "S3 refuses " * 20, "status": "failed"}
    status.failures = [{"exception": "AccessDenied", "count": MILLION, "example": example}]
    return status


@pytest.mark.parametrize("width", [80, 100])
def test_show__terminal__prints_lines_that_fit_the_width(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    """The table of batches was once 113 columns wide on every terminal."""
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=True, no_color=True, highlight=False, soft_wrap=True)
    monkeypatch.setattr(status_view, "open_console", lambda: console)
    status_view.show(make_status())
    text = "\n".join(Text.from_ansi(line).plain for line in out.getvalue().splitlines())
    assert max(len(line.rstrip()) for line in text.splitlines()) <= width
    for part in ("1,234,567", "20240101-000000-abcdef", "indexing", "1,523", "12"):
        assert part in text
