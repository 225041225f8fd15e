"""Redis or MongoDB is killed or fails during a batch. Afterwards, each image has its record, without manual repair."""

from __future__ import annotations

import itertools
import logging
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

import psutil
import pytest

from exifinator.processes.supervisor_config import SETTLED_SECONDS
from tests.faults.conftest import (
    IMAGES,
    PHOTOS,
    Document,
    Keeper,
    Server,
    Site,
    count_stored,
    finish_and_check,
    start_batch,
)
from tests.integration.conftest import Installation
from tests.s3_proxy import Gate
from tests.system.checkout import Checkout
from tests.waiting import eventually

LOG_LINE = re.compile(r"^(\S+ \S+),(\d+) \w+ (spawned: 'download-write-00'|exited: download-write-00)", re.MULTILINE)


@dataclass(frozen=True)
class Outage:
    """An outage, which lasts until the run has retried and the workers have been restarted this many times."""

    retries: int
    restarts: int


OUTAGES = [
    pytest.param(Outage(0, 0), id="started again at once"),
    pytest.param(Outage(2, 0), id="until two retries", marks=pytest.mark.faults),
    pytest.param(Outage(2, 2), id="until two restarts of workers", marks=pytest.mark.faults),
]


class Retries(logging.Handler):
    """Counts how often the run in this process has retried an operation."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += record.getMessage().startswith("retry:")


@pytest.fixture
def retries() -> Iterator[Retries]:
    handler = Retries()
    logging.getLogger("exifinator").addHandler(handler)
    yield handler
    logging.getLogger("exifinator").removeHandler(handler)


@pytest.fixture
def bring_back(retries: Retries) -> Iterator[Callable[..., Future[None]]]:
    """Yield bring_back(server, outage, keepers), which restarts a killed server at the end of the outage."""
    # Set at the end of the test, even if it failed, so that the waiting threads return.
    is_over = threading.Event()
    with ThreadPoolExecutor(1) as pool:

        def build(server: Server, outage: Outage, keepers: list[Keeper]) -> Future[None]:
            enough_retries = retries.count + outage.retries
            enough_starts = count_starts(keepers) + outage.restarts

            def has_lasted() -> bool:
                return retries.count >= enough_retries and count_starts(keepers) >= enough_starts

            def wait_and_start() -> None:
                eventually(lambda: has_lasted() or is_over.is_set())
                server.start()

            return pool.submit(wait_and_start)

        yield build
        is_over.set()


def count_starts(keepers: list[Keeper]) -> int:
    return sum(keeper.starts for keeper in keepers)


@pytest.mark.parametrize("outage", OUTAGES)
@pytest.mark.parametrize("keeps_data", [True, False], ids=["with its append-only file", "with an empty memory"])
def test_batch__redis_killed_and_restarted__is_complete(
    site: Callable[..., Site],
    keep: Callable[..., Keeper],
    gate: Gate,
    bring_back: Callable[..., Future[None]],
    undisturbed: dict[str, Document],
    keeps_data: bool,
    outage: Outage,
) -> None:
    own_site = site(GREENLETS=20)
    here = own_site.installation
    keepers = [keep(here, "download", "write"), keep(here, "write")]
    batch = start_batch(here)

    own_site.redis.kill(forget=not keeps_data)
    gate.open()
    is_back = bring_back(own_site.redis, outage, keepers)
    assert finish_and_check(here, batch, undisturbed).stored == IMAGES
    is_back.result()


@pytest.mark.parametrize("outage", OUTAGES)
def test_batch__mongodb_killed_and_restarted__is_complete(
    site: Callable[..., Site],
    keep: Callable[..., Keeper],
    gate: Gate,
    bring_back: Callable[..., Future[None]],
    undisturbed: dict[str, Document],
    outage: Outage,
) -> None:
    own_site = site(GREENLETS=20)
    here = own_site.installation
    keepers = [keep(here, "download", "write"), keep(here, "write")]
    batch = start_batch(here)

    own_site.mongodb.kill()
    gate.open()
    is_back = bring_back(own_site.mongodb, outage, keepers)
    finish_and_check(here, batch, undisturbed)
    is_back.result()


@pytest.mark.faults
@pytest.mark.parametrize(("server_name", "restarts"), [("redis", 4), ("mongodb", 3)])
def test_workers__unavailable_server__are_restarted_after_growing_pauses(
    site: Callable[..., Site],
    checkout: Callable[..., Checkout],
    gate: Gate,
    server_name: str,
    restarts: int,
    record_property: Callable[..., None],
) -> None:
    gate.open()
    own_site = site()
    settings = own_site.installation.settings
    servers = {name: settings[name] for name in ("REDIS_URL", "MONGODB_URI", "S3_ENDPOINT_URL")}
    home = checkout(**servers, AWS_ACCESS_KEY="test", AWS_SECRET_KEY="secret")
    done = home.command("run", "--json", PHOTOS)
    assert done.returncode == 0, done.stderr

    def run_times_and_pauses() -> list[tuple[float, float]]:
        """Return, for each restart of the worker, how long it ran and how long the supervisor then waited, in seconds.

        The times are from the supervisor's log.
        """
        log = (home.path / "logs" / "supervisord-workers.log").read_text()
        moments = [datetime.fromisoformat(f"{at}.{milliseconds}") for at, milliseconds, _ in LOG_LINE.findall(log)]
        # The lines alternate between "spawned" and "exited".
        seconds = [(late - early).total_seconds() for early, late in itertools.pairwise(moments)]
        return list(zip(seconds[::2], seconds[1::2], strict=False))

    server: Server = getattr(own_site, server_name)
    before = _cpu_seconds(home)
    server.kill()
    eventually(lambda: len(run_times_and_pauses()) >= restarts, explain=home.logs)
    used = _cpu_seconds(home) - before
    seen = run_times_and_pauses()
    server.start()

    record_property("lives and pauses", seen)
    record_property("cpu_seconds", used)
    # Each pause is at least a second longer than the last, unless the worker ran for long. The tolerance is for the
    # time between an event and its line in the log.
    min_pause = 0
    for run_time, pause in seen:
        min_pause = min_pause + 1 if run_time < SETTLED_SECONDS - 1 else 0
        assert pause > min_pause - 0.2, seen
    # Each start of the worker takes up to 3 s of CPU time. Apart from that, no program may be busy while it waits.
    assert used < 3 * (len(seen) + 1)
    assert home.command("run", "--json", "--refresh", PHOTOS).returncode == 0


def _cpu_seconds(home: Checkout) -> float:
    """Return the CPU time of the programs, including those that have exited."""
    total = 0.0
    for process in home.processes():
        try:
            times, line = process.cpu_times(), " ".join(process.cmdline())
        except (psutil.Error, OSError):
            continue
        total += times.user + times.system
        if "supervisord" in line:
            total += times.children_user + times.children_system
    return total


@pytest.mark.faults
def test_batch__redis_out_of_memory_for_a_while__is_complete(
    site: Callable[..., Site], keep: Callable[..., Keeper], gate: Gate, undisturbed: dict[str, Document]
) -> None:
    here = site(GREENLETS=10).installation
    for queues in (["download", "write"], ["write"]):
        keep(here, *queues)
    batch = start_batch(here)
    here.redis.config_set("maxmemory-policy", "noeviction")
    here.redis.config_set("maxmemory", "1mb")
    gate.open()

    # Redis's own message names maxmemory too, but only EXIFinator's message says what to do.
    here.wait_until(lambda: "it is at its maxmemory; give it more" in here.worker_logs())
    # Long enough for MRQ to look for failed jobs to retry, which it does every 5 s.
    looks_before = count_looks_for_retries(here)
    here.wait_until(lambda: count_looks_for_retries(here) >= looks_before + 2)
    assert count_stored(here) < IMAGES
    here.redis.config_set("maxmemory", "0")
    finish_and_check(here, batch, undisturbed)


def count_looks_for_retries(here: Installation) -> int:
    """Return how often MRQ's maintenance has looked for jobs to retry."""
    return here.store.jobs.collection.count_documents({"path": {"$regex": "RequeueRetryJobs"}})
