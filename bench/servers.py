"""Index the same photos from several S3 servers, and compare the records.

Usage: python -m bench.servers [NAME=URL ...]

Starts moto and rclone, and SeaweedFS (`weed`) and Ceph if they are in PATH. Serves the tests' own stub. Further servers
can be given by their URL; their credentials come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Prints the table in
docs/explanation/servers.md.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config as BotoConfig
from botocore.exceptions import ClientError, HTTPClientError, ParamValidationError

from bench.ceph import is_installed, run_ceph
from exifinator.batches.model import BatchCounts
from exifinator.batches.prune import find_orphans, remove_orphans
from exifinator.errors import EXIFinatorError
from exifinator.sources.source import parse_source
from tests.integration.conftest import Installation
from tests.keys import KEYS
from tests.photos import make_jpeg
from tests.servers import reserve_port, run_mongod, run_moto, run_rclone, run_redis, running
from tests.stub_s3 import StubS3, run_stub

PHOTOS = 150
DELETED = 7
BUCKET = "photos"
# Fields whose values differ between servers, which compute ETags differently and store the photos at other times.
SERVER_FIELDS = ("etag", "last_modified", "extracted_at", "delivered_at")


@dataclass
class Server:
    """An S3 server with the bucket BUCKET.

    Attributes:
        put: Stores an object. Raises an error if the server refuses the key.
        delete: Deletes an object.
    """

    url: str
    put: Callable[[str, bytes], None]
    delete: Callable[[str], None]
    access_key: str = "test"
    secret_key: str = "secret"


@dataclass
class Row:
    """The row of a server in the table.

    Attributes:
        stored: Number of photos that the server accepted.
        first, second, verify: The counts of the first batch, the second batch, and the batch with --verify.
        same_records: How many records equal the records from the first server.
        prune: How many records --prune removed, or the error that ended the trial.
        records: The records by key, without SERVER_FIELDS.
    """

    name: str
    stored: int = 0
    first: str = ""
    second: str = ""
    verify: str = ""
    same_records: str = ""
    prune: str = ""
    records: dict[str, Any] = field(default_factory=dict)


def photos() -> dict[str, bytes]:
    """Return the photos by key: one for each unusual key in KEYS, and further photos under plain keys."""
    keys = [*KEYS, *(f"2024/{number % 7}-trip/IMG_{number:04}.jpg" for number in range(PHOTOS - len(KEYS)))]
    return {key: make_jpeg("SONY", "ILCE-7M3", seed=number) for number, key in enumerate(keys)}


def boto_server(url: str, access_key: str = "test", secret_key: str = "secret") -> Server:  # noqa: S107
    """Create the bucket with boto3. Return a server to which boto3 writes the photos."""
    client: Any = boto3.client(
        "s3",
        endpoint_url=url,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        region_name="us-east-1",
        config=BotoConfig(
            s3={"addressing_style": "path"},
            retries={"total_max_attempts": 1},
            # Some servers never respond to a key that they cannot store.
            read_timeout=10,
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )
    client.create_bucket(Bucket=BUCKET)
    return Server(
        url,
        lambda key, body: client.put_object(Bucket=BUCKET, Key=key, Body=body),
        lambda key: client.delete_object(Bucket=BUCKET, Key=key),
        access_key,
        secret_key,
    )


@contextlib.contextmanager
def moto(folder: Path) -> Iterator[Server]:
    with run_moto(folder) as url:
        yield boto_server(url)


@contextlib.contextmanager
def rclone(folder: Path) -> Iterator[Server]:
    """Serve a folder. The photos are written as files, because rclone needs seconds for some keys."""
    bucket = folder / "rclone" / BUCKET
    bucket.mkdir(parents=True)

    def put(key: str, body: bytes) -> None:
        path = bucket / key
        if str(path.relative_to(bucket)) != key or ".." in path.parts:
            raise OSError(f"{key!r} is not the path of a file")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)

    with run_rclone(folder / "rclone") as url:
        yield Server(url, put, lambda key: (bucket / key).unlink())


@contextlib.contextmanager
def seaweedfs(folder: Path) -> Iterator[Server]:
    ports = [reserve_port() for _ in range(4)]
    command = ["weed", "server", "-ip=127.0.0.1", f"-dir={folder}", "-s3", f"-s3.port={ports[0]}"]
    command += [f"-master.port={ports[1]}", f"-volume.port={ports[2]}", f"-filer.port={ports[3]}"]
    with running(command, ports[0], folder / "weed.log"):
        yield boto_server(f"http://127.0.0.1:{ports[0]}")


@contextlib.contextmanager
def ceph(folder: Path) -> Iterator[Server]:
    with run_ceph(folder, "test", "secret") as url:
        yield boto_server(url)


@contextlib.contextmanager
def stub(folder: Path) -> Iterator[Server]:  # noqa: ARG001
    objects: dict[str, bytes] = {}
    with run_stub(StubS3({BUCKET: objects})) as served:
        yield Server(served.url, objects.__setitem__, objects.__delitem__)


def describe_counts(counts: BatchCounts) -> str:
    """Return the counts of a batch that are not 0."""
    words = {"listed": counts.listed, "indexed": counts.stored, "unchanged": counts.unchanged, "failed": counts.failed}
    return ", ".join(f"{count} {word}" for word, count in words.items() if count)


def try_server(name: str, server: Server, settings: dict[str, str], logs: Path) -> Row:
    """Index the photos twice, verify them, and prune some that were deleted."""
    row = Row(name)
    stored = []
    for key, body in photos().items():
        with contextlib.suppress(ClientError, HTTPClientError, ParamValidationError, OSError, ValueError):
            server.put(key, body)
            stored.append(key)
    row.stored = len(stored)
    installation = Installation(
        {
            **settings,
            "S3_ENDPOINT_URL": server.url,
            "AWS_ACCESS_KEY": server.access_key,
            "AWS_SECRET_KEY": server.secret_key,
            "AWS_REGION": "us-east-1",
        },
        logs,
    )
    try:
        for title in ("first", "second", "verify"):
            batch = installation.queue_batch(BUCKET, verify=title == "verify")
            setattr(row, title, describe_counts(installation.finish_here(batch)))
            batch.detach("done")
        row.records = {key: without_server_fields(record) for key, record in installation.records(BUCKET).items()}
        for key in stored[-DELETED:]:
            server.delete(key)
        row.prune = prune(installation)
    except EXIFinatorError as exc:
        row.prune = row.prune or f"{type(exc).__name__}: {exc}"
    finally:
        installation.close()
    return row


def prune(installation: Installation) -> str:
    """Remove the records of the deleted photos, and return how many of them were removed."""
    with find_orphans(
        [parse_source(BUCKET)], installation.s3, installation.store, installation.queue, on_progress=lambda _: None
    ) as orphans:
        removed, _ = remove_orphans(orphans, installation.store)
        return f"{removed} of {DELETED}"


def without_server_fields(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record without the fields that depend on the server."""
    return {name: value for name, value in record.items() if name not in SERVER_FIELDS}


