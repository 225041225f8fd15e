"""Serve Prometheus metrics at /metrics."""

from __future__ import annotations

import asyncio
import math
import time

from fastapi import Request
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.responses import Response

from api.auth import READER
from api.http.router import PathRouter
from exifinator.config import Config
from exifinator.monitoring.prometheus import ExifinatorCollector

router = PathRouter(tags=["health"])

_PLAIN = "text/plain; version=0.0.4; charset=utf-8"


class MetricsPage:
    """Renders the metrics, one page at a time.

    A waiting request gets the page rendered for another request if its rendering began after the waiting request had
    arrived. An older page could show smaller counts than the page that another process has just sent, which Prometheus
    would take for a restart.
    """

    def __init__(self, config: Config) -> None:
        self._collector = ExifinatorCollector(config)
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self._collector)
        self._lock = asyncio.Lock()
        self._pages: dict[str, tuple[float, bytes]] = {}

    async def render(self, accept: str) -> tuple[bytes, str]:
        """Return the metrics and their media type, in the format that the Accept header prefers."""
        encode, media_type = choose_encoder(accept)
        arrived_at = time.monotonic()
        async with self._lock:
            began_at, body = self._pages.get(media_type, (-math.inf, b""))
            if began_at < arrived_at:
                began_at = time.monotonic()
                body = await asyncio.to_thread(encode, self._registry)
                # The dictionary stays small, because prometheus_client has only a handful of formats.
                self._pages[media_type] = (began_at, body)
        return body, media_type

    def close(self) -> None:
        self._collector.close()


@router.get(
    "/metrics",
    summary="Get metrics of all processes for Prometheus",
    response_class=Response,
    responses={200: {"content": {_PLAIN: {"schema": {"type": "string"}}}, "description": "Prometheus text format"}},
    dependencies=[READER],
)
async def get_metrics(request: Request) -> Response:
    """Return gauges and counters. The counters start at zero whenever Redis has lost its data.

    If Redis or MongoDB is unavailable, the metrics that come from it are missing.
    """
    page: MetricsPage = request.app.state.metrics
    body, media_type = await page.render(request.headers.get("accept", ""))
    return Response(body, media_type=media_type, headers={"Cache-Control": "no-store"})
