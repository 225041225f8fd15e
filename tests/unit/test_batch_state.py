"""What a batch is called."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from exifinator.batch_state import new_batch_id


def test_new_batch_id__within_a_second__sorts_as_started() -> None:
    start = datetime(2024, 5, 1, 12, 0, 59, 700_000, tzinfo=UTC)
    ids = [new_batch_id(start + timedelta(milliseconds=n)) for n in range(0, 2000, 7)]
    assert sorted(ids) == ids
    assert ids[0].startswith("20240501-120059-")


def test_new_batch_id__of_one_moment__differs() -> None:
    now = datetime.now(UTC)
    assert len({new_batch_id(now) for _ in range(8)}) > 1
