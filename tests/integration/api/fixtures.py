"""Fixtures of the API tests: a photo library in a real MongoDB, and the API over it, run in one of three ways.

`open_api` runs the application in this process, without its server, which is enough for most tests. `serve_api` runs it
with its server, in a thread. `run_api` runs it as a process. tests/integration/conftest.py imports these fixtures.
"""

from __future__ import annotations

import contextlib
import functools
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pymongo
import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient

from api.app import create_app
from api.server import Server, ServerLimits, server_config
from exifinator.config import Config
from exifinator.storage.mongodb import connect_mongodb
from exifinator.storage.store import Store
from exifinator.web_security import LoginThrottle
from tests.conftest import Addresses
from tests.integration.api.library import make_library
from tests.servers import api_is_ready, reserve_port, running
from tests.waiting import eventually

TOKEN = "the-token-of-the-tests"
# An S3 address on which no server listens.
NOBODY = "http://127.0.0.1:9"


@dataclass(frozen=True)
class RawAnswer:
    """A response. The names of its headers are in lower case."""

    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "")


@dataclass(frozen=True)
class Api:
    """The API and a client for it."""

    url: str
    client: httpx.Client
    config: Config

    def get(self, path: str, **params: Any) -> httpx.Response:
        return self.client.get(path, params=params or None)


@dataclass(frozen=True)
class WireApi(Api):
    """The API on a socket: in a process, or in a server in a thread of this process."""

    port: int
    process: subprocess.Popen[bytes] | None = None
    server: Server | None = None

    def connect(self) -> socket.socket:
        return socket.create_connection((self.config.api_host, self.port))

    def get_raw(self, target: bytes) -> RawAnswer:
        """Send a GET for exactly this target. HTTP clients would normalize dot segments."""
        return self.talk(b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")

    def talk(self, request: bytes) -> RawAnswer:
        """Send all of these bytes before reading the response."""
        with self.connect() as link:
            link.sendall(request)
            answer = HTTPResponse(link)
            answer.begin()
            headers = {name.lower(): value for name, value in answer.getheaders()}
            return RawAnswer(answer.status, answer.read(), headers)


@contextlib.contextmanager
def open_api(config: Config, *, throttle: LoginThrottle | None = None) -> Iterator[Api]:
    """Run the application in this process, without a server. The client raises the exceptions of the application."""
    url = f"http://{config.api_host}:{config.api_port}"
    app = create_app(_with_test_s3(config), throttle=throttle)
    with TestClient(app, base_url=url, client=("127.0.0.1", 50_000), follow_redirects=False) as client:
        # The queries of the start would use up fail points that are meant for requests.
        eventually(app.state.preparing.done)
        yield Api(url, client, config)


@contextlib.contextmanager
def serve_api(
    config: Config, *, limits: ServerLimits | None = None, listener: socket.socket | None = None
) -> Iterator[WireApi]:
    """Run the API's server in a thread of this process, for tests of its sockets, limits and streams, and in a browser.

    Args:
        listener: The socket to accept connections on, by default one on a free port.
    """
    listener = listener or socket.create_server((config.api_host, 0))
    # asyncio sets TCP_NODELAY only for sockets that name their protocol. Without it, each response on a kept connection
    # waits 40 ms for the client's delayed acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    port = listener.getsockname()[1]
    create = functools.partial(create_app, _with_test_s3(config))
    ready = threading.Event()
    # Unless logs are in JSON, uvicorn would reconfigure the logging of this process.
    uvicorn_config = config.model_copy(update={"log_format": "json"})
    server = Server(server_config(uvicorn_config, limits, app_factory=create), on_ready=ready.set)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="api")
    thread.start()
    try:
        eventually(lambda: ready.is_set() or not thread.is_alive())
        assert thread.is_alive(), "the API did not start; its output says why"
        url = f"http://{config.api_host}:{port}"
        with httpx.Client(base_url=url, timeout=None) as client:
            yield WireApi(url, client, config, port, server=server)
    finally:
        server.should_exit = True
        thread.join()


def _with_test_s3(config: Config) -> Config:
    """Return the settings with test credentials and, unless a test has set its own S3 server, the address NOBODY."""
    changes = {"s3_endpoint_url": config.s3_endpoint_url or NOBODY}
    return config.model_copy(update={**changes, "aws_access_key": "test", "aws_secret_key": SecretStr("secret")})


@contextlib.contextmanager
def run_api(config: Config, folder: Path, environment: Mapping[str, str] | None = None) -> Iterator[WireApi]:
    """Run `python -m api` with these settings.

    Its imports take two seconds, so use it only where a process is needed.
    """
    port = reserve_port()
    settings = {
        "EXIFINATOR_API_PORT": str(port),
        "EXIFINATOR_MONGODB_URI": config.mongodb_uri.get_secret_value(),
        "EXIFINATOR_MONGODB_DATABASE": config.mongodb_database,
        "EXIFINATOR_MONGODB_COLLECTION": config.mongodb_collection,
        "EXIFINATOR_MRQ_DATABASE": config.mrq_database,
        "EXIFINATOR_API_HOST": config.api_host,
        "EXIFINATOR_API_PROCESSES": "1",
        "EXIFINATOR_API_TOKEN": config.api_token.get_secret_value() if config.api_token else "",
        "EXIFINATOR_REDIS_URL": config.redis_url.get_secret_value(),
        "EXIFINATOR_API_PREVIEWS": str(config.api_previews),
        # Tests must not send requests to a real S3 server.
        "EXIFINATOR_S3_ENDPOINT_URL": config.s3_endpoint_url or NOBODY,
        "EXIFINATOR_AWS_ACCESS_KEY": "test",
        "EXIFINATOR_AWS_SECRET_KEY": "secret",
        **(environment or {}),
    }
    command, log = [sys.executable, "-m", "api"], folder / f"api-{port}.log"
    is_ready = functools.partial(api_is_ready, port, host=config.api_host)
    with running(command, port, log, settings, is_ready=is_ready) as process:
        url = f"http://{config.api_host}:{port}"
        with httpx.Client(base_url=url, timeout=None) as client:
            yield WireApi(url, client, config, port, process)


