"""How long a worker waits between two polls of its queues."""

from __future__ import annotations

import gevent
from gevent.event import Event

# The pause of a worker that has been idle for some seconds. It is longer than MAX_LATENCY, because each poll takes CPU
# time of the worker and of Redis. A new image waits this long at most.
IDLE_SECONDS = 0.25
# After each poll that starts no job, the pause of an idle worker grows by this factor.
GROWTH = 1.1
# After a job has ended, wait this long before the next poll, so that one poll fetches new jobs for all the greenlets
# that become free in this time.
GATHER_SECONDS = 0.01


class PollPause:
    """The pause between two polls, which the end of a job cuts short.

    Attributes:
        seconds: The length of the next pause.
    """

    def __init__(self, busy_seconds: float) -> None:
        self.seconds = busy_seconds
        self._busy_seconds = busy_seconds
        self._wakeup = Event()

    def note_poll(self, *, is_idle: bool) -> None:
        """Lengthen the pause if the last poll started no job and no job is running. Otherwise, make it short again."""
        longer = max(self._busy_seconds, min(self.seconds * GROWTH, IDLE_SECONDS))
        self.seconds = longer if is_idle else self._busy_seconds

    def wait(self) -> None:
        """Wait for the pause, or until `wake` is called."""
        self._wakeup.clear()
        if self._wakeup.wait(self.seconds):
            # More jobs are probably about to end. Wait for them, so that a single poll fetches new jobs for all the
            # greenlets that become free.
            gevent.sleep(GATHER_SECONDS)

    def wake(self) -> None:
        """End the pause: a job has ended, or the worker must stop."""
        self._wakeup.set()
