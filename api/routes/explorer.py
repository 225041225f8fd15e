"""The explorer: one page for browsers at /, and the files that it consists of."""

from __future__ import annotations

import html
import re
from urllib.parse import urlsplit

import orjson
from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.answers import answer_bytes, answer_json, names_etag
from api.assets import Asset, AssetFolder, Assets
from api.doors import Credentials, is_open_to_read, require_reader
from api.errors import Refused
from exifinator.config import Config

# The address changes with the content, so what lies there never does.
_FOREVER = "public, max-age=31536000, immutable"
_ASK = "no-cache"
_VERSIONED = re.compile(r"([0-9a-f]{16})/(.+)")


def make_router(config: Config) -> APIRouter:
    """The routes for these settings."""
    router = APIRouter(tags=["health"])
    folder = AssetFolder()
    policy = content_policy(config)

    @router.get(
        "/",
        summary="What there is; for browsers the explorer",
        response_model=dict[str, str],
        responses={200: {"content": {"text/html": {"schema": {"type": "string"}}}}},
    )
    async def list_addresses(request: Request, credentials: Credentials) -> Response:
        """The addresses in JSON. To those who accept HTML, as browsers do, the explorer, which asks for the token."""
        if accepts_html(request.headers.get("accept", "")):
            assets = await run_in_threadpool(folder.get)
            headers = {"Vary": "Accept", "Content-Security-Policy": policy}
            page = make_page(assets, config)
            return answer_bytes(
                request, page, assets.files["index.html"].media_type, cache_control=_ASK, headers=headers
            )
        await require_reader(request, credentials)
        return answer_json(request, _addresses(config), headers={"Vary": "Accept"})

    @router.get("/static/{path:path}", include_in_schema=False)
    async def get_file(request: Request, path: str) -> Response:
        """A file of the explorer; with the version before its path a browser keeps it for good."""
        versioned = _VERSIONED.fullmatch(path)
        assets = await run_in_threadpool(folder.held, versioned[1] if versioned else "")
        name = versioned[2] if versioned else path
        asset = assets.files.get(name)
        if asset is None or name == "index.html":
            raise Refused(404, "There is no file of this name.")
        # After an update, an old page gets what there is now, and keeps none of it.
        kept = _FOREVER if versioned and versioned[1] == assets.version else _ASK
        return _answer(request, asset, kept)

    return router


def accepts_html(accept: str) -> bool:
    """Whether an Accept header names HTML, as browsers' do; */*, which programs send, is JSON here."""
    for part in accept.split(","):
        name, _, rest = part.strip().partition(";")
        if name.strip().lower() in ("text/html", "application/xhtml+xml") and not re.search(r"q=0(\.0*)?$", rest):
            return True
    return False


def make_page(assets: Assets, config: Config) -> bytes:
    """index.html with the address of its files, and what the page has to know of the settings."""
    known = {
        "database": config.mongodb_database,
        "collection": config.mongodb_collection,
        "dashboard_port": config.dashboard_port,
        "needs_token": not is_open_to_read(config),
        "has_token": config.api_token is not None,
        "sign_originals": config.api_sign_originals,
        "tiles_url": config.map_tiles_url,
        "tiles_attribution": config.map_tiles_attribution,
    }
    page = assets.files["index.html"].data.decode().replace("{{base}}", f"/static/{assets.version}")
    return page.replace("{{settings}}", html.escape(orjson.dumps(known).decode(), quote=True)).encode()


def content_policy(config: Config) -> str:
    """What the page may load: from this server alone, and map tiles from where the settings say.

    data: and blob: are for pictures only: Leaflet's empty tile, and thumbnails that were fetched with the token.
    """
    pictures = "img-src 'self' data: blob:"
    if config.map_tiles_url:
        parts = urlsplit(config.map_tiles_url.replace("{s}", "*"))
        pictures += f" {parts.scheme}://{parts.netloc}"
    return (
        f"default-src 'self'; {pictures}; object-src 'none'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )


def _answer(request: Request, asset: Asset, cache_control: str) -> Response:
    headers = {"ETag": asset.etag, "Cache-Control": cache_control, "Vary": "Accept-Encoding"}
    if names_etag(request.headers.get("if-none-match"), asset.etag):
        return Response(status_code=304, headers=headers)
    if asset.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(asset.packed, media_type=asset.media_type, headers={**headers, "Content-Encoding": "gzip"})
    return Response(asset.data, media_type=asset.media_type, headers=headers)


def _addresses(config: Config) -> dict[str, str]:
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
