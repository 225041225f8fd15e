"""The API's connection to MongoDB: the collections it reads, and how long a query may take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from bson import CodecOptions, DatetimeConversion
from fastapi import Depends, Request
from pymongo import AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection

from exifinator.config import Config

Document = dict[str, Any]
Collection = AsyncCollection[Document]

QUERY_MS = 2000
# Connections; more queries than these wait for one, and are refused after WAIT_MS.
_POOL = 64
_WAIT_MS = 5000
_CONNECT_MS = 2000

_CODEC: CodecOptions[Document] = CodecOptions(
    tz_aware=True,
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
    photos = client.get_database(config.mongodb_database, codec_options=_CODEC)
    jobs = client.get_database(config.mrq_database, codec_options=_CODEC)
    return Store(
        client=client,
        config=config,
        photos=photos[config.mongodb_collection],
        thumbnails=photos["thumbnails"],
        jobs=jobs["mrq_jobs"],
        batches=photos["exifinator_batches"],
    )


def _store_of(request: Request) -> Store:
    store: Store = request.app.state.store
    return store


ReadStore = Annotated[Store, Depends(_store_of)]
