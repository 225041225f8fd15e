"""What waits in Redis, and how it is handed out and acknowledged. Nothing here knows MRQ's classes.

download   a sorted set under the name that MRQ gives a raw timed set: a member stands for an image, its score is the
           moment from which it may be handed out. Handing out moves that moment a lease ahead; the worker extends
           the lease while it lives; acknowledging removes the member. So whatever dies, its images come back.
write      a list under the name that MRQ gives a raw list: the metadata bytes of an image on their way to a write
           worker, bounded by their sum. Its images are parked in the download set meanwhile.

Every step is one script, so it happens whole or not at all, and all of them read the clock of the Redis server: the
clocks of the workers do not matter.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.retry import Retry

from exifinator.config import Config
from exifinator.errors import QueueUnavailable
from exifinator.metrics import observe_queue
from exifinator.records import ImageRef
from exifinator.withdrawal import COUNT_IN_HAND, WITHDRAW

# An image whose bytes wait in the write queue is not handed out again before this many seconds. Both lie in the same
# Redis, so they are lost together or not at all; it is there for a write queue that somebody empties by hand.
PARKED_SECONDS = 3600
MEMBERS_PER_CALL = 1000
# So long the images of a bucket that S3 has come to refuse are not given out; then one try shows whether it still does.
REFUSED_SECONDS = 60
# Of such a bucket, an image that was due is due again after this many seconds.
REFUSED_LATER_SECONDS = 5

_NOW = "local time = redis.call('TIME'); local now = time[1] + time[2] / 1000000\n"

_TAKE_DOWNLOADS = (
    _NOW
    + """
local set, deliveries, write_bytes, refused = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local most, lease, limit, later = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
if tonumber(redis.call('GET', write_bytes) or '0') >= limit then return {} end
local taken, buckets, look_at = {}, nil, most
if redis.call('EXISTS', refused) == 1 then
  buckets, look_at = {}, most + 1000
  for _, bucket in ipairs(redis.call('HKEYS', refused)) do buckets[bucket] = true end
