"""Whether the API lives, and whether it can answer."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from api.answers import answer_json
from api.store import ReadStore

router = APIRouter(tags=["health"])
_PING_MS = 1000


class Health(BaseModel):
    status: Literal["ok"]


@router.get("/healthz", summary="The API runs", response_model=Health)
async def get_health(request: Request) -> Response:
    """Asks nothing of MongoDB: an API that waits for its database is alive."""
    return answer_json(request, {"status": "ok"})


@router.get("/readyz", summary="The API can answer: MongoDB does", response_model=Health)
async def get_readiness(request: Request, store: ReadStore) -> Response:
    await store.client.admin.command("ping", maxTimeMS=_PING_MS)
    return answer_json(request, {"status": "ok"})
