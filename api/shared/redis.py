"""An asynchronous client for Redis that gives up quickly: the API must respond while Redis is unavailable."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from exifinator.config import Config
from exifinator.own_servers import redis_url

log = logging.getLogger(__name__)
Result = TypeVar("Result")

_TIMEOUT_SECONDS = 1.0
_MAX_CONNECTIONS = 16
# After a failure, send no commands to Redis for this long.
_PAUSE_SECONDS = 5.0


class SharedRedis:
    """Sends commands to Redis, and returns defaults while Redis does not respond.

    Args:
        config: The settings.
        clock: Returns seconds, like time.monotonic.
    """

    def __init__(self, config: Config, clock: Callable[[], float] = time.monotonic) -> None:
        self.prefix = f"{config.mrq_database}:exifinator:api:"
        self._clock = clock
        self._paused_until = 0.0
        self._client = redis.asyncio.Redis(
            connection_pool=redis.asyncio.BlockingConnectionPool.from_url(
                redis_url(config),
                max_connections=_MAX_CONNECTIONS,
                timeout=_TIMEOUT_SECONDS,
                socket_timeout=_TIMEOUT_SECONDS,
                socket_connect_timeout=_TIMEOUT_SECONDS,
                protocol=2,
                retry=Retry(NoBackoff(), 0),
            )
        )

    async def ask(self, default: Result, send: Callable[[Any], Awaitable[Result]]) -> Result:
        """Call `send` with the client and return its result, or `default` if Redis does not respond."""
        if self._clock() < self._paused_until:
            return default
        try:
            return await send(self._client)
        except (RedisError, OSError) as error:
            self._paused_until = self._clock() + _PAUSE_SECONDS
            log.warning(
                "Redis does not respond, so each process of the API counts for itself: %s",
                error,
                extra={"action": "skip"},
            )
            return default

    async def run(self, *commands: Iterable[Any]) -> list[Any] | None:
        """Run commands in one transaction, and return their results; None if Redis does not respond.

        Args:
            commands: For each command, its name and its arguments.
        """

        async def send(client: Any) -> list[Any]:
            async with client.pipeline(transaction=True) as pipeline:
                for command in commands:
                    pipeline.execute_command(*command)
                return list(await pipeline.execute())

        return await self.ask(None, send)

    async def close(self) -> None:
        await self._client.aclose(close_connection_pool=True)


def seconds_of(time_reply: Any) -> float:
    """Convert the reply to the command TIME to seconds."""
    seconds, microseconds = time_reply
    return int(seconds) + int(microseconds) / 1_000_000
