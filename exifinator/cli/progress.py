"""Show the progress of a run: as live lines on a terminal or as plain lines elsewhere, and a summary at the end."""

from __future__ import annotations

import json
import logging
import time
from typing import Self

import click
from rich.console import Console
from rich.live import Live
from rich.text import Text

from exifinator.batches.model import BatchCounts
from exifinator.batches.throughput import RateMeter
from exifinator.cli.formatting import format_bytes, format_count, format_dollars, format_duration
from exifinator.logging_setup import is_structured

log = logging.getLogger(__name__)

# If stderr is not a terminal, print a line at intervals of at least this long.
PLAIN_LINE_SECONDS = 5.0
EVENT_SECONDS = 1.0


class ProgressDisplay:
    """Context manager that shows the counts of a batch on stderr while it runs."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False)
        self._live = Live(console=self.console, refresh_per_second=4, transient=True)
        self._rate = RateMeter()
        self._next_line_at = 0.0

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._live.stop()

    def note(self, text: str) -> None:
        """Print a line above the live display.

        Markup in the text is not interpreted, because the text may contain names from a bucket.
        """
        if is_structured():
            log.info("%s", text)
        else:
            self.console.print(text, markup=False, soft_wrap=True)

    def stop(self) -> None:
        """Stop the live display, so that the program can ask a question."""
        self._live.stop()

    def show_line(self, line: str) -> None:
        """Show a line in place of the previous one. Without a terminal, print a line every few seconds instead."""
        now = time.monotonic()
        if self.console.is_terminal:
            self._live.update(line)
        elif now >= self._next_line_at:
            self._next_line_at = now + PLAIN_LINE_SECONDS
            self.note(line)

    def show(self, phase: str, counts: BatchCounts, *, done_when_listed: int = 0) -> None:
        """Show the counts of a batch.

        Args:
            phase: `listing` or `indexing`.
            done_when_listed: The number of images that were already done when they were listed. No worker fetches them.
        """
        now = time.monotonic()
        done = max(0, counts.done - done_when_listed)
        rate = self._rate.update(done, now)
        if self.console.is_terminal:
            self._live.update(self._lines(phase, counts, rate, done))
        elif now >= self._next_line_at:
            self._next_line_at = now + PLAIN_LINE_SECONDS
            self.note(self._line(phase, counts, rate, done))

    @staticmethod
    def _time_left(counts: BatchCounts, rate: float, done: int) -> str:
        remaining = counts.queued - done
        return format_duration(remaining / rate) if rate > 0 and remaining > 0 else "-"

    def _line(self, phase: str, counts: BatchCounts, rate: float, done: int) -> str:
        excluded = f"{counts.excluded:,} excluded, " if counts.excluded else ""
        line = f"{phase}: {counts.listed:,} listed, {excluded}{counts.unchanged:,} unchanged, {counts.queued:,} queued"
        if phase == "listing":
            return line
        return (
            f"{line}, {counts.stored:,} indexed, {counts.no_exif:,} without EXIF, {counts.failed:,} failed, "
            f"{rate:,.0f} images/s, {format_bytes(counts.bytes_read)} read, {self._time_left(counts, rate, done)} left"
        )

    def _lines(self, phase: str, counts: BatchCounts, rate: float, done: int) -> Text:
        """Return the progress as lines that are no wider than the terminal."""
        parts = [f"{phase} {done:,} of {counts.queued:,}" if phase == "indexing" else phase]
        parts += [f"{rate:,.0f} images/s", f"{format_bytes(counts.bytes_read)} read"]
        if phase == "indexing":
            parts.append(f"{self._time_left(counts, rate, done)} left")
        first = len(parts)
        parts += [f"{counts.listed:,} listed", f"{counts.unchanged:,} unchanged", f"{counts.stored:,} indexed"]
        others = (
            (counts.no_exif, "without EXIF"),
            (counts.unsupported, "unsupported"),
            (counts.damaged, "damaged"),
            (counts.failed, "failed"),
            (counts.deleted, "deleted"),
        )
        parts += [f"{count:,} {name}" for count, name in others if count]
        width = max(20, self.console.width)
        lines = [line for group in (parts[:first], parts[first:]) for line in _wrap(group, width)]
        text = Text("\n".join(lines))
        text.highlight_regex(r"[\d,]+ failed", "red")
        return text


def _wrap(parts: list[str], width: int) -> list[str]:
    """Join parts into lines no wider than `width`. A part that is wider gets a line of its own."""
    lines = [parts[0]]
    for part in parts[1:]:
        if len(lines[-1]) + 2 + len(part) <= width:
            lines[-1] += f"  {part}"
        else:
            lines.append(part)
    return lines


class EventDisplay(ProgressDisplay):
    """Prints events on stdout instead of the progress: one JSON object per line.

    Events have a `type`: `note` with `text`, `progress` with `phase` and `numbers`, and `end` with `numbers`. Print
    the progress at most once per EVENT_SECONDS.
    """

    def __enter__(self) -> Self:
        return self

    def note(self, text: str) -> None:
        """Print a note."""
        self.event("note", text=text)

    def show_line(self, line: str) -> None:
        """Ignore the line, which is meant for people."""

    def show(self, phase: str, counts: BatchCounts, *, done_when_listed: int = 0) -> None:  # noqa: ARG002
        """Print the counts of a batch."""
        now = time.monotonic()
        if now >= self._next_line_at:
            self._next_line_at = now + EVENT_SECONDS
            self.event("progress", phase=phase, numbers=counts.as_dict())

    def event(self, type_: str, **fields: object) -> None:
        """Print one event, and flush it, because stdout may be a pipe."""
        click.echo(json.dumps({"type": type_, **fields}))


def summarize(counts: BatchCounts) -> str:
    """Return a summary of a run in a few lines."""
    rate = f", {counts.queued / counts.seconds:,.0f} images/s" if counts.queued and counts.seconds else ""
    rows = [
        ("listed", counts.listed, ""),
        ("unchanged", counts.unchanged, "already up to date"),
        ("indexed", counts.stored, "photos with EXIF"),
        ("without EXIF", counts.no_exif, "photos without EXIF (recorded)"),
        ("unsupported", counts.unsupported, "files in unsupported formats (recorded)"),
        ("damaged", counts.damaged, "damaged files (recorded, with the problem)"),
        ("failed", counts.failed, "images that could not be indexed: see `failures`, or the dashboard"),
        ("deleted", counts.deleted, "images deleted in S3 before they were indexed"),
        ("archived", counts.archived, "images to restore in S3 first (not recorded)"),
        ("excluded", counts.excluded, "left out by patterns, or junk such as Thumbs.db (not recorded)"),
        ("folders", counts.folders, "empty objects whose keys end in /"),
    ]
    lines = [
        f"  {name:<13}{count:>12,}  {meaning}".rstrip()
        for name, count, meaning in rows
        if count or name in ("listed", "indexed", "failed")
    ]
    read = f"{format_bytes(counts.bytes_read)} in {counts.requests:,} requests" if counts.requests else "nothing"
    if counts.dollars:
        read += f", for {format_dollars(counts.dollars)} with {format_count(counts.list_requests, 'LIST request')}"
    lines.append(f"Read {read}, in {format_duration(counts.seconds)}{rate}.")
    return "\n".join(lines)
