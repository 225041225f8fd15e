"""settings.py and the types of exifinator.config -> the page of the settings."""

from __future__ import annotations

import re
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from exifinator.config import ROOT, Config
from tests.settings_table import read_settings

INTRODUCTION = """# Settings

In `settings.py`, or in the environment as `EXIFINATOR_` and the name, which wins. In the environment a list is written
with commas, and an empty value means None. `venv/bin/python -m exifinator settings` shows what is in force, without
secrets. Running workers take a change over with `./start_workers.sh --restart`.

This page is made from `settings.py` and `exifinator/config.py`.
"""


def make_page() -> str:
    """The page, in Markdown: a table for each part of settings.py."""
    parts = re.split(r"^# --- (.*?) -+$", (ROOT / "settings.py").read_text(encoding="utf-8"), flags=re.MULTILINE)
    rows = {name: (default, text) for name, default, text in read_settings()}
    lines = [INTRODUCTION]
    for title, body in zip(parts[1::2], parts[2::2], strict=True):
        lines += [f"## {title}", "", "| Setting | Type | Default | What it is |", "|---|---|---|---|"]
        for name in re.findall(r"^([A-Z][A-Z0-9_]*) = ", body, re.MULTILINE):
            default, text = rows[name]
            kind = type_of(Config.model_fields[name.lower()])
            lines.append(f"| `{name}`{{#{name}}} | {kind} | `{default}` | {text.replace('|', chr(92) + '|')} |")
        lines.append("")
    return "\n".join(lines)


def type_of(field: FieldInfo) -> str:
    """The type of a setting in words: `whole number, 1 to 65535`."""
    limits = dict(_limits(field.metadata))
    kind = _name(field.annotation, limits)
    low, high = limits.get("ge", limits.get("gt")), limits.get("le")
    if low is None and high is None:
        return kind
    if high is None:
        return f"{kind}, {low:,} or more"
    return f"{kind}, {'above ' if 'gt' in limits else ''}{low:,} to {high:,}"


def _limits(metadata: Any) -> Any:
    for item in metadata:
        if isinstance(item, FieldInfo):
            yield from _limits(item.metadata)
        for name in ("ge", "gt", "le"):
            if isinstance(item, getattr(annotated_types, name.capitalize())):
                yield name, getattr(item, name)


def _name(annotation: Any, limits: dict[str, Any]) -> str:
    origin = get_origin(annotation)
    if origin is Annotated:
        limits.update(_limits(annotation.__metadata__))
        return _name(annotation.__origin__, limits)
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in get_args(annotation))
    if origin in (Union, UnionType):
        return " or ".join(_name(item, limits) for item in get_args(annotation))
    if origin is tuple:
        return "list of text"
    return {
        bool: "True or False", int: "whole number", float: "number", str: "text", SecretStr: "text, kept secret",
        NoneType: "None",
    }[annotation]  # fmt: skip
