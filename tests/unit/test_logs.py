"""Log lines do nothing to a terminal."""

from __future__ import annotations

import logging

import pytest

from exifinator.logs import FORMAT, SafeFormatter


@pytest.mark.parametrize("hostile", ["\x1b[31mred", "bell\x07", "\x9b2J", "\u202egpj.exe", "carriage\rreturn"])
def test_format__hostile_key__is_written_out(hostile: str) -> None:
    record = logging.LogRecord("x", logging.ERROR, "", 0, "key %s", (hostile,), None)

    line = SafeFormatter(FORMAT).format(record)

    assert hostile not in line
    assert "\\" in line
