"""The two queues on a real Redis: leases, bounds, counts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from exifinator.errors import QueueUnavailable
from exifinator.models import ImageRef
from exifinator.queue.image_queue import NO_ROOM, PUSHED, UNWANTED, Outcome
from exifinator.queue.redis_client import read_clock
from exifinator.queue.scripts import read_script
from tests.integration.conftest import Installation
from tests.servers import run_redis

NOON = datetime(2024, 5, 17, 12, tzinfo=UTC)


def ref(key: str) -> ImageRef:
    return ImageRef("b", key, "etag", 10, NOON)


def members(*keys: str) -> list[bytes]:
    return [ref(key).to_member() for key in keys]


def test_enqueue__twice__is_queued_once(installation: Installation) -> None:
    assert installation.queue.enqueue([ref("1"), ref("2")]) == 2
    assert installation.queue.enqueue([ref("2"), ref("3")]) == 1
    assert installation.queue.sizes() == (3, 0)
    assert installation.queue.still_queued([ref("1"), ref("9")]) == [True, False]


def due(installation: Installation, key: str) -> float:
    """Return when an image is due, by the clock of Redis."""
    [score] = installation.redis.zmscore(installation.queue.keys.downloads, members(key))
    return float(score)


def age(installation: Installation, seconds: float, *keys: str) -> None:
    """Shorten the leases of images, as if so many seconds had passed."""
    for member in members(*keys):
        installation.redis.zincrby(installation.queue.keys.downloads, -seconds, member)


def test_take_downloads__taken__is_hidden_until_the_lease_ends(install: Callable[..., Installation]) -> None:
    installation = install(LEASE_SECONDS=3600)
    queue = installation.queue
    queue.enqueue([ref("1"), ref("2"), ref("3")])
    began = read_clock(installation.redis).timestamp()

    assert len(queue.take_downloads(2)) == 2
    assert len(queue.take_downloads(9)) == 1
    assert queue.take_downloads(9) == []
    # The lease starts at the delivery, by the clock of Redis.
    now = read_clock(installation.redis).timestamp()
    assert all(began + 3600 <= due(installation, key) <= now + 3600 for key in "123")
    age(installation, 3600, "1", "2", "3")
    again = queue.take_downloads(9)

    assert sorted(d.member for d in again) == sorted(members("1", "2", "3"))
    assert {d.count for d in again} == {2}


def test_extend_leases__extended__stays_hidden(install: Callable[..., Installation]) -> None:
    installation = install(LEASE_SECONDS=3600)
    queue = installation.queue
    queue.enqueue([ref("1"), ref("2")])
    queue.take_downloads(2)
    age(installation, 2000, "1", "2")
    queue.extend_leases(members("1"))
    age(installation, 1600, "1", "2")

    assert [d.member for d in queue.take_downloads(9)] == members("2")


def test_extend_leases__acknowledged_meanwhile__does_not_come_back(installation: Installation) -> None:
    queue = installation.queue
    queue.enqueue([ref("1")])
    [delivery] = queue.take_downloads(1)
    queue.acknowledge([Outcome(delivery.member, "b/1", "ok")])
    queue.extend_leases([delivery.member])
    queue.release([delivery.member])

    assert queue.sizes() == (0, 0)


def test_release__released__is_due_now_and_not_counted(installation: Installation) -> None:
    queue = installation.queue
    queue.enqueue([ref("1")])
    queue.release([queue.take_downloads(1)[0].member])

    assert [(d.member, d.count) for d in queue.take_downloads(1)] == [(members("1")[0], 1)]


def test_push_metadata__any_bytes__come_out_with_their_member(installation: Installation) -> None:
    queue = installation.queue
    queue.enqueue([ref("1"), ref("2:3")])
    taken = queue.take_downloads(9)
    messages = [bytes(range(256)), b"12:\r\n$\x00"]

    assert queue.push_metadata([(d.member, m) for d, m in zip(taken, messages, strict=True)]) == [PUSHED, PUSHED]
    assert queue.sizes() == (2, 2)
    assert queue.take_writes(9) == [(d.member, m) for d, m in zip(taken, messages, strict=True)]
    assert queue.take_writes(9) == []
    assert int(installation.redis.get(queue.keys.write_bytes) or 0) == 0


def test_push_metadata__write_queue_full__has_no_room_and_nothing_more_is_delivered(
    install: Callable[..., Installation],
) -> None:
    queue = install(WRITE_QUEUE_MB=1).queue
    queue.enqueue([ref(str(i)) for i in range(9)])
    taken = [d.member for d in queue.take_downloads(4)]
    big = b"x" * 700_000

    assert queue.push_metadata([(member, big) for member in taken]) == [PUSHED, PUSHED, NO_ROOM, NO_ROOM]
    assert queue.take_downloads(9) == []
    assert len(queue.take_writes(1)) == 1
    assert queue.push_metadata([(taken[2], big)]) == [PUSHED]


def test_push_metadata__acknowledged_or_cancelled_meanwhile__is_not_wanted(installation: Installation) -> None:
    assert installation.queue.push_metadata([(members("1")[0], b"x")]) == [UNWANTED]
    assert installation.queue.sizes() == (0, 0)


def test_take_writes__some_left_to_others__stay_in_the_queue(installation: Installation) -> None:
    queue = installation.queue
    queue.enqueue([ref(str(i)) for i in range(5)])
    queue.push_metadata([(ref(str(i)).to_member(), b"m") for i in range(5)])

    assert queue.take_writes(9, reserve=5) == []
    assert len(queue.take_writes(9, reserve=3)) == 2
    assert len(queue.take_writes(9)) == 3


def test_take_writes__cancelled_while_it_waited__is_dropped(installation: Installation) -> None:
    queue = installation.queue
    queue.enqueue([ref("1"), ref("2")])
    queue.push_metadata([(member, b"m") for member in members("1", "2")])
    installation.redis.zrem(queue.keys.downloads, members("1")[0])

    assert queue.take_writes(9) == [(members("2")[0], b"m")]
    assert int(installation.redis.get(queue.keys.write_bytes) or 0) == 0


def test_acknowledge__counts_once_for_each_batch_that_covers_it(installation: Installation) -> None:
    queue = installation.queue
    queue.batches.open("all", ["b/"])
    queue.batches.open("some", ["b/x", "b/1"])
    queue.batches.open("other", ["bb/"])
    queue.enqueue([ref("1"), ref("2")])
    queue.acknowledge([Outcome(members("1")[0], "b/1", "ok", 100, 2), Outcome(members("2")[0], "b/2", "failed")])
    queue.acknowledge([Outcome(members("1")[0], "b/1", "ok", 100, 2)])

    assert queue.batches.counts("all") == {"opened": 1, "ok": 1, "failed": 1, "bytes_read": 100, "requests": 2}
    assert queue.batches.counts("some") == {"opened": 1, "ok": 1, "bytes_read": 100, "requests": 2}
    assert queue.batches.counts("other") == {"opened": 1}
    queue.acknowledge_regular([Outcome(members("1")[0], "b/1", "ok", 1, 1)])
    assert (queue.batches.counts("some") or {})["ok"] == 2


def test_close_batch__closed__is_forgotten(installation: Installation) -> None:
    queue = installation.queue
    queue.batches.open("a", ["b/"])
    queue.batches.close("a")

    assert queue.batches.counts("a") is None


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


@pytest.mark.parametrize("key", ["a.jpg", "2024/a b.jpg", "two\nlines.jpg", "unit\x1fseparator\x1f.jpg", "ü/日本.jpg"])
def test_member__parsed_by_lua__is_the_image_that_python_wrote(installation: Installation, key: str) -> None:
    member = ref(key).to_member()
    script = f"{read_script('_member')}\nreturn {{bucket_of(ARGV[1]), image_id_of(ARGV[1])}}"

    assert ImageRef.from_member(member) == ref(key)
    assert installation.redis.eval(script, 0, member) == [b"b", ref(key).id.encode()]


def test_sample__members_of_other_buckets_and_formats__are_left_out(installation: Installation) -> None:
    queue = installation.queue
    queue.enqueue([ref("1"), ImageRef("bb", "2", "etag", 10, NOON)])
    installation.redis.zadd(queue.keys.downloads, {b"another format": 0})

    assert queue.refused_buckets.sample("b") == [ref("1")]
