"""The version of what MongoDB holds, and the way from one to the next: `migrate`, which can be stopped and resumed.

A migration changes records from what they hold already. What only the photos' own bytes can say is not for it:
EXTRACTOR_VERSION grows, and `run --refresh` reads them again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import click
from pymongo import DeleteOne, ReplaceOne, UpdateOne

from exifinator.cells import find_cells
from exifinator.config import Config, load_config
from exifinator.errors import ConfigError, StoreUnavailable
from exifinator.folders import folders_of
from exifinator.home import COMMAND
from exifinator.mongodb import Document, connect_mongodb, translated
from exifinator.store import Store

log = logging.getLogger(__name__)

Write = UpdateOne | ReplaceOne[Document] | DeleteOne

# Of 12 KB each.
RECORDS_A_BATCH = 1000
META = "exifinator_meta"
SCHEMA = "schema"
# A worker reports every five seconds.
WORKER_SILENT_AFTER = timedelta(seconds=30)
PATIENCE_MS = 3000


@dataclass(frozen=True)
class Migration:
    """One step from a version to the next.

    summary: what it changes, a sentence. change: the writes that bring these records of the store to the new version; a
    record may be given twice, and may be of the new version already: the second time must change nothing.
    """

    summary: str
    change: Callable[[Store, Sequence[Document]], Sequence[Write]]


def _add_cells_and_thumbnail_bytes(store: Store, records: Sequence[Document]) -> Sequence[Write]:
    sizes = store.find_thumbnail_bytes([record["_id"] for record in records])
    writes = []
    for record in records:
        found = {"cells": find_cells(record.get("photo")), "thumbnail_bytes": sizes.get(record["_id"])}
        if there := {name: value for name, value in found.items() if value}:
            writes.append(UpdateOne({"_id": record["_id"]}, {"$set": there}))
    return writes


def _add_folders(_store: Store, records: Sequence[Document]) -> Sequence[Write]:
    return [
        UpdateOne({"_id": record["_id"]}, {"$set": {"folders": folders}})
        for record in records
        # An id of another program's may be anything.
        if isinstance(record["_id"], str) and (folders := folders_of(record["_id"]))
    ]


# The first one leads from version 1 to version 2, and so on. One that was released is never edited.
MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        "adds `cells` and `thumbnail_bytes`, by which the API finds places and thumbnails",
        _add_cells_and_thumbnail_bytes,
    ),
    Migration("adds `folders`, by which the API finds the photos of a folder", _add_folders),
)


@dataclass(frozen=True)
class Schema:
    """What MongoDB says of its records. after_id, records: how far the migration to version + 1 has come."""

    version: int
    after_id: str | None = None
    records: int = 0


def newest_version(migrations: Sequence[Migration] = MIGRATIONS) -> int:
    """The version that this code writes."""
    return 1 + len(migrations)


def read_schema(store: Store, *, newest: int | None = None) -> Schema:
    """Of a database without records, the newest; of one whose records are older than this word of theirs, 1.

    Raises: StoreUnavailable.
    """
    with translated("look up its schema"):
        found = store.images.database[META].find_one({"_id": SCHEMA})
        if found is not None:
            progress = found.get("progress") or {}
            return Schema(int(found["version"]), progress.get("after_id"), int(progress.get("records", 0)))
        empty = store.images.find_one({}, {"_id": 1}) is None
    return Schema((newest or newest_version()) if empty else 1)


def check_schema(store: Store, *, writes: bool, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """See that this code and the records in MongoDB are of one version; where there is no record yet, say which.

    writes: whether older records are refused too, for new ones would come to stand beside them.
    Raises: ConfigError, StoreUnavailable.
    """
    newest = newest_version(migrations)
    schema = _read_known_schema(store, newest)
    if schema.version < newest:
        problem = (
            f"the records in MongoDB are of schema {schema.version}, and this EXIFinator writes schema {newest}: "
            f"`{COMMAND} migrate` changes them; it can be stopped and resumed"
        )
        if writes:
            raise ConfigError(problem)
        log.warning("schema: %s", problem)
    elif writes:
        with translated("store its schema"):
            store.images.database[META].update_one(
                {"_id": SCHEMA}, {"$setOnInsert": {"version": schema.version}}, upsert=True
            )


def _read_known_schema(store: Store, newest: int) -> Schema:
    """Raises: ConfigError where a later version wrote the records; StoreUnavailable."""
    schema = read_schema(store, newest=newest)
    if schema.version > newest:
        raise ConfigError(
            f"the records in MongoDB are of schema {schema.version}, and this EXIFinator knows schemas up to {newest}: "
            "install the version that wrote them, or a later one"
        )
    return schema


def refuse_other_schema(config: Config) -> None:
    """check_schema for a program that will write. Raises: ConfigError, StoreUnavailable."""
    with closing(connect_mongodb(config)) as client:
        check_schema(Store(client, config), writes=True)


def refuse_newer_schema(config: Config) -> None:
    """check_schema for a program that only reads, and that starts without MongoDB too. Raises: ConfigError."""
    with closing(connect_mongodb(config, serverSelectionTimeoutMS=PATIENCE_MS)) as client, suppress(StoreUnavailable):
        check_schema(Store(client, config), writes=False)


def migrate(
    store: Store, *, migrations: Sequence[Migration] = MIGRATIONS, records_a_batch: int = RECORDS_A_BATCH
) -> Iterator[Schema]:
    """Change the records, a range of ids after the other, and note each range in MongoDB.

    Gives: how far it is, after each range. Whatever ends it, the next call goes on at the range that was under way.
    Raises: ConfigError where workers run, where another call is at it, or where the records are newer than this code;
    StoreUnavailable; RecordRefused.
    """
    newest = newest_version(migrations)
    schema = _read_known_schema(store, newest)
    if schema.version < newest:
        _refuse_workers(store)
    while schema.version < newest:
        change = migrations[schema.version - 1].change
        query: dict[str, Any] = {"_id": {"$gt": schema.after_id}} if schema.after_id is not None else {}
        with translated("look up records"):
            records = list(store.images.find(query).sort("_id", 1).limit(records_a_batch))
        if records:
            writes = list(change(store, records))
            if writes:
                with translated("change records"):
                    store.images.bulk_write(writes, ordered=False)
            following = Schema(schema.version, records[-1]["_id"], schema.records + len(records))
        else:
            following = Schema(schema.version + 1)
        _note(store, schema, following)
        schema = following
        yield schema


def _note(store: Store, before: Schema, after: Schema) -> None:
    """Store how far the migration is, unless another process has stored something since."""
    known: Document = {"_id": SCHEMA, "version": before.version, "progress.after_id": before.after_id}
    progress = {"after_id": after.after_id, "records": after.records} if after.after_id is not None else None
    said = {"version": after.version, "progress": progress, "updated_at": datetime.now(UTC)}
    collection = store.images.database[META]
    with translated("store its schema"):
        if before.version == 1 and before.after_id is None:
            collection.update_one({"_id": SCHEMA}, {"$setOnInsert": {"version": 1}}, upsert=True)
        found = collection.update_one(known, {"$set": said}).matched_count
    if not found:
        raise ConfigError("another `migrate` is at work on this database: let it end, or stop it and try again")


def _refuse_workers(store: Store) -> None:
    workers = store.find_workers(datetime.now(UTC) - WORKER_SILENT_AFTER)
    if workers:
        hosts = ", ".join(sorted({str(worker["host"]) for worker in workers}))
        raise ConfigError(
            f"workers run on {hosts}, and would write records of another schema: stop them first "
            "(a worker that was killed counts as running for 30 s)"
        )


@click.command("migrate")
@click.option("--dry-run", is_flag=True, help="Only say what there is to do.")
def migrate_command(dry_run: bool) -> None:
    """Bring the records in MongoDB to the schema of this version.

    It can be stopped, by whatever means, and goes on where it was when it is called again. Stop all workers first.
    """
    config = load_config()
    with closing(connect_mongodb(config)) as client:
        _migrate(Store(client, config), dry_run=dry_run)


def _migrate(store: Store, *, dry_run: bool) -> None:
    schema = _read_known_schema(store, newest_version(MIGRATIONS))
    waiting = MIGRATIONS[schema.version - 1 :]
    if not waiting:
        click.echo(f"Schema {schema.version}: there is nothing to do.")
        return
    count = store.count_records()
    click.echo(f"Schema {schema.version}, about {count:,} records:")
    for version, migration in enumerate(waiting, schema.version + 1):
        begun = f"   ({schema.records:,} records are done)" if version == schema.version + 1 and schema.records else ""
        click.echo(f"  to {version}: {migration.summary}{begun}")
    if dry_run:
        return
    with click.progressbar(length=count * len(waiting), label="Records", show_pos=True) as bar:
        bar.update(schema.records)
        done = schema
        for now in migrate(store, migrations=MIGRATIONS):
            if now.version == done.version:
                bar.update(now.records - done.records)
            done = now
    click.echo(f"Schema {done.version}: all records are changed.")
