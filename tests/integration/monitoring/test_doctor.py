"""The checks of `doctor` for Redis, MongoDB and S3, with each problem that they find, on real servers."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
import redis

from exifinator.config import Config, build_config
from exifinator.monitoring.checks import Finding, mongodb, s3
from exifinator.monitoring.checks import redis as redis_checks
from exifinator.monitoring.checks.clock import check_clock
from exifinator.monitoring.connections import Connections, RedisInfo
from exifinator.monitoring.status import StatusReader
from exifinator.paths import COMMAND
from exifinator.processes.databases import explain_fault
from exifinator.sources.source import Source
from tests.integration.conftest import Bucket, Installation
from tests.integration.monitoring.servers import KEYS, NOBODY
from tests.s3_proxy import run_proxy, s3_error
from tests.servers import end, mongod_command, mongod_is_ready, reserve_port, run_redis, start
from tests.waiting import eventually


@pytest.fixture(scope="module")
def own_redis_url() -> Iterator[str]:
    """Run a Redis whose settings tests may change, and kill it at the end.

    SIGTERM could fail: Redis refuses to exit while it writes its first append-only file after a test has enabled it.
    """
    with run_redis() as url:
        yield url


@pytest.fixture
def ask(own_redis_url: str) -> Iterator[Callable[..., RedisInfo]]:
    """Yield ask(setting="value"), which changes settings of the Redis and returns what doctor reads about it."""
    client = redis.Redis.from_url(own_redis_url)
    before: dict[str, str] = {}

    def set_and_ask(**settings: str) -> RedisInfo:
        for name, value in settings.items():
            name = name.replace("_", "-")
            before.setdefault(name, client.config_get(name)[name])  # type: ignore[index]
            client.config_set(name, value)
        with contextlib.closing(Connections(build_config({"REDIS_URL": own_redis_url}, {}))) as connections:
            return connections.read_redis()

    yield set_and_ask
    for name, value in before.items():
        client.config_set(name, value)
    client.close()


def levels(*findings: Finding) -> list[str]:
    return [finding.level for finding in findings]


def the(findings: list[Finding], words: str) -> Finding:
    """Return the only finding that contains these words."""
    (result,) = [finding for finding in findings if words in finding.message]
    return result


# --- Redis ------------------------------------------------------------------------------------------------------------


def test_redis__default_settings__pass_all_checks(ask: Callable[..., RedisInfo]) -> None:
    result = ask()
    checks = (redis_checks.check_version, redis_checks.check_role, redis_checks.check_eviction)
    assert levels(*(check(result) for check in checks)) == ["ok"] * 3
    assert levels(redis_checks.check_persistence(result), redis_checks.check_memory(result, Config())) == ["ok", "ok"]
    assert check_clock("Redis", result.offset_seconds).level == "ok"


def test_redis__eviction_is_enabled__is_an_error_if_memory_is_limited(ask: Callable[..., RedisInfo]) -> None:
    assert redis_checks.check_eviction(ask(maxmemory_policy="allkeys-lru")).level == "warning"
    finding = redis_checks.check_eviction(ask(maxmemory="1gb"))
    assert finding.level == "error"
    assert "config set maxmemory-policy noeviction" in finding.fix


def test_redis__less_memory_than_the_write_queue__is_an_error(ask: Callable[..., RedisInfo]) -> None:
    assert redis_checks.check_memory(ask(maxmemory="64mb"), Config(write_queue_mb=64)).level == "error"
    assert redis_checks.check_memory(ask(maxmemory="1gb"), Config(write_queue_mb=64)).level == "ok"


def test_redis__no_append_only_file__is_a_warning(ask: Callable[..., RedisInfo]) -> None:
    assert redis_checks.check_persistence(ask(appendonly="no")).level == "warning"


def test_redis__is_a_replica_or_old_or_cannot_write__is_an_error(
    ask: Callable[..., RedisInfo], own_redis_url: str
) -> None:
    result = ask()
    with contextlib.closing(redis.Redis.from_url(own_redis_url)) as client:
        client.replicaof("127.0.0.1", 9)
        finding = redis_checks.check_role(ask())
        client.replicaof("NO", "ONE")
    assert finding.level == "error"
    assert "127.0.0.1:9" in finding.fix
    failing = replace(result, info={**result.info, "aof_last_write_status": "err"})
    assert redis_checks.check_persistence(failing).level == "error"
    assert redis_checks.check_version(replace(result, version="6.0.16")).level == "error"


def test_redis__url_has_no_password__is_an_error_that_shows_where_it_belongs(
    ask: Callable[..., RedisInfo], own_redis_url: str
) -> None:
    from exifinator.monitoring.doctor import _check_redis

    client = redis.Redis.from_url(own_redis_url)
    client.config_set("requirepass", "hush")
    try:
        config = build_config({"REDIS_URL": own_redis_url}, {})
        with contextlib.closing(Connections(config)) as connections:
            (finding,) = _check_redis(config, connections)
    finally:
        client.execute_command("AUTH", "hush")
        client.config_set("requirepass", "")
        client.close()
    assert finding.level == "error"
    assert "REDIS_URL" in finding.fix
    assert ":PASSWORD@" in finding.fix


def check_redis_at(url: str) -> list[Finding]:
    from exifinator.monitoring.doctor import _check_redis

    config = build_config({"REDIS_URL": url}, {})
    with contextlib.closing(Connections(config)) as connections:
        return list(_check_redis(config, connections))


def test_redis__url_has_a_password_but_redis_has_none__is_explained_as_by_a_run(own_redis_url: str) -> None:
    url = own_redis_url.replace("redis://", "redis://:secret@")

    (finding,) = check_redis_at(url)
    fault = explain_fault(build_config({"REDIS_URL": url}, {}), "redis")

    assert fault is not None
    assert (finding.level, finding.message, finding.fix) == ("error", fault.message, fault.hint)
    assert "has none" in finding.message
    assert "secret" not in f"{finding.message}{finding.fix}"


@pytest.mark.parametrize("denied", ["-info", "-@dangerous"])
def test_redis__user_may_not_run_info__is_a_warning_and_no_error(own_redis_url: str, denied: str) -> None:
    with contextlib.closing(redis.Redis.from_url(own_redis_url)) as client:
        client.execute_command("ACL", "SETUSER", "limited", "reset", "on", ">pass", "~*", "&*", "+@all", denied)
        findings = check_redis_at(own_redis_url.replace("redis://", "redis://limited:pass@"))
        client.execute_command("ACL", "DELUSER", "limited")

    assert "error" not in levels(*findings)
    assert the(findings, "may not ask INFO").level == "warning"


@pytest.mark.parametrize("key", ["redis", "mongodb"])
def test_explain_fault__nothing_listens__is_none(key: Literal["redis", "mongodb"]) -> None:
    urls = {"REDIS_URL": "redis://127.0.0.1:1/0", "MONGODB_URI": "mongodb://127.0.0.1:1"}

    assert explain_fault(build_config(urls, {}), key) is None


def test_explain_fault__replica_set_has_no_primary__does_not_advise_to_stop_it(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder, port = tmp_path_factory.mktemp("member"), reserve_port()
    member = start(mongod_command(folder, port, "--replSet", "photos"), folder / "log")
    try:
        eventually(lambda: mongod_is_ready(port, member), watching=[member])
        fault = explain_fault(
            build_config({"MONGODB_URI": f"mongodb://127.0.0.1:{port}/?replicaSet=photos"}, {}), "mongodb"
        )
    finally:
        end(member)

    assert fault is not None
    assert "stop it" not in str(fault).lower()
    assert "primary" in str(fault)


def test_queues__are_paused__is_a_warning_with_the_command_to_resume() -> None:
    finding = redis_checks.check_paused(["download"])
    assert (finding.level, finding.fix) == ("warning", f"{COMMAND} queue resume download")
    assert redis_checks.check_paused([]).level == "ok"


def test_queues__refused_bucket__is_shown_by_doctor_and_status(installation: Installation) -> None:
    installation.queue.refused_buckets.open_circuit("holiday", "S3 refuses holiday: AccessDenied (HTTP 403)")
    with contextlib.closing(StatusReader(installation.config)) as reader:
        status = reader.read()
    assert status.problems == ["S3 refuses holiday: AccessDenied (HTTP 403)"]
    with contextlib.closing(Connections(installation.config)) as connections:
        finding = redis_checks.check_refused(connections.queue.refused_buckets.refusals())
    assert (finding.level, finding.fix.split("   ")[0]) == ("error", f"{COMMAND} doctor holiday")


# --- MongoDB ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def connections(installation: Installation) -> Iterator[Connections]:
    with contextlib.closing(Connections(installation.config)) as opened:
        yield opened


def test_mongodb__indexes_missing_or_different__is_an_error(
    installation: Installation, connections: Connections
) -> None:
    assert mongodb.check_indexes(connections).level == "ok"  # Nothing is stored.
    images = installation.store.records.collection
    images.insert_one({"_id": "b/k"})
    finding = mongodb.check_indexes(connections)
    assert finding.level == "error"
    assert "taken_local" in finding.message
    installation.store.ensure_indexes()
    assert mongodb.check_indexes(connections).level == "ok"
    images.drop_index("etag")
    images.create_index([("size", 1)], name="etag")
    finding = mongodb.check_indexes(connections)
    assert finding.level == "error"
    assert 'dropIndex("etag")' in finding.fix


@pytest.mark.parametrize(
    ("options", "concern", "writes"),
    [("", "ok", "ok"), ("w=0", "error", "ok"), ("w=3", "ok", "error"), ("journal=false", "warning", "ok")],
)
def test_mongodb__write_concern_options__are_checked_by_writing(
    installation: Installation, mongodb_uri: str, options: str, concern: str, writes: str
) -> None:
    settings = {**installation.settings, "MONGODB_URI": f"{mongodb_uri}/?{options}"}
    with contextlib.closing(Connections(build_config(settings, {}))) as connections:
        result = connections.read_mongodb()
        assert mongodb.check_write_concern(result, connections).level == concern
        assert levels(*mongodb.check_writes(connections)) == [writes] * 2
        assert mongodb.check_version(result).level == "ok"
    # Trial documents are removed again.
    assert "exifinator_doctor" not in installation.mongodb[installation.config.mongodb_database].list_collection_names()


def test_mongodb__replica_set_with_w_1__is_a_warning(connections: Connections) -> None:
    result = connections.read_mongodb()
    of_a_set = replace(result, hello={**result.hello, "setName": "rs0"})
    with contextlib.closing(Connections(_with_uri(connections.config, "w=1"))) as alone:
        assert mongodb.check_write_concern(of_a_set, alone).level == "warning"
    with contextlib.closing(Connections(_with_uri(connections.config, "w=majority"))) as together:
        assert mongodb.check_write_concern(of_a_set, together).level == "ok"
    assert mongodb.check_version(replace(result, version="3.6.23")).level == "error"


def _with_uri(config: Config, options: str) -> Config:
    uri = config.mongodb_uri.get_secret_value()
    return build_config({"MONGODB_URI": f"{uri}/?{options}", "MONGODB_DATABASE": config.mongodb_database}, {})


# --- S3 ---------------------------------------------------------------------------------------------------------------


def check(url: str, name: str, **settings: Any) -> list[Finding]:
    config = build_config({"S3_ENDPOINT_URL": url, "S3_TIMEOUT_SECONDS": 60, **KEYS, **settings}, {})
    return s3.check_source(config, Source(name))


def test_source__object_is_readable__passes_all_checks(moto_url: str, bucket: Bucket) -> None:
    bucket.put("a.jpg", b"x" * 100)
    assert levels(*check(moto_url, bucket.name)) == ["ok"] * 4


def test_source__bucket_is_empty__is_a_warning(moto_url: str, bucket: Bucket) -> None:
    assert check(moto_url, bucket.name)[-1].level == "warning"


@pytest.mark.parametrize(
    ("settings", "words", "fix"),
    [
        ({"AWS_SECRET_KEY": "other"}, "SignatureDoesNotMatch", "AWS_SECRET_KEY"),
        ({"AWS_ACCESS_KEY": "other"}, "InvalidAccessKeyId", "AWS_ACCESS_KEY"),
    ],
    ids=["secret", "key"],
)
def test_source__wrong_credentials__is_an_error_that_names_the_setting(
    rclone_url: str, rclone_folder: Path, settings: dict[str, str], words: str, fix: str
) -> None:
    (rclone_folder / "doctor").mkdir(exist_ok=True)
    finding = check(rclone_url, "doctor", **settings)[-1]
    assert finding.level == "error"
    assert words in finding.message
    assert fix in finding.fix


def test_source__server_does_not_respond__is_an_error_with_a_command_to_try() -> None:
    finding = check(f"http://{NOBODY}", "any-bucket")[-1]
    assert finding.level == "error"
    assert f"curl -sI http://{NOBODY}" in finding.fix


def test_source__no_such_bucket__is_an_error_with_the_command_to_list_buckets(moto_url: str) -> None:
    finding = check(moto_url, "no-such-bucket-here")[-1]
    assert finding.level == "error"
    assert finding.fix.startswith(f"aws s3 ls --endpoint-url {moto_url}")


def test_source__no_credentials_are_configured__is_one_error(
    moto_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    config = build_config({"S3_ENDPOINT_URL": moto_url}, {})
    (finding,) = s3.check_source(config, Source("any-bucket"))
    assert (finding.level, finding.area) == ("error", "credentials")


def test_source__objects_can_be_listed_but_not_read__is_an_error(moto_url: str, bucket: Bucket) -> None:
    bucket.put("a.jpg", b"x" * 100)
    with run_proxy(moto_url) as proxy:
        proxy.answer = lambda method, target, headers, answer: (
            s3_error(403, "AccessDenied") if method == "GET" and "list-type" not in target else answer
        )
        finding = check(proxy.url, bucket.name)[-1]
    assert finding.level == "error"
    assert "s3:GetObject" in finding.fix


def test_source__bucket_in_another_region__is_a_warning_that_names_it(moto_url: str) -> None:
    far = Bucket(moto_url)
    name = f"{far.name}-far"
    far.client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    findings = check(moto_url, name)
    finding = the(findings, "is in eu-west-1")
    assert finding.level == "warning"
    assert "EXIFINATOR_AWS_REGION=eu-west-1" in finding.fix


@pytest.mark.parametrize(("ahead_seconds", "level"), [(0, "ok"), (30, "warning"), (-900, "error")])
def test_source__clock_differs_from_the_date_header__is_reported(
    moto_url: str, bucket: Bucket, ahead_seconds: int, level: str
) -> None:
    with run_proxy(moto_url) as proxy:
        proxy.ahead_seconds = ahead_seconds
        assert the(check(proxy.url, bucket.name), "clock of S3").level == level
