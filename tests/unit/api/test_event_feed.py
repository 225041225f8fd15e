"""The event feed: one poller serves all listeners, and it stops when there are none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from types import SimpleNamespace
from typing import Any

import pytest

from api.http.event_feed import Feed
from api.routes import events
from exifinator.errors import StoreUnavailable


class Source:
    """The source that a feed polls. `message` is its current value."""

    def __init__(self) -> None:
        self.message: bytes | Exception = b"1"
        self.reads = 0

    def __call__(self) -> bytes:
        self.reads += 1
        if isinstance(self.message, Exception):
            raise self.message
        return bytes(bytearray(self.message))  # a new object each time, as from a server

    async def read_again(self, times: int = 1) -> None:
        """Wait until the feed has read the source this many more times and has processed each result."""
        # The last read counted here may not have been processed yet, and the first may have begun before the call.
        reads = self.reads + times + 1
        while self.reads <= reads:
            await asyncio.sleep(0)


def run(test: Callable[[Source, Feed], Any]) -> None:
    source = Source()
    asyncio.run(test(source, Feed(source, poll_seconds=0)))


def test_listen__new_listener__gets_the_current_message_and_then_each_change() -> None:
    async def test(source: Source, feed: Feed) -> None:
        await feed.current_message()
        async with aclosing(feed.listen()) as messages:
            assert await anext(messages) == b"1"
            await source.read_again(4)
            source.message = b"2"
            # Four reads without a change produced no message.
            assert await anext(messages) == b"2"

    run(test)


def test_listen__slow_listener__gets_only_the_last_message() -> None:
    async def test(source: Source, feed: Feed) -> None:
        await feed.current_message()
        async with aclosing(feed.listen()) as messages:
            await anext(messages)
            for message in (b"2", b"3", b"4"):
                source.message = message
                await source.read_again()
            assert await anext(messages) == b"4"

    run(test)


def test_listen__change_while_a_listener_is_busy__is_not_missed() -> None:
    async def test(source: Source, feed: Feed) -> None:
        await feed.current_message()
        async with aclosing(feed.listen()) as messages:
            assert await anext(messages) == b"1"
            source.message = b"2"
            await source.read_again()
            assert await anext(messages) == b"2"
            waiting = asyncio.ensure_future(anext(messages))
            await asyncio.sleep(0)
            source.message = b"3"
            assert await waiting == b"3"

    run(test)


def test_listen__many_listeners__share_one_poller() -> None:
    async def test(source: Source, feed: Feed) -> None:
        streams = [feed.listen() for _ in range(50)]
        await feed.current_message()
        for stream in streams:
            assert await anext(stream) == b"1"
        polls = [task for task in asyncio.all_tasks() if "Feed._poll" in repr(task)]
        assert (len(polls), feed.listeners) == (1, 50)
        for stream in streams:
            await stream.aclose()
        assert feed.listeners == 0
        with pytest.raises(asyncio.CancelledError):
            await polls[0]
        assert not [task for task in asyncio.all_tasks() if "Feed._poll" in repr(task)]

    run(test)


def test_listen__after_a_time_without_listeners__begins_with_the_current_message() -> None:
    async def test(source: Source, feed: Feed) -> None:
        for message in (b"1", b"2"):
            source.message = message
            assert await feed.current_message() == message
            async with aclosing(feed.listen()) as messages:
                assert await anext(messages) == message

    run(test)


def test_listen__source_fails__keeps_listeners_and_sends_the_next_message() -> None:
    async def test(source: Source, feed: Feed) -> None:
        await feed.current_message()
        async with aclosing(feed.listen()) as messages:
            await anext(messages)
            source.message = StoreUnavailable("MongoDB does not respond")
            await source.read_again()
            source.message = b"2"
            assert await anext(messages) == b"2"

    run(test)


def test_close__open_listeners__end() -> None:
    async def test(source: Source, feed: Feed) -> None:
        await feed.current_message()
        async with aclosing(feed.listen()) as messages:
            await anext(messages)
            waiting = asyncio.ensure_future(anext(messages, b"the end"))
            await asyncio.sleep(0)
            feed.closing.set()
            assert await waiting == b"the end"

    run(test)


def test_stream_events__many_simultaneous_requests__are_refused_above_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All of 400 simultaneous requests were once accepted: each counted the listeners before any other had joined."""
    monkeypatch.setattr(events, "MAX_LISTENERS", 3)

    async def test(_source: Source, feed: Feed) -> None:
        request: Any = SimpleNamespace(app=SimpleNamespace(state=SimpleNamespace(batch_feed=feed)), state=None)
        results = await asyncio.gather(*(events.stream_events(request) for _ in range(8)), return_exceptions=True)
        assert [type(result).__name__ for result in results].count("RequestRefused") == 5
        assert feed.listeners == 3
        responses: list[Any] = [result for result in results if not isinstance(result, BaseException)]
        for response in responses:
            assert [await anext(response.body_iterator) for _ in range(2)][1] == b"1"
            await response.body_iterator.aclose()
        assert feed.listeners == 0

    run(test)
