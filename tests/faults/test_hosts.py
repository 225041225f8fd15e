"""Several hosts, simulated by network namespaces: one for Redis, MongoDB and S3, and two for workers."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.conftest import COMPLAINT, IMAGES, PHOTOS, Document, Keeper, count_stored, finish_and_check
from tests.integration.conftest import Installation
from tests.servers import data_folder, mongod_command, redis_command, reserve_port, running, start

SUBNET = "10.213"


def ip(*arguments: str) -> None:
    """Run the program `ip`, and raise OSError if it fails."""
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


class Network:
    """Network namespaces: `servers`, `one` and `two`.

    Links connect the namespace `servers` to the other two and to this process's namespace. The servers' address on link
    i is 10.213.i.1, the address at the other end 10.213.i.2.
    """

    def __init__(self) -> None:
        mark = secrets.token_hex(2)
        self.names = {name: f"exif-{mark}-{name}" for name in ("servers", "one", "two")}
        self.link_devices: dict[str, str] = {}
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
                self.link_devices[end] = near
                # One end of the link goes into the other namespace. "here" is the namespace of this process.
                ip("-n", servers, "link", "set", far, "netns", self.names.get(end, str(os.getpid())))
                there = ["-n", self.names[end]] if end in self.names else []
                ip("-n", servers, "addr", "add", f"{SUBNET}.{number}.1/24", "dev", near)
                ip("-n", servers, "link", "set", near, "up")
                ip(*there, "addr", "add", f"{SUBNET}.{number}.2/24", "dev", far)
                ip(*there, "link", "set", far, "up")
                if end in self.names:
                    # All hosts reach the servers at the same address.
                    ip(*there, "route", "add", f"{SUBNET}.0.0/24", "via", f"{SUBNET}.{number}.1")
        except OSError:
            self.close()
            raise

    def inside(self, name: str) -> list[str]:
        """Return the command prefix that runs a command in a namespace."""
        return ["ip", "netns", "exec", self.names[name]]

    def cut(self, name: str) -> None:
        ip("-n", self.names["servers"], "link", "set", self.link_devices[name], "down")

    def repair(self, name: str) -> None:
        ip("-n", self.names["servers"], "link", "set", self.link_devices[name], "up")

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
        """Start a worker in the namespace that the keyword HOST names."""
        host = environment.pop("HOST")
        log = self.logs / f"worker-{host}-{len(self._workers)}.log"
        command = [*self.network.inside(host), str(Path(sys.prefix) / "bin" / "mrq-worker"), *queues]
        worker = start(command, log, {**self.environment, **environment})
        self._workers.append(worker)
        return worker

    def logs_of(self, host: str) -> str:
        return "\n".join(log.read_text(errors="replace") for log in self.logs.glob(f"worker-{host}-*.log"))


def listen_on_all_addresses(command: list[str]) -> list[str]:
    """Return the command of a server, changed so that the other namespaces can reach the server."""
    return ["0.0.0.0" if word == "127.0.0.1" else word for word in command]


@pytest.fixture
def hosts(network: Network, tmp_path: Path) -> Iterator[Hosts]:
    with contextlib.ExitStack() as stack:
        logs = tmp_path / "logs"
        logs.mkdir()
        data = data_folder("hosts")
        stack.callback(shutil.rmtree, data, ignore_errors=True)
        for name in ("redis", "mongodb"):
            (data / name).mkdir()
        address = f"{SUBNET}.0.1"
        ports = [reserve_port() for _ in range(3)]
        inside = network.inside("servers")
        redis = listen_on_all_addresses(redis_command(data / "redis", ports[0], "--protected-mode", "no"))
        mongod = listen_on_all_addresses(mongod_command(data / "mongodb", ports[1]))
        s3 = [sys.executable, "-m", "bench.object_server", str(ports[2]), str(IMAGES), "0.0.0.0"]
        for port, command in zip(
            ports,
            (redis, mongod, s3),
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
            logs,
        )
        made.network = network
        stack.callback(made.close)
        yield made


@pytest.mark.faults
@pytest.mark.parametrize("is_permanent", [False, True], ids=["until it notices", "for good"])
def test_batch__host_of_workers_cut_off__is_complete(
    hosts: Hosts, undisturbed: dict[str, Document], is_permanent: bool
) -> None:
    batch = hosts.queue_batch(PHOTOS)
    # This worker starts alone, so images are leased to it when its host is disconnected.
    keepers = [Keeper(hosts, "download", "write", HOST="two")]
    try:
        hosts.wait_until(lambda: count_stored(hosts) > 50)

        def cut() -> bool:
            hosts.network.cut("two")
            if hosts.queue.batches.count_in_progress(batch.id, [f"{PHOTOS}/"]):
                return True
            # Occasionally, no image is leased to it.
            hosts.network.repair("two")
            return False

        hosts.wait_until(cut)
        assert count_stored(hosts) < IMAGES
        keepers.append(Keeper(hosts, "download", "write", HOST="one"))
        if is_permanent:
            finish_and_check(hosts, batch, undisturbed)
            return
        # No packet tells the worker that its servers are unreachable: it waits for Redis as long as its client does.
        hosts.wait_until(lambda: COMPLAINT.search(hosts.logs_of("two")))
        hosts.network.repair("two")
        finish_and_check(hosts, batch, undisturbed)
        # The reconnected host works again: its worker indexes all images of another bucket alone.
        keepers[1].stop()
        keepers[1].kill()
        again = hosts.queue_batch("more")
        assert hosts.finish(again).stored == IMAGES
    finally:
        for keeper in keepers:
            keeper.stop()
