"""Processes are killed (SIGKILL) while the index follows events or an inventory is queued: nothing is lost."""

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
def test_events__watcher_workers_and_servers_killed__index_equals_the_bucket(in_memory: Path) -> None:
    changes, kills, seed = 300, 5, 3
    outcome = run(changes, kills, seed, in_memory)
    assert outcome.differences == 0, outcome
    assert sum(outcome.killed.values()) == kills


@pytest.mark.faults
def test_inventory__run_killed_three_times__queues_each_key_once(in_memory: Path) -> None:
    result = measure(60_000, 3, in_memory)
    assert (result.queued, result.kills) == (60_000, 3)


def test_mongodb__killed_right_after_it_acknowledged_a_record__keeps_the_record(site: Callable[..., Site]) -> None:
    here = site(EVENTS_TOKEN="a-token-of-events")
    records = here.installation.store.records
    ref = ImageRef("b", "a.jpg", "etag", 0, NOON)
    assert records.upsert([empty_record(ref)]) == [None]
    here.mongodb.kill()
    here.mongodb.start()
    assert list(records.find([ref.id])) == [ref.id]
