"""The explorer has a label for every failure that a job can have."""

from __future__ import annotations

import re
from pathlib import Path

from exifinator.errors import PermanentError, TransientError

LABELS = Path(__file__).resolve().parents[2] / "api" / "static" / "js" / "batches" / "labels.js"
# MRQ raises JobTimeoutException when a job exceeds its timeout.
MRQ_EXCEPTIONS = {"JobTimeoutException"}


def failure_classes() -> set[str]:
    """Return the names of the classes that a failed job can have as its `exceptiontype`."""
    pending: list[type[Exception]] = [TransientError, PermanentError]
    names = set()
    while pending:
        cls = pending.pop()
        names.add(cls.__name__)
        pending += cls.__subclasses__()
    return names


def test_causes__every_failure_class__has_a_heading_and_a_hint() -> None:
    match = re.search(r"^export const CAUSE_LABELS = \{\n(.*?)^\};", LABELS.read_text(), re.MULTILINE | re.DOTALL)
    assert match, "labels.js does not define CAUSE_LABELS"
    entries = re.findall(r"^  (\w+): \[(.*?)\],$", match[1], re.MULTILINE | re.DOTALL)
    assert {name for name, _ in entries} == failure_classes() | MRQ_EXCEPTIONS
    for name, texts in entries:
        assert re.fullmatch(r'\s*"[A-Z][^"]+",\s*"[A-Z][^"]+\.?\s*"(\s*\+\s*"[^"]+")*,?\s*', texts), name
