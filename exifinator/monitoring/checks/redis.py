"""Check Redis: version, role, memory, eviction, persistence, and the state of the queues."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from exifinator.config import Config
from exifinator.monitoring.checks import Finding, error, ok, warning
from exifinator.monitoring.connections import RedisInfo
from exifinator.paths import COMMAND

MIN_VERSION = (6, 2)
# Memory for one queued image, measured with keys of 60 characters: a sorted-set member and its delivery count.
BYTES_PER_IMAGE = 250
# Memory for everything but the queues: scripts, connections, MRQ's own keys.
BASE_BYTES = 32 * 1024**2
# Above this share of maxmemory, Redis is about to reject writes.
MAX_MEMORY_SHARE = 0.9


def check_server(server: RedisInfo, config: Config) -> list[Finding]:
    """Run all checks that need the server's response to INFO."""
    if not server.info:
        return [
            warning(
                "redis",
                f"{server.address} responds, but its user may not ask INFO, so its version, memory, eviction and "
                "persistence cannot be checked",
                "grant the user +info   (ACL SETUSER; EXIFinator works without it)",
            )
        ]
    return [
        check_version(server),
        check_role(server),
        check_eviction(server),
        check_memory(server, config),
        check_persistence(server),
    ]


def check_version(server: RedisInfo) -> Finding:
    # Valkey's version numbers continue those of Redis: they start at 7.2. So the same minimum applies to both.
    version = tuple(map(int, re.findall(r"\d+", server.version)[:2]))
    if version < MIN_VERSION:
        return error(
            "redis",
            f"{server.product} {server.version} at {server.address} is too old: EXIFinator needs 6.2 or later",
            "set REDIS_URL to a newer Redis or Valkey   (if it is unset, EXIFinator starts its own on this machine)",
        )
    return ok("redis", f"{server.product} {server.version} at {server.address}")


def check_role(server: RedisInfo) -> Finding:
    if server.info.get("role") in ("slave", "replica"):
        return error(
            "redis",
            f"{server.address} is a replica and does not accept writes",
            f"set REDIS_URL to its primary, {server.info.get('master_host')}:{server.info.get('master_port')}",
        )
    return ok("redis", "the server accepts writes")


def check_eviction(server: RedisInfo) -> Finding:
    """Check that Redis, when full, rejects writes instead of evicting queued images."""
    policy = str(server.info.get("maxmemory_policy", "noeviction"))
    if policy == "noeviction":
        return ok("redis", "keys are never evicted (maxmemory-policy noeviction)")
    message = f"maxmemory-policy is {policy}: when its memory is full, Redis may delete queued images"
    fix = 'redis-cli -u "$REDIS_URL" config set maxmemory-policy noeviction   (and the same line in redis.conf)'
    if not server.memory_limit_bytes:
        return warning("redis", f"{message}; maxmemory is not set, so this cannot happen yet", fix)
    return error("redis", message, fix)


def check_memory(server: RedisInfo, config: Config) -> Finding:
    """Check that maxmemory has room for the write queue and some queued images."""
    limit_bytes = server.memory_limit_bytes
    if not limit_bytes:
        return ok("redis", "memory is not limited (maxmemory 0)")
    needed_bytes = config.write_queue_mb * 1024**2 + BASE_BYTES
    fix = (
        f'redis-cli -u "$REDIS_URL" config set maxmemory {max(1, -(-2 * needed_bytes // 1024**3))}gb'
        "   (or a smaller WRITE_QUEUE_MB)"
    )
    if limit_bytes < needed_bytes:
        return error(
            "redis",
            f"maxmemory is {limit_bytes // 1024**2} MiB, but the write queue alone may need "
            f"{config.write_queue_mb} MiB (WRITE_QUEUE_MB)",
            fix,
        )
    if server.memory_bytes > MAX_MEMORY_SHARE * limit_bytes:
        return error("redis", f"memory is {server.memory_bytes / limit_bytes:.0%} full", fix)
    images = (limit_bytes - max(needed_bytes, server.memory_bytes)) // BYTES_PER_IMAGE
    return ok("redis", f"maxmemory leaves room for about {images:,} more queued images")


def check_persistence(server: RedisInfo) -> Finding:
    """Check that the queues survive a restart of Redis. Otherwise, the next run has to list the sources again."""
    info = server.info
    if info.get("aof_enabled") and info.get("aof_last_write_status") == "err":
        return error("redis", "Redis cannot write its append-only file and rejects writes", "df -h   (on its machine)")
    if not info.get("aof_enabled") and info.get("rdb_last_bgsave_status") == "err":
        return error(
            "redis",
            "the last snapshot failed; Redis may reject writes until one succeeds",
            "read the log of Redis; df -h   (on its machine: the disk is full, or there is no memory left to fork)",
        )
    if info.get("aof_enabled"):
        return ok("redis", "the queues survive a restart of Redis (append-only file)")
    return warning(
        "redis",
        "there is no append-only file: if Redis restarts, queued images are lost until the next run queues them again",
        'redis-cli -u "$REDIS_URL" config set appendonly yes   (and "appendonly yes" in redis.conf)',
    )


def check_paused(paused: Sequence[str]) -> Finding:
    """Check that no queue is paused.

    Args:
        paused: The names of the paused queues.
    """
    if paused:
        return warning(
            "queues",
            f"paused: {', '.join(paused)}; workers leave their images queued",
            f"{COMMAND} queue resume {' '.join(paused)}",
        )
    return ok("queues", "no queue is paused")


def check_refused(refused: Mapping[str, str]) -> Finding:
    """Check that there is no bucket whose deliveries are stopped because S3 denies access.

    Args:
        refused: The buckets to which S3 denies access, each with the message that describes why.
    """
    if refused:
        return error("queues", "; ".join(refused.values()), f"{COMMAND} doctor {' '.join(refused)}   (finds the cause)")
    return ok("queues", "no deliveries are stopped because S3 denies access to a bucket")
