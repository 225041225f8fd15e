"""The progress display and the summary of a batch."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from exifinator.batches.model import BatchCounts
from exifinator.batches.throughput import RateMeter
from exifinator.cli.formatting import format_bytes, format_count, format_duration, safe_cell
from exifinator.cli.progress import ProgressDisplay, summarize


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (2.5e6, "2.5 MB"), (3e12, "3.0 TB")]
)
def test_format_bytes__small_and_large_counts__have_units(count: float, text: str) -> None:
    assert format_bytes(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59.6, "1 min 0 s"), (185, "3 min 5 s"), (7800, "2 h 10 min")]
)
def test_format_duration__short_and_long__has_at_most_two_units(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


def test_format_count__one_and_many__use_singular_and_plural() -> None:
    assert [format_count(n, "image") for n in (0, 1, 1234)] == ["0 images", "1 image", "1,234 images"]
    assert format_count(2, "batch", "batches") == "2 batches"


def test_safe_cell__markup_and_control_characters__are_escaped() -> None:
    assert safe_cell("\x1b[31m[red]\nx") == "\\x1b[31m\\[red]\\nx"


def test_rate_meter__no_progress_for_half_a_minute__is_zero() -> None:
    meter = RateMeter()
    meter.update(0, 0.0)
    assert meter.update(1000, 10.0) == 100
    for now in range(11, 40):
        rate = meter.update(1000, float(now))
    assert rate == 0


def test_show__no_terminal__prints_one_line_for_50_updates() -> None:
    out = io.StringIO()
    with ProgressDisplay(Console(file=out, width=200)) as display:
        for done in range(50):
            display.show("reading", BatchCounts(listed=100, queued=100, stored=done, bytes_read=1000))
    assert out.getvalue().count("\n") == 1
    assert "100 listed, 0 unchanged, 100 queued, 0 indexed" in out.getvalue()


@pytest.mark.parametrize("width", [80, 60, 200])
@pytest.mark.parametrize("phase", ["listing", "indexing"])
def test_show__terminal__prints_lines_that_fit_the_width(phase: str, width: int) -> None:
    """An earlier table of eleven columns was truncated: "unchang…  without EX…"."""
    million = 1_234_567
    numbers = dict.fromkeys(BatchCounts().as_dict(), million)
    counts = BatchCounts.from_dict({**numbers, "bytes_read": 10**12})
    display = ProgressDisplay(Console(file=io.StringIO(), width=width, force_terminal=True))
    lines = display._lines(phase, counts, 1523.4, million).plain.splitlines()
    assert max(map(len, lines)) <= width
    for part in ("1,234,567 listed", "1,234,567 without EXIF", "1,234,567 failed", "1.0 TB read", "1,523 images/s"):
        assert any(part in line for line in lines)
    if width == 200:
        assert len(lines) == 2


def test_show__terminal__omits_problems_with_a_count_of_zero() -> None:
    display = ProgressDisplay(Console(file=io.StringIO(), width=80, force_terminal=True))
    text = display._lines("indexing", BatchCounts(listed=12, queued=12, stored=3), 1.0, 3).plain
    assert text.splitlines() == [
        "indexing 3 of 12  1 images/s  0 B read  9 s left",
        "12 listed  0 unchanged  3 indexed",
    ]


def test_note__markup_in_a_name__is_shown_literally() -> None:
    out = io.StringIO()
    ProgressDisplay(Console(file=out, width=200)).note("folder [red]x[/red]")
    assert "[red]x[/red]" in out.getvalue()


def test_summarize__counts_of_a_batch__are_all_named() -> None:
    text = summarize(
        BatchCounts(listed=7, unchanged=1, queued=5, stored=2, no_exif=1, failed=2, folders=1, requests=5, seconds=2)
    )
    for part in ("listed", "unchanged", "without EXIF", "failed", "folders", "5 requests", "2 images/s"):
        assert part in text
    assert "deleted" not in text
    assert "deleted                 3" in summarize(BatchCounts(listed=3, queued=3, deleted=3))
