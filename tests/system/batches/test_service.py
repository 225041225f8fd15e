"""Starting a batch while S3 is silent or unavailable: the timeout, and the clients that stay in memory."""

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
    """Disable the garbage collector, because in a server it seldom examines old objects."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_start_batch__silent_s3__times_out_sooner_than_in_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "S3_TIMEOUT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        changes = {"s3_endpoint_url": address, "s3_anonymous": True, "s3_timeout_seconds": 600}
        with pytest.raises(TransientError):
            start_batch(Config().model_copy(update=changes), cast(Store, None), cast(ImageQueue, None), "some-bucket")


@pytest.mark.usefixtures("gc_off")
def test_start_batch__unavailable_s3__leaves_no_more_clients_after_each_try() -> None:
    config = Config().model_copy(update={"s3_endpoint_url": "http://127.0.0.1:9", "s3_anonymous": True})

    def count_after_a_try() -> int:
        with pytest.raises(TransientError):
            start_batch(config, cast(Store, None), cast(ImageQueue, None), "some-bucket")
        # Do not use isinstance: it asks a weak proxy for the class of its object, which may have been deleted.
        return sum(issubclass(type(obj), BaseClient) for obj in cast(list[Any], gc.get_objects()))

    # The objects that the last error holds are released with the next attempt.
    first = count_after_a_try()
    count_after_a_try()
    assert count_after_a_try() <= first
