"""Gather items from many greenlets into batches, so that there is one round trip per batch instead of one per item.

These batches have nothing to do with a batch in the sense of a run over sources.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import gevent
from gevent.event import AsyncResult
from gevent.lock import Semaphore

Item = TypeVar("Item")
Result = TypeVar("Result")


class Batcher(Generic[Item, Result]):
    """Gathers items until there are `limit` of them or the first has waited `wait_seconds`, then calls `flush` once.

    Only one batch is flushed at a time. Meanwhile, the items of the next batch are gathered.

    Args:
        flush: Takes the items of a batch. Returns a result for each item, or the exception to raise in the greenlet
            that submitted the item. If `flush` itself raises an exception, this exception is raised in all greenlets
            that submitted items of the batch.
        limit: The maximum number of items in a batch.
        wait_seconds: The maximum time for which the first item of a batch waits, unless another batch is being flushed.
    """

    def __init__(
        self, flush: Callable[[list[Item]], Sequence[Result | Exception]], *, limit: int, wait_seconds: float
    ) -> None:
        self._flush = flush
        self._limit = limit
        self._wait_seconds = wait_seconds
        self._waiting: list[tuple[Item, AsyncResult]] = []
        self._full = gevent.event.Event()
        self._gathering = False
        self._flush_lock = Semaphore()

    def submit(self, item: Item) -> Result:
        """Wait until the item's batch has been flushed. Return the result of the item, or raise its exception."""
        outcome = AsyncResult()
        self._waiting.append((item, outcome))
        if len(self._waiting) >= self._limit:
            self._full.set()
        if not self._gathering:
            self._gathering = True
            gevent.spawn(self._run)
        result: Result = outcome.get()
        return result

    def _run(self) -> None:
        self._full.wait(self._wait_seconds)
        with self._flush_lock:
            batch, self._waiting = self._waiting[: self._limit], self._waiting[self._limit :]
            self._full.clear()
            if self._waiting:
                if len(self._waiting) >= self._limit:
                    self._full.set()
                gevent.spawn(self._run)
            else:
                self._gathering = False
            try:
                results = self._flush([item for item, _ in batch])
            except BaseException as exc:
                for _, outcome in batch:
                    outcome.set_exception(exc)
                if not isinstance(exc, Exception):
                    raise
                return
        for (_, outcome), result in zip(batch, results, strict=True):
            if isinstance(result, Exception):
                outcome.set_exception(result)
            else:
                outcome.set(result)
