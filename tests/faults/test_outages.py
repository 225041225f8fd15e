"""Whatever server dies during a batch, each listed image ends with its record, without hand work."""

from __future__ import annotations

import itertools
import random
import re
import shutil
import threading
import time
from collections.abc import Callable
from datetime import datetime

import psutil
import pytest

from tests.faults.conftest import IMAGES, PHOTOS, Document, Server, Site, finish_whole
from tests.integration.doors import Checkout

OUTAGES = [
    pytest.param(1, id="1 s"),
    *(pytest.param(seconds, marks=pytest.mark.faults, id=f"{seconds} s") for seconds in (10, 60)),
]
FULL_SECONDS = 12.0
SPAWNED = re.compile(r"^(\S+ \S+),\d+ INFO spawned: 'download-write-00'", re.MULTILINE)


def break_off(site: Site, server: Server, seconds: float, *, keeps_data: bool = True) -> threading.Thread:
    """kill -9 of a server, now, and its return after so long."""
    server.kill()
    if not keeps_data:
        shutil.rmtree(server.folder)
        server.folder.mkdir()

    def come_back() -> None:
        time.sleep(seconds)
        server.start()

    thread = threading.Thread(target=come_back, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("seconds", OUTAGES)
@pytest.mark.parametrize("keeps_data", [True, False], ids=["with its append-only file", "with an empty memory"])
def test_batch__redis_killed_and_back__is_whole(
    site: Callable[..., Site], undisturbed: dict[str, Document], keeps_data: bool, seconds: float
) -> None:
    here = site(GREENLETS=20)
    batch = here.installation.queue_batch(PHOTOS)
    here.keep_worker("download", "write")
    here.keep_worker("write")
    here.installation.wait_until(lambda: here.stored() > 50)

    thread = break_off(here, here.redis, seconds, keeps_data=keeps_data)
    assert here.stored() < IMAGES
    assert finish_whole(here, batch, undisturbed, 200 + seconds).stored == IMAGES
    thread.join()


@pytest.mark.parametrize("seconds", OUTAGES)
def test_batch__mongodb_killed_and_back__is_whole(
    site: Callable[..., Site], undisturbed: dict[str, Document], seconds: float
) -> None:
    here = site(GREENLETS=20)
    batch = here.installation.queue_batch(PHOTOS)
    here.keep_worker("download", "write")
    here.keep_worker("write")
    here.installation.wait_until(lambda: here.stored() > 50)
    assert here.stored() < IMAGES

    thread = break_off(here, here.mongodb, seconds)
    finish_whole(here, batch, undisturbed, 200 + seconds)
    thread.join()


@pytest.mark.faults
def test_batch__workers_killed_at_random_moments__is_whole(
    site: Callable[..., Site], undisturbed: dict[str, Document]
) -> None:
    here = site(LEASE_SECONDS=3, GREENLETS=10)
    batch = here.installation.queue_batch(PHOTOS)
    keepers = [here.keep_worker("download", "write"), here.keep_worker("write")]
    ended = threading.Event()
    kills = 0

    def kill_now_and_then() -> None:
        nonlocal kills
        chance = random.Random(7)
        here.installation.wait_until(here.stored)
        while kills < 5:
            kills += chance.choice(keepers).kill()
            if ended.wait(chance.uniform(0.5, 2.5)):
                return

    thread = threading.Thread(target=kill_now_and_then, daemon=True)
    thread.start()
    numbers = finish_whole(here, batch, undisturbed)
    ended.set()
    thread.join()

    assert kills > 0
    assert numbers.stored == IMAGES


@pytest.mark.faults
@pytest.mark.parametrize("lost", ["redis", "mongodb"])
def test_workers__server_away_for_a_minute__are_tried_again_ever_more_seldom(
    site: Callable[..., Site], checkout: Callable[..., Checkout], lost: str, record_property: Callable[..., None]
) -> None:
    here = site()
    servers = {name: here.installation.settings[name] for name in ("REDIS_URL", "MONGODB_URI", "S3_ENDPOINT_URL")}
    home = checkout(**servers, AWS_ACCESS_KEY="test", AWS_SECRET_KEY="secret")
    done = home.command("run", "--json", PHOTOS)
    assert done.returncode == 0, done.stderr

    def spawned() -> list[datetime]:
        log = (home.path / "logs" / "supervisord-workers.log").read_text()
        return [datetime.fromisoformat(at) for at in SPAWNED.findall(log)]

    server: Server = getattr(here, lost)
    server.kill()
    before = _cpu_seconds(home)
    time.sleep(60)
    used = _cpu_seconds(home) - before
    starts = spawned()
    server.start()

    record_property("starts", len(starts))
    record_property("cpu_seconds", used)
    pauses = [(late - early).total_seconds() for early, late in itertools.pairwise(starts[1:])]
    assert len(starts) <= 9
    # Half of a core, over a minute, for the starts of all programs.
    assert used < 30
    if len(pauses) > 2:
        assert pauses[-1] > pauses[0]
    assert home.command("run", "--json", "--refresh", PHOTOS).returncode == 0


def _cpu_seconds(home: Checkout) -> float:
    """What the programs have computed, those that have ended included."""
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
def test_batch__redis_out_of_memory_for_a_while__is_whole(
    site: Callable[..., Site], undisturbed: dict[str, Document]
) -> None:
    here = site(GREENLETS=10)
    batch = here.installation.queue_batch(PHOTOS)
    here.keep_worker("download", "write")
    here.keep_worker("write")
    here.installation.wait_until(lambda: here.stored() > 50)
    here.installation.redis.config_set("maxmemory-policy", "noeviction")
    here.installation.redis.config_set("maxmemory", "1mb")
    assert here.stored() < IMAGES

    # The server's own words hold the name of the setting too; ours say what to do.
    here.installation.wait_until(lambda: "it is at its maxmemory; give it more" in here.installation.worker_logs())
    # So long that MRQ would have tried a job again, which it looks for each 5 s.
    time.sleep(FULL_SECONDS)
    assert here.stored() < IMAGES
    here.installation.redis.config_set("maxmemory", "0")
    finish_whole(here, batch, undisturbed)
