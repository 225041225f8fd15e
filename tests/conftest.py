"""Start one set of servers for a whole test run.

The controller of pytest-xdist starts them and passes their addresses to its worker processes. Two mongod run,
because the fail points that a test sets apply to a whole server. Tests separate their data by random database names.
"""

from __future__ import annotations

import asyncio
import fcntl
import functools
import gc
import json
import shutil
import signal
import socket
import subprocess
from asyncio.selector_events import BaseSelectorEventLoop  # type: ignore[attr-defined]
from collections.abc import Callable, Generator, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

from tests.servers import (
    data_folder,
    end,
    listens,
    mongod_command,
    mongod_is_ready,
    moto_command,
    rclone_command,
    redis_command,
    redis_is_ready,
    reserve_port,
    start,
    tail,
)
from tests.waiting import eventually

# Allows tests to set fail points, with which a real mongod returns chosen errors. One fail point is set from the start:
# no query exceeds its time limit, because a healthy query may take longer than that on a busy machine.
FAIL_POINTS = (
    *("--setParameter", "enableTestCommands=1"),
    *("--setParameter", "failpoint.maxTimeNeverTimeOut={mode: 'alwaysOn'}"),
)
# Folders whose tests use none of these servers.
SERVERLESS = ("unit", "acceptance")
# Files whose tests share costly fixtures: a browser with its APIs, the worker of an installation, servers with TLS. One
# process of pytest-xdist runs all tests of a group. The browser tests form several groups, and so do the tests with a
# worker: a single group would run long after all others have ended.
GROUPS = {
    "explorer": tuple(f"tests/browser/test_explorer_{name}" for name in ("filters", "gallery", "other_files", "photo")),
    "more of the explorer": ("tests/browser/test_explorer_",),
    "browser": ("tests/browser/",),
    "worker of batches": tuple(
        f"tests/integration/batches/test_{name}.py" for name in ("limits", "refused", "resume", "runner", "webhook")
    ),
    "worker of commands": ("tests/integration/cli/",),
    "worker": ("tests/integration/worker/test_pipeline.py", "tests/integration/worker/test_withdrawn_images.py"),
    "TLS": ("tests/system/test_tls.py", "tests/system/test_credentials.py"),
}
# The groups, and the files outside groups, that take longest in a parallel run. They start first, in this order: a long
# group that starts last would run alone while the other processes are idle.
LONGEST = (
    "explorer",
    "more of the explorer",
    "tests/system/test_fresh_install.py",
    "tests/integration/api/test_contract.py",
    "browser",
    "worker of batches",
    "tests/system/cli/test_scripts.py",
    "tests/integration/worker/test_worker_processes.py",
    "worker of commands",
    "tests/system/test_package.py",
    "tests/faults/test_kills.py",
    "worker",
    "tests/integration/worker/test_mrq_compat.py",
    "tests/integration/worker/test_lapsed_credentials.py",
    "tests/integration/batches/test_prune.py",
    "tests/system/processes/test_databases.py",
    "tests/integration/batches/test_patterns.py",
    "tests/system/dashboard/test_server.py",
    "tests/system/test_secrets.py",
    "tests/system/test_hostile_input.py",
    "tests/system/sources/test_folders.py",
    "TLS",
    "tests/integration/batches/test_watcher.py",
    "tests/integration/batches/test_scheduled_batches.py",
    "tests/system/test_binding.py",
    "tests/system/processes/test_supervisor.py",
)


_sock_connect = BaseSelectorEventLoop.sock_connect


async def _connect_or_close(loop: BaseSelectorEventLoop, sock: socket.socket, address: Any) -> None:
    """Close the socket if the task that connects it is cancelled.

    pymongo does not do this, and its monitors may be connecting when an AsyncMongoClient is closed. The socket would be
    collected during a later test, which would fail because of the warning.
    """
    try:
        await _sock_connect(loop, sock, address)
    except asyncio.CancelledError:
        sock.close()
        raise


BaseSelectorEventLoop.sock_connect = _connect_or_close


