"""Batches of SCHEDULE run in separate processes, prune afterwards, and are resumed if their process is killed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from exifinator.batches.prune import prune_after_batch
from exifinator.batches.schedule import ScheduledSource, read_schedule
from exifinator.batches.scheduler import Scheduler
from exifinator.batches.service import read_batch
from exifinator.batches.start import start_batch
from exifinator.models import BatchDocument
from exifinator.queue.image_queue import Outcome
from exifinator.sources.source import parse_source
from tests.integration.api.batches import ending_batches, processes_of
from tests.integration.batches.schedules import MINUTE, NOON, describe, schedule
from tests.integration.conftest import Bucket, Installation
from tests.photos import make_jpeg


def run_batch(installation: Installation, bucket: Bucket) -> str:
    batch = installation.queue_batch(bucket.name)
    installation.finish_here(batch)
    return batch.id


def batch_document(installation: Installation, batch_id: str) -> BatchDocument:
    document = installation.store.batches.find(batch_id)
    assert document is not None
    return document


def test_prune_after_batch__other_images_are_queued__waits_for_them(installation: Installation, bucket: Bucket) -> None:
    for key in ("a.jpg", "b.jpg"):
        bucket.put(key, make_jpeg())
    run_batch(installation, bucket)
    bucket.delete("b.jpg")
    batch_id = run_batch(installation, bucket)
    bucket.put("c.jpg", make_jpeg())
    installation.queue_batch(bucket.name)
    pauses = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            for delivery in installation.queue.take_downloads(10):
                installation.queue.acknowledge([Outcome(delivery.member, f"{bucket.name}/c.jpg", "failed")])

    source = parse_source(bucket.name)
    prune_after_batch(batch_id, [source], installation.s3, installation.store, installation.queue, pause=pause)
    assert len(pauses) == 3
    assert batch_document(installation, batch_id)["pruned"] == {"records": 1, "failed_jobs": 0, "problem": None}
    assert set(installation.records(bucket.name)) == {"a.jpg"}


def test_prune_after_batch__bucket_is_empty__removes_nothing_and_reports_it(
    installation: Installation, bucket: Bucket
) -> None:
    bucket.put("a.jpg", make_jpeg())
    batch_id = run_batch(installation, bucket)
    bucket.delete("a.jpg")
    source = parse_source(bucket.name)
    prune_after_batch(batch_id, [source], installation.s3, installation.store, installation.queue)
    result = batch_document(installation, batch_id)["pruned"]
    assert (result["records"], result["problem"]) == (
        0,
        f"The listing of s3://{bucket.name} is empty; nothing was removed",
    )
    assert set(installation.records(bucket.name)) == {"a.jpg"}


def test_start_batch__process_is_killed__schedule_resumes_it_under_its_id(
    installation: Installation, bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch cannot end before its process is killed, because no worker runs."""
    for name, value in installation.environment.items():
        monkeypatch.setenv(name, value)
    bucket.put("a.jpg", make_jpeg())
    entries = schedule({"source": bucket.name, "every": "1d"})

    def start(entry: ScheduledSource, batch_id: str) -> None:
        source = entry.entry.source
        start_batch(
            installation.config, installation.store, installation.queue, source, batch_id=batch_id, logs=tmp_path
        )

    scheduler = Scheduler(installation.store, entries, start)
    with ending_batches(installation):
        scheduler.check(NOON)
        batch_id = describe(installation, entries)["last_batch"]["id"]
        installation.wait_until(lambda: batch_document(installation, batch_id)["state"] == "reading")
        (process,) = processes_of(batch_id)
        process.kill()
        installation.wait_until(lambda: batch_document(installation, batch_id)["state"] == "left")
        started_at = batch_document(installation, batch_id)["started_at"]

        scheduler.check(NOON + MINUTE)
        installation.wait_until(lambda: batch_document(installation, batch_id)["state"] == "reading")
        installation.wait_until(
            lambda: installation.read_queued() or batch_document(installation, batch_id)["state"] == "done"
        )
    batch = batch_document(installation, batch_id)
    assert (batch["started_at"], batch["numbers"]["listed"], batch["numbers"]["stored"]) == (started_at, 1, 1)
    assert installation.store.batches.collection.count_documents({}) == 1


def test_worker__schedule_is_configured__starts_a_batch_that_is_indexed_and_pruned(
    install: Callable[..., Installation], bucket: Bucket
) -> None:
    """Run all parts together: MRQ's scheduler, the worker, and the process of the batch."""
    entry = {"source": bucket.name, "every": "1d", "prune": True, "exclude": ["drafts/"]}
    installation = install(SCHEDULE=json.dumps([entry]))
    for key in ("a.jpg", "gone.jpg", "drafts/x.jpg"):
        bucket.put(key, make_jpeg())
    run_batch(installation, bucket)
    bucket.delete("gone.jpg")
    bucket.put("new.jpg", make_jpeg(seed=1))
    entries = read_schedule(installation.config)
    with ending_batches(installation):
        worker = installation.start_worker("download", "write")

        def pruned() -> Any:
            batch = describe(installation, entries)["last_batch"]
            # Describe the batch again once it is pruned, because it may have ended in between.
            is_pruned = batch and batch_document(installation, batch["id"]).get("pruned")
            return is_pruned and describe(installation, entries)["last_batch"]

        batch = installation.wait_until(pruned, watching=[worker])
    assert (batch["state"], batch["numbers"]["stored"], batch["numbers"]["excluded"]) == ("done", 1, 1)
    assert batch_document(installation, batch["id"])["pruned"] == {"records": 1, "failed_jobs": 0, "problem": None}
    assert set(installation.records(bucket.name)) == {"a.jpg", "new.jpg", "drafts/x.jpg"}
    assert read_batch(installation.store, installation.queue, batch["id"])["patterns"][0]["exclude"] == ["drafts/"]
    assert describe(installation, entries)["last"]["outcome"] == "started"
