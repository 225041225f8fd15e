"""Redis counts the cost of a batch and holds back images that would exceed its limits."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from exifinator.models import ImageRef
from exifinator.queue.image_queue import Delivery, ImageQueue, Outcome
from tests.integration.conftest import Installation

NOON = datetime(2024, 5, 17, 12, tzinfo=UTC)
# Storage class -> (nanodollars per GET, nanodollars per byte).
PRICES = {"": [400.0, 0.5], "STANDARD_IA": [1000.0, 10.0]}


def refs(count: int, prefix: str = "a/") -> list[ImageRef]:
    return [ImageRef("b", f"{prefix}{i:03}", "etag", 10, NOON) for i in range(count)]


def acknowledge(queue: ImageQueue, deliveries: list[Delivery], *, requests: int = 1, storage_class: str = "") -> None:
    queue.acknowledge(
        [
            Outcome(item.member, ImageRef.from_member(item.member).id, "ok", 100, requests, item.number, storage_class)
            for item in deliveries
        ]
    )


@pytest.fixture
def queue(installation: Installation) -> ImageQueue:
    installation.queue.batches.open("limited", ["b/a/"])
    return installation.queue


def test_acknowledge__prices_are_set__adds_the_price_of_prefix_and_storage_class(queue: ImageQueue) -> None:
    queue.batches.open("two", ["other/", "b/a/"])
    queue.batch_limits.set_prices("two", [{}, PRICES])
    queue.enqueue(refs(4))
    first, second, third, fourth = queue.take_downloads(9)
    acknowledge(queue, [first], requests=2)
    acknowledge(queue, [second], storage_class="STANDARD_IA")
    acknowledge(queue, [third], storage_class="UNHEARD_OF")
    counts = queue.batches.counts("two")
    assert counts
    assert counts["nanodollars"] == (2 * 400 + 50) + (1000 + 1000) + (400 + 50)
    assert "nanodollars" not in (queue.batches.counts("limited") or {})

    queue.batches.close("two")
    queue.batches.open("two", ["b/a/"])
    acknowledge(queue, [fourth])
    assert "nanodollars" not in (queue.batches.counts("two") or {})


def test_take_downloads__request_limit__delivers_as_many_images_as_it_still_allows(queue: ImageQueue) -> None:
    queue.batch_limits.set_limits("limited", {"requests": 10})
    queue.batch_limits.note_listing("limited", 2, 0)
    queue.enqueue(refs(50))
    taken = queue.take_downloads(100)
    assert len(taken) == 8
    assert queue.take_downloads(100) == []

    # With two requests per image on average, the six deliveries in progress use up the limit.
    acknowledge(queue, taken[:2], requests=2)
    assert queue.take_downloads(100) == []
    acknowledge(queue, taken[2:], requests=0)
    # Eight images took four GETs, and the listing two LISTs, so four of the ten requests are left.
    assert len(queue.take_downloads(3)) == 3


def test_take_downloads__limit_is_reached__postpones_images_until_it_is_raised(queue: ImageQueue) -> None:
    queue.batch_limits.set_prices("limited", [PRICES])
    queue.batch_limits.set_limits("limited", {"nanodollars": 900, "image_nanodollars": 400})
    queue.enqueue(refs(5))
    taken = queue.take_downloads(100)
    assert len(taken) == 3
    assert not queue.batch_limits.is_limited("b/a/004")
    acknowledge(queue, taken)
    assert queue.take_downloads(100) == []
    assert queue.batch_limits.is_limited("b/a/004")
    assert not queue.batch_limits.is_limited("b/c/004")

    # Postponed images are not in progress, and are removed when the batch is cancelled.
    assert queue.batches.count_in_progress("limited", ["b/a/"]) == 0
    assert queue.batches.cancel_pending("limited", ["b/a/"]) == 2
    queue.batch_limits.set_limits("limited", {"nanodollars": 9_000})
    queue.enqueue(refs(5))
    assert len(queue.take_downloads(100)) == 5
    assert not queue.batch_limits.is_limited("b/a/004")


def test_take_downloads__images_of_unlimited_batches__are_not_held_back(queue: ImageQueue) -> None:
    queue.batch_limits.set_limits("limited", {"requests": 1})
    queue.batch_limits.note_listing("limited", 1, 0)
    queue.enqueue([*refs(3), *refs(3, "c/")])
    assert sorted(ImageRef.from_member(item.member).key for item in queue.take_downloads(9)) == [
        "c/000",
        "c/001",
        "c/002",
    ]
    queue.batches.open("unlimited", ["b/"])
    queue.enqueue(refs(3, "a/x"))
    assert len(queue.take_downloads(9)) == 3
    assert not queue.batch_limits.is_limited("b/a/x001")


def test_take_downloads__workers_with_deliveries_died__delivers_after_their_leases(
    queue: ImageQueue, installation: Installation
) -> None:
    queue.batch_limits.set_limits("limited", {"requests": 4})
    queue.enqueue(refs(4))
    dead = queue.take_downloads(100)
    assert len(dead) == 4
    installation.end_leases("b")
    assert len(queue.take_downloads(100)) == 4
