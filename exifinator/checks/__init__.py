"""What goes wrong in practice, looked for piece by piece: each check is a function that returns a Finding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "wrong"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. says: one sentence; fix: what to type or do about it, empty where all is right.

    level: `wrong` keeps it from working, or will; `warning` is worth knowing and may be meant.
    """

    level: Level
    area: str
    says: str
    fix: str = ""


def ok(area: str, says: str) -> Finding:
    return Finding("ok", area, says)


def warning(area: str, says: str, fix: str) -> Finding:
    return Finding("warning", area, says, fix)


def wrong(area: str, says: str, fix: str) -> Finding:
    return Finding("wrong", area, says, fix)
