"""Starting a batch: its timeouts, and the memory that it leaves allocated."""

from __future__ import annotations

import gc
import socket
from collections.abc import Iterator
from typing import Any, cast

import pytest
from botocore.client import BaseClient

from exifinator.batches import start
from exifinator.batches.start import start_batch
from exifinator.config import Config
from exifinator.errors import TransientError
from exifinator.queue.image_queue import ImageQueue
from exifinator.storage.store import Store


@pytest.fixture
def gc_off() -> Iterator[None]:
    """Use the garbage collector as a server does, which seldom examines old objects."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_start_batch__s3_hangs__is_not_waited_for_as_long_as_a_worker_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "S3_TIMEOUT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        changes = {"s3_endpoint_url": address, "s3_anonymous": True, "s3_timeout_seconds": 600}
        with pytest.raises(TransientError):
            start_batch(Config().model_copy(update=changes), cast(Store, None), cast(ImageQueue, None), "some-bucket")


@pytest.mark.usefixtures("gc_off")
def test_start_batch__s3_is_unavailable__leaves_no_more_clients_each_time() -> None:
    config = Config().model_copy(update={"s3_endpoint_url": "http://127.0.0.1:9", "s3_anonymous": True})

    def count_after_a_try() -> int:
        with pytest.raises(TransientError):
            start_batch(config, cast(Store, None), cast(ImageQueue, None), "some-bucket")
        # Do not use isinstance: it asks a weak proxy for the class of its object, which may be gone.
        return sum(issubclass(type(thing), BaseClient) for thing in cast(list[Any], gc.get_objects()))

    # The objects that the last error holds are released with the next attempt.
    first = count_after_a_try()
    count_after_a_try()
    assert count_after_a_try() <= first
