"""The schema version in MongoDB, and the migrations from one version to the next.

A migration derives the new fields of documents from their existing fields, one range of ids at a time. It can be
stopped at any time, and resumes with the range that was not finished. A change that needs the bytes of the images is
not a migration: increment EXTRACTOR_VERSION instead, and `run --refresh` indexes the images again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from pymongo import DeleteOne, ReplaceOne, UpdateOne
from pymongo.collection import Collection

from exifinator.bucket_names import normalize_bucket
from exifinator.config import Config
from exifinator.errors import ConfigError, StoreUnavailable
from exifinator.families.names import family_of
from exifinator.families.stacks import relations
from exifinator.paths import COMMAND
from exifinator.search_keys.folders import folders_of
from exifinator.search_keys.geo_cells import cells_of_photo
from exifinator.search_keys.media_types import media_type_of
from exifinator.storage.derived_fields import add_derived_fields, renew_search_terms
from exifinator.storage.indexes import FAMILY_INDEXES
from exifinator.storage.jobs import FORMER_TASKS, IMAGE_TASKS, image_job_id
from exifinator.storage.mongodb import Document, connect_mongodb, mongodb_errors
from exifinator.storage.store import Store
from exifinator.storage.workers import WORKER_SILENT_AFTER

log = logging.getLogger(__name__)

Write = UpdateOne | ReplaceOne[Document] | DeleteOne

# Number of documents that are read at once. This many records take up about 12 MB.
DOCUMENTS_PER_RANGE = 1000
META_COLLECTION = "exifinator_meta"
# The `_id` of the document with the schema version.
SCHEMA_ID = "schema"
CONNECT_TIMEOUT_MS = 3000


@dataclass(frozen=True)
class Migration:
    """One step from a schema version to the next.

    Attributes:
        summary: What the migration changes, as the continuation of "to 3: ".
        change: Function that returns the writes that bring some documents to the new version. It must be idempotent:
            after an interruption, it receives some documents again.
        collection: The collection whose documents the migration changes.
        query: Filter for the documents to migrate. Empty for all documents of the collection.
    """

    summary: str
    change: Callable[[Store, Sequence[Document]], Sequence[Write]]
    collection: Literal["records", "jobs"] = "records"
    query: Document = field(default_factory=dict)


def _add_cells_and_thumbnail_bytes(store: Store, records: Sequence[Document]) -> Sequence[Write]:
    sizes = store.records.thumbnail_sizes([record["_id"] for record in records])
    writes = []
    for record in records:
        fields = {"cells": cells_of_photo(record.get("photo")), "thumbnail_bytes": sizes.get(record["_id"])}
        if present := {name: value for name, value in fields.items() if value}:
            writes.append(UpdateOne({"_id": record["_id"]}, {"$set": present}))
    return writes


def _add_folders(_store: Store, records: Sequence[Document]) -> Sequence[Write]:
    return [
        UpdateOne({"_id": record["_id"]}, {"$set": {"folders": folders}})
        for record in records
        # Skip ids that are not strings, which another program may have stored.
        if isinstance(record["_id"], str) and (folders := folders_of(record["_id"]))
    ]


def _add_media_types(_store: Store, records: Sequence[Document]) -> Sequence[Write]:
    return [
        UpdateOne({"_id": record["_id"]}, {"$set": {"photo.media_type": media_type}})
        for record in records
        # Records without `photo` were stored by another program.
        if isinstance(photo := record.get("photo"), dict)
        and (media_type := media_type_of(record.get("format"), record.get("key"))) != photo.get("media_type")
    ]


def _add_families(store: Store, records: Sequence[Document]) -> Sequence[Write]:
    # Workers need these indexes at their first write. Building them is quick while no record has the fields.
    store.records.create_indexes(FAMILY_INDEXES)
    writes = []
    for record in records:
        # The key of a sidecar follows from its content, which is read when it is indexed again.
        if isinstance(record["_id"], str) and "sidecar" not in record:
            photo = record["photo"] if isinstance(record.get("photo"), dict) else {}
            fields = {"family": family_of(record["_id"]), **relations(record["_id"], record, record.get("xmp"), photo)}
            writes.append(UpdateOne({"_id": record["_id"]}, {"$set": fields}))
    return writes


def _normalize_buckets(store: Store, records: Sequence[Document]) -> Sequence[Document]:
    """Rename the buckets that are ARNs with colons, and return the records with their new ids.

    Earlier versions recorded the ARN of an access point as users wrote it.
    """
    normalized = []
    for record in records:
        bucket = record.get("bucket")
        name = normalize_bucket(bucket) if isinstance(bucket, str) else bucket
        if name != bucket and record["_id"] == f"{bucket}/{record.get('key')}":
            id_ = f"{name}/{record['key']}"
            record = store.records.move(record, {"_id": id_, "bucket": name, "folders": folders_of(id_)})
        normalized.append(record)
    return normalized


def _to_schema_6(store: Store, records: Sequence[Document]) -> Sequence[Write]:
    records = _normalize_buckets(store, records)
    changes = (_add_media_types, _add_families, renew_search_terms)
    return [write for change in changes for write in change(store, records)]


def _rename_tasks(_store: Store, jobs: Sequence[Document]) -> Sequence[Write]:
    return [UpdateOne({"_id": job["_id"]}, {"$set": {"path": FORMER_TASKS[job["path"]]}}) for job in jobs]


def _normalize_jobs(store: Store, jobs: Sequence[Document]) -> Sequence[Write]:
    """Move the jobs of images whose bucket is an ARN with colons to the ids that these images have now.

    Migration to schema 6 did the same with the records.
    """
    for job in jobs:
        bucket, key = job["params"]["bucket"], job["params"].get("key")
        changes: Document = {"params": {**job["params"], "bucket": normalize_bucket(bucket)}}
        if job["_id"] == image_job_id(f"{bucket}/{key}"):
            changes["_id"] = image_job_id(f"{changes['params']['bucket']}/{key}")
        store.jobs.move(job, changes)
    return []


# The first migration leads from version 1 to version 2, the second from version 2 to version 3, and so on. Never edit a
# migration that was released.
MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        "adds `cells` and `thumbnail_bytes`, with which the API finds locations and thumbnails",
        _add_cells_and_thumbnail_bytes,
    ),
    Migration("adds `folders`, with which the API finds the photos in a folder", _add_folders),
    Migration(
        "updates the task names in stored jobs, because their module has moved",
        _rename_tasks,
        collection="jobs",
        query={"path": {"$in": list(FORMER_TASKS)}},
    ),
    Migration(
        "adds dates on the camera's clock, places, time zones and kinds, by which the API sorts and filters photos, "
        "and renews the words for text search",
        add_derived_fields,
    ),
    Migration(
        "adds `photo.media_type`, which tells images, videos and other files apart, and `family` and `links`, with "
        "which workers find the sidecars and the stack of a photo, renews the words for text search, adds "
        "`search_text`, in which it finds phrases, and writes the ARNs of access points in one form",
        _to_schema_6,
    ),
    Migration(
        "writes the ARNs of access points in stored jobs in one form, as in the records",
        _normalize_jobs,
        collection="jobs",
        # The ARNs with a colon in their last part.
        query={"path": {"$in": list(IMAGE_TASKS)}, "params.bucket": {"$regex": "^arn:(?:[^:]*:){5}"}},
    ),
)


@dataclass(frozen=True)
class Schema:
    """The schema version of the documents in MongoDB, and the progress of the migration to the next version.

    Attributes:
        version: The version that all documents have reached.
        after_id: The id of the last document that the migration to `version + 1` has processed. None if that migration
            has not started.
        documents: The number of documents that the migration to `version + 1` has processed.
        is_stored: Whether the version is stored in the database. Otherwise it was derived: see read_schema.
    """

    version: int
    after_id: Any = None
    documents: int = 0
    is_stored: bool = field(default=False, compare=False)


def newest_version(migrations: Sequence[Migration] = MIGRATIONS) -> int:
    """Return the newest schema version, which this code writes."""
    return 1 + len(migrations)


def read_schema(store: Store, *, newest: int | None = None) -> Schema:
    """Return the schema of the database.

    A database without records has the newest version. A database with records but no stored version has version 1.

    Args:
        newest: The newest version. The default is the version that this code writes.

    Raises:
        StoreUnavailable: MongoDB did not respond.
    """
    with mongodb_errors("read the schema's version"):
        stored = _meta(store).find_one({"_id": SCHEMA_ID})
        if stored is not None:
            progress = stored.get("progress") or {}
            return Schema(int(stored["version"]), progress.get("after_id"), int(progress.get("records", 0)), True)
        is_empty = store.records.collection.find_one({}, {"_id": 1}) is None
    return Schema((newest or newest_version()) if is_empty else 1)


def read_known_schema(store: Store, newest: int | None = None) -> Schema:
    """Return the schema of the database, like read_schema, but only if this code supports it.

    Raises:
        ConfigError: A later version of EXIFinator wrote the schema.
        StoreUnavailable: MongoDB did not respond.
    """
    newest = newest or newest_version()
    schema = read_schema(store, newest=newest)
    if schema.version > newest:
        raise ConfigError(
            f"The records in MongoDB have schema {schema.version}, but this EXIFinator supports schemas up to {newest}",
            hint="install the version that wrote them, or a later one",
        )
    return schema


def check_schema(store: Store, *, writes: bool, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Check that the database has the schema version of this code. If `writes`, store the version of a new database.

    Args:
        writes: Whether the program will write. If so, an older database is an error, because the program would add
            documents of the new version to it. If not, an older database only causes a warning in the log.

    Raises:
        ConfigError: The database is newer than this code or, if `writes`, older.
        StoreUnavailable: MongoDB did not respond.
    """
    newest = newest_version(migrations)
    schema = read_known_schema(store, newest)
    if schema.version < newest:
        problem = ConfigError(
            f"The records in MongoDB have schema {schema.version}, but this EXIFinator writes schema {newest}",
            hint=f"run `{COMMAND} migrate`, which can be stopped and resumed",
        )
        if writes:
            raise problem
        log.warning("start: %s", problem, extra={"action": "start"})
    elif writes:
        mark_schema(store, schema.version)


