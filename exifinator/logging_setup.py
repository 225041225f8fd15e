"""Logging of all EXIFinator processes: text lines, or one JSON object per line if LOG_FORMAT is "json"."""

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
# Fields of a structured line, in this order. `action` is one of a few words: start, stop, wait, retry, requeue,
# fail, skip, pause, resume, restart, cancel, prune.
FIELDS = ("action", "batch", "bucket", "key", "job", "task")

_context_providers: list[Callable[[], Mapping[str, Any]]] = []
# Prefixes of image ids, by batch. They identify the batch of a queued image, which does not carry a batch id.
_id_prefixes: dict[str, tuple[str, ...]] = {}


def escape_control(text: str) -> str:
    """Escape every character that a terminal would interpret."""
    return _CONTROL.sub(lambda match: match.group().encode("unicode_escape").decode(), text)


def escape_control_in_json(text: str) -> str:
    """Escape the same characters in a JSON text, in a way that preserves its value."""
    return _CONTROL.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def add_context(provider: Callable[[], Mapping[str, Any]]) -> None:
    """Call `provider` for every structured line, and add the FIELDS that it returns."""
    _context_providers.append(provider)


def set_running_batches(prefixes: Mapping[str, Iterable[str]]) -> None:
    """Set the id prefixes of the running batches, so that structured lines about an image contain its batch."""
    global _id_prefixes
    _id_prefixes = {batch: tuple(id_prefixes) for batch, id_prefixes in prefixes.items()}


class SafeFormatter(logging.Formatter):
    """A formatter that escapes control characters and indents the continuation lines of a message."""

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
    fields: dict[str, Any] = {}
    for provider in _context_providers:
        fields |= provider()
    # The line's own `extra` takes precedence.
    fields |= {name: value for name in FIELDS if (value := getattr(record, name, None)) is not None}
    if "batch" not in fields and fields.get("bucket"):
        image_id = f"{fields['bucket']}/{fields.get('key', '')}"
        batches = [batch for batch, prefixes in _id_prefixes.items() if image_id.startswith(prefixes)]
        if batches:
            # Several batches may cover the image: take the latest. Batch ids sort by their start.
            fields["batch"] = max(batches)
    return {name: fields[name] for name in FIELDS if fields.get(name) is not None}


def is_structured() -> bool:
    """Return whether this process logs JSON."""
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
    # Below WARNING, these log every connection and retry.
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
                "stop: uncaught %s ends this process: %s",
                kind.__name__,
                error,
                exc_info=(kind, error, trace),
                extra={"action": "stop"},
            )

    def on_uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not issubclass(args.exc_type, SystemExit):
            exc_info = (args.exc_type, args.exc_value, args.exc_traceback)
            log.error(
                "stop: uncaught %s ends a thread: %s",
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
                "stop: uncaught %s ends a greenlet: %s",
                name,
                error,
                exc_info=(kind, error, trace),
                extra={"action": "stop"},
            )

        Hub.print_exception = on_uncaught_in_greenlet