@pytest.fixture(scope="session")
def library(servers: Addresses) -> Iterator[Config]:
    """Yield the settings of a database with the records of make_library.

    make_library also fills the database `private`, which the API must never read. All processes of a test run share
    this library, so tests must only read from it. A test that writes uses `own_library`.
    """
    config = Config(
        mongodb_uri=servers.mongodb_uri,  # type: ignore[arg-type]
        redis_url="redis://127.0.0.1:9/0",  # type: ignore[arg-type]
        mongodb_database="waldo",
        mrq_database="mrq",
    )
    servers.once("library", functools.partial(_fill, config, "private"))
    before = hash_library(config)
    yield config
    assert hash_library(config) == before, "a test of this run wrote to the shared library: it must use own_library"


def hash_library(config: Config) -> dict[str, dict[str, str]]:
    """Return a hash of each collection that a test of the library could reach or write to, by database."""
    with pymongo.MongoClient[dict[str, Any]](config.mongodb_uri.get_secret_value()) as client:
        names = (config.mongodb_database, config.mrq_database, "private")
        return {name: client[name].command("dbHash")["collections"] for name in names}


@pytest.fixture
def own_library(library: Config) -> Iterator[Config]:
    """Yield the settings of a copy of the library that belongs to one test."""
    with copy_library(library) as copy:
        yield copy


@pytest.fixture
def failing_library(library: Config, servers: Addresses, failing_mongodb_uri: str) -> Config:
    """Return the settings of a copy of the library on the server for fail points, for tests that only read."""
    config = library.model_copy(update={"mongodb_uri": SecretStr(failing_mongodb_uri)})
    servers.once("failing-library", functools.partial(_fill, config, "private"))
    return config


@pytest.fixture
def fail(failing_mongodb_uri: str) -> Iterator[Callable[..., None]]:
    """Yield fail(NAME, mode=..., **data), which activates one of MongoDB's fail points until the test ends."""
    with pymongo.MongoClient[dict[str, Any]](failing_mongodb_uri) as client, contextlib.ExitStack() as stack:

        def set_point(name: str, *, mode: Any = "alwaysOn", **data: Any) -> None:
            # When an API starts, it counts the records before it creates indexes. This count would use up a failure.
            for thread in threading.enumerate():
                if thread.name == "indexes":
                    thread.join()
            if name == "maxTimeAlwaysTimeOut":
                # Otherwise, the fail point that is set from the start takes precedence.
                never = ("configureFailPoint", "maxTimeNeverTimeOut")
                stack.callback(client.admin.command, *never, mode="alwaysOn")
                client.admin.command(*never, mode="off")
            stack.callback(client.admin.command, "configureFailPoint", name, mode="off")
            client.admin.command("configureFailPoint", name, mode=mode, **({"data": data} if data else {}))

        yield set_point


@contextlib.contextmanager
def copy_library(library: Config) -> Iterator[Config]:
    """Yield the settings of a new library with a random name, and drop the library afterwards."""
    name = secrets.token_hex(4)
    config = library.model_copy(update={"mongodb_database": f"library-{name}", "mrq_database": f"mrq-{name}"})
    _fill(config, f"private-{name}")
    try:
        yield config
    finally:
        with pymongo.MongoClient[dict[str, Any]](config.mongodb_uri.get_secret_value()) as client:
            for database in (config.mongodb_database, config.mrq_database, f"private-{name}"):
                client.drop_database(database)


def _fill(config: Config, private: str) -> None:
    """Make a library with all indexes that an API creates when it starts."""
    client = connect_mongodb(config)
    try:
        make_library(client, config, private=private)
        Store(client, config).ensure_indexes()
    finally:
        client.close()


@pytest.fixture(scope="session")
def api(library: Config) -> Iterator[Api]:
    """Yield the API over the shared library, without a token and without a server."""
    with open_api(library) as running:
        yield running


@pytest.fixture(scope="session")
def wire_api(library: Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WireApi]:
    """Yield the API over the shared library as a process, for tests of raw HTTP."""
    with run_api(library, tmp_path_factory.mktemp("api")) as running:
        yield running


@pytest.fixture(scope="session")
def guarded_api(library: Config) -> Iterator[Api]:
    """Yield the API with a token."""
    with open_api(guarded(library)) as running:
        yield running


def guarded(config: Config) -> Config:
    """Return the settings with an API token, which then even read requests must send."""
    return config.model_copy(update={"api_token": SecretStr(TOKEN)})
