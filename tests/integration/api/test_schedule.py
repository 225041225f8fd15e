"""The schedule with its last and next batches, in GET /schedule, `status`, /metrics and `doctor`."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from exifinator.batches.schedule import read_schedule
from exifinator.batches.scheduler import Scheduler
from exifinator.monitoring.doctor import run_checks
from exifinator.monitoring.prometheus import ExifinatorCollector
from exifinator.monitoring.status import StatusReader
from tests.integration.api.fixtures import open_api
from tests.integration.conftest import Bucket, Installation


@pytest.fixture
def scheduled(install: Callable[..., Installation], bucket: Bucket) -> Installation:
    entries = [
        {"source": bucket.name, "every": "6h", "prune": True, "max_requests": 900, "max_dollars": 0.5},
        {"source": "no-such-bucket/2024/", "at": "02:00", "timezone": "Europe/Berlin", "exclude": ["drafts/"]},
    ]
    return install(SCHEDULE=json.dumps(entries))


def start_first(installation: Installation, now: datetime) -> None:
    """Start the batch of the first entry, which is due, but no process for it."""

    def start(_: Any, batch_id: str) -> None:
        installation.store.batches.save(
            {"_id": batch_id, "state": "done", "started_at": now, "updated_at": now, "numbers": {"listed": 3}}
        )

    Scheduler(installation.store, read_schedule(installation.config), start).check(now)


def test_get_schedule__before_and_after_a_batch__has_the_last_and_next_times(
    scheduled: Installation, bucket: Bucket
) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    with open_api(scheduled.config) as api:
        first, second = api.get("/schedule").json()["sources"]
        assert (first["source"], first["last"], first["checked_at"]) == (f"s3://{bucket.name}", None, None)
        assert (second["every"], second["at"], second["timezone"]) == ("1d", "02:00", "Europe/Berlin")
        assert (first["max_requests"], first["max_dollars"]) == (900, 0.5)
        assert (second["max_requests"], second["max_dollars"]) == (None, None)
        assert (second["exclude"], second["prune"], first["prune"]) == (["drafts/"], False, True)

        start_first(scheduled, now)
        first, second = api.get("/schedule").json()["sources"]
        assert first["last"]["outcome"] == "started"
        assert datetime.fromisoformat(first["next_at"]) == now + timedelta(hours=6)
        assert datetime.fromisoformat(first["checked_at"]) == now
        assert first["last_batch"] == api.get(f"/batches/{first['last_batch']['id']}").json()
        assert (first["last_batch"]["state"], second["last_batch"]) == ("done", None)


def test_status_and_metrics__schedule_is_configured__have_its_last_outcomes(
    scheduled: Installation, bucket: Bucket
) -> None:
    start_first(scheduled, datetime.now(UTC))
    with closing(StatusReader(scheduled.config)) as reader:
        schedule = reader.read().schedule
    assert [entry["source"] for entry in schedule] == [f"s3://{bucket.name}", "s3://no-such-bucket/2024/"]
    assert [entry["last"] and entry["last"]["outcome"] for entry in schedule] == ["started", None]
    with closing(ExifinatorCollector(scheduled.config)) as collector:
        (metric,) = [metric for metric in collector.collect() if metric.name == "exifinator_scheduled_sources"]
    outcomes = {sample.labels["outcome"]: sample.value for sample in metric.samples}
    assert outcomes == {"started": 1, "skipped": 0, "failed": 0, "none": 1}


def test_doctor__schedule_is_configured__checks_its_sources(
    scheduled: Installation, bucket: Bucket, tmp_path: Path
) -> None:
    bucket.put("a.jpg", b"x")
    start_first(scheduled, datetime.now(UTC))
    findings = list(run_checks(scheduled.config, cwd=tmp_path))
    assert [finding.level for finding in findings if finding.area == "schedule"] == ["ok"]
    about = [finding for finding in findings if "no-such-bucket" in finding.message and finding.area != "schedule"]
    assert [finding.level for finding in about] == ["error"]
    assert any(bucket.name in finding.message for finding in findings if finding.level == "ok")