@dataclass(frozen=True)
class Addresses:
    """Addresses of this run's servers, and the folder for the files that its tests share."""

    folder: str
    mongodb_uri: str
    failing_mongodb_uri: str
    redis_url: str
    moto_url: str
    rclone_url: str

    @property
    def buckets(self) -> Path:
        """Folder whose subfolders are rclone's buckets."""
        return Path(self.folder) / "buckets"

    def once(self, name: str, make: Callable[[], object]) -> None:
        """Call `make`, unless a process of this run has already done so under this name."""
        with (Path(self.folder) / f"{name}.lock").open("a+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            lock.seek(0)
            if not lock.read():
                make()
                lock.write("made")


class RunServers:
    """Servers of a test run. They start in parallel; `wait` returns when all are ready."""

    def __init__(self) -> None:
        self._folder = data_folder("tests")
        self._servers: list[tuple[subprocess.Popen[bytes], Callable[[subprocess.Popen[bytes]], bool], Path]] = []
        mongodb, failing, redis, moto, rclone = (reserve_port() for _ in range(5))
        for name in ("mongodb", "failing-mongodb", "redis", "buckets"):
            (self._folder / name).mkdir()
        for name, port in (("mongodb", mongodb), ("failing-mongodb", failing)):
            self._start(name, mongod_command(self._folder / name, port, *FAIL_POINTS), mongod_is_ready, port)
        self._start("redis", redis_command(self._folder / "redis", redis), redis_is_ready, redis)
        self._start("moto", moto_command(moto), _listens, moto)
        self._start("rclone", rclone_command(self._folder / "buckets", rclone), _listens, rclone)
        self.addresses = Addresses(
            str(self._folder),
            f"mongodb://127.0.0.1:{mongodb}",
            f"mongodb://127.0.0.1:{failing}",
            f"redis://127.0.0.1:{redis}/0",
            f"http://127.0.0.1:{moto}",
            f"http://127.0.0.1:{rclone}",
        )

    def _start(
        self, name: str, command: list[str], is_ready: Callable[[int, subprocess.Popen[bytes]], bool], port: int
    ) -> None:
        log = self._folder / f"{name}.log"
        self._servers.append((start(command, log), functools.partial(is_ready, port), log))

    def wait(self) -> Addresses:
        for process, is_ready, log in self._servers:
            eventually(functools.partial(is_ready, process), watching=[process], explain=functools.partial(tail, log))
        return self.addresses

    def close(self) -> None:
        for process, _, _ in self._servers:
            # Kill them, because nobody needs their data, and a server that hangs would keep the run from ending.
            end(process, signal.SIGKILL)
        shutil.rmtree(self._folder, ignore_errors=True)


def _listens(port: int, process: subprocess.Popen[bytes]) -> bool:
    """Return whether a server listens on the port. All readiness checks take the process, which is unused here."""
    return listens(port)


_RUN = pytest.StashKey[RunServers]()


def _needs_servers(config: pytest.Config) -> bool:
    root = config.rootpath / "tests"
    paths = [Path(config.invocation_params.dir, str(argument).partition("::")[0]) for argument in config.args]
    return not all(any(path.is_relative_to(root / name) for name in SERVERLESS) for path in paths)


def pytest_configure(config: pytest.Config) -> None:
    """Start the servers in the controller process."""
    if not hasattr(config, "workerinput") and not config.option.collectonly and _needs_servers(config):
        config.stash[_RUN] = RunServers()


def _group_of(nodeid: str) -> str:
    """Return the group of a test: its file, or files that share costly fixtures."""
    path = nodeid.partition("::")[0]
    return next((name for name, files in GROUPS.items() if path.startswith(files)), path)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Exempt the imported modules and the collected tests, which live until the end, from garbage collection.

    The garbage collector would examine them while pytest collects the tests, and again and again during the tests.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the tests by group, and start with the groups that take longest. Tests marked `last` end their group."""
    groups: dict[str, list[pytest.Item]] = {}
    for item in items:
        groups.setdefault(_group_of(item.nodeid), []).append(item)
    # The unit tests take little time per file, so they fill the gaps at the end.
    ranks = {name: rank for rank, name in enumerate(LONGEST)}
    ordered = sorted(groups, key=lambda name: (ranks.get(name, len(LONGEST)), name.startswith("tests/unit/")))
    items[:] = [item for name in ordered for item in sorted(groups[name], key=_is_last)]


def _is_last(item: pytest.Item) -> bool:
    return item.get_closest_marker("last") is not None


class GroupScheduling(LoadScopeScheduling):
    """Give each group of tests to one process of pytest-xdist, so that the group's fixtures are made once."""

    def _split_scope(self, nodeid: str) -> str:
        return _group_of(nodeid)

    def remove_node(self, node: WorkerController) -> str | None:
        """Return the test during which a process died. Another process runs the rest of the group, without this test.

        pytest-xdist would repeat the test, which would kill the next process too.
        """
        groups = self.assigned_work[node]
        for name in [name for name, tests in groups.items() if all(tests.values())]:
            del groups[name]
        if not groups:
            return super().remove_node(node)
        tests = next(iter(groups.values()))
        crashed_test = next(nodeid for nodeid, is_done in tests.items() if not is_done)
        tests[crashed_test] = True
        super().remove_node(node)
        return crashed_test


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> GroupScheduling:
    return GroupScheduling(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """Pass the servers' addresses to a worker process of pytest-xdist."""
    if servers := node.config.stash.get(_RUN, None):  # type: ignore[attr-defined]
        node.workerinput["servers"] = json.dumps(asdict(servers.wait()))  # type: ignore[attr-defined]


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the servers."""
    if servers := config.stash.get(_RUN, None):
        servers.close()


@pytest.fixture(scope="session")
def servers(pytestconfig: pytest.Config) -> Addresses:
    """Return the addresses of this run's servers."""
    if hasattr(pytestconfig, "workerinput"):
        return Addresses(**json.loads(pytestconfig.workerinput["servers"]))
    return pytestconfig.stash[_RUN].wait()


@pytest.fixture(scope="session")
def mongodb_uri(servers: Addresses) -> str:
    return servers.mongodb_uri


@pytest.fixture(scope="session")
def redis_url(servers: Addresses) -> str:
    return servers.redis_url


@pytest.fixture(scope="session")
def moto_url(servers: Addresses) -> str:
    return servers.moto_url


@pytest.fixture(scope="session")
def rclone_url(servers: Addresses) -> str:
    return servers.rclone_url


@pytest.fixture(scope="session")
def rclone_folder(servers: Addresses) -> Path:
    """Return the folder whose subfolders are the buckets of rclone_url."""
    return servers.buckets


@pytest.fixture
def failing_mongodb_uri(servers: Addresses) -> Iterator[str]:
    """Yield the address of the mongod for fail points. No other test of this run uses it at the same time."""
    with (Path(servers.folder) / "fail-points.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield servers.failing_mongodb_uri
