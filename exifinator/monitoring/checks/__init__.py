"""Checks for common problems. Each check is a function that returns a Finding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check.

    level: an `error` keeps something from working, or will; a `warning` may be intended.
    message: what was found, and where. fix: what to type or do about it; empty if the check passed.
    """

    level: Level
    area: str
    message: str
    fix: str = ""


def ok(area: str, message: str) -> Finding:
    return Finding("ok", area, message)


def warning(area: str, message: str, fix: str) -> Finding:
    return Finding("warning", area, message, fix)


def error(area: str, message: str, fix: str) -> Finding:
    return Finding("error", area, message, fix)
