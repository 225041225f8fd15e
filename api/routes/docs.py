"""Serve the OpenAPI document, and show it as Swagger UI. All files of the page come from this server."""

from __future__ import annotations

from importlib.resources import files
from typing import Literal

from fastapi import Request
from starlette.responses import Response

from api.auth import READER
from api.http.responses import bytes_response, json_response
from api.http.router import PathRouter

router = PathRouter(prefix="/docs", include_in_schema=False)
document_router = PathRouter(dependencies=[READER])

# Swagger UI, unchanged, from the package fastapi-swagger.
_ASSETS = files("fastapi_swagger") / "resources"
_TYPES = {
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "swagger-ui.css": "text/css; charset=utf-8",
    "favicon-32x32.png": "image/png",
}
_A_DAY = "public, max-age=86400"
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE = b"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>EXIFinator API</title>
<link rel="icon" href="/docs/favicon-32x32.png">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
# The page itself requires no token. The document that it shows names the database, and requires the token if reading
# photos does, so send the token that the explorer has stored.
_START = b"""function readToken() {
  try {
    return sessionStorage.getItem("explorer.token") ?? localStorage.getItem("explorer.token");
  } catch {
    return null;
  }
}
SwaggerUIBundle({
  url: "/openapi.json",
  requestInterceptor: (request) => {
    const token = readToken();
    if (token && !request.headers.Authorization) request.headers.Authorization = `Bearer ${token}`;
    return request;
  },
  dom_id: "#swagger-ui",
  deepLinking: true,
  tryItOutEnabled: true,
  validatorUrl: null,
  defaultModelsExpandDepth: 0,
  presets: [SwaggerUIBundle.presets.apis],
});
"""


@document_router.get("/openapi.json", include_in_schema=False)
async def get_document(request: Request) -> Response:
    return json_response(request, request.app.openapi())


@router.get("")
async def get_page(request: Request) -> Response:
    return bytes_response(request, _PAGE, "text/html; charset=utf-8", headers={"Content-Security-Policy": _CSP})


@router.get("/start.js")
async def get_start(request: Request) -> Response:
    return bytes_response(request, _START, "text/javascript; charset=utf-8", cache_control=_A_DAY)


@router.get("/{name}")
async def get_asset(
    request: Request, name: Literal["swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png"]
) -> Response:
    return bytes_response(request, (_ASSETS / name).read_bytes(), _TYPES[name], cache_control=_A_DAY)
