"""ReadRoute parses parameters as FastAPI's own route does, and makes the same checks."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, Query, Request
from fastapi.routing import APIRoute, APIRouter
from starlette.responses import JSONResponse, Response
from starlette.testclient import TestClient

from api.app import create_app
from api.http.parameters import PhotoId, reject_stray_parameters
from api.http.problems import install_handlers
from api.http.read_route import ReadRoute, read_parameters
from api.routes.facets import FacetArguments
from api.routes.photos import PageArguments
from exifinator.config import build_config


async def _user_agent(request: Request) -> str:
    return request.headers["user-agent"]


async def echo_page(
    request: Request, user_agent: Annotated[str, Depends(_user_agent)], arguments: Annotated[PageArguments, Query()]
) -> Response:
    return JSONResponse([request.url.path, user_agent, arguments.model_dump()])


async def echo_facets(arguments: Annotated[FacetArguments, Query()]) -> Response:
    return JSONResponse(arguments.model_dump())


async def echo_photo(id: PhotoId) -> Response:
    return JSONResponse(id)


def client(route_class: type[APIRoute]) -> TestClient:
    app = FastAPI(dependencies=[Depends(reject_stray_parameters)])
    router = APIRouter(route_class=route_class)
    for path, endpoint in (("/page", echo_page), ("/facets", echo_facets), ("/photos/{id:path}", echo_photo)):
        router.add_api_route(path, endpoint)
    app.include_router(router)
    install_handlers(app, lambda _: "")
    return TestClient(app)


@pytest.fixture(scope="module")
def clients() -> tuple[TestClient, TestClient]:
    """Return clients of the same endpoints with ReadRoute and with FastAPI's route."""
    return client(ReadRoute), client(APIRoute)


@pytest.mark.parametrize(
    "path",
    [
        "/page",
        "/page?camera=X-T4",
        "/page?camera=X-T4&camera=ILCE-7M3&limit=7&primary=true&rating=5&rating=-1&flash=false",
        "/page?q=caf%C3%A9%20%26%20bar&sort=iso&has=gps&has=date",
        "/facets?fields=camera,iso&top=3&others=1&find=sony",
        "/photos/holiday%2F2024/a%20b.jpg",
        # Invalid requests.
        "/page?camera=",
        "/page?limit=0&sort=size",
        "/page?limit=many&rating=6&has=nothing&flash=maybe",
        "/page?colour=red",
        "/page?colour=red&colour=blue",
        "/page?iso=100&iso=200",
        "/page?" + "&".join(f"camera={number}" for number in range(51)),
        "/facets?fields=camera,colour",
        "/photos/a?camera=X-T4",
        "/photos/%FF",
        "/photos/" + "x" * 2049,
    ],
)
def test_route__valid_or_invalid_request__gets_the_same_response_as_from_fastapi(
    clients: tuple[TestClient, TestClient], path: str
) -> None:
    response, expected = (client.get(path) for client in clients)
    assert (response.status_code, response.json()) == (expected.status_code, expected.json())


def test_route__several_invalid_parameters__are_all_named() -> None:
    problem = client(ReadRoute).get("/page?limit=0&sort=size").json()
    assert (problem["status"], problem["parameter"]) == (400, "sort")
    assert problem["detail"].startswith("sort: ")
    assert "; limit: " in problem["detail"]


def test_routes__request_without_a_token__is_refused() -> None:
    api = TestClient(create_app(build_config({"API_TOKEN": "topsecret-token-123456"}, {})), base_url="http://127.0.0.1")
    paths = ("/photos", "/photos/a/b", "/photos/a/b/thumbnail", "/facets", "/map", "/statistics", "/suggestions?q=a")
    assert {path: api.get(path).status_code for path in paths} == dict.fromkeys(paths, 401)


def _blocking(request: Request) -> None: ...


async def _with_an_integer(number: int) -> None: ...


@pytest.mark.parametrize("call", [_blocking, _with_an_integer])
def test_read_parameters__unsupported_function__raises_when_the_route_is_defined(call: Any) -> None:
    with pytest.raises(TypeError):
        read_parameters(call)
