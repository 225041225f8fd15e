"""A feed: one poller for all its listeners, none while nobody listens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

from api.feed import Feed
from exifinator.errors import StoreUnavailable


class Source:
    """What a feed polls: `message` is what it says now."""

    def __init__(self) -> None:
        self.message: bytes | Exception = b"1"
        self.reads = 0

    def __call__(self) -> bytes:
        self.reads += 1
        if isinstance(self.message, Exception):
            raise self.message
        return self.message


def run(test: Callable[[Source, Feed], Any]) -> None:
    source = Source()

    async def main() -> None:
        async with asyncio.timeout(20):
            await test(source, Feed(source, poll_seconds=0.001))

    asyncio.run(main())


async def until(true: Callable[[], Any]) -> None:
    while not true():
        await asyncio.sleep(0.001)


def test_listen__present_message__comes_at_once_and_then_each_change() -> None:
    async def test(source: Source, feed: Feed) -> None:
        await feed.join()
        async with aclosing(feed.listen(heartbeat_seconds=9)) as messages:
            assert await anext(messages) == b"1"
            reads = source.reads
            await until(lambda: source.reads > reads + 3)
            source.message = b"2"
            # That nothing changed in four looks was no message.
            assert await anext(messages) == b"2"

    run(test)


def test_listen__nothing_changes__is_a_heartbeat() -> None:
    async def test(source: Source, feed: Feed) -> None:
        await feed.join()
        async with aclosing(feed.listen(heartbeat_seconds=0.01)) as messages:
            assert [await anext(messages) for _ in range(3)] == [b"1", None, None]

    run(test)


def test_listen__slow_listener__gets_the_last_message_alone() -> None:
    async def test(source: Source, feed: Feed) -> None:
        await feed.join()
        async with aclosing(feed.listen(heartbeat_seconds=9)) as messages:
            await anext(messages)
            for message in (b"2", b"3", b"4"):
                source.message = message
                reads = source.reads
                await until(lambda reads=reads: source.reads > reads + 1)
            assert await anext(messages) == b"4"

    run(test)


def test_listen__change_while_a_listener_is_busy__is_not_missed() -> None:
    async def test(source: Source, feed: Feed) -> None:
        await feed.join()
        async with aclosing(feed.listen(heartbeat_seconds=9)) as messages:
            assert await anext(messages) == b"1"
            source.message = b"2"
            reads = source.reads
            await until(lambda: source.reads > reads + 2)
            assert await anext(messages) == b"2"
            waiting = asyncio.ensure_future(anext(messages))
            await asyncio.sleep(0)
            source.message = b"3"
            assert await waiting == b"3"

    run(test)


def test_listen__many_listeners__are_polled_for_once() -> None:
    async def test(source: Source, feed: Feed) -> None:
        polls: list[asyncio.Task[Any]] = []
        streams = [feed.listen(heartbeat_seconds=9) for _ in range(50)]
        await feed.join()
        for stream in streams:
            assert await anext(stream) == b"1"
        polls = [task for task in asyncio.all_tasks() if "_poll" in repr(task)]
        assert (len(polls), feed.listeners) == (1, 50)
        for stream in streams:
            await stream.aclose()
        assert feed.listeners == 0
        await until(lambda: polls[0].done())
        reads = source.reads
        await asyncio.sleep(0.02)
        assert source.reads == reads

    run(test)


def test_listen__after_a_pause__begins_with_what_is_so_now() -> None:
    async def test(source: Source, feed: Feed) -> None:
        for message in (b"1", b"2"):
            source.message = message
            assert await feed.join() == message
            async with aclosing(feed.listen(heartbeat_seconds=9)) as messages:
                assert await anext(messages) == message

    run(test)


def test_listen__source_fails__listeners_stay_and_hear_what_comes_after() -> None:
    async def test(source: Source, feed: Feed) -> None:
        await feed.join()
        async with aclosing(feed.listen(heartbeat_seconds=9)) as messages:
            await anext(messages)
            source.message = StoreUnavailable("MongoDB is away")
            reads = source.reads
            await until(lambda: source.reads > reads + 2)
            source.message = b"2"
            assert await anext(messages) == b"2"

    run(test)


def test_close__listeners__end() -> None:
    async def test(source: Source, feed: Feed) -> None:
        await feed.join()
        async with aclosing(feed.listen(heartbeat_seconds=9)) as messages:
            await anext(messages)
            waiting = asyncio.ensure_future(anext(messages, b"the end"))
            await asyncio.sleep(0)
            feed.close()
            assert await waiting == b"the end"

    run(test)
