"""An assertion for the tests of workers: nothing is left in the queues."""

from __future__ import annotations

from tests.integration.conftest import Installation
from tests.waiting import eventually


def assert_nothing_is_left(installation: Installation) -> None:
    """Assert that both queues become empty, and that no image counts as delivered or in progress.

    A batch may end before a worker has dropped the metadata of an image that was meanwhile delivered again.
    """
    queue, redis = installation.queue, installation.redis

    def count_all() -> tuple[int, int, int, int, int]:
        keys = queue.keys
        written_bytes = int(redis.get(keys.write_bytes) or 0)
        return (*queue.sizes(), written_bytes, redis.hlen(keys.deliveries), redis.hlen(keys.in_progress))

    eventually(lambda: count_all() == (0, 0, 0, 0, 0), explain=lambda: f"{count_all()}\n{installation.worker_logs()}")