def mark_schema(store: Store, version: int | None = None) -> None:
    """Store the schema version of the database, unless a version is stored already.

    Args:
        version: The version. The default is the version that this code writes.
    """
    with mongodb_errors("store the schema's version"):
        changes = {"$setOnInsert": {"version": version or newest_version()}}
        _meta(store).update_one({"_id": SCHEMA_ID}, changes, upsert=True)


def check_schema_before_writing(config: Config) -> None:
    """Check the schema for a program that will write.

    Raises:
        ConfigError, StoreUnavailable: See check_schema.
    """
    with closing(connect_mongodb(config)) as client:
        check_schema(Store(client, config), writes=True)


def check_schema_before_reading(config: Config) -> None:
    """Check the schema for a program that only reads.

    If MongoDB does not respond, return without a check, because such a program starts even without MongoDB.

    Raises:
        ConfigError: A later version of EXIFinator wrote the records.
    """
    with (
        closing(connect_mongodb(config, serverSelectionTimeoutMS=CONNECT_TIMEOUT_MS)) as client,
        suppress(StoreUnavailable),
    ):
        check_schema(Store(client, config), writes=False)


def count_documents(store: Store, migration: Migration) -> int:
    """Return the number of documents that a migration has to process."""
    if not migration.query:
        return store.records.count()
    with mongodb_errors("count documents"):
        return _collection(store, migration).count_documents(migration.query)


