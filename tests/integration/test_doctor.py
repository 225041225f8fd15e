"""`doctor` with each thing made wrong that it looks for, on real servers."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis

from exifinator.checks import Finding, contradictions, database, machine, queue_server, source
from exifinator.checks.clocks import check_clock
from exifinator.config import Config, build_config
from exifinator.doctor import examine
from exifinator.home import COMMAND
from exifinator.listing import Source
from exifinator.probes import Probe, RedisInfo
from exifinator.status import StatusReader
from tests.integration.conftest import Bucket, Installation
from tests.s3_proxy import run_proxy, s3_error
from tests.servers import ROOT, free_port, run_redis

NOBODY = "127.0.0.1:9"
KEYS = {"AWS_ACCESS_KEY": "test", "AWS_SECRET_KEY": "secret"}


@pytest.fixture(scope="module")
def own_redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis that tests may set wrongly."""
    with run_redis(tmp_path_factory.mktemp("own-redis")) as url:
        yield url


@pytest.fixture
def ask(own_redis_url: str) -> Iterator[Callable[..., RedisInfo]]:
    """ask(setting="value") gives what a Redis that is set so says of itself."""
    client = redis.Redis.from_url(own_redis_url)
    before: dict[str, str] = {}

    def set_and_ask(**settings: str) -> RedisInfo:
        for name, value in settings.items():
            name = name.replace("_", "-")
            before.setdefault(name, client.config_get(name)[name])  # type: ignore[index]
            client.config_set(name, value)
        with contextlib.closing(Probe(build_config({"REDIS_URL": own_redis_url}, {}))) as probe:
            return probe.read_redis()

    yield set_and_ask
    for name, value in before.items():
        client.config_set(name, value)
    client.close()


def levels(*findings: Finding) -> list[str]:
    return [finding.level for finding in findings]


def the(findings: list[Finding], words: str) -> Finding:
    """The one finding that says this."""
    (found,) = [finding for finding in findings if words in finding.says]
    return found


# --- Redis ------------------------------------------------------------------------------------------------------------


def test_redis__as_it_is_started_here__is_right(ask: Callable[..., RedisInfo]) -> None:
    found = ask()
    checks = (queue_server.check_version, queue_server.check_role, queue_server.check_eviction)
    assert levels(*(check(found) for check in checks)) == ["ok"] * 3
    assert levels(queue_server.check_persistence(found), queue_server.check_memory(found, Config())) == ["ok", "ok"]
    assert check_clock("Redis", found.offset_seconds).level == "ok"


def test_redis__evicts__is_wrong_where_its_memory_is_limited(ask: Callable[..., RedisInfo]) -> None:
    assert queue_server.check_eviction(ask(maxmemory_policy="allkeys-lru")).level == "warning"
    finding = queue_server.check_eviction(ask(maxmemory="1gb"))
    assert finding.level == "wrong"
    assert "config set maxmemory-policy noeviction" in finding.fix


def test_redis__less_memory_than_the_write_queue__is_wrong(ask: Callable[..., RedisInfo]) -> None:
    assert queue_server.check_memory(ask(maxmemory="64mb"), Config(write_queue_mb=64)).level == "wrong"
    assert queue_server.check_memory(ask(maxmemory="1gb"), Config(write_queue_mb=64)).level == "ok"


def test_redis__no_append_only_file__is_worth_knowing(ask: Callable[..., RedisInfo]) -> None:
    assert queue_server.check_persistence(ask(appendonly="no")).level == "warning"


def test_redis__replica_or_failing_disk_or_old__is_wrong(ask: Callable[..., RedisInfo], own_redis_url: str) -> None:
    found = ask()
    with contextlib.closing(redis.Redis.from_url(own_redis_url)) as client:
        client.replicaof("127.0.0.1", 9)
        finding = queue_server.check_role(ask())
        client.replicaof("NO", "ONE")
    assert finding.level == "wrong"
    assert "127.0.0.1:9" in finding.fix
    failing = replace(found, info={**found.info, "aof_last_write_status": "err"})
    assert queue_server.check_persistence(failing).level == "wrong"
    assert queue_server.check_version(replace(found, version="6.0.16")).level == "wrong"


