"""A real MongoDB and the API as it runs, for the tests of the API; conftest.py takes the fixtures from here."""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pymongo
import pytest
from pydantic import SecretStr

from exifinator.config import Config
from tests.integration.api_library import make_library
from tests.servers import free_port, run_mongod, running

# Lets a test make the real server fail in a certain way.
FAIL_POINTS = ("--setParameter", "enableTestCommands=1")
TOKEN = "the-token-of-the-tests"
# Nothing listens there.
NOBODY = "http://127.0.0.1:9"


@dataclass(frozen=True)
class RawAnswer:
    """What came back: the headers' names in lower case."""

    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "")


@dataclass(frozen=True)
class Api:
    """The API as a process, and a client for it."""

    url: str
    port: int
    client: httpx.Client
    config: Config

    def get(self, path: str, **params: Any) -> httpx.Response:
        return self.client.get(path, params=params or None)

    def get_raw(self, target: bytes) -> RawAnswer:
        """GET exactly this target: clients rewrite what looks like dot segments."""
        with socket.create_connection((self.config.api_host, self.port), 10) as link:
            head = b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            link.sendall(head)
            answer = HTTPResponse(link)
            answer.begin()
            headers = {name.lower(): value for name, value in answer.getheaders()}
            return RawAnswer(answer.status, answer.read(), headers)


@contextlib.contextmanager
def run_api(config: Config, folder: Path, environment: Mapping[str, str] | None = None) -> Iterator[Api]:
    """`python -m api` with these settings."""
    port = free_port()
    settings = {
        "EXIFINATOR_API_PORT": str(port),
        "EXIFINATOR_MONGODB_URI": config.mongodb_uri.get_secret_value(),
        "EXIFINATOR_MONGODB_DATABASE": config.mongodb_database,
        "EXIFINATOR_MONGODB_COLLECTION": config.mongodb_collection,
        "EXIFINATOR_MRQ_DATABASE": config.mrq_database,
        "EXIFINATOR_API_HOST": config.api_host,
        "EXIFINATOR_API_TOKEN": config.api_token.get_secret_value() if config.api_token else "",
        "EXIFINATOR_REDIS_URL": config.redis_url.get_secret_value(),
        # Nobody but servers of the tests is asked for a bucket.
        "EXIFINATOR_S3_ENDPOINT_URL": config.s3_endpoint_url or NOBODY,
        "EXIFINATOR_AWS_ACCESS_KEY": "test",
        "EXIFINATOR_AWS_SECRET_KEY": "secret",
        **(environment or {}),
    }
    with running([sys.executable, "-m", "api"], port, folder / f"api-{port}.log", settings, host=config.api_host):
        url = f"http://{config.api_host}:{port}"
        with httpx.Client(base_url=url, timeout=30) as client:
            yield Api(url, port, client, config)


@pytest.fixture(scope="session")
def mongodb_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with run_mongod(tmp_path_factory.mktemp("api-mongod"), options=FAIL_POINTS) as address:
        yield address


@pytest.fixture(scope="session")
def library(mongodb_address: str) -> Config:
    """A database with the records of make_library, another one that must stay out of reach, and its settings."""
    config = Config(
        mongodb_uri=mongodb_address,  # type: ignore[arg-type]
        redis_url="redis://127.0.0.1:9/0",  # type: ignore[arg-type]
        mongodb_database="waldo",
        mrq_database="mrq",
    )
    with pymongo.MongoClient[dict[str, Any]](mongodb_address) as client:
        make_library(client, config)
    return config


@pytest.fixture(scope="session")
def api(library: Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """The API without a token, on this machine."""
    with run_api(library, tmp_path_factory.mktemp("api")) as running:
        yield running


@pytest.fixture(scope="session")
def guarded_api(library: Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """The API with a token, at an address that it takes for one of the network: it guards reading too."""
    config = library.model_copy(update={"api_host": "127.0.0.2", "api_token": SecretStr(TOKEN)})
    with run_api(config, tmp_path_factory.mktemp("guarded-api")) as running:
        yield running
