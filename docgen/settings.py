"""Generate the reference of the settings from settings.py and the types of exifinator.config."""

from __future__ import annotations

import ast
import re
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from exifinator.config import ROOT, Config
from exifinator.setting_prices import S3Prices
from exifinator.setting_schedule import ScheduleEntry

INTRODUCTION = """# Settings

Set them in `settings.py`, or as environment variables named `EXIFINATOR_` plus the name, which take precedence. In the
environment, lists are separated by commas, and an empty value means None. `venv/bin/python -m exifinator settings`
shows the values in effect, without secrets. `./start_workers.sh --restart` applies a change to running workers.

This page is generated from `settings.py` and `exifinator/config.py`.
"""


def read_settings() -> list[tuple[str, str, str]]:
    """Return the settings in settings.py, in order, as (name, default, help).

    The default is the source text of the value. The help is the comment above the setting.
    """
    source = (ROOT / "settings.py").read_text(encoding="utf-8")
    lines = source.splitlines()
    settings = []
    for node in ast.parse(source).body:
        if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
            continue
        comment_index = node.lineno - 2
        comment: list[str] = []
        while re.match(r"# (?!---)", lines[comment_index]):
            comment.insert(0, lines[comment_index][2:])
            comment_index -= 1
        settings.append((node.targets[0].id, ast.unparse(node.value), " ".join(comment)))
    return settings


def make_page() -> str:
    """Return the page in Markdown: one table per section of settings.py."""
    parts = re.split(r"^# --- (.*?) -+$", (ROOT / "settings.py").read_text(encoding="utf-8"), flags=re.MULTILINE)
    rows = {name: (default, text) for name, default, text in read_settings()}
    lines = [INTRODUCTION]
    for title, body in zip(parts[1::2], parts[2::2], strict=True):
        lines += [f"## {title}", "", "| Setting | Type | Default | Description |", "|---|---|---|---|"]
        for name in re.findall(r"^([A-Z][A-Z0-9_]*) = ", body, re.MULTILINE):
            default, text = rows[name]
            type_name = type_of(Config.model_fields[name.lower()])
            lines.append(f"| `{name}`{{#{name}}} | {type_name} | `{default}` | {text.replace('|', chr(92) + '|')} |")
        lines.append("")
    return "\n".join(lines)


def type_of(field: FieldInfo) -> str:
    """Return the type of a setting in words, as in "integer, 1 to 65,535"."""
    limits = dict(_limits(field.metadata))
    type_name = _type_name(field.annotation, limits)
    low, high = limits.get("ge", limits.get("gt")), limits.get("le")
    if low is None and high is None:
        return type_name
    if high is None:
        return f"{type_name}, {low:,} or more"
    return f"{type_name}, {'above ' if 'gt' in limits else ''}{low:,} to {high:,}"


def _limits(metadata: Any) -> Any:
    for item in metadata:
        if isinstance(item, FieldInfo):
            yield from _limits(item.metadata)
        for name in ("ge", "gt", "le"):
            if isinstance(item, getattr(annotated_types, name.capitalize())):
                yield name, getattr(item, name)


def _type_name(annotation: Any, limits: dict[str, Any]) -> str:
    origin = get_origin(annotation)
    if origin is Annotated:
        limits.update(_limits(annotation.__metadata__))
        return _type_name(annotation.__origin__, limits)
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in get_args(annotation))
    if origin in (Union, UnionType):
        return " or ".join(_type_name(item, limits) for item in get_args(annotation))
    if origin is tuple:
        return "list of dictionaries" if get_args(annotation)[0] is ScheduleEntry else "list of strings"
    return {
        bool: "True or False", int: "integer", float: "number", str: "string", SecretStr: "secret string",
        NoneType: "None", S3Prices: "dictionary",
    }[annotation]  # fmt: skip
