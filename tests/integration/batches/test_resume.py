"""Batches that are interrupted, resumed and taken over, on real servers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from exifinator.batches.model import BatchCounts
from exifinator.errors import BatchTaken
from exifinator.storage.mongodb import connect_mongodb
from exifinator.storage.store import Store
from tests.integration.batches.batches import adds_up, fill, list_all, open_batch
from tests.integration.batches.elsewhere import PAGE
from tests.integration.conftest import Bucket, Installation, SharedInstallation
from tests.photos import make_jpeg
from tests.servers import ROOT


def watch_elsewhere(installation: Installation, source: str, *pausing_at: str) -> subprocess.Popen[str]:
    """Start another process that lists and watches a batch, and pauses as elsewhere.py describes."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.integration.batches.elsewhere", source, *pausing_at],
        cwd=ROOT,
        env={**os.environ, **installation.environment},
        stdout=subprocess.PIPE,
        text=True,
    )


def kill_elsewhere(installation: Installation, source: str, phase: str, count: int) -> str:
    """Watch a batch in another process, kill it (SIGKILL) in a phase, and return the id of the batch.

    The process pauses once it has reported `count` objects. Otherwise, the batch might end before the kill.
    """
    process = watch_elsewhere(installation, source, phase, str(count))
    assert process.stdout is not None
    batch_id = process.stdout.readline().strip()
    for line in process.stdout:
        current_phase, number = line.split()
        if current_phase == phase and int(number) >= count:
            break
    process.kill()
    process.wait()
    process.stdout.close()
    return batch_id


@pytest.mark.parametrize("listed", [30, 120], ids=["page by page", "side by side"])
def test_batch__killed_while_listing__is_resumed(shared: SharedInstallation, bucket: Bucket, listed: int) -> None:
    fill(bucket, 200)
    bucket.put("0000-empty.jpg", b"")
    bucket.put("folder/", b"")
    batch_id = kill_elsewhere(shared, bucket.name, "listing", listed)
    before = shared.store.batches.find(batch_id)
    assert before is not None

    batch = open_batch(shared, bucket.name)

    assert batch.resumed
    assert (batch.id, batch.started_at) == (batch_id, before["started_at"])
    assert batch.counts.listed == before["numbers"]["listed"] >= listed - 2 * PAGE
    list_all(batch)
    # The listing continued where the first process had stopped, so no request started at the beginning.
    requests = batch.listings.lister._lister.requests  # type: ignore[attr-defined]
    assert all(token or start_after for token, start_after in requests)
    numbers = shared.finish(batch)
    assert adds_up(numbers)
    assert (numbers.listed, numbers.stored, numbers.damaged, numbers.folders) == (202, 200, 1, 1)
    assert (numbers.queued, numbers.unchanged, numbers.failed) == (200, 0, 0)
    assert len(shared.records(bucket.name)) == 201
    after = shared.store.batches.find(batch_id)
    assert after is not None
    assert (after["state"], after["owner"]) == ("done", None)
    assert after["started_at"] == before["started_at"]


def test_batch__killed_while_indexing__is_resumed_and_finds_new_objects(
    shared: SharedInstallation, bucket: Bucket
) -> None:
    fill(bucket, 100)
    # With a running worker, all images might be indexed before the process is killed.
    with shared.stopped():
        batch_id = kill_elsewhere(shared, bucket.name, "reading", 0)
    bucket.put("new.jpg", make_jpeg())

    batch = list_all(open_batch(shared, bucket.name))

    assert batch.id == batch_id
    numbers = shared.finish(batch)
    assert (numbers.listed, numbers.queued, numbers.stored) == (101, 101, 101)
    assert adds_up(numbers)


def test_batch__its_process_is_running__is_not_taken_over(installation: Installation, bucket: Bucket) -> None:
    fill(bucket, 5)
    first = open_batch(installation, bucket.name)
    process = watch_elsewhere(installation, bucket.name)
    assert process.stdout is not None
    second = process.stdout.readline().strip()
    third = open_batch(installation, bucket.name)
    process.kill()
    process.wait()
    process.stdout.close()

    assert len({first.id, second, third.id}) == 3
    first.detach("left")
    # The latest batch without a process is resumed first.
    assert open_batch(installation, bucket.name).id == second
    assert open_batch(installation, bucket.name).id == first.id


