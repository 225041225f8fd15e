"""Summarize the cameras with which photos were taken."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from bson import json_util
from fastapi import Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from api.aggregations.background import BackgroundCounts
from api.aggregations.cameras import MAX_VALUES, Cameras, read_cameras, summarize_cameras
from api.auth import READER
from api.database import QUERY_MS, StoreDep
from api.http.read_route import ReadRoute
from api.http.responses import json_response
from api.http.router import PathRouter
from api.query.buckets import set_searched_buckets
from api.query.filters import Filters

router = PathRouter(dependencies=[READER], tags=["facets"], route_class=ReadRoute)

MAX_CAMERAS = 500
# Time limit of a background query.
_BACKGROUND_MS = 60_000


class CameraArguments(Filters):
    """Filter parameters, and limits on the response."""

    limit: int = Field(100, ge=1, le=MAX_CAMERAS, description="Maximum number of cameras to return.", examples=[100])
    budget_ms: int = Field(1500, ge=50, le=QUERY_MS, description="Time limit for each query, in milliseconds.")


class ValueCount(BaseModel):
    """A value and the number of photos that have it."""

    value: str
    count: int


class CameraBody(BaseModel):
    """One camera, recognized by its model and serial number."""

    make: str | None
    model: str | None
    serial: str
    photos: int
    first: str | None = Field(
        description="When the camera's first photo was taken, on the camera's clock. Implausible dates are left out."
    )
    last: str | None = Field(description="When the camera's last photo was taken, on the camera's clock.")
    shutter_count: int | None = Field(description="The highest shutter count in the camera's photos.")
    owners: list[ValueCount] = Field(description=f"Owners set in it, most frequent first, at most {MAX_VALUES}.")
    lenses: list[ValueCount] = Field(description=f"Lenses used with it, most frequent first, at most {MAX_VALUES}.")


class CameraList(BaseModel):
    """Cameras, the one with the most photos first."""

    cameras: list[CameraBody]
    total: int = Field(description="Number of cameras, which may be more than `limit`.")
    partial: bool = Field(
        description="Whether only a sample of the photos was read, because reading all exceeded the time limit. "
        "In this case, all photos are being read in the background: repeat the request after a few seconds."
    )


@router.get("/cameras", summary="List cameras by serial number", response_model=CameraList)
async def list_cameras(request: Request, store: StoreDep, arguments: Annotated[CameraArguments, Query()]) -> Response:
    """List the cameras whose photos match the filters, each with its dates, shutter count, owners and lenses.

    Photos that do not name the serial number of the camera are left out.
    """
    await set_searched_buckets(store.photos, arguments)
    filter_ = arguments.to_filter()
    background: BackgroundCounts[Cameras] = request.app.state.background_cameras
    key = json_util.dumps([filter_, arguments.limit], sort_keys=True)
    cameras = background.get(key)
    if cameras is None:
        cameras = await summarize_cameras(store.photos, filter_, limit=arguments.limit, budget_ms=arguments.budget_ms)
        if cameras.is_sample:
            read_all = partial(read_cameras, store.photos, filter_, limit=arguments.limit, budget_ms=_BACKGROUND_MS)
            background.start(key, cameras, read_all)
    content = {"cameras": cameras.rows, "total": cameras.total, "partial": cameras.is_sample}
    return json_response(request, content)
