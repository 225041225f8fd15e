"""Connect to Redis, translate the client's errors, and read the server's clock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import redis
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.retry import Retry

from exifinator.config import Config
from exifinator.errors import QueueUnavailable
from exifinator.own_servers import redis_url


@contextmanager
def redis_errors(action: str) -> Iterator[None]:
    """Translate errors of redis-py into QueueUnavailable.

    Args:
        action: What Redis was asked to do, such as "pause a queue". Completes the message "Redis cannot ...".
    """
    try:
        yield
    except redis.exceptions.OutOfMemoryError as exc:
        message = f"Redis cannot {action}: it has reached its maxmemory"
        hint = "increase maxmemory, or wait until images are done"
        raise QueueUnavailable(message, code="redis_full", hint=hint) from exc
    except (redis.exceptions.AuthenticationError, redis.exceptions.NoPermissionError) as exc:
        message = f"Redis cannot {action}: {str(exc).rstrip('.')}"
        raise QueueUnavailable(message, code="redis_unauthorized") from exc
    except redis.exceptions.RedisError as exc:
        # The text of the error may end in a period: "Error 111 connecting to 127.0.0.1:6379. Connection refused."
        raise QueueUnavailable(f"Redis cannot {action}: {str(exc).rstrip('.')}") from exc


def connect_redis(config: Config) -> redis.Redis:
    """Return a client for REDIS_URL (redis:// or rediss://) with a connection pool. It does not connect yet.

    If all connections are in use, a call waits up to 30 seconds for a free connection instead of failing.
    """
    url = redis_url(config)
    pool = redis.BlockingConnectionPool.from_url(
        url,
        max_connections=max(20, config.max_greenlets + 10),
        timeout=30,
        socket_timeout=30,
        socket_connect_timeout=5,
        # Unix sockets have no keepalive.
        **({} if url.startswith("unix:") else {"socket_keepalive": True}),
        # EXIFinator needs no feature of protocol version 3, which costs two more round trips per connection.
        protocol=2,
        retry=Retry(ExponentialWithJitterBackoff(base=0.05, cap=1.0), 3),
        retry_on_error=[redis.exceptions.BusyLoadingError],
    )
    return redis.Redis(connection_pool=pool)


def connect_redis_once(url: str, *, connect_seconds: float, response_seconds: float) -> redis.Redis:
    """Return a client that does not retry, to find out within seconds whether Redis responds.

    Like the workers' client, it uses protocol version 2. With version 3, some wrong passwords are not noticed.
    """
    return redis.Redis.from_url(
        url,
        socket_connect_timeout=connect_seconds,
        socket_timeout=response_seconds,
        protocol=2,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=0,
    )


def read_clock(client: redis.Redis) -> datetime:
    """Return the time of the Redis server, in UTC.

    Raises:
        QueueUnavailable: Redis is unavailable.
    """
    with redis_errors("tell the time"):
        seconds_and_microseconds: Any = client.time()
    seconds, microseconds = seconds_and_microseconds
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=microseconds)
