"""Figures of a new RESULTS.md that are a fifth worse than in the old one: python -m bench.changes OLD NEW."""

from __future__ import annotations

import re
import sys
from pathlib import Path

FIFTH = 0.2
_ROW = re.compile(r"^\| ([^|]+?) \| ([\d.,]+)(?: x)? \|")


def read_figures(text: str) -> dict[str, float]:
    """The first number of each row of each table, by the row's name."""
    rows = (_ROW.match(line) for line in text.splitlines())
    return {row[1]: float(row[2].replace(",", "")) for row in rows if row}


def find_worse(old: dict[str, float], new: dict[str, float]) -> list[str]:
    """A sentence for each figure of EXIFinator's that is more than a fifth worse."""
    found = []
    for name in old.keys() & new.keys():
        if not old[name] or not new[name]:
            continue
        ratio = new[name] / old[name]
        worse = 1 - ratio if name.endswith("/s") or name == "EXIFinator" else ratio - 1
        if worse > FIFTH:
            found.append(f"{name}: {old[name]:g} before, {new[name]:g} now")
    return sorted(found)


def main() -> None:
    old, new = (read_figures(Path(name).read_text(encoding="utf-8")) for name in sys.argv[1:3])
    yardsticks = {"design of 2017", "s5cmd + ExifTool", "floor", "keys"}
    worse = [line for line in find_worse(old, new) if line.partition(":")[0] not in yardsticks]
    print(
        "\n".join(["Worse than the last results by more than a fifth:", *worse]) if worse else "Nothing is much worse."
    )


if __name__ == "__main__":
    main()
