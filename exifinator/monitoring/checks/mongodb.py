"""Check MongoDB: version, writes, write concern and indexes."""

from __future__ import annotations

import contextlib
import re
from typing import Any

import pymongo.errors

from exifinator.config import Config
from exifinator.errors import EXIFinatorError
from exifinator.monitoring.checks import Finding, error, ok, warning
from exifinator.monitoring.connections import Connections, MongoInfo
from exifinator.paths import COMMAND, START, STOP
from exifinator.processes.binaries import MIN_MONGODB_VERSION, format_version
from exifinator.storage.indexes import index_definitions
from exifinator.storage.migrations import newest_version, read_schema
from exifinator.storage.mongodb import describe_error
from exifinator.storage.upkeep import find_wrong_count

# A temporary collection for trial writes.
TRIAL_COLLECTION = "exifinator_doctor"
TRIAL_TIMEOUT_MS = 5000
URI_FIX = 'in MONGODB_URI: "mongodb://.../?w=majority"'
_NAMESPACE_NOT_FOUND = 26


def check_version(server: MongoInfo) -> Finding:
    """Check that MongoDB is not too old."""
    version = tuple(map(int, re.findall(r"\d+", server.version)[:2]))
    if version < MIN_MONGODB_VERSION:
        return error(
            "mongodb",
            f"MongoDB {server.version} at {server.address} is too old: EXIFinator needs "
            f"{format_version(MIN_MONGODB_VERSION)} or later",
            "set MONGODB_URI to a newer server   (if it is unset, EXIFinator starts its own on this machine)",
        )
    return ok("mongodb", f"MongoDB {server.version} at {server.address}")


def check_writes(connections: Connections) -> list[Finding]:
    """Check that each database accepts writes with the write concern of MONGODB_URI, by writing a test document."""
    findings = []
    for setting, name in (
        ("MONGODB_DATABASE", connections.config.mongodb_database),
        ("MRQ_DATABASE", connections.config.mrq_database),
    ):
        trial = connections.mongodb[name][TRIAL_COLLECTION]
        concern = dict(trial.write_concern.document)
        try:
            if concern.get("w") not in (0, None):
                concern.setdefault("wtimeout", TRIAL_TIMEOUT_MS)
            trial.with_options(write_concern=pymongo.WriteConcern(**concern)).insert_one({"written": True})
            findings.append(ok("mongodb", f"the database {name} accepts writes"))
        except pymongo.errors.PyMongoError as exc:
            findings.append(
                error(
                    "mongodb",
                    f"the database {name} ({setting}) does not accept writes: {describe_error(exc)}",
                    "grant the user the role readWrite on that database, correct `w=` in MONGODB_URI, "
                    "or see MongoDB's log",
                )
            )
        finally:
            with contextlib.suppress(pymongo.errors.PyMongoError):
                trial.with_options(write_concern=pymongo.WriteConcern(w=1)).drop()
    return findings


def check_write_concern(server: MongoInfo, connections: Connections) -> Finding:
    """Check that acknowledged writes are durable.

    An image leaves the queue as soon as MongoDB acknowledges its record. If MongoDB loses the record afterwards, no
    worker stores it again.
    """
    concern: dict[str, Any] = dict(connections.store.records.collection.write_concern.document)
    w = concern.get("w", _default_write_concern(connections))
    if w == 0:
        return error(
            "mongodb",
            "w=0 in MONGODB_URI: writes are not acknowledged, so images may count as indexed without being stored",
            URI_FIX,
        )
    if concern.get("j") is False:
        return warning(
            "mongodb",
            "journal=false in MONGODB_URI: acknowledged records are lost if MongoDB is killed",
            'remove "journal=false" from MONGODB_URI',
        )
    if server.hello.get("setName") and w == 1:
        return warning(
            "mongodb",
            "w=1 on a replica set: records that only the primary has are rolled back if another node takes over",
            URI_FIX,
        )
    return ok("mongodb", f"writes are acknowledged (w={w if w is not None else '1, the default'})")


def _default_write_concern(connections: Connections) -> Any:
    """Return the cluster's default write concern (`w`), which applies if MONGODB_URI has none; None if unknown."""
    try:
        response = connections.mongodb.admin.command("getDefaultRWConcern")
    except pymongo.errors.PyMongoError:
        return None
    return response.get("defaultWriteConcern", {}).get("w")


def check_indexes(connections: Connections) -> Finding:
    """Check that all indexes that queries need exist and have the expected fields."""
    config: Config = connections.config
    try:
        existing = connections.store.records.collection.index_information()
    except pymongo.errors.OperationFailure as exc:
        if exc.code != _NAMESPACE_NOT_FOUND:
            raise
        existing = {}
    if not existing:
        return ok("mongodb", "there are no records yet; the first run creates the indexes")
    missing, different = [], []
    for index in index_definitions(config):
        existing_index = existing.get(index.name)
        if existing_index is None:
            missing.append(index.name)
        elif list(map(tuple, existing_index["key"])) != list(index.keys):
            different.append(index.name)
    if different:
        drop = "; ".join(f'db.{config.mongodb_collection}.dropIndex("{name}")' for name in different)
        return error(
            "mongodb",
            f"these indexes do not have the expected fields: {', '.join(different)}",
            f"mongosh {config.mongodb_database} --eval '{drop}'; {START} --restart",
        )
    if missing:
        return error(
            "mongodb",
            f"indexes are missing, so queries read every record: {', '.join(missing)}",
            f"{START} --restart   (the API creates them in the background when it starts)",
        )
    return ok("mongodb", f"all {len(index_definitions(config))} indexes exist")


def check_schema(connections: Connections) -> Finding:
    """Check that the records have the schema version of this code, and that the version is stored."""
    newest, schema = newest_version(), read_schema(connections.store)
    if schema.version > newest:
        return error(
            "mongodb",
            f"the records have schema {schema.version}, but this EXIFinator supports schemas up to {newest}",
            "install the version that wrote them, or a later one",
        )
    if schema.version < newest:
        unknown = "" if schema.is_stored else " (no version is stored, so they count as the first)"
        return error(
            "mongodb",
            f"the records have schema {schema.version}{unknown}, but this EXIFinator writes schema {newest}",
            f"{STOP}; {COMMAND} migrate; {START}",
        )
    return ok("mongodb", f"the records have schema {newest}, the newest")


def check_count(connections: Connections) -> Finding:
    """Check the number of records in MongoDB's metadata, which may be wrong after MongoDB was killed."""
    wrong = find_wrong_count(connections.store.records.collection)
    if wrong is None:
        return ok("mongodb", "MongoDB counts the records correctly")
    reported, actual = wrong
    return error(
        "mongodb",
        f"MongoDB was killed: it reports {reported:,} records, but there are {actual:,}",
        f"{START} --restart   (the workers make MongoDB correct the number)",
    )


def check_all(connections: Connections) -> list[Finding]:
    """Run every check that needs MongoDB, except those of its clock and disk.

    Raises:
        StoreUnavailable, RecordRefused: MongoDB did not respond, or rejected the request.
    """
    server = connections.read_mongodb()
    findings = [check_version(server), check_write_concern(server, connections), *check_writes(connections)]
    findings += [check_schema(connections), check_count(connections)]
    try:
        findings.append(check_indexes(connections))
    except (pymongo.errors.PyMongoError, EXIFinatorError) as exc:
        message = f"the indexes cannot be listed: {describe_error(exc)}"
        fix = "if access is denied, grant the user of MONGODB_URI the privilege listIndexes"
        findings.append(error("mongodb", message, fix))
    return findings
