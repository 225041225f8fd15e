"""kill -9 while the index follows events: it ends with exactly the objects of the bucket."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.event_kills import run
from bench.inventory import measure
from exifinator.metadata.parse import empty_record
from exifinator.models import ImageRef
from tests.faults.conftest import Site
from tests.integration.worker.test_record_writer import NOON


@pytest.mark.faults
def test_events__kills_of_watcher_workers_and_servers__end_in_the_state_of_the_bucket(in_memory: Path) -> None:
    outcome = run(300, 5, 3, in_memory)
    assert outcome.differences == 0, outcome
    assert sum(outcome.killed.values()) == 5


@pytest.mark.faults
def test_inventory__run_killed_three_times__queues_each_key_once(in_memory: Path) -> None:
    result = measure(60_000, 3, in_memory)
    assert (result.queued, result.kills) == (60_000, 3)


def test_mongodb__killed_right_after_it_acknowledged__keeps_the_record(site: Callable[..., Site]) -> None:
    here = site(EVENTS_TOKEN="a-token-of-events")
    records = here.installation.store.records
    ref = ImageRef("b", "a.jpg", "etag", 0, NOON)
    assert records.upsert([empty_record(ref)]) == [None]
    here.mongodb.kill()
    here.mongodb.start()
    assert list(records.find([ref.id])) == [ref.id]
