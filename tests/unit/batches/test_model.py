"""The id and the counts of a batch."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from exifinator.batches.model import BatchCounts, count_remaining, current_counts, new_batch_id
from exifinator.models import BatchDocument

WORKER_COUNTS = {
    "ok": 5,
    "no_exif": 4,
    "unsupported": 3,
    "damaged": 2,
    "failed": 1,
    "deleted": 6,
    "bytes_read": 900,
    "requests": 16,
    "nanodollars": 6_400,
}


def test_new_batch_id__batches_within_a_second__are_sorted_by_start() -> None:
    start = datetime(2024, 5, 1, 12, 0, 59, 700_000, tzinfo=UTC)
    ids = [new_batch_id(start + timedelta(milliseconds=n)) for n in range(0, 2000, 7)]
    assert sorted(ids) == ids
    assert ids[0].startswith("20240501-120059-")


def test_new_batch_id__batches_of_the_same_moment__differ() -> None:
    now = datetime.now(UTC)
    assert len({new_batch_id(now) for _ in range(8)}) > 1


def test_batch_counts__converted_from_and_to_worker_counts__are_the_same() -> None:
    counts = BatchCounts(listed=30, unchanged=3, queued=15, list_requests=2, list_dollars=0.00001)
    counts.update_from_workers(WORKER_COUNTS, empty_images=10, already_failed=2)

    assert (counts.stored, counts.no_exif, counts.unsupported, counts.damaged, counts.failed) == (5, 4, 3, 12, 3)
    assert (counts.bytes_read, counts.requests, counts.listed, counts.queued) == (900, 16, 30, 15)
    assert counts.deleted == 6
    assert counts.done == 33
    assert counts.as_dict()["dollars"] == 0.0000164
    assert counts.to_worker_counts(empty_images=10, already_failed=2) == WORKER_COUNTS


def test_update_from_workers__no_counts__keeps_the_earlier_counts() -> None:
    counts = BatchCounts(stored=7, damaged=1)
    before = replace(counts)
    counts.update_from_workers(None, empty_images=1, already_failed=0)
    assert counts == before


def test_update_from_workers__incomplete_counts__sets_missing_counts_to_zero() -> None:
    counts = BatchCounts(stored=7, damaged=2)
    counts.update_from_workers({"opened": 1}, empty_images=1, already_failed=0)
    assert (counts.stored, counts.damaged) == (0, 1)


def test_current_counts__stored_batch__includes_images_done_by_the_listing() -> None:
    document: BatchDocument = {
        "_id": "a",
        "numbers": {**BatchCounts(queued=26).as_dict(), "of_another_version": 1},
        "empty": 10,
        "failed_before": 2,
    }
    counts = current_counts(document, WORKER_COUNTS)
    assert (counts.done, count_remaining(document, counts)) == (33, 5)
    assert current_counts({"_id": "old"}, None) == BatchCounts()
