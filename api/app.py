"""Builds the application: routes, doors, and the one error shape."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import Depends, FastAPI
from pymongo.errors import PyMongoError
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES as PACKED
from starlette.middleware.gzip import GZipMiddleware

from api.clusters import build_pyramid
from api.counting import FacetCounter
from api.doors import Attempts, KnownHost
from api.errors import DESCRIBED, install_handlers
from api.hints import suggest
from api.openapi import describe_api
from api.originals import Signer
from api.params import refuse_strays
from api.remembered import Remembered
from api.routes import (
    batches,
    compat,
    docs,
    events,
    explorer,
    export,
    facets,
    failures,
    health,
    map,
    metrics,
    photos,
    statistics,
)
from api.store import look_at, open_control, open_store
from api.wide_counts import WideCounts
from api.wire import BoundedBody, HeadAndOptions, RefusedCodings, SafeHeaders, WrittenPath
from exifinator.config import Config, load_config
from exifinator.errors import ConfigError, EXIFinatorError
from exifinator.mongodb import connect_mongodb
from exifinator.store import Store

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 64 * 1024
# Paths of the API's own, which a database's name may not take.
RESERVED = frozenset(
    (
        "batches",
        "dbs",
        "docs",
        "events",
        "facets",
        "failures",
        "healthz",
        "map",
        "metrics",
        "photos",
        "readyz",
        "static",
        "statistics",
    )
)


# From so many on, counting all takes a second.
MANY_PHOTOS = 100_000


def create_app(config: Config | None = None) -> FastAPI:
    """The API for these settings; without any, for those of this process.

    Run it with `python -m api`, or with `python -m uvicorn --factory api.app:create_app`.
    Raises: ConfigError.
    """
    config = config or load_config()
    if config.mongodb_database in RESERVED:
        raise ConfigError(f"MONGODB_DATABASE cannot be {config.mongodb_database!r}: the API has a page of that name")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        store = open_store(config)
        app.state.store = store
        app.state.control = open_control(config)
        app.state.batch_feed = events.batch_feed(app.state.control)
        app.state.metrics = metrics.MetricsPage(config)
        app.state.exports = asyncio.Semaphore(export.EXPORTS_AT_ONCE)
        app.state.pyramid = Remembered(
            lambda: build_pyramid(store.photos), seconds=60, look=lambda: look_at(store.photos)
        )
        # What may take long is asked one after the other, so that MongoDB has the other cores for those who wait.
        gate = asyncio.Semaphore(1)
        app.state.counter = FacetCounter(store.photos, gate)
        app.state.wide_maps = WideCounts(gate)
        app.state.signer = Signer(config)
        # One process of one machine does it, in the background: a query that needs one meanwhile is slow, not wrong.
        indexing = threading.Thread(target=_make_indexes, args=(config,), name="indexes", daemon=True)
        indexing.start()
        app.state.preparing = asyncio.create_task(_prepare(app))
        try:
            yield
        finally:
            app.state.preparing.cancel()
            app.state.signer.close()
            await app.state.counter.close()
            await app.state.wide_maps.close()
            await app.state.pyramid.close()
            await store.client.close()
            app.state.control.close()
            app.state.metrics.close()

    app = FastAPI(
        title="EXIFinator",
        summary="The metadata of every photo in S3 buckets of any size.",
        version="1",
        lifespan=lifespan,
        openapi_tags=[
            {"name": "photos", "description": "Find photos, and see one."},
            {"name": "facets", "description": "Count them."},
            {"name": "map", "description": "Where they were taken."},
            {"name": "export", "description": "All of them, as a file."},
            {"name": "batches", "description": events.DESCRIPTION},
            {"name": "failures", "description": "Images that could not be read."},
            {"name": "mongodb-rest", "description": "What users of npm's mongodb-rest type."},
            {"name": "health", "description": "What there is, and how it is."},
        ],
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
        max_body_size=None,  # BoundedBody does it, in the shape of all errors
        dependencies=[Depends(refuse_strays)],
        responses={
            400: {**DESCRIBED, "description": "A parameter cannot be taken"},
            401: {**DESCRIBED, "description": "The token is missing or wrong"},
            404: {**DESCRIBED, "description": "There is nothing of that name"},
            429: {**DESCRIBED, "description": "Too many wrong tokens"},
            503: {**DESCRIBED, "description": "MongoDB does not answer, or not in time"},
        },
        middleware=[
            Middleware(SafeHeaders),
            Middleware(KnownHost, config=config),
            Middleware(
                CORSMiddleware,
                allow_origins=config.api_cors_origins,
                allow_methods=["GET", "HEAD", "POST", "DELETE"],
                allow_headers=["Authorization", "Content-Type", "If-None-Match"],
                expose_headers=["ETag", "Link", "Retry-After"],
            ),
            Middleware(BoundedBody, max_bytes=MAX_BODY_BYTES),
            Middleware(WrittenPath),
            Middleware(HeadAndOptions),
            Middleware(RefusedCodings),
            Middleware(
                GZipMiddleware, minimum_size=1000, compresslevel=4, exclude_content_types=(*PACKED, export.PARQUET)
            ),
        ],
    )
    app.state.config = config
    app.state.attempts = Attempts()
    install_handlers(app, lambda request: suggest(request.query_params, config))

    app.include_router(explorer.make_router(config))
    for topic in (health, metrics, docs, photos, facets, statistics, map, export, batches, events, failures):
        app.include_router(topic.router)
    app.include_router(compat.make_router(config))
    app.openapi = lambda: describe_api(app, config)  # type: ignore[method-assign]
    return app


async def _prepare(app: FastAPI) -> None:
    """Count and group a large collection before anyone asks. A small one is counted in no time, and still growing."""
    with suppress(PyMongoError):  # whoever asks will be told
        if await app.state.store.photos.estimated_document_count() >= MANY_PHOTOS:
            await app.state.counter.prepare()
            await app.state.pyramid.wait()


def _make_indexes(config: Config) -> None:
    """Make the indexes that are missing; with many records it takes minutes."""
    client = connect_mongodb(config)
    try:
        Store(client, config).ensure_indexes()
    except EXIFinatorError as error:
        log.warning("indexes could not be made now, the next start tries again: %s", error)
    finally:
        client.close()
