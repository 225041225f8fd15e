"""The output of `status`: batches show the patterns by which they choose objects."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from rich.console import Console

from exifinator.batches.model import BatchCounts
from exifinator.cli import status_view
from exifinator.monitoring.status import Status


def show(**batch: Any) -> list[str]:
    fields = {"id": "b1", "state": "reading", "rate": None, "seconds_left": None, "numbers": BatchCounts().as_dict()}
    status = cast(Status, SimpleNamespace(batches=[{**fields, **batch}]))
    console = Console(width=140, color_system=None)
    with console.capture() as capture:
        console.print(status_view._batches(status))
    return [line.rstrip() for line in capture.get().splitlines() if line.strip()]


def test_batches__patterns__are_below_the_sources_as_text() -> None:
    patterns = {"source": "s3://inat", "include": ["*/original.*"], "exclude": ["[red]x[/]", "a\x1b[31m" + "y" * 90]}
    _, sources, below = show(sources=["s3://inat"], patterns=[patterns])
    assert "s3://inat" in sources
    assert "--include */original.* --exclude [red]x" in below
    assert below.strip().endswith("…")
    assert "\x1b" not in below


def test_batches__no_patterns__have_one_line() -> None:
    assert len(show(sources=["s3://a", "s3://b"], patterns=[])) == 2
