"""The two queues on a real Redis: leases, bounds, counts."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from exifinator.errors import QueueUnavailable
from exifinator.queues import Outcome
from exifinator.records import ImageRef
from tests.integration.conftest import Installation
from tests.servers import run_redis

NOON = datetime(2024, 5, 17, 12, tzinfo=UTC)


def ref(key: str) -> ImageRef:
    return ImageRef("b", key, "etag", 10, NOON)


def members(*keys: str) -> list[bytes]:
    return [ref(key).to_member() for key in keys]


def test_enqueue__twice__is_there_once(installation: Installation) -> None:
    assert installation.queue.enqueue([ref("1"), ref("2")]) == 2
    assert installation.queue.enqueue([ref("2"), ref("3")]) == 1
    assert installation.queue.sizes() == (3, 0)
    assert installation.queue.still_queued([ref("1"), ref("9")]) == [True, False]


def test_take_downloads__taken__is_hidden_until_the_lease_ends(install: Callable[..., Installation]) -> None:
    queue = install(LEASE_SECONDS=3).queue
    queue.enqueue([ref("1"), ref("2"), ref("3")])

    assert len(queue.take_downloads(2)) == 2
    assert len(queue.take_downloads(9)) == 1
    assert queue.take_downloads(9) == []
    time.sleep(3.1)
    again = queue.take_downloads(9)

    assert sorted(d.member for d in again) == sorted(members("1", "2", "3"))
    assert {d.times for d in again} == {2}


def test_extend_leases__extended__stays_hidden(install: Callable[..., Installation]) -> None:
    queue = install(LEASE_SECONDS=3).queue
    queue.enqueue([ref("1"), ref("2")])
    queue.take_downloads(2)
    time.sleep(2)
    queue.extend_leases(members("1"))
    time.sleep(1.5)

    assert [d.member for d in queue.take_downloads(9)] == members("2")


def test_extend_leases__acknowledged_meanwhile__does_not_come_back(installation: Installation) -> None:
    queue = installation.queue
    queue.enqueue([ref("1")])
    [delivery] = queue.take_downloads(1)
    queue.acknowledge([Outcome(delivery.member, "b/1", "ok")])
    queue.extend_leases([delivery.member])
    queue.hand_back([delivery.member])

    assert queue.sizes() == (0, 0)


def test_hand_back__handed_back__is_due_at_once_and_not_counted(installation: Installation) -> None:
    queue = installation.queue
    queue.enqueue([ref("1")])
    queue.hand_back([queue.take_downloads(1)[0].member])

    assert [(d.member, d.times) for d in queue.take_downloads(1)] == [(members("1")[0], 1)]


def test_push_headers__any_bytes__come_out_with_their_member(installation: Installation) -> None:
    queue = installation.queue
    queue.enqueue([ref("1"), ref("2:3")])
    taken = queue.take_downloads(9)
    messages = [bytes(range(256)), b"12:\r\n$\x00"]

    assert queue.push_headers([(d.member, m) for d, m in zip(taken, messages, strict=True)]) == [1, 1]
    assert queue.sizes() == (2, 2)
    assert queue.take_writes(9) == [(d.member, m) for d, m in zip(taken, messages, strict=True)]
    assert queue.take_writes(9) == []
    assert int(installation.redis.get(queue.write_bytes_key) or 0) == 0


def test_push_headers__above_the_bound__waits_and_nothing_more_is_handed_out(
    install: Callable[..., Installation],
) -> None:
    queue = install(WRITE_QUEUE_MB=1).queue
    queue.enqueue([ref(str(i)) for i in range(9)])
    taken = [d.member for d in queue.take_downloads(4)]
    big = b"x" * 700_000

    assert queue.push_headers([(member, big) for member in taken]) == [1, 1, 0, 0]
    assert queue.take_downloads(9) == []
    assert len(queue.take_writes(1)) == 1
    assert queue.push_headers([(taken[2], big)]) == [1]


def test_push_headers__acknowledged_or_cancelled_meanwhile__is_not_wanted(installation: Installation) -> None:
    assert installation.queue.push_headers([(members("1")[0], b"x")]) == [2]
    assert installation.queue.sizes() == (0, 0)


def test_take_writes__some_to_be_left__stay_for_others(installation: Installation) -> None:
    queue = installation.queue
    queue.enqueue([ref(str(i)) for i in range(5)])
    queue.push_headers([(ref(str(i)).to_member(), b"m") for i in range(5)])

    assert queue.take_writes(9, leave=5) == []
    assert len(queue.take_writes(9, leave=3)) == 2
    assert len(queue.take_writes(9)) == 3


def test_take_writes__cancelled_while_it_waited__is_dropped(installation: Installation) -> None:
    queue = installation.queue
    queue.enqueue([ref("1"), ref("2")])
    queue.push_headers([(member, b"m") for member in members("1", "2")])
    installation.redis.zrem(queue.set_key, members("1")[0])

    assert queue.take_writes(9) == [(members("2")[0], b"m")]
    assert int(installation.redis.get(queue.write_bytes_key) or 0) == 0


def test_acknowledge__counts_once_for_each_batch_that_covers_it(installation: Installation) -> None:
    queue = installation.queue
    queue.open_batch("all", ["b/"])
    queue.open_batch("some", ["b/x", "b/1"])
    queue.open_batch("other", ["bb/"])
    queue.enqueue([ref("1"), ref("2")])
    queue.acknowledge([Outcome(members("1")[0], "b/1", "ok", 100, 2), Outcome(members("2")[0], "b/2", "failed")])
    queue.acknowledge([Outcome(members("1")[0], "b/1", "ok", 100, 2)])

    assert queue.batch_counts("all") == {"opened": 1, "ok": 1, "failed": 1, "bytes_read": 100, "requests": 2}
    assert queue.batch_counts("some") == {"opened": 1, "ok": 1, "bytes_read": 100, "requests": 2}
    assert queue.batch_counts("other") == {"opened": 1}
    queue.acknowledge([Outcome(members("1")[0], "b/1", "ok", 1, 1)], always=True)
    assert (queue.batch_counts("some") or {})["ok"] == 2


def test_close_batch__closed__is_forgotten(installation: Installation) -> None:
    queue = installation.queue
    queue.open_batch("a", ["b/"])
    queue.close_batch("a")

    assert queue.batch_counts("a") is None


def test_queue__redis_gone__is_queue_unavailable(install: Callable[..., Installation]) -> None:
    with pytest.raises(QueueUnavailable, match="Redis cannot"):
        install(REDIS_URL="redis://127.0.0.1:1/0").queue.sizes()


def test_queue__redis_full__is_queue_unavailable_with_the_remedy(
    install: Callable[..., Installation], tmp_path_factory: pytest.TempPathFactory
) -> None:
    with run_redis(tmp_path_factory.mktemp("full")) as url:
        installation = install(REDIS_URL=url)
        installation.redis.config_set("maxmemory", "1mb")
        installation.redis.config_set("maxmemory-policy", "noeviction")
        with pytest.raises(QueueUnavailable, match="maxmemory"):
            installation.queue.enqueue([ref(str(i)) for i in range(20_000)])