end
for _, member in ipairs(redis.call('ZRANGEBYSCORE', set, '-inf', now, 'LIMIT', 0, look_at)) do
  if buckets and buckets[string.match(member, '^[^\\31]*')] then
    redis.call('ZADD', set, now + later, member)
  elseif #taken < 2 * most then
    redis.call('ZADD', set, now + lease, member)
    taken[#taken + 1] = member
    taken[#taken + 1] = redis.call('HINCRBY', deliveries, member, 1)
  end
end
return taken
"""
)

# An element is "<length of the member>:<member><message>", put together and taken apart by the client: here each step
# would copy it once more. Returns for each: 1 pushed, 0 no room yet, 2 not wanted any more (acknowledged by another
# delivery, or cancelled).
_PUSH_HEADERS = (
    _NOW
    + """
local list, write_bytes, set = KEYS[1], KEYS[2], KEYS[3]
local limit, lease, parked = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local waiting = tonumber(redis.call('GET', write_bytes) or '0')
local outcome = {}
for i = 4, #ARGV, 2 do
  local member, element = ARGV[i], ARGV[i + 1]
  if not redis.call('ZSCORE', set, member) then
    outcome[#outcome + 1] = 2
  elseif waiting >= limit then
    redis.call('ZADD', set, 'XX', now + lease, member)
    outcome[#outcome + 1] = 0
  else
    redis.call('RPUSH', list, element)
    waiting = redis.call('INCRBY', write_bytes, #element)
    redis.call('ZADD', set, 'XX', now + parked, member)
    outcome[#outcome + 1] = 1
  end
end
return outcome
"""
)

_TAKE_WRITES = (
    _NOW
    + """
local list, write_bytes, set = KEYS[1], KEYS[2], KEYS[3]
local most, lease, leave, parked = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local waiting = redis.call('LLEN', list)
if waiting == 0 then redis.call('DEL', write_bytes) return {} end
if waiting <= leave then return {} end
local elements = redis.call('LPOP', list, math.min(most, waiting - leave))
local taken, bytes = {}, 0
for _, element in ipairs(elements) do
  bytes = bytes + #element
  local colon = string.find(element, ':', 1, true)
  local last = colon + tonumber(string.sub(element, 1, colon - 1))
  local member = string.sub(element, colon + 1, last)
  local parked_until = redis.call('ZSCORE', set, member)
  if parked_until then
    redis.call('ZADD', set, 'XX', now + lease, member)
    taken[#taken + 1] = element
    taken[#taken + 1] = math.floor(math.max(0, now + parked - tonumber(parked_until)) * 1000000)
  end
end
redis.call('DECRBY', write_bytes, bytes)
return taken
"""
)

# An image counts for every running batch that covers it, once: when it leaves the download set, or, for a job that
# MRQ keeps itself (a retry, a requeue), when that job says so (`always`).
_ACKNOWLEDGE = """
local set, deliveries, batches, prefix, metrics = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local always = ARGV[1] == '1'
local ended = {}
local running = redis.call('HGETALL', batches)
local sources, counts = {}, {}
for i = 1, #running, 2 do
  sources[running[i]] = cjson.decode(running[i + 1])
  counts[running[i]] = {}
end
local removed = 0
for i = 2, #ARGV, 5 do
  local member, id, outcome = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local left = redis.call('ZREM', set, member)
  redis.call('HDEL', deliveries, member)
  removed = removed + left
  if outcome ~= '' and (always or left == 1) then
    ended[outcome] = (ended[outcome] or 0) + 1
    for batch, prefixes in pairs(sources) do
      for _, source in ipairs(prefixes) do
        if string.sub(id, 1, #source) == source then
          counts[batch][outcome] = (counts[batch][outcome] or 0) + 1
          counts[batch].bytes_read = (counts[batch].bytes_read or 0) + tonumber(ARGV[i + 3])
          counts[batch].requests = (counts[batch].requests or 0) + tonumber(ARGV[i + 4])
          break
        end
      end
    end
  end
end
for batch, numbers in pairs(counts) do
  for name, number in pairs(numbers) do redis.call('HINCRBY', prefix .. batch, name, string.format('%.0f', number)) end
end
for outcome, images in pairs(ended) do redis.call('HINCRBY', metrics, 'images:' .. outcome, images) end
return removed
"""

_EXTEND_LEASES = (
    _NOW
    + """
for i = 2, #ARGV do redis.call('ZADD', KEYS[1], 'XX', 'GT', now + tonumber(ARGV[1]), ARGV[i]) end
"""
)

_HAND_BACK = (
    _NOW
    + """
for i = 1, #ARGV do
  redis.call('ZADD', KEYS[1], 'XX', now, ARGV[i])
  if redis.call('HINCRBY', KEYS[2], ARGV[i], -1) <= 0 then redis.call('HDEL', KEYS[2], ARGV[i]) end
end
"""
)


@dataclass(frozen=True, slots=True)
class Delivery:
    """An image handed to a worker. times: how often it has been handed out, this time included."""

    member: bytes
    times: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an image ended. result: a status of a record, or `failed`; empty: it goes on as a job that MRQ keeps."""

    member: bytes
    image_id: str
    result: str = ""
    bytes_read: int = 0
    requests: int = 0


def _split(element: bytes) -> tuple[bytes, bytes]:
    """The member and the message of an element of the write queue."""
    start = element.index(b":") + 1
    end = start + int(element[: start - 1])
    return element[start:end], element[end:]


@contextmanager
def translated(what: str) -> Iterator[None]:
    try:
        yield
    except redis.exceptions.OutOfMemoryError as exc:
        raise QueueUnavailable(f"Redis cannot {what}: it is at its maxmemory; give it more, or wait") from exc
    except redis.exceptions.RedisError as exc:
        # "Error 111 connecting to 127.0.0.1:6379. Connection refused."
        raise QueueUnavailable(f"Redis cannot {what}: {str(exc).rstrip('.')}") from exc


def connect_redis(config: Config) -> redis.Redis:
    """A pooled client of REDIS_URL (redis:// or rediss://); it connects when first used.

    A pool that waits: more greenlets than connections is normal, and no reason to fail.
    """
    pool = redis.BlockingConnectionPool.from_url(
        config.redis_url.get_secret_value(),
        max_connections=max(20, config.greenlets + 10),
        timeout=30,
        socket_timeout=30,
        socket_connect_timeout=5,
        socket_keepalive=True,
        # The third version of the protocol costs each connection two more round trips, and has nothing for us.
        protocol=2,
        retry=Retry(ExponentialWithJitterBackoff(base=0.05, cap=1.0), 3),
        retry_on_error=[redis.exceptions.BusyLoadingError],
    )
    return redis.Redis(connection_pool=pool)


class ImageQueue:
    """The two queues and the counts of the running batches.

    Every method raises QueueUnavailable where Redis is gone, loading, read-only or full.
    """

    def __init__(self, client: redis.Redis, config: Config) -> None:
        prefix = config.mrq_database
        self.client = client
        self.lease_seconds = config.lease_seconds
        self.max_queued = config.max_queued
        self.write_limit_bytes = config.write_queue_mb * 1024 * 1024
        # Named as MRQ names them, so that its dashboard shows their sizes.
        self.set_key = f"{prefix}:q:{config.download_set}"
        self.list_key = f"{prefix}:q:{config.write_list}"
        self.deliveries_key = f"{prefix}:exifinator:deliveries"
        self.write_bytes_key = f"{prefix}:exifinator:write-bytes"
        self.batches_key = f"{prefix}:exifinator:batches"
        self.counts_prefix = f"{prefix}:exifinator:batch:"
        self.refused_key = f"{prefix}:exifinator:refused"
        self.answering_key = f"{prefix}:exifinator:answering"
        self.metrics_key = f"{prefix}:exifinator:metrics"
        self._take_downloads = client.register_script(_TAKE_DOWNLOADS)
        self._push_headers = client.register_script(_PUSH_HEADERS)
        self._take_writes = client.register_script(_TAKE_WRITES)
        self._acknowledge = client.register_script(_ACKNOWLEDGE)
        self._extend_leases = client.register_script(_EXTEND_LEASES)
        self._hand_back = client.register_script(_HAND_BACK)
        self._withdraw = client.register_script(WITHDRAW)
        self._count_in_hand = client.register_script(COUNT_IN_HAND)

    def now(self) -> datetime:
        """The time by Redis's clock."""
        with translated("tell the time"):
            clock: Any = self.client.time()
        return datetime.fromtimestamp(clock[0], UTC).replace(microsecond=clock[1])

    def enqueue(self, refs: Sequence[ImageRef]) -> int:
        """Queue images; one that is queued already stays where it is. Returns how many were not."""
        added = 0
        with translated("queue images"):
            clock: Any = self.client.time()
            now = clock[0] + clock[1] / 1_000_000
            for start in range(0, len(refs), MEMBERS_PER_CALL):
                members: dict[Any, Any] = {ref.to_member(): now for ref in refs[start : start + MEMBERS_PER_CALL]}
                added += int(self.client.zadd(self.set_key, members, nx=True) or 0)
        return added

    def still_queued(self, refs: Sequence[ImageRef]) -> list[bool]:
        """For each image: does it wait, or is it being read?"""
        if not refs:
            return []
        with translated("look into the download queue"):
            members: list[Any] = [ref.to_member() for ref in refs]
            scores: Any = self.client.zmscore(self.set_key, members)
        return [score is not None for score in scores]

    def take_downloads(self, most: int) -> list[Delivery]:
        """Hand out at most `most` images that are due; none while the write queue is full."""
        with translated("hand out images"):
            flat = self._take_downloads(
                keys=[self.set_key, self.deliveries_key, self.write_bytes_key, self.refused_key],
                args=[most, self.lease_seconds, self.write_limit_bytes, REFUSED_LATER_SECONDS],
            )
        return [Delivery(flat[i], int(flat[i + 1])) for i in range(0, len(flat), 2)]

    def push_headers(self, pairs: Sequence[tuple[bytes, bytes]]) -> list[int]:
        """Queue (member, message) pairs for the write workers: 1 pushed, 0 no room yet, 2 not wanted any more."""
        args: list[Any] = [self.write_limit_bytes, self.lease_seconds, PARKED_SECONDS]
        for member, message in pairs:
            args += (member, b"%d:%b%b" % (len(member), member, message))
        with translated("queue metadata"):
            return [
                int(n) for n in self._push_headers(keys=[self.list_key, self.write_bytes_key, self.set_key], args=args)
            ]

    def take_writes(self, most: int, *, leave: int = 0) -> list[tuple[bytes, bytes]]:
        """Hand out at most `most` (member, message) pairs, oldest first; `leave` of them stay for others."""
        with translated("hand out metadata"):
            flat = self._take_writes(
                keys=[self.list_key, self.write_bytes_key, self.set_key],
                args=[most, self.lease_seconds, leave, PARKED_SECONDS],
            )
        for waited_microseconds in flat[1::2]:
            observe_queue(waited_microseconds / 1_000_000)
        return [_split(element) for element in flat[0::2]]

    def acknowledge(self, outcomes: Iterable[Outcome], *, always: bool = False) -> None:
        """Remove images that are done from the download queue, and count them for the batches that cover them.

        always: count also what is not in the queue, for the jobs that MRQ keeps itself.
        """
        args: list[Any] = [int(always)]
        for o in outcomes:
            args += (o.member, o.image_id, o.result, o.bytes_read, o.requests)
        if len(args) == 1:
            return
        with translated("acknowledge images"):
            keys = [self.set_key, self.deliveries_key, self.batches_key, self.counts_prefix, self.metrics_key]
            self._acknowledge(keys=keys, args=args)

    def extend_leases(self, members: Sequence[bytes]) -> None:
        """Keep images for another lease; those that left the queue stay out of it."""
        with translated("extend leases"):
            for start in range(0, len(members), MEMBERS_PER_CALL):
                chunk = members[start : start + MEMBERS_PER_CALL]
                self._extend_leases(keys=[self.set_key], args=[self.lease_seconds, *chunk])

    def hand_back(self, members: Sequence[bytes]) -> None:
        """Give images back at once, as if they had not been handed out."""
        if members:
            with translated("take images back"):
                self._hand_back(keys=[self.set_key, self.deliveries_key], args=list(members))

    def count_delivery(self, ref: ImageRef) -> int:
        """Count one more try of an image whose job MRQ keeps itself. Returns how many there were."""
        with translated("count deliveries"):
            return int(self.client.hincrby(self.deliveries_key, ref.to_member(), 1))

    def sizes(self) -> tuple[int, int]:
        """How many images wait or are being read, and how many of them wait for a write worker."""
        with translated("tell its queues"):
            pipe = self.client.pipeline(transaction=False)
            pipe.zcard(self.set_key)
            pipe.llen(self.list_key)
            waiting, writing = pipe.execute()
        return int(waiting), int(writing)

    def is_full(self) -> bool:
        """Are there MAX_QUEUED images in the download queue, or more?"""
        with translated("tell its queues"):
            size: Any = self.client.zcard(self.set_key)
        return int(size) >= self.max_queued

    def refuse(self, bucket: str, sentence: str) -> None:
        """Give out no image of a bucket for a while; sentence: why, for those who wait for them."""
        with translated("note a refused bucket"):
            pipe = self.client.pipeline()
            pipe.hset(self.refused_key, bucket, sentence)
            pipe.expire(self.refused_key, REFUSED_SECONDS)
            pipe.execute()

    def permit(self, buckets: Collection[str]) -> None:
        """Give out the images of these buckets again."""
        with translated("permit buckets"):
            self.client.hdel(self.refused_key, *buckets)

    def refusals(self, buckets: Collection[str]) -> dict[str, str]:
        """Those of these buckets whose images are not given out, and why."""
        with translated("tell its refused buckets"):
            found: Any = self.client.hgetall(self.refused_key)
        return {name.decode(): why.decode() for name, why in found.items() if name.decode() in buckets}

    def note_answering(self, ref: ImageRef) -> None:
        """Keep an object that S3 did not refuse: one of each bucket, to tell a refused object from a refused bucket."""
        with translated("note an object"):
            self.client.hset(self.answering_key, ref.bucket, ref.to_member())

    def answering(self, bucket: str) -> ImageRef | None:
        """The object of a bucket that was noted last."""
        with translated("tell an object"):
            member: Any = self.client.hget(self.answering_key, bucket)
        return ImageRef.from_member(member) if member else None

    def sample(self, bucket: str) -> list[ImageRef]:
        """At most three images of a bucket that are in the download queue, at random."""
        with translated("look into the download queue"):
            members: Any = self.client.zrandmember(self.set_key, 50) or []
        start = bucket.encode() + b"\x1f"
        return [ImageRef.from_member(member) for member in members if member.startswith(start)][:3]

    def open_batch(self, batch_id: str, prefixes: Sequence[str], *, counts: Mapping[str, int] | None = None) -> None:
        """Start to count, for a batch, the images whose id starts with one of the prefixes; counts: what it has."""
        with translated("open a batch"):
            pipe = self.client.pipeline()
            pipe.hset(self.batches_key, batch_id, json.dumps(list(prefixes), ensure_ascii=False))
            known: dict[Any, Any] = {name: count for name, count in (counts or {}).items() if count}
            pipe.hset(self.counts_prefix + batch_id, mapping={"opened": 1} | known)
            pipe.execute()

    def open_batches(self) -> list[str]:
        """The batches that are counted for."""
        with translated("tell its batches"):
            names: Any = self.client.hkeys(self.batches_key)
        return [name.decode() for name in names]

    def open_prefixes(self) -> dict[str, list[str]]:
        """What the ids of the images start with that each open batch is counted for."""
        with translated("tell its batches"):
            found: Any = self.client.hgetall(self.batches_key)
        return {name.decode(): json.loads(prefixes) for name, prefixes in found.items()}

    def withdraw(self, batch_id: str, prefixes: Sequence[str], *, in_hand_too: bool = False) -> int:
        """Take the images of a batch out of the download queue that no other open batch covers. Returns how many.

        Those that a worker has in hand, or has read already, stay unless in_hand_too.
        """
        ours = json.dumps(list(prefixes), ensure_ascii=False)
        cursor, removed = b"0", 0
        with translated("withdraw images"):
            while True:
                cursor, some = self._withdraw(
                    keys=[self.set_key, self.batches_key, self.deliveries_key],
                    args=[batch_id, ours, int(in_hand_too), cursor, MEMBERS_PER_CALL],
                )
                removed += int(some)
                if int(cursor) == 0:
                    return removed

    def count_in_hand(self, batch_id: str, prefixes: Sequence[str]) -> int:
        """How many images of a batch, and of no other open one, are being read or wait to be written."""
        ours = json.dumps(list(prefixes), ensure_ascii=False)
        with translated("look into the download queue"):
            return int(self._count_in_hand(keys=[self.set_key, self.batches_key], args=[batch_id, ours]))

    def batch_counts(self, batch_id: str) -> dict[str, int] | None:
        """What has been counted for a batch so far; None where Redis does not know it (any more)."""
        with translated("tell a batch's counts"):
            counts: Any = self.client.hgetall(self.counts_prefix + batch_id)
        return {name.decode(): int(n) for name, n in counts.items()} if counts else None

    def close_batch(self, batch_id: str) -> None:
        """Stop to count for a batch, and forget its counts."""
        with translated("close a batch"):
            pipe = self.client.pipeline()
            pipe.hdel(self.batches_key, batch_id)
            pipe.delete(self.counts_prefix + batch_id)
            pipe.execute()
