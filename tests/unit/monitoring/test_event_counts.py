"""The counts of S3 events in `status` and in the metrics."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from exifinator.cli.status_view import _events
from exifinator.monitoring.prometheus import counter_metrics
from exifinator.monitoring.status import Status, describe_events

COUNTS = {"events:queued": 1200, "events:removed": 3, "events:lag_us": 5_000_000, "events:timed": 2}


def test_events__counts_with_times__are_shown_with_the_average_lag() -> None:
    status = Status(datetime.now(UTC), events=describe_events(COUNTS))
    assert _events(status).plain == "Events: 1,200 queued, 3 removed; applied after 2.5 s on average"


def test_events__counts_without_times__are_shown_without_a_lag() -> None:
    status = Status(datetime.now(UTC), events=describe_events({"events:ignored": 7}))
    assert _events(status).plain == "Events: 7 ignored"


@pytest.mark.parametrize("counts", [{}, {"events:queued": 0}, {"bytes": 5}])
def test_events__no_events__are_not_shown(counts: dict[str, int]) -> None:
    assert describe_events(counts) == {}


def test_metrics__event_counts__have_outcomes_and_lag() -> None:
    samples = {
        (sample.name, sample.labels.get("outcome")): sample.value
        for metric in counter_metrics(COUNTS)
        for sample in metric.samples
    }
    assert samples["exifinator_events_total", "queued"] == 1200
    assert samples["exifinator_events_total", "malformed"] == 0
    assert samples["exifinator_event_lag_seconds_sum", None] == 5
    assert samples["exifinator_event_lag_seconds_count", None] == 2
