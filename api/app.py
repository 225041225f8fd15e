"""Create the application: its resources, middleware, routes and error handlers."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext, suppress
from typing import Any

from fastapi import Depends, FastAPI
from pymongo.errors import PyMongoError
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES as ALREADY_COMPRESSED
from starlette.middleware.gzip import GZipMiddleware
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from api.aggregations.background import BackgroundCounts
from api.aggregations.cached_value import StaleWhileRevalidate
from api.aggregations.camera_makes import CameraMakes
from api.aggregations.cameras import Cameras
from api.aggregations.collection_counts import COLLECTION_MS, CollectionCounts
from api.aggregations.duplicates import Duplicates, Group
from api.aggregations.facet_counter import FacetCounter
from api.aggregations.facets import FacetCounts
from api.aggregations.map_clusters import build_pyramid, from_arrays, to_arrays
from api.aggregations.suggestions import Suggester
from api.auth import TrustedHost
from api.database import open_backend, open_store, read_version
from api.export.streaming import MAX_EXPORTS
from api.http.methods import METHODS
from api.http.middleware import HeadAndOptions, IgnoreRefusedGzip, MaxBodySize, RawPath, SecurityHeaders
from api.http.parameters import reject_stray_parameters
from api.http.problems import PROBLEM_RESPONSE, describe_codes, install_handlers
from api.openapi import describe_api
from api.presigned_urls import PathSigner, S3UrlSigner
from api.previews.maker import PreviewMaker
from api.process import ApiProcess
from api.query.index_hints import suggest_speedup
from api.routes import (
    batches,
    cameras,
    compat,
    docs,
    duplicates,
    event_counts,
    events,
    explorer,
    export,
    facets,
    failures,
    health,
    library,
    map,
    metrics,
    notifications,
    originals,
    photos,
    previews,
    schedule,
    statistics,
    suggestions,
    views,
)
from api.shared.redis import SharedRedis
from api.shared.throttle import FailureCounter, SharedThrottle, Throttle
from api.shared.values import SharedValues
from exifinator import EXTRACTOR_VERSION
from exifinator.batches.schedule import read_schedule
from exifinator.config import Config, load_config
from exifinator.errors import EXIFinatorError
from exifinator.monitoring.reporter import flushing
from exifinator.queue.admin import QueueAdmin
from exifinator.sources.client import SourceClient
from exifinator.sources.notifications import MAX_BYTES as MAX_NOTIFICATION_BYTES
from exifinator.sources.s3.client import S3Client
from exifinator.storage.mongodb import connect_mongodb
from exifinator.storage.store import Store
from exifinator.web_security import LoginThrottle

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 64 * 1024
# Maximum size of a body that lists the ids of photos to export.
MAX_SELECTION_BYTES = 2 * 1024 * 1024
# Counting this many photos takes about a second, so collections with as many or more are counted before the
# first request.
MANY_PHOTOS = 100_000
_DESCRIPTION = """Errors are `application/problem+json` (RFC 9457). `code` identifies the cause; it is stable,
while the wording of `detail` may change. `parameter` names the parameter at fault. If that parameter holds JSON,
`pointer` is the JSON pointer (RFC 6901) to the wrong value.

