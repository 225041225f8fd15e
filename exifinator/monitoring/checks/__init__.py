"""Checks for common problems. Each check is a function that returns one or more findings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check.

    Attributes:
        level: An `error` keeps something from working, now or later. A `warning` is unusual, but may be intended.
        area: What was checked, in one word.
        message: What was found, and where.
        fix: The command to type, or what else to do about the problem. Empty if the check passed.
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
