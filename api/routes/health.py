"""Liveness and readiness checks."""

from __future__ import annotations

import os
from typing import Literal

from fastapi import Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from api.database import StoreDep
from api.http.responses import json_response
from api.http.router import PathRouter
from api.process import ApiProcess

router = PathRouter(tags=["health"])
_PING_MS = 1000


class Readiness(BaseModel):
    status: Literal["ok"]


class Health(Readiness):
    pid: int = Field(
        description="Process id of the API's main process, from which a process manager can tell whether it started "
        "this API."
    )
    process_pid: int = Field(
        description="Process id of the process that responded. If API_PROCESSES is 1, it is the same as `pid`."
    )


@router.get("/healthz", summary="Check that the API is running", response_model=Health)
async def get_health(request: Request) -> Response:
    """Return ok without querying MongoDB: the API is alive even while its database is unavailable."""
    process: ApiProcess = request.app.state.process
    return json_response(request, {"status": "ok", "pid": process.main_pid, "process_pid": os.getpid()})


@router.get("/readyz", summary="Check that the API is ready: MongoDB responds", response_model=Readiness)
async def get_readiness(request: Request, store: StoreDep) -> Response:
    await store.client.admin.command("ping", maxTimeMS=_PING_MS)
    return json_response(request, {"status": "ok"})
