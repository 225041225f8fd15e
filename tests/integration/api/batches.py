"""Start batches through the API, and wait for them: helpers of the API tests."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import psutil

from exifinator.config import ROOT
from tests.integration.api.fixtures import Api, open_api
from tests.integration.conftest import Installation
from tests.s3_proxy import Answer, run_proxy
from tests.servers import find_processes

# The type of the fixture `export_settings`.
ExportSettings = Callable[[Installation], None]


@contextlib.contextmanager
def open_batch_api(installation: Installation) -> Iterator[Api]:
    """Yield the API over an installation. Afterwards, end the processes of its batches and remove their logs."""
    with open_api(installation.config) as running, ending_batches(installation):
        yield running


@contextlib.contextmanager
def open_api_over_small_pages(
    install: Callable[..., Installation],
    export_settings: ExportSettings,
    s3_url: str,
    change_answer: Callable[[str, str, dict[str, str], Answer], Answer],
) -> Iterator[tuple[Installation, Api]]:
    """Yield an installation and its API. S3 lists one key per page, and `change_answer` changes its answers."""
    with run_proxy(s3_url) as proxy:
        proxy.request = lambda target: target + "&max-keys=1" if "list-type" in target else target
        proxy.answer = change_answer
        installation = install(S3_ENDPOINT_URL=proxy.url)
        export_settings(installation)
        with open_batch_api(installation) as api:
            yield installation, api


@contextlib.contextmanager
def ending_batches(installation: Installation) -> Iterator[None]:
    """Run the block, then end the processes of all batches of the installation, and remove their logs."""
    try:
        yield
    finally:
        for batch in installation.store.batches.collection.find():
            for process in processes_of(batch["_id"]):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
                    process.wait()
        # The API has a thread for each process, which reads the log when the process ends.
        for thread in threading.enumerate():
            if "_await_end" in thread.name:
                thread.join()
        for batch in installation.store.batches.collection.find():
            (ROOT / "logs" / f"batch-{batch['_id']}.log").unlink(missing_ok=True)


def processes_of(batch_id: str) -> list[psutil.Process]:
    return find_processes(lambda process: batch_id in process.cmdline())


def start(api: Api, source: str) -> dict[str, Any]:
    answer = api.client.post("/batches", json={"source": source})
    assert answer.status_code == 202, answer.text
    batch: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"/batches/{batch['id']}"
    return batch


def await_batch(
    installation: Installation, api: Api, batch_id: str, is_reached: Callable[[Any], Any]
) -> dict[str, Any]:
    """Wait until the batch satisfies the condition `is_reached`, and return the batch as the API shows it."""

    def read_batch() -> Any:
        batch = api.get(f"/batches/{batch_id}").json()
        return batch if is_reached(batch) else None

    result: dict[str, Any] = installation.wait_until(read_batch)
    return result


def in_state(*states: str) -> Callable[[Any], bool]:
    """Return a condition for await_batch: the batch is in one of these states."""
    return lambda batch: batch["state"] in states
