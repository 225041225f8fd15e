"""Work of many greenlets done together: what costs a round trip is paid once a batch, not once an image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import gevent
from gevent.event import AsyncResult
from gevent.lock import Semaphore

Item = TypeVar("Item")
Result = TypeVar("Result")


class Batcher(Generic[Item, Result]):
    """Gathers items until there are `most` of them or the first has waited `wait_seconds`, then calls `flush` once.

    flush: takes the items, returns for each its result or the exception that its submitter gets. What flush itself
    raises, every submitter of that batch gets. Batches are flushed one after the other; the next gathers meanwhile.
    """

    def __init__(
        self, flush: Callable[[list[Item]], Sequence[Result | Exception]], *, most: int, wait_seconds: float
    ) -> None:
        self._flush = flush
        self._most = most
        self._wait_seconds = wait_seconds
        self._waiting: list[tuple[Item, AsyncResult]] = []
        self._full = gevent.event.Event()
        self._gathering = False
        self._turn = Semaphore()

    def submit(self, item: Item) -> Result:
        """Wait until the item's batch is flushed; returns its result or raises its exception."""
        outcome = AsyncResult()
        self._waiting.append((item, outcome))
        if len(self._waiting) >= self._most:
            self._full.set()
        if not self._gathering:
            self._gathering = True
            gevent.spawn(self._run)
        result: Result = outcome.get()
        return result

    def _run(self) -> None:
        self._full.wait(self._wait_seconds)
        with self._turn:
            batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            self._full.clear()
            if self._waiting:
                if len(self._waiting) >= self._most:
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
