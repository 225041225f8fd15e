"""Report the version of the library, and the paths of its local folders."""

from __future__ import annotations

import hashlib

from fastapi import Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.auth import READER, allows_anonymous_reads
from api.database import StoreDep, read_version
from api.http.responses import json_response
from api.http.router import PathRouter
from exifinator.net import is_loopback_host
from exifinator.sources.folders.registry import registered_folders

router = PathRouter(dependencies=[READER], tags=["photos"])


class Library(BaseModel):
    """A summary of the library."""

    version: str | None = Field(
        description="Changes whenever photos are indexed or deleted. Null if it cannot be determined quickly."
    )
    folders: dict[str, str] = Field(
        description="Paths of the local folders that were indexed, by the name of their bucket. Empty if other "
        "machines can read photos without a token."
    )


@router.get("/library", summary="Check whether the library has changed", response_model=Library)
async def get_library(request: Request, store: StoreDep) -> Response:
    """Return a version of the library. The request is cheap, so clients can repeat it every few seconds."""
    version = await read_version(store.photos)
    text = None if version is None else hashlib.sha256(repr(version).encode()).hexdigest()[:16]
    config = store.config
    is_private = not allows_anonymous_reads(config) or is_loopback_host(config.api_host)
    folders = await run_in_threadpool(registered_folders) if is_private else {}
    return json_response(request, {"version": text, "folders": folders})
