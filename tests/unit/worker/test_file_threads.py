"""FileThreads runs blocking calls of greenlets in threads."""

from __future__ import annotations

import os

import gevent
import pytest

from exifinator.errors import ObjectChanged
from exifinator.worker.file_threads import FileThreads


def test_call__result_or_error__reaches_the_caller_without_output(capfd: pytest.CaptureFixture[str]) -> None:
    threads = FileThreads(2)
    assert threads.call(divmod, (7, 2)) == (3, 1)

    def fail(name: str) -> None:
        raise ObjectChanged(name)

    with pytest.raises(ObjectChanged, match=r"a\.jpg"):
        threads.call(fail, ("a.jpg",))
    assert capfd.readouterr().err == ""


def test_call__blocking_read__does_not_block_other_greenlets() -> None:
    threads = FileThreads(1)
    reading, writing = os.pipe()
    waiting = gevent.spawn(threads.call, os.read, (reading, 1))
    # If the read blocked all greenlets, this one could not end it.
    gevent.spawn(os.write, writing, b"x").join()
    assert waiting.get() == b"x"
    for descriptor in (reading, writing):
        os.close(descriptor)