@pytest.mark.parametrize(("silent", "taken"), [(5, False), (300, True)])
def test_batch__process_on_another_host__is_taken_over_once_it_is_silent(
    installation: Installation, bucket: Bucket, silent: int, taken: bool
) -> None:
    fill(bucket, 5)
    first = open_batch(installation, bucket.name)
    owner = {"host": "elsewhere", "pid": os.getpid(), "started": 0.0}
    silent_since = datetime.now(UTC) - timedelta(seconds=silent)
    installation.store.batches.change(first.id, ["listing"], {"owner": owner, "updated_at": silent_since})

    second = open_batch(installation, bucket.name)

    assert (second.id == first.id) is taken
    if not taken:
        # The batch still belongs to the other host, so this process can no longer list it.
        with pytest.raises(BatchTaken):
            list_all(first)


@pytest.mark.parametrize(
    ("source", "options"),
    [("{}/00", {}), ("{}", {"verify": True}), ("{}", {"refresh": True})],
    ids=["another prefix", "verify", "refresh"],
)
def test_batch__with_other_prefix_or_options__is_not_resumed(
    installation: Installation, bucket: Bucket, source: str, options: dict[str, bool]
) -> None:
    first = open_batch(installation, bucket.name)
    first.detach("left")

    assert open_batch(installation, source.format(bucket.name), **options).id != first.id
    assert open_batch(installation, bucket.name).id == first.id


def test_batch__without_a_process__is_done_when_a_later_batch_ends(shared: SharedInstallation, bucket: Bucket) -> None:
    fill(bucket, 20)
    with shared.stopped():
        first = list_all(open_batch(shared, bucket.name))
        first.detach("reading")
        left = list_all(open_batch(shared, f"{bucket.name}/00"))
        left.detach("left")
        second = open_batch(shared, bucket.name)
        assert second.id != first.id

    shared.finish(list_all(second))

    for batch_id, listed in ((first.id, 20), (left.id, 20)):
        known = shared.store.batches.find(batch_id)
        assert known is not None
        numbers = BatchCounts.from_dict(known["numbers"])
        assert (known["state"], numbers.listed, numbers.stored) == ("done", listed, 20)
        assert adds_up(numbers)
    assert not {first.id, left.id, second.id} & set(shared.queue.batches.open_ids())


def test_batch__was_left_and_is_idle__is_closed_by_the_next_run_of_any_bucket(
    installation: Installation, bucket: Bucket, moto_url: str
) -> None:
    fill(bucket, 5)
    first = list_all(open_batch(installation, bucket.name))
    first.detach("left")
    installation.read_queued()
    assert installation.batch(bucket.name).is_idle()

    open_batch(installation, Bucket(moto_url).name)

    known = installation.store.batches.find(first.id)
    assert known is not None
    assert (known["state"], known["numbers"]["stored"]) == ("done", 5)
    assert first.id not in installation.queue.batches.open_ids()


def test_detach__servers_are_unavailable__raises_nothing(install: Callable[..., Installation], bucket: Bucket) -> None:
    """Ctrl-C while Redis or MongoDB is unavailable ends the run as usual."""
    installation = install()
    batch = open_batch(installation, bucket.name)
    batch.queue = install(REDIS_URL="redis://127.0.0.1:1/0").queue
    batch.detach("left")
    known = installation.store.batches.find(batch.id)
    assert known is not None
    assert (known["state"], known["owner"]) == ("left", None)
    config = installation.config.model_copy(update={"mongodb_uri": SecretStr("mongodb://127.0.0.1:1")})
    with connect_mongodb(config, serverSelectionTimeoutMS=50) as client:
        batch.stored.store = Store(client, config)
        batch.detach("left")
