"""Settings change which origins and hosts the API accepts, and which indexes exist."""

from __future__ import annotations

import re

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from exifinator.config import API_PATHS, Config
from exifinator.storage.indexes import INDEXES, index_definitions
from tests.servers import ROOT

INDEX_PAGE = (ROOT / "docs/explanation/indexes.md").read_text(encoding="utf-8")


@pytest.fixture
def client() -> TestClient:
    """Return a client of the application, whose lifespan is not entered: it would connect to the servers."""
    config = Config().model_copy(
        update={"api_cors_origins": ("https://photos.example",), "api_allowed_hosts": ("photos.internal",)}
    )
    return TestClient(create_app(config), base_url="http://localhost")


def test_cors__origin_in_the_settings__may_read_without_cookies(client: TestClient) -> None:
    answer = client.get("/healthz", headers={"Origin": "https://photos.example"})
    assert answer.headers["access-control-allow-origin"] == "https://photos.example"
    assert "access-control-allow-credentials" not in answer.headers


def test_cors__preflight_request__allows_the_authorization_header(client: TestClient) -> None:
    preflight = {"Origin": "https://photos.example", "Access-Control-Request-Method": "POST"}
    headers = {**preflight, "Access-Control-Request-Headers": "authorization"}
    answer = client.options("/failures/requeue", headers=headers)
    assert answer.status_code == 200
    assert "authorization" in answer.headers["access-control-allow-headers"].lower()


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://photos.example", "null", "https://photos.example.evil"]
)
def test_cors__origin_not_in_the_settings__may_not_read(client: TestClient, origin: str) -> None:
    assert "access-control-allow-origin" not in client.get("/healthz", headers={"Origin": origin}).headers


def test_known_host__host_in_the_settings__is_accepted(client: TestClient) -> None:
    assert client.get("/healthz", headers={"Host": "photos.internal:8080"}).status_code == 200
    assert client.get("/healthz", headers={"Host": "other.internal"}).status_code == 421


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "localhost"])
def test_known_host__api_on_loopback__refuses_other_host_names(address: str) -> None:
    client = TestClient(create_app(Config().model_copy(update={"api_host": address})), base_url="http://localhost")
    assert client.get("/healthz").status_code == 200
    refused = client.get("/healthz", headers={"Host": "evil.example"})
    assert (refused.status_code, refused.json()["code"]) == (421, "unknown_host")


def test_api_paths__first_segment_of_each_route__cannot_be_the_name_of_the_database() -> None:
    paths = {str(getattr(route, "path", "")).strip("/").partition("/")[0] for route in create_app(Config()).routes}
    # A database name cannot contain a period or braces, and the path / has no segment.
    assert {path for path in paths if path and "{" not in path and "." not in path} <= API_PATHS


def test_index_definitions__indexed_tag__adds_an_index_on_its_printable_value() -> None:
    config = Config().model_copy(update={"indexed_tags": ("EXIF LensSerialNumber",)})
    (added,) = index_definitions(config)[len(INDEXES) :]
    assert added.keys == (("EXIF LensSerialNumber.printable", 1),)


def test_indexes__all_definitions__have_a_unique_name_and_a_purpose() -> None:
    assert len({index.name for index in INDEXES}) == len(INDEXES)
    assert all(index.purpose for index in INDEXES)


def test_index_page__all_indexes__are_listed_with_their_purpose() -> None:
    listed = re.findall(r"^\| `(\w+)` \| (.+?) \| (?:\d+ µs|not measured) \|$", INDEX_PAGE, re.MULTILINE)
    assert listed == [(index.name, index.purpose) for index in INDEXES]