def test_redis__password_is_missing__says_where_it_goes(ask: Callable[..., RedisInfo], own_redis_url: str) -> None:
    from exifinator.doctor import _examine_redis

    client = redis.Redis.from_url(own_redis_url)
    client.config_set("requirepass", "hush")
    try:
        config = build_config({"REDIS_URL": own_redis_url}, {})
        with contextlib.closing(Probe(config)) as probe:
            (finding,) = _examine_redis(config, probe)
    finally:
        client.execute_command("AUTH", "hush")
        client.config_set("requirepass", "")
        client.close()
    assert finding.level == "wrong"
    assert "USER:PASSWORD" in finding.fix


def test_queues__paused__says_how_to_go_on() -> None:
    finding = queue_server.check_paused(["download"])
    assert (finding.level, finding.fix) == ("warning", f"{COMMAND} queue resume download")
    assert queue_server.check_paused([]).level == "ok"


def test_queues__refused_bucket__is_said_by_doctor_and_status(installation: Installation) -> None:
    installation.queue.refuse("holiday", "S3 refuses holiday: AccessDenied (HTTP 403)")
    with contextlib.closing(StatusReader(installation.config)) as reader:
        status = reader.read()
    assert status.problems == ["S3 refuses holiday: AccessDenied (HTTP 403)"]
    with contextlib.closing(Probe(installation.config)) as probe:
        finding = queue_server.check_refused(probe.control.refused())
    assert (finding.level, finding.fix.split("   ")[0]) == ("wrong", f"{COMMAND} doctor holiday")


# --- MongoDB ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def probe(installation: Installation) -> Iterator[Probe]:
    with contextlib.closing(Probe(installation.config)) as opened:
        yield opened


def test_mongodb__indexes__missing_and_other_are_wrong(installation: Installation, probe: Probe) -> None:
    assert database.check_indexes(probe).level == "ok"  # nothing is stored
    images = installation.store.images
    images.insert_one({"_id": "b/k"})
    finding = database.check_indexes(probe)
    assert finding.level == "wrong"
    assert "taken" in finding.says
    installation.store.ensure_indexes()
    assert database.check_indexes(probe).level == "ok"
    images.drop_index("etag")
    images.create_index([("size", 1)], name="etag")
    finding = database.check_indexes(probe)
    assert finding.level == "wrong"
    assert 'dropIndex("etag")' in finding.fix


@pytest.mark.parametrize(
    ("options", "concern", "writes"),
    [("", "ok", "ok"), ("w=0", "wrong", "ok"), ("w=3", "ok", "wrong"), ("journal=false", "warning", "ok")],
)
def test_mongodb__write_concern__is_tried(
    installation: Installation, mongodb_uri: str, options: str, concern: str, writes: str
) -> None:
    settings = {**installation.settings, "MONGODB_URI": f"{mongodb_uri}/?{options}"}
    with contextlib.closing(Probe(build_config(settings, {}))) as probe:
        found = probe.read_mongodb()
        assert database.check_write_concern(found, probe).level == concern
        assert levels(*database.check_writes(probe)) == [writes] * 2
        assert database.check_version(found).level == "ok"
    # Nothing stays behind.
    assert "exifinator_doctor" not in installation.mongodb[installation.config.mongodb_database].list_collection_names()


def test_mongodb__replica_set_that_acknowledges_alone__is_worth_knowing(probe: Probe) -> None:
    found = probe.read_mongodb()
    of_a_set = replace(found, hello={**found.hello, "setName": "rs0"})
    with contextlib.closing(Probe(_with_uri(probe.config, "w=1"))) as alone:
        assert database.check_write_concern(of_a_set, alone).level == "warning"
    with contextlib.closing(Probe(_with_uri(probe.config, "w=majority"))) as together:
        assert database.check_write_concern(of_a_set, together).level == "ok"
    assert database.check_version(replace(found, version="3.6.23")).level == "wrong"


