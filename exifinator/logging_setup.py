"""Logging for all EXIFinator processes: text, or one JSON object per line ("structured") if LOG_FORMAT is "json"."""

from __future__ import annotations

import json
import logging
import multiprocessing
import re
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from exifinator.config import Config

# Python's name of a process that has not been given another one.
MAIN_PROCESS = "MainProcess"
FORMAT = "%(asctime)s [%(levelname)s] %(message)s"

# Control characters except tab and newline. They are escaped, because logs are read on terminals and contain untrusted
# text such as keys.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
# MRQ names a worker's logger after the worker's id.
_WORKER_ID = re.compile(r"[0-9a-f]{24}")
# Context fields of a structured line, in this order. `action` is one of these words: start, stop, wait, retry, requeue,
# fail, skip, pause, resume, restart, cancel, prune.
FIELDS = ("action", "batch", "bucket", "key", "job", "task")

_context_providers: list[Callable[[], Mapping[str, Any]]] = []
# Prefixes of image ids, by batch id. Images in a queue have no batch id, so the batch of an image is found by these
# prefixes.
_id_prefixes: dict[str, tuple[str, ...]] = {}


def escape_control(text: str) -> str:
    """Escape every character that a terminal would interpret."""
    return _CONTROL.sub(lambda match: match.group().encode("unicode_escape").decode(), text)


def escape_control_in_json(text: str) -> str:
    """Escape the same characters as escape_control in a JSON text, without changing the value of the text."""
    return _CONTROL.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def add_context(provider: Callable[[], Mapping[str, Any]]) -> None:
    """Call `provider` for every structured line, and add the fields that it returns to the line."""
    _context_providers.append(provider)


def set_running_batches(prefixes: Mapping[str, Iterable[str]]) -> None:
    """Set the running batches, so that structured lines about an image contain its batch.

    Args:
        prefixes: By batch id: the prefixes of the ids of the batch's images.
    """
    global _id_prefixes
    _id_prefixes = {batch: tuple(id_prefixes) for batch, id_prefixes in prefixes.items()}


class SafeFormatter(logging.Formatter):
    """A formatter that escapes control characters and indents the continuation lines of a message."""

    def format(self, record: logging.LogRecord) -> str:
        # A key may contain a line break followed by a forged log line. Indentation marks it as part of this message.
        return escape_control(super().format(record)).replace("\n", "\n  ")


class JsonFormatter(logging.Formatter):
    """A formatter that writes a log record as one JSON object, and escapes control characters.

    The object contains the time in UTC, the level, the logger and the message. It also contains the fields of
    FIELDS that are known, and the exception if there is one.
    """

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%dT%H:%M:%S}.{int(record.msecs):03}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.processName != MAIN_PROCESS:
            line["process"] = record.processName
        if _WORKER_ID.fullmatch(record.name):
            line |= {"logger": "mrq.worker", "worker": record.name}
        elif record.name == "__main__":
            line["logger"] = f"exifinator.{record.module}"
        line |= _context(record)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return escape_control_in_json(json.dumps(line, default=str))


def _context(record: logging.LogRecord) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for provider in _context_providers:
        fields |= provider()
    # The `extra` fields of the log call take precedence over those of the context providers.
    fields |= {name: value for name in FIELDS if (value := getattr(record, name, None)) is not None}
    if "batch" not in fields and fields.get("bucket"):
        image_id = f"{fields['bucket']}/{fields.get('key', '')}"
        batches = [batch for batch, prefixes in _id_prefixes.items() if image_id.startswith(prefixes)]
        if batches:
            # Several batches may include the image. Choose the latest: batch ids sort by the start of the batch.
            fields["batch"] = max(batches)
    return {name: fields[name] for name in FIELDS if fields.get(name) is not None}


def is_structured() -> bool:
    """Return whether this process logs JSON."""
    return any(isinstance(handler.formatter, JsonFormatter) for handler in logging.getLogger().handlers)


def _text_format() -> str:
    """Return the format of lines. It includes the name of this process if it is one of several of a program."""
    if multiprocessing.current_process().name == MAIN_PROCESS:
        return FORMAT
    return FORMAT.replace("%(message)s", "%(processName)s: %(message)s")


def configure(config: Config) -> None:
    """Log to stderr with LOG_LEVEL and LOG_FORMAT. A second call has no effect."""
    root = logging.getLogger()
    if root.handlers:
        return
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if config.log_format == "json" else SafeFormatter(_text_format()))
    root.addHandler(handler)
    root.setLevel(config.log_level)
    # At levels below WARNING, these libraries log every connection and retry.
    for name in ("botocore", "boto3", "urllib3", "pymongo"):
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    if config.log_format == "json":
        _log_uncaught_exceptions()


def _log_uncaught_exceptions() -> None:
    """Log uncaught exceptions and warnings, which Python would otherwise print as plain text."""
    log = logging.getLogger("python")

    def on_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
        else:
            log.critical(
                "stop: this process exits because of an uncaught %s: %s",
                kind.__name__,
                error,
                exc_info=(kind, error, trace),
                extra={"action": "stop"},
            )

    def on_uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not issubclass(args.exc_type, SystemExit):
            exc_info = (args.exc_type, args.exc_value, args.exc_traceback)
            log.error(
                "stop: a thread exits because of an uncaught %s: %s",
                args.exc_type.__name__,
                args.exc_value,
                exc_info=exc_info,
                extra={"action": "stop"},
            )

    sys.excepthook = on_uncaught
    threading.excepthook = on_uncaught_in_thread
    logging.captureWarnings(True)
    if "gevent" in sys.modules:
        from gevent.hub import Hub

        def on_uncaught_in_greenlet(_hub: Any, _context: Any, kind: Any, error: Any, trace: Any) -> None:
            name = getattr(kind, "__name__", kind)
            log.error(
                "stop: a greenlet exits because of an uncaught %s: %s",
                name,
                error,
                exc_info=(kind, error, trace),
                extra={"action": "stop"},
            )

        Hub.print_exception = on_uncaught_in_greenlet
