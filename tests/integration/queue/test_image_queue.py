"""The download queue and the write queue on a real Redis: leases, limits, counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from exifinator.errors import MetadataNotQueued, QueueUnavailable
from exifinator.models import ImageRef
from exifinator.queue.image_queue import BYTES_PER_TAKE, NO_ROOM, PUSHED, REFUSED, UNWANTED, Delivery, Outcome
from exifinator.queue.redis_client import read_clock
from tests.integration.conftest import Installation
from tests.servers import run_redis

NOON = datetime(2024, 5, 17, 12, tzinfo=UTC)


def ref(key: str) -> ImageRef:
    return ImageRef("b", key, "etag", 10, NOON)


def members(*keys: str) -> list[bytes]:
    return [ref(key).to_member() for key in keys]


def test_enqueue__same_image_twice__is_queued_once(installation: Installation) -> None:
    assert installation.queue.enqueue([ref("1"), ref("2")]) == 2
    assert installation.queue.enqueue([ref("2"), ref("3")]) == 1
    assert installation.queue.sizes() == (3, 0)
    assert installation.queue.still_queued([ref("1"), ref("9")]) == [True, False]


def due_at(installation: Installation, key: str) -> float:
    """Return when an image is due, in seconds of the clock of Redis."""
    [score] = installation.redis.zmscore(installation.queue.keys.downloads, members(key))
    return float(score)


def shorten_leases(installation: Installation, seconds: float, *keys: str) -> None:
    """Shorten the leases of images, as if so many seconds had passed."""
    for member in members(*keys):
        installation.redis.zincrby(installation.queue.keys.downloads, -seconds, member)


def test_take_downloads__delivered_image__is_hidden_until_its_lease_expires(
    install: Callable[..., Installation],
) -> None:
    installation = install(LEASE_SECONDS=3600)
    queue = installation.queue
    queue.enqueue([ref("1"), ref("2"), ref("3")])
    began = read_clock(installation.redis).timestamp()

    assert len(queue.take_downloads(2)) == 2
    assert len(queue.take_downloads(9)) == 1
    assert queue.take_downloads(9) == []
    # The lease starts at the delivery, by the clock of Redis.
    now = read_clock(installation.redis).timestamp()
    assert all(began + 3600 <= due_at(installation, key) <= now + 3600 for key in "123")
    shorten_leases(installation, 3600, "1", "2", "3")
    again = queue.take_downloads(9)

    assert sorted(d.member for d in again) == sorted(members("1", "2", "3"))
    assert {d.count for d in again} == {2}


def test_extend_leases__extended_lease__hides_the_image_for_longer(install: Callable[..., Installation]) -> None:
    installation = install(LEASE_SECONDS=3600)
    queue = installation.queue
    queue.enqueue([ref("1"), ref("2")])
    taken = {delivery.member: delivery for delivery in queue.take_downloads(2)}
    shorten_leases(installation, 2000, "1", "2")
    queue.extend_leases([taken[members("1")[0]]])
    shorten_leases(installation, 1600, "1", "2")

    assert [d.member for d in queue.take_downloads(9)] == members("2")


def test_extend_leases__image_was_acknowledged__does_not_queue_it_again(installation: Installation) -> None:
    queue = installation.queue
    queue.enqueue([ref("1")])
    [delivery] = queue.take_downloads(1)
    queue.acknowledge([Outcome(delivery.member, "b/1", "ok", delivery=delivery.number)])
    queue.extend_leases([delivery])
    queue.release([delivery])

    assert queue.sizes() == (0, 0)


def test_release__uncounted__image_is_due_at_once_with_the_same_count(installation: Installation) -> None:
    queue = installation.queue
    queue.enqueue([ref("1")])
    queue.release(queue.take_downloads(1))

    assert [(d.member, d.count) for d in queue.take_downloads(1)] == [(members("1")[0], 1)]


def test_push_metadata__any_bytes__are_taken_out_unchanged_with_their_member(installation: Installation) -> None:
    queue = installation.queue
    queue.enqueue([ref("1"), ref("2:3")])
    taken = queue.take_downloads(9)
    messages = [bytes(range(256)), b"12:\r\n$\x00"]

    assert queue.push_metadata(list(zip(taken, messages, strict=True))) == [PUSHED, PUSHED]
    assert queue.sizes() == (2, 2)
    assert [(d.member, d.number, m) for d, m in queue.take_writes(9)] == [
        (d.member, d.number, m) for d, m in zip(taken, messages, strict=True)
    ]
    assert queue.take_writes(9) == []
    assert int(installation.redis.get(queue.keys.write_bytes) or 0) == 0


def test_push_metadata__write_queue_is_full__returns_no_room_and_stops_deliveries(
    install: Callable[..., Installation],
) -> None:
    queue = install(WRITE_QUEUE_MB=1).queue
    queue.enqueue([ref(str(i)) for i in range(9)])
    taken = queue.take_downloads(4)
    big = b"x" * 500_000

    assert queue.push_metadata([(delivery, big) for delivery in taken]) == [PUSHED, PUSHED, NO_ROOM, NO_ROOM]
    assert queue.take_downloads(9) == []
    assert len(queue.take_writes(1)) == 1
    assert queue.push_metadata([(taken[2], big)]) == [PUSHED]


@pytest.mark.parametrize("sizes", [(600_000, 600_000), (1_000_000, 100_000), (1, 1_100_000)])
def test_push_metadata__message_larger_than_the_free_space__keeps_the_limit(
    install: Callable[..., Installation], sizes: tuple[int, int]
) -> None:
    installation = install(WRITE_QUEUE_MB=1)
    queue = installation.queue
    queue.enqueue([ref("1"), ref("2")])
    pairs = [(delivery, b"x" * size) for delivery, size in zip(queue.take_downloads(2), sizes, strict=True)]

    assert queue.push_metadata(pairs) == [PUSHED, NO_ROOM]
    assert int(installation.redis.get(queue.keys.write_bytes)) <= 1024**2  # type: ignore[arg-type]


def test_push_metadata__message_larger_than_the_limit__is_accepted_by_an_empty_queue(
    install: Callable[..., Installation],
) -> None:
    queue = install(WRITE_QUEUE_MB=1).queue
    queue.enqueue([ref("1")])

    assert queue.push_metadata([(queue.take_downloads(1)[0], b"x" * 2_000_000)]) == [PUSHED]


@pytest.mark.parametrize("bad", [0, 1, 2])
def test_push_metadata__redis_refuses_one_message__others_are_pushed(
    install: Callable[..., Installation], tmp_path_factory: pytest.TempPathFactory, bad: int
) -> None:
    with run_redis(tmp_path_factory.mktemp("small")) as url:
        installation = install(REDIS_URL=url)
        installation.redis.config_set("proto-max-bulk-len", str(1024**2))
        queue = installation.queue
        queue.enqueue([ref(str(i)) for i in range(3)])
        pairs = [(d, b"x" * (1_200_000 if i == bad else 10)) for i, d in enumerate(queue.take_downloads(3))]

        results = queue.push_metadata(pairs)

        assert results == [REFUSED if i == bad else PUSHED for i in range(3)]
        assert installation.redis.llen(queue.keys.writes) == 2


def test_push_metadata__message_exceeds_the_memory_of_redis__raises_metadata_not_queued(
    install: Callable[..., Installation], tmp_path_factory: pytest.TempPathFactory
) -> None:
    with run_redis(tmp_path_factory.mktemp("small")) as url:
        installation = install(REDIS_URL=url, WRITE_QUEUE_MB=64)
        queue = installation.queue
        queue.enqueue([ref(str(i)) for i in range(3)])
        deliveries = queue.take_downloads(3)
        used_bytes: Any = installation.redis.info("memory")["used_memory"]
        installation.redis.config_set("maxmemory", used_bytes + 8_000_000)

        with pytest.raises(MetadataNotQueued, match="maxmemory") as raised:
            queue.push_metadata([(d, b"x" * (12_000_000 if i == 1 else 10)) for i, d in enumerate(deliveries)])

        assert raised.value.code == "redis_full"


def test_push_metadata__redis_is_unavailable__raises_metadata_not_queued(
    install: Callable[..., Installation], tmp_path_factory: pytest.TempPathFactory
) -> None:
    with run_redis(tmp_path_factory.mktemp("small")) as url:
        queue = install(REDIS_URL=url).queue
        queue.enqueue([ref("a")])
        [delivery] = queue.take_downloads(1)
    with pytest.raises(MetadataNotQueued, match="Redis cannot queue metadata"):
        queue.push_metadata([(delivery, b"x")])


def test_release__counted__image_is_due_at_once_with_a_higher_count(installation: Installation) -> None:
    queue = installation.queue
    queue.enqueue([ref("a"), ref("b")])
    counts = []
    for _ in range(3):
        deliveries = sorted(queue.take_downloads(2), key=lambda delivery: delivery.member)
        counts.append([delivery.count for delivery in deliveries])
        queue.release(deliveries[:1], counted=True)
        queue.release(deliveries[1:])

    assert counts == [[1, 1], [2, 1], [3, 1]]


def test_push_metadata__image_is_no_longer_queued__is_unwanted(installation: Installation) -> None:
    assert installation.queue.push_metadata([(Delivery(members("1")[0], 1), b"x")]) == [UNWANTED]
    assert installation.queue.sizes() == (0, 0)


def test_take_writes__with_a_reserve__leaves_that_many_to_other_workers(installation: Installation) -> None:
    queue = installation.queue
    queue.enqueue([ref(str(i)) for i in range(5)])
    queue.push_metadata([(delivery, b"m") for delivery in queue.take_downloads(5)])

    assert queue.take_writes(9, reserve=5) == []
    assert len(queue.take_writes(9, reserve=3)) == 2
    assert len(queue.take_writes(9)) == 3


def test_take_writes__image_was_cancelled__drops_its_metadata(installation: Installation) -> None:
    queue = installation.queue
    queue.enqueue([ref("1"), ref("2")])
    queue.push_metadata([(delivery, b"m") for delivery in queue.take_downloads(2)])
    installation.redis.zrem(queue.keys.downloads, members("1")[0])

    assert [(delivery.member, message) for delivery, message in queue.take_writes(9)] == [(members("2")[0], b"m")]
    assert int(installation.redis.get(queue.keys.write_bytes) or 0) == 0


def test_acknowledge__several_batches_are_open__counts_once_in_each_that_covers_the_image(
    installation: Installation,
) -> None:
    queue = installation.queue
    queue.batches.open("all", ["b/"])
    queue.batches.open("some", ["b/x", "b/1"])
    queue.batches.open("other", ["bb/"])
    queue.enqueue([ref("1"), ref("2")])
    number = queue.take_downloads(2)[0].number
    one, two = members("1", "2")
    queue.acknowledge([Outcome(one, "b/1", "ok", 100, 2, number), Outcome(two, "b/2", "failed", delivery=number)])
    queue.acknowledge([Outcome(one, "b/1", "ok", 100, 2, number)])

    assert queue.batches.counts("all") == {"opened": 1, "ok": 1, "failed": 1, "bytes_read": 100, "requests": 2}
    assert queue.batches.counts("some") == {"opened": 1, "ok": 1, "bytes_read": 100, "requests": 2}
    assert queue.batches.counts("other") == {"opened": 1}
    queue.acknowledge([Outcome(one, "b/1", "ok", 1, 1)])
    assert (queue.batches.counts("some") or {})["ok"] == 2


def test_acknowledge__command_is_sent_twice__counts_once(installation: Installation) -> None:
    queue = installation.queue
    queue.batches.open("all", ["b/"])
    queue.enqueue([ref("1"), ref("2")])
    deliveries = queue.take_downloads(2)
    outcomes = [Outcome(given.member, "b/x", "ok", delivery=given.number) for given in deliveries]
    outcomes.append(Outcome(members("3")[0], "b/3", "ok", delivery=deliveries[0].number))
    # A regular job, which has no delivery.
    outcomes.append(Outcome(members("4")[0], "b/4", "failed"))
    run = queue._scripts.run

    def send_twice(name: str, keys: Sequence[str], args: Sequence[Any]) -> Any:
        run(name, keys, args)
        return run(name, keys, args)

    queue._scripts.run = send_twice  # type: ignore[method-assign]
    assert queue.acknowledge(outcomes) == [True, True, False, True]
    assert queue.batches.counts("all") == {"opened": 1, "ok": 2, "failed": 1, "bytes_read": 0, "requests": 0}
    queue._scripts.run = run  # type: ignore[method-assign]
    assert queue.acknowledge(outcomes[:2]) == [False, False]
    assert queue.acknowledge([]) == []


def lose_image(installation: Installation, how: str) -> tuple[Delivery, list[Delivery]]:
    """Take an image out of a delivery. Return the delivery and, if the image was delivered again, the new delivery."""
    queue = installation.queue
    queue.batches.open("a", ["b/"])
    queue.enqueue([ref("1")])
    [lost] = queue.take_downloads(1)
    if how == "cancelled":
        queue.batches.cancel_pending("a", ["b/"], include_in_progress=True)
    elif how == "emptied":
        installation.control.empty_queues()
    elif how == "acknowledged":
        queue.acknowledge([Outcome(lost.member, "b/1", "ok", delivery=lost.number)])
        queue.enqueue([ref("1")])
    else:
        shorten_leases(installation, 3600, "1")
    return lost, queue.take_downloads(1)


@pytest.mark.parametrize("how", ["expired", "acknowledged", "cancelled", "emptied"])
def test_delivery__its_image_was_lost__changes_nothing(installation: Installation, how: str) -> None:
    queue = installation.queue
    lost, others = lose_image(installation, how)
    before = queue.batches.counts("a"), installation.queued()

    assert queue.find_held([lost, *others]) == [False, *[True for _ in others]]
    assert queue.push_metadata([(lost, b"x")]) == [UNWANTED]
    queue.extend_leases([lost])
    queue.release([lost])
    queue.acknowledge([Outcome(lost.member, "b/1", "ok", delivery=lost.number)])

    assert queue.batches.counts("a") == before[0]
    assert queue.sizes() == (len(others), 0)
    assert queue.take_downloads(9) == []
    # The image still belongs to the new delivery.
    queue.acknowledge([Outcome(other.member, "b/1", "failed", delivery=other.number) for other in others])
    assert queue.sizes() == (0, 0)


def test_delivery__taken_from_the_write_queue__has_the_number_of_its_download(installation: Installation) -> None:
    queue = installation.queue
    queue.enqueue([ref("1")])
    [fetching] = queue.take_downloads(1)
    queue.push_metadata([(fetching, b"m")])
    [(writing, _)] = queue.take_writes(1)

    assert writing.number == fetching.number
    shorten_leases(installation, 3600, "1")
    [again] = queue.take_downloads(1)
    assert queue.find_held([writing, again]) == [False, True]


def test_take_writes__elements_are_large__takes_a_few_at_a_time(installation: Installation) -> None:
    queue = installation.queue
    queue.enqueue([ref(str(i)) for i in range(9)])
    large = b"x" * (BYTES_PER_TAKE // 2)
    queue.push_metadata([(delivery, large) for delivery in queue.take_downloads(9)])

    taken = [len(queue.take_writes(9)) for _ in range(5)]

    assert taken == [2, 2, 2, 2, 1]
    assert queue.sizes() == (9, 0)
    assert installation.redis.get(queue.keys.write_bytes) == b"0"


def test_take_writes__image_was_delivered_again__drops_the_old_metadata(installation: Installation) -> None:
    """The metadata may be that of an older object, so it must not be stored as the result of the next delivery."""
    queue = installation.queue
    queue.enqueue([ref("a"), ref("b")])
    first = queue.take_downloads(2)
    queue.push_metadata([(delivery, b"old") for delivery in first])
    # The time for which the image was parked ends.
    installation.redis.zadd(queue.keys.downloads, dict.fromkeys(members("a"), 0), xx=True)
    [second] = queue.take_downloads(2)

    assert [(write.member, message) for write, message in queue.take_writes(10)] == [(*members("b"), b"old")]
    assert queue.find_held([second]) == [True]
    queue.push_metadata([(second, b"new")])
    assert queue.take_writes(10) == [(Delivery(second.member, second.number), b"new")]


def test_take_writes__element_in_the_format_of_an_earlier_version__is_delivered(installation: Installation) -> None:
    queue = installation.queue
    queue.enqueue([ref("a")])
    [delivery] = queue.take_downloads(1)
    [member] = members("a")
    installation.redis.rpush(queue.keys.writes, b"%d:%bmessage" % (len(member), member))

    assert queue.take_writes(10) == [(Delivery(member, delivery.number), b"message")]


def test_close_batch__open_batch__has_no_counts_afterwards(installation: Installation) -> None:
    queue = installation.queue
    queue.batches.open("a", ["b/"])
    queue.batches.close("a")

    assert queue.batches.counts("a") is None


def test_queue__redis_does_not_respond__raises_queue_unavailable(install: Callable[..., Installation]) -> None:
    with pytest.raises(QueueUnavailable, match="Redis cannot"):
        install(REDIS_URL="redis://127.0.0.1:1/0").queue.sizes()


def test_queue__memory_of_redis_is_full__raises_queue_unavailable_with_the_remedy(
    install: Callable[..., Installation], tmp_path_factory: pytest.TempPathFactory
) -> None:
    with run_redis(tmp_path_factory.mktemp("full")) as url:
        installation = install(REDIS_URL=url)
        installation.redis.config_set("maxmemory", "1mb")
        installation.redis.config_set("maxmemory-policy", "noeviction")
        with pytest.raises(QueueUnavailable, match="maxmemory"):
            installation.queue.enqueue([ref(str(i)) for i in range(20_000)])
