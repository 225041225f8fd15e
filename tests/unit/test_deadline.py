"""The CPU deadline: in the main thread, in a greenlet, and harmless elsewhere."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest

from exifinator.config import ROOT
from exifinator.deadline import DeadlineExceeded, MemoryBudget, MemoryExceeded, cpu_deadline


def compute(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def test_cpu_deadline__work_that_goes_on__is_stopped():
    started = time.process_time()
    with pytest.raises(DeadlineExceeded), cpu_deadline(0.05):
        compute(5)
    assert time.process_time() - started < 1


def test_cpu_deadline__work_in_time__stops_nothing_that_follows():
    with cpu_deadline(0.05):
        pass
    compute(0.15)


def test_cpu_deadline__process_that_ends__ends_well():
    # Python computes for a while after it has given the signals back.
    script = (
        "from exifinator.deadline import cpu_deadline\n"
        "with cpu_deadline(1): pass\n"
        "rest = [[i] for i in range(3_000_000)]\n"
        "class Last:\n"
        "    def __del__(self): sum(i * i for i in range(3_000_000))\n"
        "import sys; sys.last = Last()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, timeout=60, check=False)
    assert done.returncode == 0


def test_cpu_deadline__work_that_raises__leaves_nothing_behind():
    with pytest.raises(KeyError), cpu_deadline(0.05):
        raise KeyError
    compute(0.15)


def test_cpu_deadline__waiting__does_not_count():
    with cpu_deadline(0.05):
        time.sleep(0.2)


def test_cpu_deadline__other_thread__is_harmless():
    ended = []

    def work() -> None:
        with cpu_deadline(0.01):
            compute(0.1)
        ended.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert ended == [True]


GREENLETS = """
from gevent import monkey
monkey.patch_all()
import gevent
from exifinator.deadline import DeadlineExceeded, cpu_deadline

def busy():
    try:
        with cpu_deadline(0.1):
            while True:
                pass
    except DeadlineExceeded:
        return "stopped"

def quiet():
    gevent.sleep(0.01)
    with cpu_deadline(5):
        return "went on"

jobs = [gevent.spawn(busy), gevent.spawn(quiet), gevent.spawn(busy)]
gevent.joinall(jobs)
print([job.value for job in jobs])
"""


def test_cpu_deadline__greenlet_that_computes__is_stopped_alone():
    done = subprocess.run(
        [sys.executable, "-c", GREENLETS],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=__file__.rsplit("/", 3)[0],
    )
    assert done.stdout == "['stopped', 'went on', 'stopped']\n", done.stderr


def test_memory_budget__more_than_the_limit__is_refused():
    budget = MemoryBudget(1)
    budget.spend(1024 * 1024)
    with pytest.raises(MemoryExceeded, match="1 MiB"):
        budget.spend(1)
