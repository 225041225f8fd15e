"""The API's connections: its collections in MongoDB, and the pipeline's store and queue for batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from bson import CodecOptions, DatetimeConversion
from fastapi import Depends, Request
from pymongo import AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import ExecutionTimeout

from exifinator.config import Config
from exifinator.queue.image_queue import ImageQueue
from exifinator.queue.redis_client import connect_redis
from exifinator.storage.mongodb import connect_mongodb
from exifinator.storage.store import Store as PipelineStore

Document = dict[str, Any]
Collection = AsyncCollection[Document]
# Fields of a record that describe its object, as the API returns them.
FILE_FIELDS = ("bucket", "key", "etag", "size", "last_modified", "format", "status", "problem", "extracted_at")

QUERY_MS = 2000
# Connections to MongoDB. Further queries wait for a connection, and fail after _POOL_WAIT_MS: on a busy machine
# hundreds of clients are served slowly instead of rejected.
_POOL_SIZE = 64
_POOL_WAIT_MS = 15_000
_CONNECT_MS = 2000
_VERSION_MS = 200

CODEC: CodecOptions[Document] = CodecOptions(
    # All times in MongoDB are UTC. Decode them without a zone: with a zone, records take a third longer to decode.
    tz_aware=False,
    # Decode dates outside Python's range as milliseconds instead of raising an error.
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
    unicode_decode_error_handler="replace",
)


@dataclass(frozen=True)
class Store:
    """The collections that routes read."""

    client: AsyncMongoClient[Document]
    config: Config
    photos: Collection
    thumbnails: Collection
    jobs: Collection
    batches: Collection


def open_store(config: Config) -> Store:
    """Return the collections. The client connects when first used, so that the API starts without MongoDB."""
    client: AsyncMongoClient[Document] = AsyncMongoClient(
        config.mongodb_uri.get_secret_value(),
        appname="exifinator-api",
        maxPoolSize=_POOL_SIZE,
        waitQueueTimeoutMS=_POOL_WAIT_MS,
        serverSelectionTimeoutMS=_CONNECT_MS,
        connectTimeoutMS=_CONNECT_MS,
    )
    photos = client.get_database(config.mongodb_database, codec_options=CODEC)
    jobs = client.get_database(config.mrq_database, codec_options=CODEC)
    return Store(
        client=client,
        config=config,
        photos=photos[config.mongodb_collection],
        thumbnails=photos["thumbnails"],
        jobs=jobs["mrq_jobs"],
        batches=photos["exifinator_batches"],
    )


async def read_version(photos: Collection) -> object:
    """Return the number of records and the last record extracted, which nearly every change of the collection changes.

    The exception is replacing a record with one extracted earlier than the last, as the slower of two workers does.
    Returns None if the version cannot be read quickly, for example while the index on `extracted_at` is being built.
    """
    order = [("extracted_at", -1), ("_id", -1)]
    try:
        count = await photos.estimated_document_count(maxTimeMS=_VERSION_MS)
        last = await photos.find_one({}, {"extracted_at": 1}, sort=order, max_time_ms=_VERSION_MS)
    except ExecutionTimeout:
        return None
    return count, last


@dataclass(frozen=True)
class Control:
    """The pipeline's store and queue, for the batch routes. Calls block, so those routes run in threads."""

    config: Config
    store: PipelineStore
    queue: ImageQueue

    def close(self) -> None:
        self.store.client.close()
        self.queue.client.close()


def open_control(config: Config) -> Control:
    """Return the store and queue. The clients connect when first used."""
    client = connect_mongodb(config, serverSelectionTimeoutMS=_CONNECT_MS)
    return Control(config, PipelineStore(client, config), ImageQueue(connect_redis(config), config))


# Coroutines: FastAPI runs plain functions in a thread, which costs more than these functions do.
async def _store_of(request: Request) -> Store:
    store: Store = request.app.state.store
    return store


async def _control_of(request: Request) -> Control:
    control: Control = request.app.state.control
    return control


StoreDep = Annotated[Store, Depends(_store_of)]
ControlDep = Annotated[Control, Depends(_control_of)]
