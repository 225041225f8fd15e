"""Tell the user of a run why nothing happens, such as a paused queue, a full Redis or stopped workers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

# Look for reasons if no image has been done for this many seconds.
STANDSTILL_SECONDS = 20.0


class Standstill:
    """Watches the progress of a batch, and notifies the user of reasons why there is none.

    Args:
        find_reasons: Returns messages for the user.
        notify: Called once with each different message.
        clock: Returns the time in seconds.
    """

    def __init__(
        self,
        find_reasons: Callable[[], Iterable[str]],
        notify: Callable[[str], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._find_reasons = find_reasons
        self._notify = notify
        self._clock = clock
        self._done = -1
        self._since = clock()
        self._told: set[str] = set()

    def update(self, done: int) -> None:
        """Note how many images are done. If there has been no progress for STANDSTILL_SECONDS, look for reasons."""
        now = self._clock()
        if done != self._done:
            self._done, self._since = done, now
        elif now - self._since >= STANDSTILL_SECONDS:
            self._since = now
            for reason in self._find_reasons():
                if reason not in self._told:
                    self._told.add(reason)
                    self._notify(f"No image was done in the last {STANDSTILL_SECONDS:g} s: {reason}")
