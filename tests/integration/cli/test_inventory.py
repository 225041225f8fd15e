"""`run --inventory` on real servers: an inventory report replaces the listing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from exifinator.batches.runner import Batch
from exifinator.sources.client import SourceClient
from exifinator.sources.inventory.client import InventoryClient
from exifinator.sources.source import Source
from tests.data.inventory import csv_file, manifest
from tests.integration.cli.test_run import KEYS, Run, numbers_of, run
from tests.integration.conftest import INTERVALS, Bucket, SharedInstallation
from tests.photos import make_jpeg

__all__ = ["run"]


@pytest.fixture
def photos(bucket: Bucket) -> Bucket:
    for seed, key in enumerate(KEYS):
        bucket.put(key, make_jpeg(seed=seed))
    return bucket


def write_report(bucket: Bucket, name: str = "report", changed: Sequence[str] = ()) -> str:
    """Put a report of the bucket's objects into the bucket, and return the address of its manifest.

    Args:
        changed: Keys of objects that have changed since the report was made.
    """
    objects = bucket.client.list_objects_v2(Bucket=bucket.name)["Contents"]
    rows = [
        [
            bucket.name,
            item["Key"],
            str(item["Size"]),
            f"{item['LastModified'] - timedelta(hours=item['Key'] in changed):%Y-%m-%dT%H:%M:%S.000Z}",
            "0" * 32 if item["Key"] in changed else item["ETag"].strip('"'),
            "STANDARD",
        ]
        for item in objects
        if item["Key"] in KEYS
    ]
    data = csv_file(rows)
    bucket.put(f"{name}/1.csv.gz", data)
    created_at = datetime.now(UTC) + timedelta(seconds=1)
    bucket.put(f"{name}/manifest.json", manifest(bucket.name, {f"{name}/1.csv.gz": data}, created_at))
    return f"s3://{bucket.name}/{name}/manifest.json"


def listings(shared: SharedInstallation, bucket: Bucket) -> list[str]:
    """Return the targets of the requests that have listed the bucket."""
    return [target for method, target, _ in shared.proxy.seen if bucket.name in target and "list-type" in target]


def test_inventory__report_of_a_bucket__is_indexed_without_a_listing(
    shared: SharedInstallation, photos: Bucket, run: Run
) -> None:
    address = write_report(photos)

    first = numbers_of(run(shared, "--inventory", address, "--json"))
    second = numbers_of(run(shared, "--inventory", address, "--json"))

    assert (first["listed"], first["stored"]) == (3, 3)
    assert (second["listed"], second["unchanged"], second["requests"]) == (3, 3, 0)
    assert set(shared.records(photos.name)) == set(KEYS)
    assert listings(shared, photos) == []


def test_inventory__object_changed_since_the_report__is_read_once(
    shared: SharedInstallation, photos: Bucket, run: Run
) -> None:
    address = write_report(photos, changed=["b.jpg"])

    numbers = numbers_of(run(shared, "--inventory", address, "--json"))

    assert (numbers["stored"], numbers["failed"]) == (3, 0)
    paths = [target.partition("?")[0] for _, target, _ in shared.proxy.seen if photos.name in target]
    # The first of the two reads of each object is the check of access.
    assert [paths.count(f"/{photos.name}/{key}") for key in KEYS] == [2, 2, 2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--prune", "--yes"], "--prune and --inventory cannot be combined"),
        (["other-bucket"], "not of other-bucket"),
    ],
)
def test_inventory__conflicting_arguments__are_refused(
    shared: SharedInstallation, photos: Bucket, run: Run, arguments: list[str], message: str
) -> None:
    done = run(shared, "--inventory", write_report(photos), *arguments)
    assert done.exit_code == 2
    assert message in done.output


def test_inventory__another_report__does_not_resume_the_batch(shared: SharedInstallation, photos: Bucket) -> None:
    with shared.stopped():
        ids = []
        for name in ("monday", "monday", "tuesday"):
            address = write_report(photos, name)
            lister = InventoryClient(SourceClient(shared.s3), address)
            batch = Batch(
                [Source(photos.name)], lister, shared.store, shared.queue, inventory=address, intervals=INTERVALS
            )
            batch.open()
            next(batch.list_and_queue())
            batch.detach("stopped")
            lister.close()
            ids.append(batch.id)
    assert ids[0] == ids[1] != ids[2]
