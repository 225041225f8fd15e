"""Say whether the library has changed."""

from __future__ import annotations

import hashlib

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from api.auth import READER
from api.database import StoreDep, read_version
from api.http.responses import json_response

router = APIRouter(dependencies=[READER], tags=["photos"])


class Library(BaseModel):
    """A summary of the library."""

    version: str | None = Field(
        description="Changes whenever photos are indexed or deleted. Null if it cannot be determined quickly."
    )


@router.get("/library", summary="Check whether the library has changed", response_model=Library)
async def get_library(request: Request, store: StoreDep) -> Response:
    """Return a version of the library. The request is cheap, so clients can repeat it every few seconds."""
    version = await read_version(store.photos)
    text = None if version is None else hashlib.sha256(repr(version).encode()).hexdigest()[:16]
    return json_response(request, {"version": text})
