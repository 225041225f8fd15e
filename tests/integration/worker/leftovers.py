"""What the tests of workers have in common."""

from __future__ import annotations

from tests.integration.conftest import Installation


def assert_nothing_is_left(installation: Installation) -> None:
    """Neither queue holds anything, nor what is counted of its images."""
    assert installation.queue.sizes() == (0, 0)
    assert int(installation.redis.get(installation.queue.keys.write_bytes) or 0) == 0
    assert installation.redis.hlen(installation.queue.keys.deliveries) == 0
    assert installation.redis.hlen(installation.queue.keys.in_progress) == 0
