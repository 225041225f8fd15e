"""The CPU limit in separate processes: while Python exits, and with several greenlets."""

from __future__ import annotations

import subprocess
import sys

from tests.servers import ROOT

# The object is destroyed after Python has restored the signal handlers. Its destructor runs for ten ticks of the timer.
SCRIPT_THAT_COMPUTES_AT_EXIT = """
import sys, time
from exifinator.metadata.limits import TICKS_PER_SECOND, cpu_limit

with cpu_limit(1):
    pass

class Last:
    def __del__(self, cpu_seconds=time.process_time, limit=10 / TICKS_PER_SECOND):
        until = cpu_seconds() + limit
        while cpu_seconds() < until:
            pass

sys.last = Last()
"""

SCRIPT_WITH_GREENLETS = """
from gevent import monkey
monkey.patch_all()
import gevent
from exifinator.metadata.limits import DeadlineExceeded, cpu_limit

def compute():
    try:
        with cpu_limit(0.1):
            while True:
                pass
    except DeadlineExceeded:
        return "stopped"

def return_at_once():
    gevent.sleep(0)
    with cpu_limit(5):
        return "not stopped"

greenlets = [gevent.spawn(compute), gevent.spawn(return_at_once), gevent.spawn(compute)]
gevent.joinall(greenlets)
print([greenlet.value for greenlet in greenlets])
"""


def run(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)


def test_cpu_deadline__process_that_computes_at_exit__is_not_killed() -> None:
    done = run(SCRIPT_THAT_COMPUTES_AT_EXIT)
    assert (done.returncode, done.stderr) == (0, "")


def test_cpu_deadline__computing_greenlets__are_stopped_without_the_others() -> None:
    done = run(SCRIPT_WITH_GREENLETS)
    assert done.stdout == "['stopped', 'not stopped', 'stopped']\n", done.stderr
