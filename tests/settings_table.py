"""The table of the settings, made from settings.py, as the README shows it: `python -m tests.settings_table`."""

from __future__ import annotations

import ast
import re

from exifinator.config import ROOT


def read_settings() -> list[tuple[str, str, str]]:
    """Name, default as written, and help (the comment above it) of each setting, in order."""
    source = (ROOT / "settings.py").read_text(encoding="utf-8")
    lines = source.splitlines()
    found = []
    for node in ast.parse(source).body:
        if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
            continue
        above = node.lineno - 2
        comment: list[str] = []
        while re.match(r"# (?!---)", lines[above]):
            comment.insert(0, lines[above][2:])
            above -= 1
        found.append((node.targets[0].id, ast.unparse(node.value), " ".join(comment)))
    return found


def make_table() -> str:
    rows = [f"| `{name}` | `{default}` | {text} |" for name, default, text in read_settings()]
    return "\n".join(["| Setting | Default | What it is |", "|---|---|---|", *rows])


if __name__ == "__main__":
    print(make_table())
