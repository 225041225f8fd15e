"""Withdraw images of deleted objects: in constant time, and without losing an image that exists again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from exifinator.models import ImageRef
from exifinator.queue import withdrawals
from exifinator.queue.image_queue import PUSHED, Delivery, Outcome
from tests.integration.conftest import Installation

IMAGE = ImageRef("b", "1.jpg", "etag", 10, datetime(2024, 5, 17, 12, tzinfo=UTC))


def images(count: int) -> list[ImageRef]:
    return [replace(IMAGE, key=f"{i}.jpg") for i in range(count)]


def deliver(installation: Installation) -> Delivery:
    [delivery] = installation.queue.take_downloads(1)
    return delivery


def outcome(delivery: Delivery, result: str) -> Outcome:
    return Outcome(delivery.member, IMAGE.id, result, 5, 1, delivery.number)


def counts(installation: Installation) -> dict[str, int]:
    return installation.queue.batches.counts("all") or {}


@pytest.fixture
def queued(installation: Installation) -> Installation:
    installation.queue.batches.open("all", ["b/"])
    installation.queue.enqueue([IMAGE])
    return installation


@pytest.mark.parametrize("queued_images", [10, 5000])
def test_withdraw__queue_of_any_length__sends_three_commands(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, queued_images: int
) -> None:
    queue = installation.queue
    queue.enqueue(images(queued_images))
    queue.take_downloads(5)
    sent_commands: list[str] = []
    execute = queue.client.execute_command

    def record_command(*args: Any, **options: Any) -> Any:
        sent_commands.append(args[0])
        return execute(*args, **options)

    # The first call of a script also loads it, so withdraw another image of the queue first.
    queue.withdrawals.withdraw(["b/9.jpg"])
    monkeypatch.setattr(queue.client, "execute_command", record_command)
    queue.withdrawals.withdraw([f"b/{i}.jpg" for i in range(2)])
    assert len(sent_commands) == 3
    assert queue.withdrawals.is_withdrawn("b/1.jpg")
    assert not queue.withdrawals.is_withdrawn("b/2.jpg")


@pytest.mark.parametrize("result", ["ok", "failed", ""])
def test_withdraw__image_was_delivered__is_acknowledged_only_as_deleted(queued: Installation, result: str) -> None:
    queue, delivery = queued.queue, deliver(queued)
    queue.withdrawals.withdraw([IMAGE.id])
    assert queue.find_held([delivery]) == [False]
    assert queue.acknowledge([outcome(delivery, result)]) == [False]
    queue.extend_leases([delivery])
    queue.release([delivery])
    assert queue.take_downloads(1) == []
    other = Delivery(delivery.member, delivery.number - 1)
    assert queue.acknowledge([outcome(other, "deleted")]) == [False]
    assert queue.acknowledge([outcome(delivery, "deleted")]) == [True]
    assert queue.sizes() == (0, 0)
    assert counts(queued) == {"opened": 1, "deleted": 1, "bytes_read": 5, "requests": 1}


def test_withdraw__worker_with_the_image_died__is_delivered_again(queued: Installation) -> None:
    queue, delivery = queued.queue, deliver(queued)
    queue.withdrawals.withdraw([IMAGE.id])
    queued.end_leases("b")
    following = deliver(queued)
    assert queue.find_held([delivery, following]) == [False, True]
    assert queue.acknowledge([outcome(delivery, "deleted"), outcome(following, "deleted")]) == [False, True]


@pytest.mark.parametrize("size", [10, 11])
def test_withdraw__image_was_queued_again__is_delivered(queued: Installation, size: int) -> None:
    queue, delivery = queued.queue, deliver(queued)
    queue.withdrawals.withdraw([IMAGE.id])
    queue.enqueue([replace(IMAGE, size_bytes=size)])
    queue.acknowledge([outcome(delivery, "deleted")])
    [following] = queue.take_downloads(10)
    assert ImageRef.from_member(following.member).size_bytes == size
    assert queue.acknowledge([outcome(following, "ok")]) == [True]
    assert queue.sizes() == (0, 0)


@pytest.mark.parametrize("has_number", [True, False])
def test_withdraw__metadata_is_in_the_write_queue__drops_it(queued: Installation, has_number: bool) -> None:
    queue, delivery = queued.queue, deliver(queued)
    assert queue.push_metadata([(delivery, b"message")]) == [PUSHED]
    if not has_number:
        # The format of earlier versions.
        element = b"%d:%bmessage" % (len(delivery.member), delivery.member)
        queued.redis.lset(queue.keys.writes, 0, element)
    queue.withdrawals.withdraw([IMAGE.id])
    assert queue.take_writes(1) == []
    queued.end_leases("b")
    assert ImageRef.from_member(deliver(queued).member) == IMAGE


def test_withdraw__many_images__drops_the_oldest_marks(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(withdrawals, "MAX_MARKS", 2)
    installation.queue.enqueue([IMAGE])
    for i in range(5):
        installation.queue.withdrawals.withdraw([f"b/{i}"])
    kept = [i for i in range(5) if installation.queue.withdrawals.is_withdrawn(f"b/{i}")]
    assert kept == [2, 3, 4]
    assert installation.redis.ttl(installation.queue.keys.withdrawn) > 0
