"""Log lines contain no control characters. Lines in JSON have fields for the job, image, batch and worker."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator

import pytest

from exifinator import logging_setup
from exifinator.logging_setup import FORMAT, JsonFormatter, SafeFormatter, escape_control_in_json


@pytest.mark.parametrize("hostile", ["\x1b[31mred", "bell\x07", "\x9b2J", "\u202egpj.exe", "carriage\rreturn"])
def test_format__hostile_key__is_escaped(hostile: str) -> None:
    record = logging.LogRecord("x", logging.ERROR, "", 0, "key %s", (hostile,), None)

    line = SafeFormatter(FORMAT).format(record)

    assert hostile not in line
    assert "\\" in line


def test_format__line_break_in_a_key__cannot_forge_a_log_line() -> None:
    forged = "2026-01-01 00:00:00,000 [ERROR] all photos are lost"
    record = logging.LogRecord("x", logging.ERROR, "", 0, "key %s", (f"a\n{forged}",), None)

    assert forged not in SafeFormatter(FORMAT).format(record).splitlines()


@pytest.mark.parametrize("hostile", ["\x1b]0;taken\x07", "\x9b2J", "\u202egpj.exe", "\x7f"])
def test_escape_control_in_json__control_characters__are_escaped_without_changing_the_value(hostile: str) -> None:
    escaped = escape_control_in_json(json.dumps([hostile], ensure_ascii=False))

    assert hostile not in escaped
    assert json.loads(escaped) == [hostile]


def format_as_json(name: str = "exifinator.sources.s3.client", **extra: object) -> dict[str, object]:
    """Format a record as a line of JSON, and return the line's fields."""
    record = logging.LogRecord(name, logging.ERROR, "", 0, "retry: %s", ("a\x1b[31m\nb",), None)
    vars(record).update(extra)
    line = JsonFormatter().format(record)
    assert "\n" not in line
    assert line.isascii()
    assert "\x1b" not in line
    fields: dict[str, object] = json.loads(line)
    return fields


@pytest.fixture
def _no_context() -> Iterator[None]:
    yield
    logging_setup._context_providers.clear()
    logging_setup.set_running_batches({})


@pytest.mark.usefixtures("_no_context")
def test_json__current_job__is_in_the_fields_with_its_batch() -> None:
    assert set(format_as_json()) == {"time", "level", "logger", "message"}
    logging_setup.add_context(lambda: {"job": "j1", "bucket": "b", "key": "2024/x.jpg", "task": None})
    logging_setup.set_running_batches(
        {"20240101-1": ["b/"], "20240102-1": ["b/2024/"], "20240103-1": ["b/2025/", "c/"]}
    )

    line = format_as_json()

    assert (line["job"], line["bucket"], line["key"], line["batch"]) == ("j1", "b", "2024/x.jpg", "20240102-1")
    assert "task" not in line
    assert line["message"] == "retry: a\x1b[31m\nb"
    # Fields of the record take precedence over those of the current job.
    assert format_as_json(key="y.jpg", bucket="c")["batch"] == "20240103-1"


def test_json__logger_named_after_a_worker__is_mrq_worker_with_the_worker_as_a_field() -> None:
    line = format_as_json("0123456789abcdef01234567")
    assert (line["logger"], line["worker"]) == ("mrq.worker", "0123456789abcdef01234567")


def test_json__action__is_a_field() -> None:
    assert format_as_json(action="retry")["action"] == "retry"


def test_json__exception__is_a_field_with_the_traceback() -> None:
    try:
        raise ValueError("x\ny")
    except ValueError:
        line = format_as_json(exc_info=sys.exc_info())
    assert str(line["exception"]).startswith("Traceback")
