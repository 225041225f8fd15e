"""Redis: that it keeps what it is given, and has room for it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from exifinator.checks import Finding, ok, warning, wrong
from exifinator.config import Config
from exifinator.home import COMMAND
from exifinator.probes import RedisInfo

OLDEST = (6, 2)
# What one queued image takes, measured with keys of 60 characters: a member of the sorted set and its delivery count.
BYTES_AN_IMAGE = 250
# Besides what waits in the write queue: scripts, connections, MRQ's own keys.
BASE_BYTES = 32 * 1024**2


def check_version(found: RedisInfo) -> Finding:
    # Valkey says which Redis it stands for; its own numbers began at 7.2.
    version = tuple(map(int, re.findall(r"\d+", found.version)[:2]))
    if version < OLDEST:
        return wrong(
            "redis",
            f"{found.product} {found.version} is too old: EXIFinator needs 6.2 or later",
            "set REDIS_URL to a newer Redis or Valkey   (unset, on this machine, EXIFinator brings one)",
        )
    return ok("redis", f"{found.product} {found.version} at {found.address}")


def check_role(found: RedisInfo) -> Finding:
    if found.info.get("role") in ("slave", "replica"):
        return wrong(
            "redis",
            f"{found.address} is a replica and takes no writes",
            f"set REDIS_URL to its primary, {found.info.get('master_host')}:{found.info.get('master_port')}",
        )
    return ok("redis", "it takes writes")


def check_eviction(found: RedisInfo) -> Finding:
    """Whether a full Redis refuses, as it should, or forgets queued images."""
    policy = str(found.info.get("maxmemory_policy", "noeviction"))
    if policy == "noeviction":
        return ok("redis", "it never evicts keys (maxmemory-policy noeviction)")
    says = f"maxmemory-policy is {policy}: when its memory is full, Redis throws queues away"
    fix = 'redis-cli -u "$REDIS_URL" config set maxmemory-policy noeviction   (and the same line in redis.conf)'
    if not found.memory_limit_bytes:
        return warning("redis", f"{says}; there is no maxmemory at present", fix)
    return wrong("redis", says, fix)


def check_memory(found: RedisInfo, config: Config) -> Finding:
    """Whether its maxmemory has room for the write queue and some images."""
    limit = found.memory_limit_bytes
    if not limit:
        return ok("redis", "its memory is not limited (maxmemory 0)")
    needed = config.write_queue_mb * 1024**2 + BASE_BYTES
    fix = (
        f'redis-cli -u "$REDIS_URL" config set maxmemory {max(1, -(-2 * needed // 1024**3))}gb'
        "   (or a smaller WRITE_QUEUE_MB)"
    )
    if limit < needed:
        return wrong(
            "redis",
            f"maxmemory is {limit // 1024**2} MiB, and WRITE_QUEUE_MB alone may fill {config.write_queue_mb} MiB",
            fix,
        )
    room = (limit - max(needed, found.memory_bytes)) // BYTES_AN_IMAGE
    if found.memory_bytes > 0.9 * limit:
        return wrong("redis", f"its memory is {found.memory_bytes / limit:.0%} full", fix)
    return ok("redis", f"its maxmemory has room for about {room:,} more queued images")


def check_persistence(found: RedisInfo) -> Finding:
    """Whether a restart of Redis keeps the queues. Nothing is lost without, but the next run lists everything again."""
    info = found.info
    if info.get("aof_enabled") and info.get("aof_last_write_status") == "err":
        return wrong("redis", "it cannot write its append-only file, so it refuses writes", "df -h   (on its machine)")
    if not info.get("aof_enabled") and info.get("rdb_last_bgsave_status") == "err":
        return wrong(
            "redis",
            "its last snapshot failed, and until one succeeds it may refuse writes",
            "tail the log of Redis; df -h   (on its machine: a full disk, or no memory left to fork)",
        )
    if info.get("aof_enabled"):
        return ok("redis", "it keeps the queues over a restart (append-only file)")
    return warning(
        "redis",
        "it keeps no append-only file: after a restart queued images are missing until the next run finds them",
        'redis-cli -u "$REDIS_URL" config set appendonly yes   (and "appendonly yes" in redis.conf)',
    )


def check_paused(paused: Sequence[str]) -> Finding:
    if paused:
        names = " and ".join(paused)
        return warning(
            "queues",
            f"{names} {'is' if len(paused) == 1 else 'are'} paused: workers leave what is in there alone",
            f"{COMMAND} queue resume {' '.join(paused)}",
        )
    return ok("queues", "no queue is paused")


def check_refused(refused: Mapping[str, str]) -> Finding:
    """refused: why, by bucket."""
    if refused:
        buckets = " ".join(refused)
        return wrong("queues", "; ".join(refused.values()), f"{COMMAND} doctor {buckets}   (says what to mend)")
    return ok("queues", "S3 refuses none of the buckets that are being read")
