"""`migrate`: upgrade the records to this version's schema."""

from __future__ import annotations

from contextlib import closing

import click

from exifinator.config import load_config
from exifinator.storage.migrations import MIGRATIONS, count_documents, migrate, newest_version, read_known_schema
from exifinator.storage.mongodb import connect_mongodb
from exifinator.storage.store import Store


@click.command("migrate")
@click.option("--dry-run", is_flag=True, help="Show what would be done, but change nothing.")
def migrate_command(dry_run: bool) -> None:
    """Upgrade the records and stored jobs in MongoDB to this version's schema.

    Stop all workers first. If the migration is interrupted, run the command again to resume it.
    """
    config = load_config()
    with closing(connect_mongodb(config)) as client:
        _migrate(Store(client, config), dry_run=dry_run)


def _migrate(store: Store, *, dry_run: bool) -> None:
    schema = read_known_schema(store, newest_version(MIGRATIONS))
    pending = MIGRATIONS[schema.version - 1 :]
    if not pending:
        click.echo(f"Schema {schema.version}: nothing to do.")
        return
    click.echo(f"Schema {schema.version}, {store.records.count():,} records:")
    for version, migration in enumerate(pending, schema.version + 1):
        progress = f"   ({schema.documents:,} done)" if version == schema.version + 1 and schema.documents else ""
        click.echo(f"  to schema {version}: {migration.summary}{progress}")
    if dry_run:
        return
    count = sum(count_documents(store, migration) for migration in pending)
    with click.progressbar(length=count, label="Documents", show_pos=True) as bar:
        bar.update(schema.documents)
        previous = schema
        for current in migrate(store, migrations=MIGRATIONS):
            if current.version == previous.version:
                bar.update(current.documents - previous.documents)
            previous = current
    click.echo(f"Schema {previous.version}: all records have been upgraded.")
