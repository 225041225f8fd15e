"""What the images of the open batches cost, and how much they may cost."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import redis

from exifinator.queue.batch_counters import BatchCounters
from exifinator.queue.keys import QueueKeys
from exifinator.queue.redis_client import redis_errors


class BatchLimits:
    """Prices and limits of the open batches in Redis. Every method may raise QueueUnavailable.

    Closing a batch deletes its prices and limits.
    """

    def __init__(self, client: redis.Redis, keys: QueueKeys, counters: BatchCounters) -> None:
        self._client = client
        self._keys = keys
        self._counters = counters

    def set_prices(self, batch_id: str, prices: Sequence[Mapping[str, Sequence[float]]]) -> None:
        """Set what the images of an open batch cost. The cost is counted as `nanodollars`.

        Args:
            prices: For each prefix of the batch the prices by storage class, as Prices.to_queue returns them.
        """
        with redis_errors("store the prices of a batch"):
            if any(prices):
                self._client.hset(self._keys.batch_prices, batch_id, json.dumps(prices))
            else:
                self._client.hdel(self._keys.batch_prices, batch_id)

    def set_limits(self, batch_id: str, limits: Mapping[str, float]) -> None:
        """Limit what the images of an open batch may cost.

        Args:
            limits: The maximum of `requests`, of `nanodollars`, or of both, and `image_nanodollars`, the expected price
                of an image until the first one is done. Empty: no limit.
        """
        with redis_errors("store the limits of a batch"):
            if limits:
                self._client.hset(self._keys.batch_limits, batch_id, json.dumps(limits))
            else:
                self._client.hdel(self._keys.batch_limits, batch_id)

    def note_listing(self, batch_id: str, requests: int, nanodollars: int) -> None:
        """Count what the listing of a batch has cost so far towards its limits."""
        with redis_errors("count the listing of a batch"):
            counts: dict[Any, Any] = {"list_requests": requests, "list_nanodollars": nanodollars}
            self._client.hset(self._keys.batch_counts_prefix + batch_id, mapping=counts)

    def is_limited(self, image_id: str) -> bool:
        """Return whether every open batch that covers an image has reached its limit, and there is such a batch."""
        with redis_errors("read the limits of the batches"):
            stored: Any = self._client.hgetall(self._keys.batch_limits)
        if not stored:
            return False
        limits = {name.decode(): json.loads(text) for name, text in stored.items()}
        covering = [
            batch_id
            for batch_id, prefixes in self._counters.open_prefixes().items()
            if any(image_id.startswith(prefix) for prefix in prefixes)
        ]
        return bool(covering) and all(
            _has_reached(self._counters.counts(batch_id) or {}, limits.get(batch_id, {})) for batch_id in covering
        )

    def has_reached_limit(self, batch_id: str) -> bool:
        """Return whether an open batch has reached its limit."""
        with redis_errors("read the limits of the batches"):
            text: Any = self._client.hget(self._keys.batch_limits, batch_id)
        return text is not None and _has_reached(self._counters.counts(batch_id) or {}, json.loads(text))


def _has_reached(counts: Mapping[str, int], limits: Mapping[str, float]) -> bool:
    return any(
        name in limits and counts.get(name, 0) + counts.get(f"list_{name}", 0) >= limits[name]
        for name in ("requests", "nanodollars")
    )
