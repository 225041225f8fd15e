"""Check the parameters of requests to MRQ's dashboard.

MRQ ignores malformed parameters, or fails with a traceback. If it ignores a filter, all jobs match, and the buttons
Requeue and Cancel act on all of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

MAX_ROWS = 1000
_TABLES = frozenset({"agents", "jobs", "queues", "scheduled_jobs", "status", "taskexceptions", "taskpaths", "workers"})
_ACTIONS = frozenset({"cancel", "requeue", "requeue_retry"})
_FILTERS = frozenset({"id", "queue", "status", "worker", "path", "dateretry", "exceptiontype", "params"})
_ID = re.compile(r"[0-9a-fA-F]{24}")
# Filters with "*", which MRQ turns into regular expressions.
_PATTERN = re.compile(r"[\w./:-]*(\*[\w./:-]*){1,2}")
# Maximum nesting of the filter `params`.
_MAX_DEPTH = 8


class BadFilter(Exception):
    """A filter matches nothing, because its value cannot occur."""


class BadRequest(Exception):
    """A parameter is malformed."""


def check_read(path: str, arguments: Mapping[str, str]) -> None:
    """Check a GET request.

    Raises:
        BadFilter: A table's filter is malformed.
        BadRequest: The request is malformed in another way.
    """
    if match := re.fullmatch(r"/api/job/([^/]*)/(result|traceback)", path):
        if not _ID.fullmatch(match[1]):
            raise BadRequest("a job's id has 24 hexadecimal digits")
    elif path == "/api/logs":
        named = [arguments[name] for name in ("job", "worker", "min_log_id") if arguments.get(name)]
        if not named or not all(map(_ID.fullmatch, named)):
            raise BadRequest("the parameters job and worker must be ids of 24 hexadecimal digits")
    elif path.startswith("/api/datatables/"):
        if path.removeprefix("/api/datatables/") not in _TABLES:
            raise BadRequest("there is no such table")
        for name in ("iDisplayStart", "iDisplayLength"):
            if not re.fullmatch(r"[0-9]{1,9}", arguments.get(name, "0"), re.ASCII):
                raise BadRequest(f"the parameter {name} must be a number")
        if int(arguments.get("iDisplayLength", "0")) > MAX_ROWS or "sEcho" not in arguments:
            raise BadRequest(f"a table needs the parameter sEcho, and has at most {MAX_ROWS} rows")
        check_filters(arguments)


def check_action(form: Mapping[str, str]) -> None:
    """Check an action on jobs.

    Raises:
        BadFilter: A filter is malformed.
        BadRequest: The action is unknown, or there is no filter, so that the action would apply to all jobs.
    """
    if form.get("action") not in _ACTIONS:
        raise BadRequest(f"the action must be one of {', '.join(sorted(_ACTIONS))}")
    check_filters(form)
    if not any(form.get(name) for name in _FILTERS):
        raise BadRequest("an action needs a filter, because it would apply to all jobs")


def check_filters(filters: Mapping[str, str]) -> None:
    """Check the filters of a table or an action. Empty filters count as absent, as in MRQ.

    Raises:
        BadFilter: A filter is malformed.
    """
    for name in ("id", "worker"):
        if filters.get(name) and not _ID.fullmatch(filters[name]):
            raise BadFilter(f"{name} must have 24 hexadecimal digits")
    for name in ("queue", "path", "exceptiontype"):
        if "*" in filters.get(name, "") and not _PATTERN.fullmatch(filters[name]):
            raise BadFilter(f"{name} must consist of letters, digits, dots and at most two *")
    if text := filters.get("params"):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict) or not value or not _is_plain(value, 0):
            raise BadFilter('params must be a JSON object with values, such as {"key": "2024/a.jpg"}')


def _is_plain(value: Any, depth: int) -> bool:
    """Return whether a value can be stored in BSON and has no operators of MongoDB, which could run for long."""
    if depth > _MAX_DEPTH:
        return False
    if isinstance(value, list):
        return all(_is_plain(item, depth + 1) for item in value)
    if isinstance(value, dict):
        return all(
            name
            and "\0" not in name
            and not any(part.startswith("$") for part in name.split("."))
            and _is_plain(item, depth + 1)
            for name, item in value.items()
        )
    return not isinstance(value, int) or abs(value) < 2**63