def compare(row: Row, reference: Row) -> None:
    """Compare the records with the records of another server."""
    common = row.records.keys() & reference.records.keys()
    n_same = sum(row.records[key] == reference.records[key] for key in common)
    row.same_records = f"{n_same} of {len(row.records)}"


def run_all(urls: list[str]) -> list[Row]:
    """Try every server, one after another."""
    server_factories: dict[str, Callable[[Path], contextlib.AbstractContextManager[Server]]] = {
        "moto": moto,
        "rclone": rclone,
    }
    if shutil.which("weed"):
        server_factories["SeaweedFS"] = seaweedfs
    if is_installed():
        server_factories["Ceph"] = ceph
    server_factories["the tests' stub"] = stub
    rows = []
    with tempfile.TemporaryDirectory() as name, run_mongod() as mongodb_uri, run_redis() as redis_url:
        settings = {"MONGODB_URI": mongodb_uri, "REDIS_URL": redis_url}
        for title, make in server_factories.items():
            folder = Path(name) / title.replace(" ", "-")
            folder.mkdir()
            with make(folder) as server:
                rows.append(try_server(title, server, settings, folder))
        for text in urls:
            title, _, url = text.partition("=")
            keys = (os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
            rows.append(try_server(title, boto_server(url, *keys), settings, Path(name)))
    for row in rows:
        compare(row, rows[0])
    return rows


def main() -> None:
    """Print the table."""
    print("| Server | Photos stored | First run | Second run | `--verify` | Records like moto's | `--prune` |")
    print("|---|---|---|---|---|---|---|")
    for row in run_all(sys.argv[1:]):
        cells = (row.name, f"{row.stored} of {PHOTOS}", row.first, row.second, row.verify, row.same_records, row.prune)
        print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
