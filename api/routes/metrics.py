"""/metrics, as Prometheus scrapes it."""

from __future__ import annotations

import asyncio
import time

from fastapi import APIRouter, Request
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.responses import Response

from api.doors import READER
from exifinator.config import Config
from exifinator.metrics_page import EverySource

router = APIRouter(tags=["health"])

# Of several Prometheus servers each gets what the first was given.
KEPT_SECONDS = 1.0
_PLAIN = "text/plain; version=0.0.4; charset=utf-8"


class MetricsPage:
    """The page, made for one scrape at a time."""

    def __init__(self, config: Config) -> None:
        self._source = EverySource(config)
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self._source)
        self._lock = asyncio.Lock()
        self._made: dict[str, tuple[float, bytes]] = {}

    async def render(self, accept: str) -> tuple[bytes, str]:
        """The page and its media type, in the format that `accept` asks for."""
        encode, media_type = choose_encoder(accept)
        async with self._lock:
            made_at, body = self._made.get(media_type, (-2 * KEPT_SECONDS, b""))
            if time.monotonic() - made_at > KEPT_SECONDS:
                body = await asyncio.to_thread(encode, self._registry)
                # A format is one of a handful, whatever a client asks for.
                self._made[media_type] = (time.monotonic(), body)
        return body, media_type

    def close(self) -> None:
        self._source.close()


@router.get(
    "/metrics",
    summary="Counts and gauges of all processes, for Prometheus",
    response_class=Response,
    responses={200: {"content": {_PLAIN: {"schema": {"type": "string"}}}, "description": "The text format."}},
    dependencies=[READER],
)
async def get_metrics(request: Request) -> Response:
    """Counters since Redis was last empty, gauges of this moment; without Redis or MongoDB what the other one knows."""
    page: MetricsPage = request.app.state.metrics
    body, media_type = await page.render(request.headers.get("accept", ""))
    return Response(body, media_type=media_type, headers={"Cache-Control": "no-store"})
