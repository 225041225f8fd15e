"""Logging of all EXIFinator processes: text lines, or with LOG_FORMAT "json" one JSON object per line."""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from exifinator.config import Config

FORMAT = "%(asctime)s [%(levelname)s] %(message)s"

# Control characters except tab and newline. Keys and tags are untrusted, and logs are read on terminals.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
# MRQ names a worker's logger after the worker's id.
_WORKER_ID = re.compile(r"[0-9a-f]{24}")
# Fields of a structured line, in this order. `action` is a word from a short list: start, stop, wait, retry, requeue,
# fail, skip, pause, resume, restart.
FIELDS = ("action", "batch", "bucket", "key", "job", "task")

_providers: list[Callable[[], Mapping[str, Any]]] = []
# The prefixes of image ids, by batch. A queued image does not name its batch.
_prefixes: dict[str, tuple[str, ...]] = {}


def escape_control(text: str) -> str:
    """Escape every character that a terminal would interpret."""
    return _CONTROL.sub(lambda match: match.group().encode("unicode_escape").decode(), text)


def escape_control_in_json(text: str) -> str:
    """Escape these characters in a JSON text, without changing its value."""
    return _CONTROL.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def add_context(provider: Callable[[], Mapping[str, Any]]) -> None:
    """Add the fields that `provider` returns, some of FIELDS, to every structured line."""
    _providers.append(provider)


def note_batches(prefixes: Mapping[str, Iterable[str]]) -> None:
    """Set the running batches and their id prefixes, so that lines about an image name its batch."""
    global _prefixes
    _prefixes = {batch: tuple(starts) for batch, starts in prefixes.items()}


class SafeFormatter(logging.Formatter):
    """A formatter that escapes control characters and indents all lines of a message but the first."""

    def format(self, record: logging.LogRecord) -> str:
        # A key may contain a line break followed by a forged log line.
        return escape_control(super().format(record)).replace("\n", "\n  ")


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object: time (UTC), level, logger, message, FIELDS where known, and exception.

    Control characters are escaped here too.
    """

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%dT%H:%M:%S}.{int(record.msecs):03}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if _WORKER_ID.fullmatch(record.name):
            line |= {"logger": "mrq.worker", "worker": record.name}
        elif record.name == "__main__":
            line["logger"] = f"exifinator.{record.module}"
        line |= _context(record)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return escape_control_in_json(json.dumps(line, default=str))


def _context(record: logging.LogRecord) -> dict[str, Any]:
    known: dict[str, Any] = {}
    for provider in _providers:
        known |= provider()
    # The line's own `extra` takes precedence.
    known |= {name: value for name in FIELDS if (value := getattr(record, name, None)) is not None}
    if "batch" not in known and known.get("bucket"):
        image_id = f"{known['bucket']}/{known.get('key', '')}"
        batches = [batch for batch, starts in _prefixes.items() if image_id.startswith(starts)]
        if batches:
            # Several batches may cover the image: take the latest. Ids sort in the order in which batches started.
            known["batch"] = max(batches)
    return {name: known[name] for name in FIELDS if known.get(name) is not None}


def is_structured() -> bool:
    """Return whether this process logs JSON objects."""
    return any(isinstance(handler.formatter, JsonFormatter) for handler in logging.getLogger().handlers)


def configure(config: Config) -> None:
    """Log to stderr with LOG_LEVEL and LOG_FORMAT. A second call has no effect."""
    root = logging.getLogger()
    if root.handlers:
        return
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if config.log_format == "json" else SafeFormatter(FORMAT))
    root.addHandler(handler)
    root.setLevel(config.log_level)
    # These log every connection and retry.
    for name in ("botocore", "boto3", "urllib3", "pymongo"):
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    if config.log_format == "json":
        _log_uncaught_exceptions()


def _log_uncaught_exceptions() -> None:
    """Log uncaught exceptions and warnings, which Python otherwise prints."""
    log = logging.getLogger("python")

    def on_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
        else:
            log.critical(
                "stop: uncaught %s ends this process: %s",
                kind.__name__,
                error,
                exc_info=(kind, error, trace),
                extra={"action": "stop"},
            )

    def on_uncaught_in_thread(ended: threading.ExceptHookArgs) -> None:
        if ended.exc_value is not None and not issubclass(ended.exc_type, SystemExit):
            caught = (ended.exc_type, ended.exc_value, ended.exc_traceback)
            log.error(
                "stop: uncaught %s ends a thread: %s",
                ended.exc_type.__name__,
                ended.exc_value,
                exc_info=caught,
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
                "stop: uncaught %s ends a greenlet: %s",
                name,
                error,
                exc_info=(kind, error, trace),
                extra={"action": "stop"},
            )

        Hub.print_exception = on_uncaught_in_greenlet
