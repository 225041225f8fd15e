"""PathRouter finds the same routes as FastAPI's router."""

from __future__ import annotations

import pytest
from fastapi import APIRouter, FastAPI
from starlette.responses import Response
from starlette.testclient import TestClient

from api.http.router import PathRouter


async def respond() -> Response:
    return Response("found")


def client(router: APIRouter, *paths: str) -> TestClient:
    for path in paths:
        router.add_api_route(path, respond)
    app = FastAPI()
    app.include_router(router)
    return TestClient(app)


@pytest.mark.parametrize(
    "path", ["/", "/photos", "/photos/", "/photos/a/b", "/photosets", "/photo", "/maps/a", "/map", "//photos", "/b/map"]
)
def test_get__path__has_the_same_status_as_from_fastapi(path: str) -> None:
    paths = ("/photos", "/photos/{id:path}", "/map")
    statuses = [client(router, *paths).get(path).status_code for router in (PathRouter(), APIRouter())]
    assert statuses[0] == statuses[1]


def test_get__route_with_a_parameter_in_the_first_segment__is_found() -> None:
    api = client(PathRouter(), "/map", "/export.{format}")
    assert api.get("/export.csv").text == "found"


def test_get__path_with_another_first_segment__is_not_compared_with_the_routes(monkeypatch: pytest.MonkeyPatch) -> None:
    api = client(PathRouter(), "/photos")
    compared: list[str] = []
    monkeypatch.setattr(APIRouter, "matches", lambda _, scope: compared.append(scope["path"]))
    assert api.get("/map").status_code == 404
    assert compared == []
