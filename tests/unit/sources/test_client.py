"""How many clients S3Client creates, whatever the number of threads that ask for one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from exifinator.config import build_config
from exifinator.errors import CredentialsRefused
from exifinator.sources.s3.client import S3Client

THREADS = 12


class CountingLock:
    """A lock that tells when all threads hold it or wait for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._arrivals = threading.Semaphore(0)

    def __enter__(self) -> None:
        self._arrivals.release()
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def wait_for_all(self) -> None:
        for _ in range(THREADS):
            self._arrivals.acquire()


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Callable[[S3Client, Callable[[], Any]], list[Any]]:
    """Return a function that has many threads ask for a client, all before the first attempt ends."""

    def ask_at_once(s3: S3Client, connect: Callable[[], Any]) -> list[Any]:
        lock = CountingLock()
        monkeypatch.setattr(s3, "_connect_lock", lock)
        first = threading.Event()

        def connect_once_all_wait() -> Any:
            if not first.is_set():
                first.set()
                lock.wait_for_all()
            return connect()

        monkeypatch.setattr(s3, "_connect", connect_once_all_wait)

        def client_or_error() -> Any:
            try:
                return s3.client("photos")
            except CredentialsRefused as exc:
                return exc

        with ThreadPoolExecutor(THREADS) as pool:
            futures = [pool.submit(client_or_error) for _ in range(THREADS)]
            return [future.result() for future in futures]

    return ask_at_once


def test_client__credentials_that_cannot_be_fetched__are_tried_once_for_all_that_wait(
    ask: Callable[[S3Client, Callable[[], Any]], list[Any]],
) -> None:
    s3, attempts = S3Client(build_config({}, {})), []

    def fail() -> Any:
        attempts.append(1)
        raise CredentialsRefused("the sign-in has expired")

    results = ask(s3, fail)

    assert len(attempts) == 1
    assert [type(result) for result in results] == [CredentialsRefused] * THREADS
    with pytest.raises(CredentialsRefused):
        s3.client("photos")
    assert len(attempts) == 2, "A later request tries again, because the user may have signed in."


def test_client__credentials_that_work_again__are_used_immediately(
    ask: Callable[[S3Client, Callable[[], Any]], list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    s3 = S3Client(build_config({"S3_ANONYMOUS": True}, {}))
    real_connect = s3._connect

    def fail() -> Any:
        raise CredentialsRefused("the sign-in has expired")

    ask(s3, fail)
    created: list[Any] = []

    def connect() -> Any:
        created.append(real_connect())
        return created[-1]

    assert set(map(id, ask(s3, connect))) == {id(created[0])}
    assert len(created) == 1
    s3.close()
