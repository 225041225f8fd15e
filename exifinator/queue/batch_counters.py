"""Count images for the open batches, cancel the images of a batch, and limit how many batches start.

A batch is open from its start until `close` is called. While a batch is open, each acknowledged image whose id starts
with one of the batch's prefixes is counted for the batch. Several open batches may cover the same image.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import redis

from exifinator.queue.keys import QueueKeys
from exifinator.queue.redis_client import redis_errors
from exifinator.queue.scripts import RedisScripts

# Approximately how many images of the download queue one call of the cancel_pending script checks.
MEMBERS_PER_SCAN = 1000


class BatchCounters:
    """Counters of the open batches in Redis. Every method may raise QueueUnavailable."""

    def __init__(self, client: redis.Redis, keys: QueueKeys) -> None:
        self._client = client
        self._keys = keys
        self._scripts = RedisScripts(client)

    def open(self, batch_id: str, prefixes: Sequence[str], *, counts: Mapping[str, int] | None = None) -> None:
        """Open a batch: count the acknowledged images whose ids start with one of the prefixes.

        Args:
            prefixes: Prefixes of image ids (`<bucket>/<key>`).
            counts: The counts that a resumed batch starts with, by result.
        """
        initial: dict[Any, Any] = {name: count for name, count in (counts or {}).items() if count}
        with redis_errors("open a batch"):
            pipe = self._client.pipeline()
            pipe.hset(self._keys.batches, batch_id, _to_json(prefixes))
            # `opened` makes the hash exist while all counts are 0, so that `counts` can tell whether the batch is open.
            pipe.hset(self._keys.batch_counts_prefix + batch_id, mapping={"opened": 1} | initial)
            pipe.execute()

    def close(self, batch_id: str) -> None:
        """Stop counting images for a batch, and delete the counts of the batch."""
        with redis_errors("close a batch"):
            pipe = self._client.pipeline()
            pipe.hdel(self._keys.batches, batch_id)
            pipe.delete(self._keys.batch_counts_prefix + batch_id)
            pipe.hdel(self._keys.batch_prices, batch_id)
            pipe.hdel(self._keys.batch_limits, batch_id)
            pipe.execute()

    def reserve_start(self, batch_id: str, running: Sequence[str], *, limit: int, seconds: float) -> bool:
        """Reserve the start of a batch, unless too many batches are running or starting.

        Args:
            running: The ids of the running batches.
            limit: The maximum number of batches.
            seconds: How long the reservation lasts unless it is released.

        Returns:
            Whether the batch may be started.
        """
        with redis_errors("reserve the start of a batch"):
            args = [batch_id, limit, seconds, *running]
            return bool(self._scripts.run("reserve_start", [self._keys.starting_batches], args))

    def release_start(self, batch_id: str) -> None:
        """Release the reservation of a batch that has ended or was not started."""
        with redis_errors("release the start of a batch"):
            self._client.zrem(self._keys.starting_batches, batch_id)

    def open_ids(self) -> list[str]:
        """Return the ids of the open batches."""
        with redis_errors("list the open batches"):
            names: Any = self._client.hkeys(self._keys.batches)
        return [name.decode() for name in names]

    def open_prefixes(self) -> dict[str, list[str]]:
        """Return the prefixes of each open batch, by batch id."""
        with redis_errors("list the open batches"):
            batches: Any = self._client.hgetall(self._keys.batches)
        return {name.decode(): json.loads(prefixes) for name, prefixes in batches.items()}

    def counts(self, batch_id: str) -> dict[str, int] | None:
        """Return the counts of an open batch: images by result, `bytes_read` and `requests`; and `opened`, always 1.

        Return None if the batch is not open, or if Redis has lost its data.
        """
        with redis_errors("read the counts of a batch"):
            counts: Any = self._client.hgetall(self._keys.batch_counts_prefix + batch_id)
        return {name.decode(): int(count) for name, count in counts.items()} if counts else None

    def cancel_pending(self, batch_id: str, prefixes: Sequence[str], *, include_in_progress: bool = False) -> int:
        """Remove the images of a batch from the download queue, unless another open batch covers them too.

        Args:
            include_in_progress: Whether to remove delivered and parked images too.

        Returns:
            How many images were removed.
        """
        cursor, total_removed = b"0", 0
        keys = [self._keys.downloads, self._keys.batches, self._keys.deliveries, self._keys.in_progress]
        args = [batch_id, _to_json(prefixes), int(include_in_progress)]
        with redis_errors("cancel images"):
            while True:
                cursor, removed = self._scripts.run("cancel_pending", keys, [*args, cursor, MEMBERS_PER_SCAN])
                total_removed += int(removed)
                if int(cursor) == 0:
                    return total_removed

    def count_in_progress(self, batch_id: str, prefixes: Sequence[str]) -> int:
        """Return how many images of a batch are delivered or parked.

        Images that another open batch covers too are not counted.
        """
        with redis_errors("count the images in progress"):
            keys = [self._keys.downloads, self._keys.batches, self._keys.in_progress]
            return int(self._scripts.run("count_in_progress", keys, [batch_id, _to_json(prefixes)]))


def _to_json(prefixes: Sequence[str]) -> str:
    return json.dumps(list(prefixes), ensure_ascii=False)
