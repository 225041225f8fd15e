"""S3Client creates one boto3 client for all threads that request it at the same time."""

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
    """A lock with a method that waits until all threads hold the lock or wait for it."""

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
def request_client(monkeypatch: pytest.MonkeyPatch) -> Callable[[S3Client, Callable[[], Any]], list[Any]]:
    """Return a function that requests a client in many threads, all before the first attempt to connect ends.

    The function returns the client or the error of each thread.
    """

    def request_in_threads(s3: S3Client, connect: Callable[[], Any]) -> list[Any]:
        lock = CountingLock()
        monkeypatch.setattr(s3, "_connect_lock", lock)
        has_started = threading.Event()

        def connect_once_all_wait() -> Any:
            if not has_started.is_set():
                has_started.set()
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

    return request_in_threads


def test_client__credentials_that_cannot_be_fetched__are_fetched_once_for_all_threads(
    request_client: Callable[[S3Client, Callable[[], Any]], list[Any]],
) -> None:
    s3, attempts = S3Client(build_config({}, {})), []

    def fail() -> Any:
        attempts.append(1)
        raise CredentialsRefused("the sign-in has expired")

    results = request_client(s3, fail)

    assert len(attempts) == 1
    assert [type(result) for result in results] == [CredentialsRefused] * THREADS
    with pytest.raises(CredentialsRefused):
        s3.client("photos")
    assert len(attempts) == 2, "a later request must try again, because the user may have signed in"


def test_client__credentials_that_work_again__are_used_by_the_next_request(
    request_client: Callable[[S3Client, Callable[[], Any]], list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    s3 = S3Client(build_config({"S3_ANONYMOUS": True}, {}))
    real_connect = s3._connect

    def fail() -> Any:
        raise CredentialsRefused("the sign-in has expired")

    request_client(s3, fail)
    created: list[Any] = []

    def connect() -> Any:
        created.append(real_connect())
        return created[-1]

    assert set(map(id, request_client(s3, connect))) == {id(created[0])}
    assert len(created) == 1
    s3.close()
