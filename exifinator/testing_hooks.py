"""What tests need a worker to do wrong. Without the variable in its environment it does nothing."""

from __future__ import annotations

import os
import signal

from exifinator.records import ImageRef

# Images whose key contains it end the process that reads them, as a bug in a C library would.
_POISON = os.environ.get("EXIFINATOR_TEST_POISON", "")
# Images whose key contains it are computed on for ever, as a loop in a file's offsets would.
_ENDLESS = os.environ.get("EXIFINATOR_TEST_ENDLESS", "")


def end_process_if_poisoned(ref: ImageRef) -> None:
    """kill -9 of this process, for an image that the test has poisoned."""
    if _POISON and _POISON in ref.key:
        os.kill(os.getpid(), signal.SIGKILL)


def compute_for_ever_if_told(ref: ImageRef) -> None:
    """Never returns, for an image that the test has named."""
    while _ENDLESS and _ENDLESS in ref.key:
        pass
