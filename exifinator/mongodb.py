"""The connection to MongoDB, and what its errors mean for what was asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pymongo.errors
from bson.errors import InvalidDocument
from pymongo import MongoClient

from exifinator.config import Config
from exifinator.errors import ConfigError, RecordRefused, StoreUnavailable

Document = dict[str, Any]

# What a client asks of the server again by itself; everything else of these is the record's own fault.
TRANSIENT_CODES = frozenset(
    {
        6, 7, 89, 91, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436,  # network, shutdown, no primary
        50, 64, 100,  # time limit, write concern not satisfied
        11000,  # two upserts of the same new record at once
        14031,  # out of disk space
        8000, 17280, 13, 18, 20,  # host limits, not authorised (yet), illegal while read-only
    }
)  # fmt: skip


def connect_mongodb(config: Config, **options: Any) -> MongoClient[Document]:
    """A pooled client of MONGODB_URI; it connects when first used. Raises: ConfigError."""
    try:
        return MongoClient(
            config.mongodb_uri.get_secret_value(),
            serverSelectionTimeoutMS=options.pop("serverSelectionTimeoutMS", 10_000),
            appname="exifinator",
            maxPoolSize=max(20, config.greenlets),
            **options,
        )
    except (pymongo.errors.PyMongoError, ValueError, OSError) as exc:
        # OSError: a file of certificates that it names.
        raise ConfigError(f"MONGODB_URI cannot be used: {exc}") from None


def describe_error(exc: Exception) -> str:
    """What a driver's error says, in one line, without the topology that pymongo repeats."""
    said = str(exc).split(", Timeout:")[0].split(", full error:")[0].split("\n")[0]
    return said.split(" (configured timeouts:")[0].rstrip(".")


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Raises: StoreUnavailable for what may pass, RecordRefused for what will not."""
    try:
        yield
    except pymongo.errors.OperationFailure as exc:
        if exc.code in TRANSIENT_CODES or exc.has_error_label("RetryableWriteError"):
            raise StoreUnavailable(f"MongoDB cannot {what} now: {describe_error(exc)}") from exc
        raise RecordRefused(f"MongoDB refuses to {what}: {describe_error(exc)}") from exc
    except (pymongo.errors.DocumentTooLarge, InvalidDocument, OverflowError) as exc:
        raise RecordRefused(f"MongoDB refuses to {what}: {describe_error(exc)}") from exc
    except pymongo.errors.PyMongoError as exc:
        raise StoreUnavailable(f"MongoDB cannot {what}: {describe_error(exc)}") from exc
