"""The API's connections: an async MongoDB client for queries, and the pipeline's own store and queue for batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from bson import CodecOptions, DatetimeConversion, MinKey, ObjectId
from fastapi import Depends, Request
from pymongo import AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import ExecutionTimeout

from api.errors import ErrorCode, RequestRefused
from exifinator.config import Config
from exifinator.own_servers import mongodb_uri
from exifinator.queue.image_queue import ImageQueue
from exifinator.queue.redis_client import connect_redis
from exifinator.storage.mongodb import connect_mongodb, find_server_process
from exifinator.storage.store import Store as PipelineStore
from exifinator.storage.upkeep import MAX_VALIDATED_DOCUMENTS

Document = dict[str, Any]
Collection = AsyncCollection[Document]
# Metadata besides `photo` and the tags.
METADATA_FIELDS = ("xmp", "iptc", "text", "icc", "ai", "extractor_version", "fingerprint")
# Fields that exist to find records.
SEARCH_FIELDS = (
    "words", "search_text", "cells", "folders", "countries", "states", "cities", "places", "kinds", "thumbnail_bytes",
    "family", "links", "series",
)  # fmt: skip
# Fields about the other files of a photo.
FAMILY_FIELDS = ("sidecar", "sidecars", "own", "stack")
# Fields of a record that describe its S3 object and the result of indexing. The API returns them unchanged.
FILE_FIELDS = ("bucket", "key", "etag", "size", "last_modified", "format", "status", "problem", "extracted_at")

# Time limit of a query in MongoDB.
QUERY_MS = 2000
# Maximum number of connections to MongoDB. Further queries wait for a connection, and fail after _POOL_WAIT_MS. The
# wait is long so that a busy machine serves hundreds of clients slowly instead of rejecting them.
_POOL_SIZE = 64
_POOL_WAIT_MS = 15_000
_CONNECT_MS = 2000
# Time limit of each query of read_version.
_VERSION_MS = 200

CODEC: CodecOptions[Document] = CodecOptions(
    # All times in MongoDB are UTC. Decode them as naive datetimes: aware ones make decoding a record a third slower.
    tz_aware=False,
    # Decode dates outside datetime's range as DatetimeMS instead of raising an error.
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
    unicode_decode_error_handler="replace",
)


class RecordTotal:
    """Counts all documents of a collection.

    MongoDB keeps an estimate in the collection's metadata. Reading it takes no time, but it may be wrong after MongoDB
    was killed. So the estimate is used only once it has agreed, since MongoDB was started, with the number of entries
    in the index on `_id`.
    """

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        # The server process of MongoDB whose estimate has agreed with the index.
        self._trusted_process: ObjectId | None = None

    async def count(self, limit_ms: int) -> int:
        """Return the number of documents. Counting them in the index takes about 0.4 s per million.

        Raises:
            PyMongoError: The query failed, or took longer than `limit_ms`.
        """
        hello = await self._collection.database.client.admin.command("hello")
        process = find_server_process(hello)
        estimate_before = await self._collection.estimated_document_count(maxTimeMS=limit_ms)
        if process is not None and process == self._trusted_process:
            return estimate_before
        ids = {"_id": {"$gt": MinKey()}}
        count = await self._collection.count_documents(ids, hint=[("_id", 1)], maxTimeMS=limit_ms)
        estimate_after = await self._collection.estimated_document_count(maxTimeMS=limit_ms)
        if count <= MAX_VALIDATED_DOCUMENTS:
            agrees = estimate_before == count == estimate_after
        else:
            # Counting takes long, so while the collection is being written to, the three numbers are never equal.
            agrees = estimate_before <= count <= estimate_after
        if agrees:
            self._trusted_process = process
        return count


@dataclass(frozen=True)
class Store:
    """The MongoDB collections that the routes read."""

    client: AsyncMongoClient[Document]
    config: Config
    photos: Collection
    total: RecordTotal
    thumbnails: Collection
    jobs: Collection
    batches: Collection


def open_store(config: Config) -> Store:
    """Return the collections. The client connects on first use, so the API can start without MongoDB."""
    client: AsyncMongoClient[Document] = AsyncMongoClient(
        mongodb_uri(config),
        appname="exifinator-api",
        maxPoolSize=_POOL_SIZE,
        waitQueueTimeoutMS=_POOL_WAIT_MS,
        serverSelectionTimeoutMS=_CONNECT_MS,
        connectTimeoutMS=_CONNECT_MS,
    )
    database = client.get_database(config.mongodb_database, codec_options=CODEC)
    mrq_database = client.get_database(config.mrq_database, codec_options=CODEC)
    photos = database[config.mongodb_collection]
    return Store(
        client=client,
        config=config,
        photos=photos,
        total=RecordTotal(photos),
        thumbnails=database["thumbnails"],
        jobs=mrq_database["mrq_jobs"],
        batches=database["exifinator_batches"],
    )


async def get_record(store: Store, id_: str, fields: Mapping[str, int] | None = None) -> Document:
    """Return the record of a photo.

    Args:
        fields: The fields to read. Default: all.

    Raises:
        RequestRefused: The photo does not exist (404).
    """
    record = await store.photos.find_one({"_id": id_}, fields, max_time_ms=QUERY_MS)
    if record is None:
        raise RequestRefused(ErrorCode.NOT_FOUND, "This photo no longer exists, or the link is wrong.")
    return record


async def read_version(photos: Collection) -> object:
    """Return a value that changes when the collection changes: the record count and the latest extraction.

    One kind of change goes unnoticed: replacing a record with one whose `extracted_at` is not the latest in the
    collection. This happens when a slow worker stores its record after another worker has stored a later one.

    Returns:
        None if the version cannot be read quickly, for example while the index on `extracted_at` is being built.
    """
    order = [("extracted_at", -1), ("_id", -1)]
    try:
        count = await photos.estimated_document_count(maxTimeMS=_VERSION_MS)
        latest = await photos.find_one({}, {"extracted_at": 1}, sort=order, max_time_ms=_VERSION_MS)
    except ExecutionTimeout:
        return None
    return count, latest


@dataclass(frozen=True)
class Backend:
    """The pipeline's store and queue, used by the batch routes.

    Both make blocking calls, so these routes run in threads.
    """

    config: Config
    store: PipelineStore
    queue: ImageQueue

    def close(self) -> None:
        self.store.client.close()
        self.queue.client.close()


def open_backend(config: Config) -> Backend:
    """Return the store and queue. Their clients connect on first use."""
    client = connect_mongodb(config, serverSelectionTimeoutMS=_CONNECT_MS)
    return Backend(config, PipelineStore(client, config), ImageQueue(connect_redis(config), config))


# These are coroutines because FastAPI would run plain functions in a thread, which would take longer than the
# functions themselves.
async def _get_store(request: Request) -> Store:
    store: Store = request.app.state.store
    return store


async def _get_backend(request: Request) -> Backend:
    backend: Backend = request.app.state.backend
    return backend


StoreDep = Annotated[Store, Depends(_get_store)]
BackendDep = Annotated[Backend, Depends(_get_backend)]
