"""Whatever dies during a batch, each listed image ends with one record or one failed job, without hand work."""

from __future__ import annotations

import random
import shutil
import threading
import time
from collections.abc import Callable

import pytest

from tests.faults.conftest import Site
from tests.integration.conftest import Bucket
from tests.photos import make_jpeg

IMAGES = 400


@pytest.fixture
def full_bucket(bucket: Bucket) -> Bucket:
    body = make_jpeg()
    for i in range(IMAGES):
        bucket.put(f"{i:04}.jpg", body)
    return bucket


def meanwhile(action: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=action, daemon=True)
    thread.start()
    return thread


def assert_whole(site: Site) -> None:
    store = site.installation.store
    assert store.images.count_documents({"status": "ok"}) == IMAGES
    assert store.count_failures() == {}
    assert store.count_pending_jobs() == 0
    assert site.installation.queue.sizes() == (0, 0)
    assert int(site.installation.redis.get(site.installation.queue.write_bytes_key) or 0) == 0
    assert site.installation.redis.hlen(site.installation.queue.deliveries_key) == 0


def stored(site: Site) -> int:
    return site.installation.store.images.count_documents({})


@pytest.mark.parametrize("keeps_data", [True, False], ids=["with its append-only file", "with an empty memory"])
def test_batch__redis_killed_and_back__is_whole(
    site: Callable[..., Site], full_bucket: Bucket, keeps_data: bool
) -> None:
    here = site()
    batch = here.installation.queue_batch(full_bucket.name)
    here.keep_worker("download", "write")
    here.keep_worker("write")
    here.installation.wait_until(lambda: stored(here) > 50)

    def outage() -> None:
        here.redis.kill()
        if not keeps_data:
            shutil.rmtree(here.redis.folder)
            here.redis.folder.mkdir()
        time.sleep(3)
        here.redis.start()

    thread = meanwhile(outage)
    numbers = here.installation.finish(batch, 150)
    thread.join()

    assert (numbers.listed, numbers.stored, numbers.failed) == (IMAGES, IMAGES, 0)
    assert_whole(here)


def test_batch__mongodb_killed_and_back__is_whole(site: Callable[..., Site], full_bucket: Bucket) -> None:
    here = site()
    batch = here.installation.queue_batch(full_bucket.name)
    here.keep_worker("download", "write")
    here.keep_worker("write")
    here.installation.wait_until(lambda: stored(here) > 50)

    def outage() -> None:
        here.mongodb.kill()
        time.sleep(3)
        here.mongodb.start()

    thread = meanwhile(outage)
    numbers = here.installation.finish(batch, 150)
    thread.join()

    assert (numbers.listed, numbers.failed) == (IMAGES, 0)
    assert_whole(here)


def test_batch__workers_killed_at_random_moments__is_whole(site: Callable[..., Site], full_bucket: Bucket) -> None:
    here = site(LEASE_SECONDS=3)
    batch = here.installation.queue_batch(full_bucket.name)
    keepers = [here.keep_worker("download", "write"), here.keep_worker("write")]
    ended = threading.Event()
    kills = 0

    def kill_now_and_then() -> None:
        nonlocal kills
        chance = random.Random(7)
        while not ended.wait(chance.uniform(0.5, 2.5)) and kills < 10:
            chance.choice(keepers).kill()
            kills += 1

    thread = meanwhile(kill_now_and_then)
    numbers = here.installation.finish(batch, 200)
    ended.set()
    thread.join()

    assert kills > 0
    assert (numbers.listed, numbers.stored, numbers.failed) == (IMAGES, IMAGES, 0)
    assert_whole(here)
