"""A MongoDB that responds but rejects or blocks writes: the batch waits, and continues once writes succeed."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from tests.faults.conftest import (
    IMAGES,
    PATIENT,
    Document,
    Keeper,
    Server,
    Site,
    count_complaints,
    count_stored,
    finish_and_check,
    mongod_server,
    start_batch,
    wait_for_renewals,
)
from tests.integration.conftest import Installation
from tests.s3_proxy import Gate, Proxy
from tests.servers import listens, mongod_command, mongod_is_ready, reserve_port
from tests.waiting import eventually

WRITES = ["readWriteAnyDatabase", "dbAdminAnyDatabase"]
# The outage ends after the workers have logged more than this many failures of a server.
MIN_COMPLAINTS = 10


@pytest.mark.faults
def test_batch__mongodb_locked_for_maintenance__continues_afterwards(
    site: Callable[..., Site], keep: Callable[..., Keeper], gate: Gate, undisturbed: dict[str, Document]
) -> None:
    here = site(GREENLETS=10).installation
    for queues in (["download", "write"], ["write"]):
        keep(here, *queues)
    batch = start_batch(here)
    with MongoClient(here.settings["MONGODB_URI"]) as client:
        client.admin.command("fsync", lock=True)
        stored = count_stored(here)
        gate.open()
        # The renewals take longer than 3 s, to which FAULTS.md shortens the timeout of jobs to make this test fail.
        wait_for_renewals(here)
        assert count_stored(here) == stored < IMAGES
        client.admin.command("fsyncUnlock")
    finish_and_check(here, batch, undisturbed)


def any_server_listens(port: int, process: subprocess.Popen[bytes]) -> bool:
    """Return whether a server listens on the port. The signature is that of `mongod_is_ready`.

    Unlike that function, do not compare process ids: a server that requires a password does not report its own.
    """
    return listens(port)


@pytest.fixture
def guarded_mongod(in_memory: Path) -> Iterator[Server]:
    """Yield a mongod that requires a user and a password."""
    data, port = in_memory / "guarded", reserve_port()
    data.mkdir()
    server = Server(mongod_command(data, port, "--auth"), port, data, any_server_listens)
    server.start()
    yield server
    server.kill()


@pytest.mark.faults
def test_batch__mongodb_user_with_only_read_access_for_a_while__continues_afterwards(
    guarded_mongod: Server,
    install: Callable[..., Installation],
    keep: Callable[..., Keeper],
    gate: Gate,
    proxy: Proxy,
    undisturbed: dict[str, Document],
) -> None:
    address = f"127.0.0.1:{guarded_mongod.port}"
    # MongoDB lets any local client create the first user.
    with MongoClient(f"mongodb://{address}") as client:
        client.admin.command("createUser", "chief", pwd="chief", roles=["root"])
    with MongoClient(f"mongodb://chief:chief@{address}") as client:
        client.admin.command("createUser", "exif", pwd="exif", roles=WRITES)
        uri = f"mongodb://exif:exif@{address}/?authSource=admin"
        here = install(MONGODB_URI=uri, GREENLETS=10, LEASE_SECONDS=5, S3_ENDPOINT_URL=proxy.url, **PATIENT)
        for queues in (["download", "write"], ["write"]):
            keep(here, *queues)
        batch = start_batch(here)
        client.admin.command("updateUser", "exif", roles=["readAnyDatabase"])
        gate.open()
        here.wait_until(lambda: count_complaints(here) > 0)
        stored = count_stored(here)
        here.wait_until(lambda: count_complaints(here) > MIN_COMPLAINTS)
        assert count_stored(here) == stored < IMAGES
        client.admin.command("updateUser", "exif", roles=WRITES)
        finish_and_check(here, batch, undisturbed)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Yield a file system of 700 MB, which a test can fill with a large file."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=700m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("a file system of one's own needs root's right to mount one")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def insert_300_mb(port: int) -> None:
    """Insert 300 MB, and flush each megabyte to disk."""
    with MongoClient(f"mongodb://127.0.0.1:{port}", serverSelectionTimeoutMS=2000) as client:
        for _ in range(300):
            client["other"]["filler"].insert_one({"bytes": os.urandom(1 << 20)})
            client.admin.command("fsync")


@pytest.fixture
def mongod_on_small_disk(small_disk: Path, tmp_path: Path) -> Iterator[Server]:
    data, port = small_disk / "data", reserve_port()
    data.mkdir()
    # The log is on another disk, so that mongod can still write it.
    command = mongod_command(data, port, "--logpath", str(tmp_path / "mongod.log"))
    server = Server(command, port, tmp_path / "mongod-of-small-disk", mongod_is_ready)
    server.start()
    yield server
    server.kill()


@pytest.mark.faults
def test_batch__full_disk_of_mongodb_for_a_while__continues_afterwards(
    mongod_on_small_disk: Server,
    small_disk: Path,
    install: Callable[..., Installation],
    keep: Callable[..., Keeper],
    gate: Gate,
    proxy: Proxy,
    undisturbed: dict[str, Document],
) -> None:
    server = mongod_on_small_disk
    uri = f"mongodb://127.0.0.1:{server.port}"
    here = install(MONGODB_URI=uri, GREENLETS=10, LEASE_SECONDS=5, S3_ENDPOINT_URL=proxy.url, **PATIENT)
    for queues in (["download", "write"], ["write"]):
        keep(here, *queues)
    batch = start_batch(here)
    filler = small_disk / "filler"
    with contextlib.suppress(OSError), filler.open("wb") as file:
        while True:
            file.write(bytes(1 << 20))
            file.flush()
    # These writes fill the journal: mongod exits, or rejects writes.
    with pytest.raises(PyMongoError):
        insert_300_mb(server.port)
    gate.open()
    here.wait_until(lambda: count_complaints(here) > MIN_COMPLAINTS)
    filler.unlink()
    # mongod may exit immediately, later, or not at all.
    with server.kept():
        finish_and_check(here, batch, undisturbed)


class ReplicaSet:
    """A replica set of three mongod processes. A write is acknowledged when a majority has it."""

    def __init__(self, folder: Path) -> None:
        self.servers = []
        for name in ("a", "b", "c"):
            (folder / name).mkdir()
            options = ["--replSet", "rs", "--oplogSize", "50"]
            # With the handoff, another mongod becomes primary within milliseconds, and few writes would find the set
            # without a primary.
            options += ["--setParameter", "enableElectionHandoff=false"]
            self.servers.append(mongod_server(folder / name, *options))
        hosts = [f"127.0.0.1:{server.port}" for server in self.servers]
        self.uri = f"mongodb://{','.join(hosts)}/?replicaSet=rs&w=majority"
        for server in self.servers:
            server.start()
        members = [{"_id": i, "host": host} for i, host in enumerate(hosts)]
        with MongoClient(f"mongodb://{hosts[0]}/?directConnection=true") as client:
            client.admin.command(
                "replSetInitiate", {"_id": "rs", "members": members, "settings": {"electionTimeoutMillis": 2000}}
            )
        self.client: MongoClient[Document] = MongoClient(self.uri)
        self.client.admin.command("ping")

    def primary(self) -> Server:
        _host, port = eventually(lambda: self.client.primary)  # type: ignore[misc]
        return next(server for server in self.servers if server.port == port)

    def step_down(self) -> None:
        # The command fails, because mongod closes its connections.
        with contextlib.suppress(PyMongoError):
            self.client.admin.command("replSetStepDown", 10, secondaryCatchUpPeriodSecs=5)

    def close(self) -> None:
        self.client.close()
        for server in self.servers:
            server.kill()


@pytest.fixture
def replica_set(in_memory: Path) -> Iterator[ReplicaSet]:
    replica_set = ReplicaSet(in_memory)
    yield replica_set
    replica_set.close()


@pytest.mark.faults
@pytest.mark.parametrize("how", ["steps down", "is killed"])
def test_batch__primary_of_a_replica_set_disappears__is_complete(
    replica_set: ReplicaSet,
    install: Callable[..., Installation],
    gate: Gate,
    proxy: Proxy,
    undisturbed: dict[str, Document],
    how: str,
) -> None:
    here = install(MONGODB_URI=replica_set.uri, GREENLETS=10, LEASE_SECONDS=5, S3_ENDPOINT_URL=proxy.url, **PATIENT)
    here.start_worker("download", "write")
    here.start_worker("write")
    batch = start_batch(here)
    before = replica_set.primary()
    if how == "steps down":
        replica_set.step_down()
    else:
        before.kill()
    # The election takes longer than the first reads, so writes find the set without a primary.
    gate.open()
    here.wait_until(lambda: replica_set.primary() is not before)
    # If a worker had exited, the supervisor would have restarted it.
    here.start_worker("download", "write")
    finish_and_check(here, batch, undisturbed)
