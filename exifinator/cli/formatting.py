"""Format numbers, tables, and untrusted text from images for the terminal."""

from __future__ import annotations

import math

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from exifinator.logging_setup import escape_control

PIPE_WIDTH = 200


def open_console() -> Console:
    """Return a console for stdout. If stdout is not a terminal, the console is wide, so that tables wrap less."""
    console = Console(highlight=False, soft_wrap=True)
    return console if console.is_terminal else Console(highlight=False, soft_wrap=True, width=PIPE_WIDTH)


def make_table(*columns: str, right_aligned: tuple[int, ...] = ()) -> Table:
    """Return a table without borders.

    Args:
        columns: The headings of the columns.
        right_aligned: The indexes of the columns with numbers. They are right-aligned and not wrapped.
    """
    table = Table(*columns, box=None, pad_edge=False, header_style="dim")
    for index in right_aligned:
        table.columns[index].justify = "right"
        table.columns[index].no_wrap = True
    for column in table.columns:
        column.overflow = "fold"
    return table


def safe_text(value: object) -> str:
    """Return the value as text on one line, without control characters.

    Keys, tags and error messages are untrusted: they could contain control sequences for the terminal.
    """
    return escape_control(str(value)).replace("\n", "\\n")


def safe_cell(value: object) -> str:
    """Return the value as safe_text does, for a cell of a rich table: rich's markup is escaped too."""
    return escape(safe_text(value))


def format_bytes(count: float) -> str:
    """Return a size such as `1.5 MB`, in decimal units."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def format_dollars(dollars: float) -> str:
    """Return an amount such as `$12.30`, or with three significant digits such as `$0.00420`."""
    if dollars >= 1 or dollars <= 0:
        return f"${dollars:,.2f}"
    return f"${dollars:.{2 - math.floor(math.log10(dollars))}f}"


def format_duration(seconds: float) -> str:
    """Return a duration such as `42 s`, `3 min 5 s` or `2 h 10 min`."""
    rounded = round(seconds)
    if rounded < 60:
        return f"{rounded} s"
    if rounded < 3600:
        return f"{rounded // 60} min {rounded % 60} s"
    return f"{rounded // 3600} h {rounded % 3600 // 60} min"


def format_count(count: int, singular: str, plural: str = "") -> str:
    """Return a count and its noun as text, such as `1 worker` or `1,234 workers`."""
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"
