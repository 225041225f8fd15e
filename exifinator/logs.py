"""How log lines look, in every process of EXIFinator."""

from __future__ import annotations

import logging
import re

from exifinator.config import Config

FORMAT = "%(asctime)s [%(levelname)s] %(message)s"

# Control characters but tab and newline: keys and tags are strangers' data, and a log is read on a terminal.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def escape_control(text: str) -> str:
    """The text with every character that a terminal would act upon written out."""
    return _CONTROL.sub(lambda match: match.group().encode("unicode_escape").decode(), text)


class SafeFormatter(logging.Formatter):
    """A formatter whose lines do nothing to a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return escape_control(super().format(record))


def configure(config: Config) -> None:
    """Send this process's log lines to stderr, at LOG_LEVEL. A second call changes nothing."""
    root = logging.getLogger()
    if root.handlers:
        return
    handler = logging.StreamHandler()
    handler.setFormatter(SafeFormatter(FORMAT))
    root.addHandler(handler)
    root.setLevel(config.log_level)
    # These tell of every connection and retry.
    for name in ("botocore", "boto3", "urllib3", "pymongo"):
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
