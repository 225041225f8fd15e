"""Connect to MongoDB, and translate the driver's errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pymongo.errors
from bson import ObjectId
from bson.errors import BSONError
from dns.exception import DNSException
from pymongo import MongoClient

from exifinator.config import ROOT, Config
from exifinator.errors import ConfigError, RecordRefused, StoreUnavailable
from exifinator.own_servers import durable_mongodb_uri

Document = dict[str, Any]

# Codes of transient server errors. All other server errors are caused by the document or the request.
TRANSIENT_CODES = frozenset(
    {
        6, 7, 89, 91, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436,  # network, shutdown, no primary
        50, 64, 100,  # time limit, write concern not satisfied
        11000,  # two simultaneous upserts of the same new record
        14031,  # out of disk space
        8000, 17280, 13, 18, 20,  # host limits, not authorised (yet), illegal while read-only
    }
)  # fmt: skip
# Server errors that are reported with the code `mongodb_unauthorized`. Atlas uses 8000 for all of its own errors, but
# in practice 8000 means a wrong user or password.
UNAUTHORIZED_CODES = frozenset({13, 18, 8000})


def connect_mongodb(config: Config, *, root: Path = ROOT, **options: Any) -> MongoClient[Document]:
    """Return a client with a connection pool for MONGODB_URI. The client connects when it is first used.

    Then it also looks up the hosts of mongodb+srv:// in DNS. If DNS fails, the operation fails as if MongoDB were
    unavailable.

    Args:
        config: The settings.
        root: The checkout, which may run the server itself.
        options: Options of the client.

    Raises:
        ConfigError: MONGODB_URI or a file that it names is invalid.
    """
    try:
        return MongoClient(
            durable_mongodb_uri(config, root),
            serverSelectionTimeoutMS=options.pop("serverSelectionTimeoutMS", 10_000),
            appname="exifinator",
            maxPoolSize=max(20, config.max_greenlets),
            connect=False,
            **options,
        )
    except (pymongo.errors.PyMongoError, ValueError, OSError) as exc:
        # OSError: a certificate file that MONGODB_URI names cannot be read.
        raise ConfigError(f"MONGODB_URI cannot be used: {exc}") from None


def is_dns_failure(exc: pymongo.errors.PyMongoError) -> bool:
    """Return whether the hosts of mongodb+srv:// could not be looked up. A retry may succeed."""
    return isinstance(exc.__cause__, DNSException)


def describe_error(exc: Exception) -> str:
    """Return the message of a pymongo or bson error as one line, without the details that pymongo appends."""
    message = str(exc).split(", Timeout:")[0].split(", full error:")[0].split("\n")[0]
    return message.split(" (configured timeouts:")[0].rstrip(".")


def server_process(client: MongoClient[Document]) -> ObjectId | None:
    """Return the id of the running process of the MongoDB server; None if the server does not report it.

    The id contains the time at which the process was started, by the clock of its machine.

    Raises:
        StoreUnavailable: MongoDB did not respond.
    """
    with mongodb_errors("report its state"):
        return find_server_process(client.admin.command("hello"))


def find_server_process(hello: Document) -> ObjectId | None:
    """Return what identifies the process of the MongoDB server that gave this answer to `hello`, like server_process.

    Return None for a router of a sharded cluster, because other processes have the data.
    """
    process = hello.get("topologyVersion", {}).get("processId")
    return process if isinstance(process, ObjectId) and hello.get("msg") != "isdbgrid" else None


@contextmanager
def mongodb_errors(action: str) -> Iterator[None]:
    """Translate errors of pymongo and bson into StoreUnavailable (transient) or RecordRefused (permanent).

    Args:
        action: The operation in words, for messages such as "MongoDB cannot count jobs".
    """
    try:
        yield
    except pymongo.errors.OperationFailure as exc:
        code = "mongodb_unauthorized" if exc.code in UNAUTHORIZED_CODES else None
        if exc.code in TRANSIENT_CODES or exc.has_error_label("RetryableWriteError"):
            raise StoreUnavailable(f"MongoDB cannot {action} now: {describe_error(exc)}", code=code) from exc
        raise RecordRefused(f"MongoDB refuses to {action}: {describe_error(exc)}") from exc
    except (pymongo.errors.DocumentTooLarge, BSONError, OverflowError, UnicodeError) as exc:
        raise RecordRefused(f"MongoDB refuses to {action}: {describe_error(exc)}") from exc
    except pymongo.errors.PyMongoError as exc:
        raise StoreUnavailable(f"MongoDB cannot {action}: {describe_error(exc)}") from exc
