"""How a run is shown: a live line on a terminal, plain lines elsewhere, a summary at the end."""

from __future__ import annotations

import logging
import time
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

from exifinator.batch_state import Numbers
from exifinator.logs import is_structured
from exifinator.rates import RateMeter

log = logging.getLogger(__name__)

PIPE_WIDTH = 200
PLAIN_EVERY_SECONDS = 5.0


def open_console() -> Console:
    """stdout, as wide as its terminal; where it is none, in a pipe, so wide that tables fold little."""
    console = Console(highlight=False, soft_wrap=True)
    return console if console.is_terminal else Console(highlight=False, soft_wrap=True, width=PIPE_WIDTH)


def format_bytes(count: float) -> str:
    """`1.5 MB`; decimal units, as S3 bills them."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def format_duration(seconds: float) -> str:
    """`42 s`, `3 min 5 s`, `2 h 10 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


class ProgressDisplay:
    """Shows the numbers of a batch on stderr while it runs; a context manager."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False)
        self._live = Live(console=self.console, refresh_per_second=4, transient=True)
        self._rate = RateMeter()
        self._next_line = 0.0

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._live.stop()

    def note(self, text: str) -> None:
        """A line of its own, above the moving ones. What it names may come from a bucket: it is shown, not obeyed."""
        if is_structured():
            log.info("%s", text)
        else:
            self.console.print(text, markup=False, soft_wrap=True)

    def stop(self) -> None:
        """Let go of the terminal, for a question."""
        self._live.stop()

    def show_line(self, line: str) -> None:
        """Show a line that moves on; elsewhere than on a terminal, one now and then."""
        now = time.monotonic()
        if self.console.is_terminal:
            self._live.update(line)
        elif now >= self._next_line:
            self._next_line = now + PLAIN_EVERY_SECONDS
            self.note(line)

    def show(self, phase: str, numbers: Numbers, *, empty: int = 0) -> None:
        """Show where a batch is. phase: `listing` or `reading`; empty: images that were done without reading."""
        now = time.monotonic()
        done = max(0, numbers.done - empty)
        rate = self._rate.update(done, now)
        if self.console.is_terminal:
            self._live.update(self._table(phase, numbers, rate, done))
        elif now >= self._next_line:
            self._next_line = now + PLAIN_EVERY_SECONDS
            self.note(self._line(phase, numbers, rate, done))

    @staticmethod
    def _time_left(numbers: Numbers, rate: float, done: int) -> str:
        left = numbers.queued - done
        return format_duration(left / rate) if rate > 0 and left > 0 else "-"

    def _line(self, phase: str, n: Numbers, rate: float, done: int) -> str:
        line = f"{phase}: {n.listed:,} listed, {n.unchanged:,} unchanged, {n.queued:,} queued"
        if phase == "listing":
            return line
        return (
            f"{line}, {n.stored:,} stored, {n.no_exif:,} without EXIF, {n.failed:,} failed, "
            f"{rate:,.0f} images/s, {format_bytes(n.bytes_read)} read, {self._time_left(n, rate, done)} left"
        )

    def _table(self, phase: str, n: Numbers, rate: float, done: int) -> Table:
        table = Table(box=None, pad_edge=False, header_style="dim", title_justify="left")
        columns = {
            phase: f"{done:,}/{n.queued:,}" if phase == "reading" else "...",
            "listed": f"{n.listed:,}",
            "unchanged": f"{n.unchanged:,}",
            "stored": f"{n.stored:,}",
            "without EXIF": f"{n.no_exif:,}",
            "unsupported": f"{n.unsupported:,}",
            "damaged": f"{n.damaged:,}",
            "failed": f"[red]{n.failed:,}[/]" if n.failed else "0",
            "images/s": f"{rate:,.0f}",
            "read": format_bytes(n.bytes_read),
            "left": self._time_left(n, rate, done),
        }
        for name in columns:
            table.add_column(name, justify="right", no_wrap=True)
        table.add_row(*columns.values())
        return table


def summarize(numbers: Numbers) -> str:
    """The end of a run, in a few lines."""
    n = numbers
    rate = f", {n.queued / n.seconds:,.0f} images/s" if n.queued and n.seconds else ""
    rows = [
        ("listed", n.listed, ""),
        ("unchanged", n.unchanged, "stored before, and the same since"),
        ("stored", n.stored, "records with EXIF"),
        ("without EXIF", n.no_exif, "records too: photos that carry none"),
        ("unsupported", n.unsupported, "records too: not a kind of photo that is read"),
        ("damaged", n.damaged, "records too, with the problem"),
        ("failed", n.failed, "could not be read: see the dashboard"),
        ("folders", n.folders, "keys that stand for a folder"),
    ]
    lines = [
        f"  {name:<13}{count:>12,}  {why}".rstrip()
        for name, count, why in rows
        if count or name in ("listed", "stored", "failed")
    ]
    read = f"{format_bytes(n.bytes_read)} in {n.requests:,} requests" if n.requests else "nothing"
    lines.append(f"Read {read}, in {format_duration(n.seconds)}{rate}.")
    return "\n".join(lines)