def migrate(
    store: Store, *, migrations: Sequence[Migration] = MIGRATIONS, documents_per_range: int = DOCUMENTS_PER_RANGE
) -> Iterator[Schema]:
    """Migrate to the newest version, one range of ids at a time. Store the progress after each range.

    After an interruption, the next call resumes with the range that was not finished.

    Yields:
        The progress after each range.

    Raises:
        ConfigError: Workers are running, another process is migrating, or the database is newer than this code.
        StoreUnavailable, RecordRefused: MongoDB did not respond, or rejected a write.
    """
    newest = newest_version(migrations)
    schema = read_known_schema(store, newest)
    if schema.version < newest:
        _check_no_workers(store)
    while schema.version < newest:
        next_schema = _migrate_range(store, migrations[schema.version - 1], schema, documents_per_range)
        _save_progress(store, schema, next_schema)
        schema = next_schema
        yield schema


def _migrate_range(store: Store, migration: Migration, schema: Schema, limit: int) -> Schema:
    """Migrate the next `limit` documents. Return the new progress, or the next version if no documents are left."""
    collection = _collection(store, migration)
    query = {**migration.query, **({"_id": {"$gt": schema.after_id}} if schema.after_id is not None else {})}
    with mongodb_errors("look up documents"):
        documents = list(collection.find(query).sort("_id", 1).limit(limit))
    if not documents:
        return Schema(schema.version + 1)
    if writes := list(migration.change(store, documents)):
        with mongodb_errors("change documents"):
            collection.bulk_write(writes, ordered=False)
    return Schema(schema.version, documents[-1]["_id"], schema.documents + len(documents))


def _save_progress(store: Store, before: Schema, after: Schema) -> None:
    """Replace the stored progress `before` by `after`.

    Raises:
        ConfigError: Another process has stored its own progress since `before` was read.
    """
    expected: Document = {"_id": SCHEMA_ID, "version": before.version, "progress.after_id": before.after_id}
    # `records` is the name of this field in earlier versions of EXIFinator.
    progress = {"after_id": after.after_id, "records": after.documents} if after.after_id is not None else None
    fields = {"version": after.version, "progress": progress, "updated_at": datetime.now(UTC)}
    with mongodb_errors("store the schema's version"):
        if before.version == 1 and before.after_id is None:
            _meta(store).update_one({"_id": SCHEMA_ID}, {"$setOnInsert": {"version": 1}}, upsert=True)
        is_saved = _meta(store).update_one(expected, {"$set": fields}).matched_count
    if not is_saved:
        raise ConfigError(
            "Another `migrate` is running on this database", hint="wait until it has finished, or stop it and try again"
        )


def _check_no_workers(store: Store) -> None:
    workers = store.workers.find_active(datetime.now(UTC))
    if workers:
        hosts = ", ".join(sorted({str(worker["host"]) for worker in workers}))
        raise ConfigError(
            f"Workers are running on {hosts} and would write records with another schema",
            hint=f"stop them first (a worker that was killed counts as running for {WORKER_SILENT_AFTER.seconds} s)",
        )


def _meta(store: Store) -> Collection[Document]:
    return store.records.collection.database[META_COLLECTION]


def _collection(store: Store, migration: Migration) -> Collection[Document]:
    return store.records.collection if migration.collection == "records" else store.jobs.collection
