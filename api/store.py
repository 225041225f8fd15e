"""The API's connection to MongoDB: the collections it reads, and how long a query may take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from bson import CodecOptions, DatetimeConversion
from fastapi import Depends, Request
from pymongo import AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import ExecutionTimeout

from exifinator.config import Config
from exifinator.mongodb import connect_mongodb
from exifinator.queues import ImageQueue, connect_redis
from exifinator.store import Store as PipelineStore

Document = dict[str, Any]
Collection = AsyncCollection[Document]

QUERY_MS = 2000
# Connections; more queries than these wait for one, and are refused after WAIT_MS: hundreds of clients at once are slow
# on a busy machine, and not refused.
_POOL = 64
_WAIT_MS = 15_000
_CONNECT_MS = 2000
_LOOK_MS = 200

CODEC: CodecOptions[Document] = CodecOptions(
    # All times in MongoDB are UTC, and come without saying so: with a zone each, records take a third longer to decode.
    tz_aware=False,
    # Dates that Python has no datetime for come as milliseconds instead of an error.
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
    unicode_decode_error_handler="replace",
)


@dataclass(frozen=True)
class Store:
    """What the routes read."""

    client: AsyncMongoClient[Document]
    config: Config
    photos: Collection
    thumbnails: Collection
    jobs: Collection
    batches: Collection


def open_store(config: Config) -> Store:
    """Connects when first used, so that the API starts without MongoDB."""
    client: AsyncMongoClient[Document] = AsyncMongoClient(
        config.mongodb_uri.get_secret_value(),
        appname="exifinator-api",
        maxPoolSize=_POOL,
        waitQueueTimeoutMS=_WAIT_MS,
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


async def look_at(photos: Collection) -> object:
    """How many records there are and which was read last: nearly always another value when one was stored or went.

    Not where one is replaced that was read before the last was, as by the slower of two workers. None where it cannot
    be seen at once, as while the index of what was read last is being made.
    """
    order = [("extracted_at", -1), ("_id", -1)]
    try:
        count = await photos.estimated_document_count(maxTimeMS=_LOOK_MS)
        last = await photos.find_one({}, {"extracted_at": 1}, sort=order, max_time_ms=_LOOK_MS)
    except ExecutionTimeout:
        return None
    return count, last


@dataclass(frozen=True)
class Control:
    """What the routes of batches use: the pipeline's own store and queue, which wait, so that they run in threads."""

    config: Config
    store: PipelineStore
    queue: ImageQueue

    def close(self) -> None:
        self.store.client.close()
        self.queue.client.close()


def open_control(config: Config) -> Control:
    """Connects when first used."""
    client = connect_mongodb(config, serverSelectionTimeoutMS=_CONNECT_MS)
    return Control(config, PipelineStore(client, config), ImageQueue(connect_redis(config), config))


# Coroutines, for FastAPI runs a plain function in a thread, and each hop costs a request more than what it does there.
async def _store_of(request: Request) -> Store:
    store: Store = request.app.state.store
    return store


async def _control_of(request: Request) -> Control:
    control: Control = request.app.state.control
    return control


ReadStore = Annotated[Store, Depends(_store_of)]
ReadControl = Annotated[Control, Depends(_control_of)]