def _with_uri(config: Config, options: str) -> Config:
    uri = config.mongodb_uri.get_secret_value()
    return build_config({"MONGODB_URI": f"{uri}/?{options}", "MONGODB_DATABASE": config.mongodb_database}, {})


# --- S3 ---------------------------------------------------------------------------------------------------------------


def look(url: str, name: str, **settings: Any) -> list[Finding]:
    config = build_config({"S3_ENDPOINT_URL": url, "S3_TIMEOUT_SECONDS": 2, **KEYS, **settings}, {})
    return source.check_source(config, Source(name))


def test_source__readable__is_right(moto_url: str, bucket: Bucket) -> None:
    bucket.put("a.jpg", b"x" * 100)
    assert levels(*look(moto_url, bucket.name)) == ["ok"] * 4


def test_source__empty__is_worth_knowing(moto_url: str, bucket: Bucket) -> None:
    assert look(moto_url, bucket.name)[-1].level == "warning"


@pytest.mark.parametrize(
    ("settings", "words", "fix"),
    [
        ({"AWS_SECRET_KEY": "other"}, "SignatureDoesNotMatch", "AWS_SECRET_KEY"),
        ({"AWS_ACCESS_KEY": "other"}, "InvalidAccessKeyId", "AWS_ACCESS_KEY"),
    ],
    ids=["secret", "key"],
)
def test_source__wrong_credentials__says_which(
    rclone_url: str, rclone_folder: Path, settings: dict[str, str], words: str, fix: str
) -> None:
    (rclone_folder / "doctor").mkdir(exist_ok=True)
    finding = look(rclone_url, "doctor", **settings)[-1]
    assert finding.level == "wrong"
    assert words in finding.says
    assert fix in finding.fix


def test_source__nobody_answers__says_what_to_try() -> None:
    finding = look(f"http://{NOBODY}", "any-bucket")[-1]
    assert finding.level == "wrong"
    assert f"curl -sI http://{NOBODY}" in finding.fix


def test_source__no_such_bucket__says_how_to_list_them(moto_url: str) -> None:
    finding = look(moto_url, "no-such-bucket-here")[-1]
    assert finding.level == "wrong"
    assert finding.fix.startswith(f"aws s3 ls --endpoint-url {moto_url}")


