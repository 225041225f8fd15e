"""An assertion for the tests of workers: nothing is left in the queues."""

from __future__ import annotations

from tests.integration.conftest import Installation


def assert_nothing_is_left(installation: Installation) -> None:
    """Assert that both queues are empty, and that no image counts as delivered or in progress."""
    assert installation.queue.sizes() == (0, 0)
    assert int(installation.redis.get(installation.queue.keys.write_bytes) or 0) == 0
    assert installation.redis.hlen(installation.queue.keys.deliveries) == 0
    assert installation.redis.hlen(installation.queue.keys.in_progress) == 0
