"""How log lines look, in every process of EXIFinator: lines for people, or with LOG_FORMAT "json" one object each."""

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

# Control characters but tab and newline: keys and tags are strangers' data, and a log is read on a terminal.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
# MRQ names a worker's logger by the worker's id.
_WORKER_ID = re.compile(r"[0-9a-f]{24}")
# What a line may say of the work it is about, in this order.
FIELDS = ("batch", "bucket", "key", "job", "task")

_providers: list[Callable[[], Mapping[str, Any]]] = []
# By batch: what the ids of its images start with. A queued image does not say which batch it belongs to.
_prefixes: dict[str, tuple[str, ...]] = {}


def escape_control(text: str) -> str:
    """The text with every character that a terminal would act upon written out."""
    return _CONTROL.sub(lambda match: match.group().encode("unicode_escape").decode(), text)


def escape_control_in_json(text: str) -> str:
    """The same for a JSON text, which says the same afterwards."""
    return _CONTROL.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def add_context(provider: Callable[[], Mapping[str, Any]]) -> None:
    """Have structured lines carry what `provider` returns at that moment: some of FIELDS."""
    _providers.append(provider)


def note_batches(prefixes: Mapping[str, Iterable[str]]) -> None:
    """Say which batches run, so that lines about an image name the one that it belongs to."""
    global _prefixes
    _prefixes = {batch: tuple(starts) for batch, starts in prefixes.items()}


class SafeFormatter(logging.Formatter):
    """A formatter whose lines do nothing to a terminal, and of which each that begins at the margin is one of ours."""

    def format(self, record: logging.LogRecord) -> str:
        # A key may hold a line break and, behind it, what looks like a line of the log.
        return escape_control(super().format(record)).replace("\n", "\n  ")


class JsonFormatter(logging.Formatter):
    """A JSON object a line: time (UTC), level, logger, message; batch, bucket, key, job, task where they are known;
    exception with its traceback. A line does nothing to a terminal either."""

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
    # What the line itself was given as `extra` counts more.
    known |= {name: value for name in FIELDS if (value := getattr(record, name, None)) is not None}
    if "batch" not in known and known.get("bucket"):
        image_id = f"{known['bucket']}/{known.get('key', '')}"
        batches = [batch for batch, starts in _prefixes.items() if image_id.startswith(starts)]
        if batches:
            # The latest of several that cover it: ids sort as their batches were started.
            known["batch"] = max(batches)
    return {name: known[name] for name in FIELDS if known.get(name) is not None}


def is_structured() -> bool:
    """Whether this process writes its lines as JSON objects."""
    return any(isinstance(handler.formatter, JsonFormatter) for handler in logging.getLogger().handlers)


def configure(config: Config) -> None:
    """Send this process's log lines to stderr, at LOG_LEVEL, as LOG_FORMAT says. A second call changes nothing."""
    root = logging.getLogger()
    if root.handlers:
        return
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if config.log_format == "json" else SafeFormatter(FORMAT))
    root.addHandler(handler)
    root.setLevel(config.log_level)
    # These tell of every connection and retry.
    for name in ("botocore", "boto3", "urllib3", "pymongo"):
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    if config.log_format == "json":
        _log_what_python_prints()


def _log_what_python_prints() -> None:
    """Uncaught exceptions and warnings become lines like all others."""
    log = logging.getLogger("python")

    def on_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
        else:
            log.critical("this process ends: %s: %s", kind.__name__, error, exc_info=(kind, error, trace))

    def on_uncaught_in_thread(ended: threading.ExceptHookArgs) -> None:
        if ended.exc_value is not None and not issubclass(ended.exc_type, SystemExit):
            caught = (ended.exc_type, ended.exc_value, ended.exc_traceback)
            log.error("a thread ends: %s: %s", ended.exc_type.__name__, ended.exc_value, exc_info=caught)

    sys.excepthook = on_uncaught
    threading.excepthook = on_uncaught_in_thread
    logging.captureWarnings(True)
    if "gevent" in sys.modules:
        from gevent.hub import Hub

        def on_uncaught_in_greenlet(_hub: Any, _context: Any, kind: Any, error: Any, trace: Any) -> None:
            name = getattr(kind, "__name__", kind)
            log.error("a greenlet ends: %s: %s", name, error, exc_info=(kind, error, trace))

        Hub.print_exception = on_uncaught_in_greenlet
