"""ensure_services waits for Redis and MongoDB, or starts them on this machine. The tests start no servers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from exifinator.config import Config, build_config
from exifinator.errors import ServiceFailed
from exifinator.processes import binaries, databases, startup
from exifinator.processes.databases import MAX_PAUSE_SECONDS, ensure_services
from exifinator.processes.services import MongoDBService, NotResponding, RedisService

WAIT_SECONDS = 30.0


class Clock:
    """A clock that advances only with pauses."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.seconds += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    fake = Clock()
    monkeypatch.setattr(startup, "time", fake)
    monkeypatch.setattr(databases, "listens", lambda *_: False)
    for service in (RedisService, MongoDBService):
        monkeypatch.setattr(service, "ping", lambda _: None)
    return fake


@pytest.fixture
def remote() -> Config:
    """Return the settings for servers that EXIFinator does not manage."""
    settings = {"REDIS_URL": "redis://:hush@cache.example.org/0", "MONGODB_URI": "mongodb://u:hush@db.example.org/"}
    return build_config({**settings, "START_TIMEOUT_SECONDS": WAIT_SECONDS}, {})


def fail_until(clock: Clock, available_at: float, failure: ServiceFailed | None = None) -> Callable[[object], None]:
    """Return a `ping` that raises NotResponding until the clock reaches `available_at`."""

    def ping(_: object) -> None:
        if clock.seconds < available_at:
            raise NotResponding("connection refused", failure)

    return ping


@pytest.mark.parametrize(
    ("service", "place"),
    [
        (RedisService, "Redis at redis://cache.example.org/0"),
        (MongoDBService, "MongoDB at mongodb://db.example.org"),
    ],
)
def test_ensure_services__remote_server_unavailable_for_some_seconds__is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    clock: Clock,
    remote: Config,
    service: type[RedisService | MongoDBService],
    place: str,
) -> None:
    monkeypatch.setattr(service, "ping", fail_until(clock, 20.0))
    notes: list[str] = []

    reports = ensure_services(remote, tmp_path, note=notes.append)

    assert [report.outcome for report in reports] == ["already running", "already running"]
    assert notes == [f"Waiting up to 30 s for {place} (connection refused)"]
    assert clock.pauses[0] < clock.pauses[-2], "the pauses grow"
    assert len(set(clock.pauses)) == len(clock.pauses), "the pauses are randomized"
    assert max(clock.pauses) <= MAX_PAUSE_SECONDS


@pytest.mark.parametrize("service", [RedisService, MongoDBService])
def test_ensure_services__remote_server_unavailable__raises_one_line_after_the_timeout(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    clock: Clock,
    remote: Config,
    service: type[RedisService | MongoDBService],
) -> None:
    monkeypatch.setattr(service, "ping", fail_until(clock, 1e9))

    with pytest.raises(ServiceFailed, match=r"at \S+ does not respond \(connection refused\); check") as caught:
        ensure_services(remote, tmp_path)

    assert clock.seconds == pytest.approx(WAIT_SECONDS)
    assert "hush" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_ensure_services__replica_set_without_a_primary__is_waited_for_and_then_reported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, clock: Clock, remote: Config
) -> None:
    no_primary = ServiceFailed("no server accepts writes")
    monkeypatch.setattr(MongoDBService, "ping", fail_until(clock, 12.0, no_primary))
    ensure_services(remote, tmp_path)
    assert clock.seconds >= 12.0

    monkeypatch.setattr(MongoDBService, "ping", fail_until(clock, 1e9, no_primary))
    with pytest.raises(ServiceFailed, match=r"^no server accepts writes$"):
        ensure_services(remote, tmp_path)


@pytest.mark.parametrize(
    ("setting", "url"), [("REDIS_URL", "rediss://127.0.0.1"), ("MONGODB_URI", "mongodb://u:hush@localhost")]
)
def test_ensure_services__local_server_with_tls_or_a_user__is_waited_for_and_not_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, clock: Clock, remote: Config, setting: str, url: str
) -> None:
    monkeypatch.setattr(databases, "listens", lambda *_: clock.seconds > 15.0)
    config = build_config(
        {
            "REDIS_URL": remote.redis_url.get_secret_value(),
            "MONGODB_URI": remote.mongodb_uri.get_secret_value(),
            "START_TIMEOUT_SECONDS": WAIT_SECONDS,
            setting: url,
        },
        {},
    )
    notes: list[str] = []

    assert [report.outcome for report in ensure_services(config, tmp_path, note=notes.append)] == 2 * [
        "already running"
    ]
    assert len(notes) == 1
    assert notes[0].endswith("(nothing is listening there)")

    clock.seconds = 0.0
    monkeypatch.setattr(databases, "listens", lambda *_: False)
    with pytest.raises(ServiceFailed, match=r"^Nothing is listening at .*(localhost|127)"):
        ensure_services(config, tmp_path)
    assert clock.seconds == pytest.approx(WAIT_SECONDS)


@pytest.fixture
def local() -> Config:
    """Return the settings of servers on this machine, which EXIFinator would start if nothing listened."""
    settings = {"REDIS_URL": "redis://:hush@127.0.0.1:7001/0", "MONGODB_URI": "mongodb://127.0.0.1:7002"}
    return build_config({**settings, "START_TIMEOUT_SECONDS": WAIT_SECONDS}, {})


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the servers that `ensure_services` starts during the test."""
    names: list[str] = []
    monkeypatch.setattr(databases.Supervision, "ensure", lambda _, programs: names.extend(programs))
    monkeypatch.setattr(databases, "_prepare", lambda service, _: service.name)
    monkeypatch.setattr(databases, "_await_start", lambda *_: None)
    return names


def test_ensure_services__unmanaged_local_server_restarts__is_waited_for_and_not_replaced(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, clock: Clock, local: Config, started: list[str]
) -> None:
    monkeypatch.setattr(databases, "listens", lambda *_: not 0.0 < clock.seconds < 12.0)
    ensure_services(local, tmp_path)
    clock.seconds = 1.0
    notes: list[str] = []

    ensure_services(local, tmp_path, note=notes.append)

    assert started == []
    assert clock.seconds >= 12.0
    assert notes == ["Waiting up to 30 s for Redis at redis://127.0.0.1:7001/0 (nothing is listening there)"]


def test_ensure_services__unmanaged_local_server_stays_unavailable__is_replaced_after_the_timeout(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, clock: Clock, local: Config, started: list[str]
) -> None:
    monkeypatch.setattr(databases, "listens", lambda *_: True)
    ensure_services(local, tmp_path)
    monkeypatch.setattr(databases, "listens", lambda *_: False)

    ensure_services(local, tmp_path)
    assert started == ["Redis", "MongoDB"]
    assert clock.seconds == pytest.approx(2 * WAIT_SECONDS)

    ensure_services(local, tmp_path)
    assert clock.seconds == pytest.approx(2 * WAIT_SECONDS), "a replaced server is not waited for again"


def test_ensure_services__local_server_never_seen__is_started_immediately(
    tmp_path: Path, clock: Clock, local: Config, started: list[str]
) -> None:
    ensure_services(local, tmp_path)

    assert started == ["Redis", "MongoDB"]
    assert clock.pauses == []


def test_find_redis__no_program_for_this_machine__says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(binaries.platform, "machine", lambda: "riscv64")
    with pytest.raises(ServiceFailed, match=r"Redis cannot be started on this machine.*set REDIS_URL"):
        binaries.find_redis(tmp_path)