def test_source__no_credentials_anywhere__is_said_once(
    moto_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    config = build_config({"S3_ENDPOINT_URL": moto_url}, {})
    (finding,) = source.check_source(config, Source("any-bucket"))
    assert (finding.level, finding.area) == ("wrong", "credentials")


def test_source__listed_but_not_read__is_wrong(moto_url: str, bucket: Bucket) -> None:
    bucket.put("a.jpg", b"x" * 100)
    with run_proxy(moto_url) as proxy:
        proxy.answer = lambda method, target, headers, answer: (
            s3_error(403, "AccessDenied") if method == "GET" and "list-type" not in target else answer
        )
        finding = look(proxy.url, bucket.name)[-1]
    assert finding.level == "wrong"
    assert "s3:GetObject" in finding.fix


def test_source__another_region__says_which(moto_url: str) -> None:
    far = Bucket(moto_url)
    name = f"{far.name}-far"
    far.client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    findings = look(moto_url, name)
    finding = the(findings, "lies in eu-west-1")
    assert finding.level == "warning"
    assert "EXIFINATOR_AWS_REGION=eu-west-1" in finding.fix


@pytest.mark.parametrize(("ahead_seconds", "level"), [(0, "ok"), (30, "warning"), (-900, "wrong")])
def test_source__clock_is_off__is_seen_in_the_date(
    moto_url: str, bucket: Bucket, ahead_seconds: int, level: str
) -> None:
    with run_proxy(moto_url) as proxy:
        proxy.ahead_seconds = ahead_seconds
        assert the(look(proxy.url, bucket.name), "clock of S3").level == level


# --- This machine -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("version", "level"), [((3, 10, 1), "wrong"), ((3, 13, 0), "ok"), ((3, 14, 0), "wrong")])
def test_python__version__is_compared(version: tuple[int, ...], level: str) -> None:
    assert machine.check_python(version).level == level


def test_packages__missing_and_other__are_named(tmp_path: Path) -> None:
    pinned = tmp_path / "requirements.txt"
    pinned.write_text("redis==0.0.1 \\\n    --hash=x\nno-such-package==1.0 ; python_version < '3' \\\n")
    finding = machine.check_packages(pinned)
    assert finding.level == "warning"
    assert "redis" in finding.says
    assert "no-such-package" not in finding.says
    pinned.write_text("no-such-package==1.0 \\\n    --hash=x\n")
    assert machine.check_packages(pinned).level == "wrong"


def test_ports__taken_by_another_program__names_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        finding = machine.check_port("api", "API_PORT", "127.0.0.1", port, {})
        assert finding.level == "wrong"
        assert f"process {os.getpid()}" in finding.says
        assert machine.check_port("api", "API_PORT", "127.0.0.1", port, {"api": os.getpid()}).level == "ok"
    assert machine.check_port("api", "API_PORT", "127.0.0.1", port, {}).level == "ok"
    assert machine.check_port("api", "API_PORT", "127.0.0.1", port, {"api": 1}).level == "wrong"


def test_limits__fewer_files_than_greenlets_need__says_how_many() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
    try:
        finding = machine.check_open_files(Config(greenlets=100))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert (finding.level, finding.fix.split("   ")[0]) == ("wrong", "ulimit -n 4096")
    assert machine.check_open_files(Config(greenlets=100), 4096).level == "ok"
    assert machine.check_process_limit(Config(worker_processes=4), 100, 90).level == "wrong"
    assert machine.check_process_limit(Config(worker_processes=4), 1000, 90).level == "ok"


@pytest.mark.parametrize(("free", "total", "level"), [(5e8, 1e9, "wrong"), (4e10, 1e12, "warning"), (4e10, 1e11, "ok")])
def test_disk__little_left__is_said(free: float, total: float, level: str) -> None:
    assert machine.check_disk("the disk", int(free), int(total), "df").level == level


# --- Settings ---------------------------------------------------------------------------------------------------------

TOKEN = "x" * 24


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"S3_ANONYMOUS": True, **KEYS}, "S3_ANONYMOUS"),
        ({"S3_ANONYMOUS": True, "S3_REQUESTER_PAYS": True}, "S3_REQUESTER_PAYS"),
        ({"S3_ENDPOINT_URL": "http://minio.example.org:9000"}, "http"),
        ({"S3_ENDPOINT_URL": "https://s3.eu-west-1.amazonaws.com", "AWS_REGION": "us-east-1"}, "two regions"),
        ({"API_HOST": "0.0.0.0", "API_TOKEN": "short"}, "API_TOKEN has 5 characters"),
        ({"DASHBOARD_HOST": "0.0.0.0", "DASHBOARD_AUTH": "a:b"}, "DASHBOARD_AUTH"),
        ({"API_HOST": "0.0.0.0", "API_TOKEN": TOKEN, "API_ALLOWED_HOSTS": ["x.org"]}, "API_ALLOWED_HOSTS"),
        ({"WORKER_PROCESSES": 20}, "20 on 2 cores"),
        ({"WORKER_PROCESSES": 8, "PARSE_MEMORY_MB": 2000}, "may take"),
        ({"LEASE_SECONDS": 5}, "LEASE_SECONDS"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_settings__contradiction__is_found(settings: dict[str, Any], words: str) -> None:
    config = build_config(settings, {})
    findings = contradictions.check_settings(config, {}, memory_bytes=8 * 10**9, cores=2)
    assert any(words in finding.says and finding.level != "ok" and finding.fix for finding in findings)


def test_settings__as_delivered__contradict_nothing() -> None:
    (finding,) = contradictions.check_settings(build_config({}, {}), {}, memory_bytes=8 * 10**9, cores=2)
    assert finding.level == "ok"


def test_settings__misspelt_variable__says_which_is_meant() -> None:
    environment = {"EXIFINATOR_GREENLET": "5", "EXIFINATOR_SETTINGS": "x", "EXIFINATOR_API_PORT": "1", "HOME": "/"}
    (finding,) = contradictions.check_settings(build_config({}, {}), environment, memory_bytes=8 * 10**9, cores=2)
    assert finding.level == "warning"
    assert "export EXIFINATOR_GREENLETS=...; unset EXIFINATOR_GREENLET" in finding.fix


def test_settings__secret_in_a_file_that_all_may_read__is_said_without_it(tmp_path: Path) -> None:
    file = tmp_path / "settings.py"
    file.write_text('API_TOKEN = "hushhushhushhush"\n')
    config = build_config({"API_TOKEN": "hushhushhushhush"}, {})
    file.chmod(0o644)
    (finding,) = contradictions.check_settings(config, {}, settings_file=file, memory_bytes=8 * 10**9, cores=2)
    assert (finding.level, finding.fix) == ("warning", f"chmod 600 {file}")
    assert "hush" not in finding.says
    file.chmod(0o600)
    (finding,) = contradictions.check_settings(config, {}, settings_file=file, memory_bytes=8 * 10**9, cores=2)
    assert finding.level == "ok"


# --- The whole --------------------------------------------------------------------------------------------------------


def run_doctor(installation: Installation, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    ports = {f"EXIFINATOR_{name}_PORT": str(free_port()) for name in ("API", "DASHBOARD", "LOCAL_S3")}
    environment = {f"EXIFINATOR_{name}": value for name, value in settings.items()}
    return subprocess.run(
        [sys.executable, "-m", "exifinator", "doctor", *arguments],
        cwd=ROOT,
        env={**os.environ, **installation.environment, **ports, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_doctor__all_right__is_0_and_one_thing_wrong_is_1(installation: Installation, bucket: Bucket) -> None:
    bucket.put("a.jpg", b"x" * 100)
    done = run_doctor(installation, bucket.name, "--json")
    findings = json.loads(done.stdout)
    assert [finding for finding in findings if finding["level"] == "wrong"] == []
    assert done.returncode == 0, done.stdout
    areas = {finding["area"] for finding in findings}
    assert areas >= {"python", "packages", "ports", "limits", "disk", "redis", "mongodb", "clock", "source", "settings"}

    done = run_doctor(installation, "no-such-bucket-here", REDIS_URL=f"redis://:hush@{NOBODY}/0")
    assert done.returncode == 1
    assert "WRONG    redis: Redis cannot tell how it is" in done.stdout
    assert "WRONG    source: s3://no-such-bucket-here cannot be listed" in done.stdout
    assert done.stdout.count("type: ") >= 2
    assert "hush" not in done.stdout + done.stderr


def test_doctor__settings_that_cannot_be_read__are_its_findings(installation: Installation) -> None:
    done = run_doctor(installation, GREENLETS="none", API_PORT="0")
    assert done.returncode == 1
    assert done.stdout.count("WRONG    settings: ") == 2
    assert "Traceback" not in done.stderr


def test_examine__everything_away__goes_on_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    config = build_config(
        {"REDIS_URL": f"redis://{NOBODY}/0", "MONGODB_URI": f"mongodb://{NOBODY}", "S3_ENDPOINT_URL": f"http://{NOBODY}",
         "S3_TIMEOUT_SECONDS": 1, "API_PORT": free_port(), "DASHBOARD_PORT": free_port(), **KEYS}, {},
    )  # fmt: skip
    findings = list(examine(config, ["some-bucket"]))
    assert {finding.area for finding in findings if finding.level == "wrong"} >= {"redis", "mongodb", "source"}
    assert all(finding.fix for finding in findings if finding.level != "ok")
