"""Serve the explorer: its page at / and its files under /static."""

from __future__ import annotations

import html
import re
from pathlib import Path
from urllib.parse import urlsplit

import orjson
from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from api.auth import Credentials, allows_anonymous_reads, require_reader
from api.errors import ErrorCode, RequestRefused
from api.http.responses import bytes_response, json_response
from api.http.router import PathRouter
from exifinator import __version__
from exifinator.config import Config

# `python -m bundle` builds this folder from the sources next to it.
BUILT = Path(__file__).parents[1] / "static" / "built"
_PAGE = "index.html"
# File names that contain a hash of the content.
_HASHED = re.compile(r".+-[A-Z0-9]{8}\.\w+")
_FOREVER = "public, max-age=31536000, immutable"
_REVALIDATE = "no-cache"


def make_router(config: Config) -> APIRouter:
    """Return the routes of the explorer."""
    router = PathRouter(tags=["health"])
    files = StaticFiles(directory=BUILT)

    @router.get(
        "/",
        summary="List the main endpoints; for browsers, the explorer",
        response_model=dict[str, str],
        responses={200: {"content": {"text/html": {"schema": {"type": "string"}}}}},
    )
    async def list_endpoints(request: Request, credentials: Credentials) -> Response:
        """Return the main endpoints as JSON, or the explorer if the client accepts HTML.

        The page itself requires no token: the explorer asks the user for the token if the API requires it.
        """
        if accepts_html(request.headers.get("accept", "")):
            # Read the template for each request, so that an update takes effect on the next page load.
            template = await run_in_threadpool((BUILT / _PAGE).read_text)
            origins = await run_in_threadpool(request.app.state.url_signer.origins) if config.signs_originals else ""
            headers = {"Vary": "Accept", "Content-Security-Policy": content_policy(config, origins)}
            page = make_page(template, config)
            return bytes_response(request, page, "text/html; charset=utf-8", cache_control=_REVALIDATE, headers=headers)
        await require_reader(request, credentials)
        return json_response(request, _main_paths(config), headers={"Vary": "Accept"})

    @router.get("/static/{path:path}", include_in_schema=False)
    async def get_file(request: Request, path: str) -> Response:
        """Return a file of the explorer. Browsers may cache files with a hash in their name forever."""
        try:
            if "/" in path or path == _PAGE:  # index.html is a template, which only / fills in
                raise HTTPException(404)
            response = await files.get_response(path, request.scope)
        except HTTPException as error:
            raise RequestRefused(ErrorCode.NOT_FOUND, "This file does not exist.") from error
        response.headers["Cache-Control"] = _FOREVER if _HASHED.fullmatch(path) else _REVALIDATE
        return response

    return router


def accepts_html(accept: str) -> bool:
    """Return whether an Accept header names HTML, as browsers do. Other clients send */* and get JSON."""
    for part in accept.split(","):
        name, _, rest = part.strip().partition(";")
        if name.strip().lower() in ("text/html", "application/xhtml+xml") and not re.search(r"q=0(\.0*)?$", rest):
            return True
    return False


def make_page(template: str, config: Config) -> bytes:
    """Return index.html with the settings that the page needs."""
    settings = {
        "database": config.mongodb_database,
        "collection": config.mongodb_collection,
        "dashboard_port": config.dashboard_port,
        "version": __version__,
        "needs_token": not allows_anonymous_reads(config),
        "has_token": config.api_token is not None,
        "makes_previews": config.api_previews,
        "sign_originals": config.signs_originals,
        "tiles_url": config.map_tiles_url,
        "tiles_attribution": config.map_tiles_attribution,
    }
    return template.replace("{{settings}}", html.escape(orjson.dumps(settings).decode(), quote=True)).encode()


def content_policy(config: Config, original_origins: str = "") -> str:
    """Return the Content-Security-Policy, which allows this server and, for map tiles, the configured server.

    Images may also use data: (Leaflet's empty tile) and blob: (thumbnails fetched with the token).

    Args:
        config: The settings.
        original_origins: The origins of links to originals, separated by spaces.
    """
    images = f"img-src 'self' data: blob: {original_origins}".rstrip()
    if config.map_tiles_url:
        parts = urlsplit(config.map_tiles_url.replace("{s}", "*"))
        images += f" {parts.scheme}://{parts.netloc}"
    return (
        f"default-src 'self'; {images}; media-src 'self' {original_origins}".rstrip()
        + "; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _main_paths(config: Config) -> dict[str, str]:
    database, collection = config.mongodb_database, config.mongodb_collection
    return {
        "photos": "/photos",
        "facets": "/facets",
        "records": f"/{database}/{collection}",
        "databases": "/dbs",
        "map": "/map",
        "export": "/export.csv",
        "docs": "/docs",
        "openapi": "/openapi.json",
        "health": "/healthz",
    }
