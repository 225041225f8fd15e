"""List the figures in a new RESULTS.md that are more than a fifth worse than in an old one.

Usage: python -m bench.changes OLD NEW
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

MAX_WORSENING = 0.2
RATIO = "speedup of EXIFinator"
# Rows about other programs, and the row with the number of keys. In the rows about other programs, only the column with
# EXIFinator's speedup is compared.
OTHER_ROWS = frozenset({"design of 2017", "s5cmd + ExifTool", "floor", "keys"})
# Columns that are not compared: the number of runs, and their spread.
SPREAD = frozenset({"min", "max", "runs"})
_NUMBER = re.compile(r"[\d,]+(\.\d+)?")


def read_figures(text: str) -> dict[str, float]:
    """Return the numbers of all tables, keyed by `row: column (first cell of the table's header)`."""
    figures: dict[str, float] = {}
    head: list[str] = []
    for line in text.splitlines():
        if not line.startswith("|"):
            head = []
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not head:
            head = cells
        elif not line.startswith("|-"):
            for column, cell in zip(head[1:], cells[1:], strict=False):
                number = _NUMBER.match(cell)
                if number and column not in SPREAD and (column == RATIO or cells[0] not in OTHER_ROWS):
                    figures[f"{cells[0]}: {column} ({head[0]})"] = float(number[0].replace(",", ""))
    return figures


def is_better_when_more(name: str) -> bool:
    """Return whether the figure is a rate or a speedup. All others are costs."""
    row, _, column = name.partition(" (")[0].partition(": ")
    return row.endswith("/s") or any(word in column for word in ("images/s", "keys/s", RATIO, "throughput with"))


def find_worse(old: dict[str, float], new: dict[str, float]) -> list[str]:
    """Return a line of text for each figure of EXIFinator that is more than a fifth worse."""
    worse = []
    for name in old.keys() & new.keys():
        if old[name] and new[name]:
            ratio = new[name] / old[name]
            if (1 - ratio if is_better_when_more(name) else ratio - 1) > MAX_WORSENING:
                worse.append(f"{name}: {old[name]:g} before, {new[name]:g} now")
    return sorted(worse)


def main() -> None:
    old, new = (read_figures(Path(name).read_text(encoding="utf-8")) for name in sys.argv[1:3])
    worse = find_worse(old, new)
    print(
        "\n".join(["More than a fifth worse than before:", *worse])
        if worse
        else "No figure is more than a fifth worse than before."
    )


if __name__ == "__main__":
    main()