"""
_TAGS = [
    {"name": "photos", "description": "Find photos, and get one photo with all its tags."},
    {"name": "facets", "description": "Count photos by value, and get statistics."},
    {"name": "map", "description": "Get the locations of photos, grouped into clusters."},
    {"name": "export", "description": "Download the metadata of all photos as a file."},
    {"name": "views", "description": "Save views of the explorer for everyone who uses this server."},
    {"name": "batches", "description": events.BATCHES_TAG_DESCRIPTION},
    {"name": "failures", "description": "List failed images, and requeue them."},
    {"name": "mongodb-rest", "description": "Read-only API compatible with npm's mongodb-rest."},
    {"name": "health", "description": "The main endpoints, health checks and metrics."},
]
_RESPONSES: dict[int | str, dict[str, Any]] = {
    400: {**PROBLEM_RESPONSE, "description": "A parameter is invalid"},
    401: {**PROBLEM_RESPONSE, "description": "The access token is missing or wrong"},
    404: {**PROBLEM_RESPONSE, "description": "Not found"},
    429: {**PROBLEM_RESPONSE, "description": "Too many wrong access tokens"},
    503: {**PROBLEM_RESPONSE, "description": "MongoDB or another server is unavailable, or too busy"},
}


def create_app(
    config: Config | None = None, *, throttle: LoginThrottle | None = None, process: ApiProcess | None = None
) -> FastAPI:
    """Create the application.

    Run it with `python -m api`, or with `python -m uvicorn --factory api.app:create_app`.

    Args:
        config: The settings. Default: those of this process.
        throttle: Counts wrong tokens by client address. Default: a new LoginThrottle.
        process: Identifies this process among those that serve the API. Default: this process serves alone.

    Raises:
        ConfigError: A setting is invalid.
    """
    config = config or load_config()
    app = FastAPI(
        title="EXIFinator",
        summary="The metadata of every photo in S3 buckets of any size.",
        description=_DESCRIPTION + describe_codes(),
        version="1",
        lifespan=_open_resources,
        openapi_tags=_TAGS,
        openapi_url=None,  # routes/docs.py serves the document instead
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
        max_body_size=None,  # the middleware MaxBodySize limits the body instead
        dependencies=[Depends(reject_stray_parameters)],
        responses=_RESPONSES,
        middleware=_middleware(config),
    )
    app.state.config = config
    app.state.schedule = read_schedule(config)
    app.state.process = process or ApiProcess()
    app.state.throttle = Throttle(throttle or LoginThrottle())
    app.state.notification_slots = notifications.NotificationSlots()
    app.state.url_signer = S3UrlSigner(config)
    install_handlers(app, lambda request: suggest_speedup(request.query_params, config))
    app.include_router(explorer.make_router(config))
    # The path of photos.router also matches the paths of originals and previews, so these two come before it.
    for module in (health, metrics, docs, library, originals, previews, photos, facets, suggestions, statistics, map):
        app.include_router(module.router)
    for module in (
        export, cameras, duplicates, views, batches, schedule, events, event_counts, notifications, failures,
    ):  # fmt: skip
        app.include_router(module.router)
    app.include_router(docs.document_router)
    app.include_router(compat.make_router(config))
    app.openapi = lambda: describe_api(app, config)  # type: ignore[method-assign]
    return app


def _middleware(config: Config) -> list[Middleware]:
    """Return the middleware, outermost first."""
    return [
        Middleware(SecurityHeaders),
        Middleware(TrustedHost, config=config),
        # If the request comes from a trusted proxy, take the client's address, which the throttle uses, from the header
        # X-Forwarded-For, and the scheme from X-Forwarded-Proto.
        Middleware(ProxyHeadersMiddleware, trusted_hosts=list(config.api_trusted_proxies)),
        Middleware(
            CORSMiddleware,
            allow_origins=config.api_cors_origins,
            allow_methods=["HEAD", *METHODS],
            allow_headers=["Authorization", "Content-Type", "If-None-Match"],
            expose_headers=["ETag", "Link", "Retry-After"],
        ),
        Middleware(
            MaxBodySize,
            max_bytes=MAX_BODY_BYTES,
            larger={"/export.": MAX_SELECTION_BYTES, "/events/s3": MAX_NOTIFICATION_BYTES},
        ),
        Middleware(RawPath),
        Middleware(HeadAndOptions),
        Middleware(IgnoreRefusedGzip),
        Middleware(
            GZipMiddleware,
            minimum_size=1000,
            compresslevel=4,
            exclude_content_types=(*ALREADY_COMPRESSED, export.PARQUET),
        ),
    ]


@asynccontextmanager
async def _open_resources(app: FastAPI) -> AsyncIterator[None]:
    """Open the resources that the routes use, and close them at shutdown."""
    config: Config = app.state.config
    process: ApiProcess = app.state.process
    store = open_store(config)
    app.state.store = store
    redis = None if process.is_alone else SharedRedis(config)
    shared = _open_shared_values(redis, config) if redis else None
    if redis is not None:
        app.state.throttle = SharedThrottle(LoginThrottle(), redis, FailureCounter(process))
    app.state.backend = open_backend(config)
    app.state.batch_feed = events.batch_feed(app.state.backend)
    app.state.metrics = metrics.MetricsPage(config)
    app.state.exports = asyncio.Semaphore(MAX_EXPORTS)
    app.state.pyramid = StaleWhileRevalidate(
        lambda: build_pyramid(store.photos),
        seconds=60,
        read_version=lambda: read_version(store.photos),
        shared=shared.named("pyramid", to_arrays, from_arrays) if shared else None,
    )
    # Run slow background queries one at a time. Each occupies one of MongoDB's cores. Requests need the other cores.
    gate = asyncio.Semaphore(1)
    app.state.counter = FacetCounter(store.photos, store.total, gate, shared=shared)
    app.state.suggester = Suggester(app.state.counter)
    app.state.makes = CameraMakes(store.photos)
    app.state.background_maps = BackgroundCounts(gate, shared, "map")
    app.state.background_cameras = BackgroundCounts(gate, shared, "cameras")
    app.state.background_duplicates = BackgroundCounts(gate, shared, "duplicates")
    app.state.path_signer = PathSigner(config)
    app.state.sources = SourceClient(S3Client(config))
    app.state.events = notifications.make_applier(app.state.backend, app.state.sources)
    app.state.previews = PreviewMaker(config, app.state.sources, processes=process.count)
    # Create indexes in the background: a query that lacks its index is slow, not wrong.
    if process.number == 0:
        threading.Thread(target=_create_indexes, args=(config,), name="indexes", daemon=True).start()
    app.state.preparing = asyncio.create_task(_prepare(app))
    flusher = flushing(QueueAdmin(app.state.backend.queue, config)) if config.accepts_notifications else nullcontext()
    try:
        with flusher:
            yield
    finally:
        app.state.preparing.cancel()
        await app.state.previews.close()
        app.state.sources.close()
        app.state.url_signer.close()
        await app.state.counter.close()
        await app.state.background_maps.close()
        await app.state.background_cameras.close()
        await app.state.background_duplicates.close()
        await app.state.pyramid.close()
        await store.client.close()
        if redis is not None:
            await redis.close()
        app.state.backend.close()
        app.state.metrics.close()


def _open_shared_values(redis: SharedRedis, config: Config) -> SharedValues:
    # The scope contains the version, because another version of this program may count differently.
    scope = f"{config.mongodb_database}.{config.mongodb_collection} {EXTRACTOR_VERSION}"
    return SharedValues(redis, scope, classes=(CollectionCounts, FacetCounts, Cameras, Duplicates, Group))


async def _prepare(app: FastAPI) -> None:
    """Compute what the first requests need: the origins of originals and, for large collections, counts and the map."""
    if app.state.config.signs_originals:
        await asyncio.to_thread(app.state.url_signer.origins)
    with suppress(PyMongoError):  # requests will report the error
        if await app.state.store.total.count(COLLECTION_MS) >= MANY_PHOTOS:
            await app.state.counter.prepare()
            await app.state.pyramid.wait()


def _create_indexes(config: Config) -> None:
    """Create missing indexes. This takes minutes if there are many records."""
    client = connect_mongodb(config)
    try:
        Store(client, config).ensure_indexes()
    except EXIFinatorError as error:
        log.warning("cannot create indexes, will try again at the next start: %s", error, extra={"action": "skip"})
    finally:
        client.close()
