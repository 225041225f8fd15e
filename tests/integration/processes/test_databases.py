"""Start-up while DNS fails to resolve a mongodb+srv address, and with a Redis that is a Sentinel or in a cluster."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dns.exception
import dns.message
import dns.resolver
import pytest

from exifinator.config import Config, build_config
from exifinator.errors import ServiceFailed, StoreUnavailable
from exifinator.processes import databases, startup
from exifinator.processes.databases import ensure_services, explain_fault
from exifinator.retry import Retry
from exifinator.storage.mongodb import connect_mongodb
from exifinator.storage.store import Store
from tests.servers import redis_command, redis_is_ready, reserve_port, running

QUERY = dns.message.make_query("_mongodb._tcp.x.0.0.1", "SRV")
# Failure -> (type of the DNS query that fails, error of the resolver).
FAILURES = {
    "no response": ("SRV", dns.resolver.LifetimeTimeout(timeout=5, errors=[])),
    "server failure": ("SRV", dns.resolver.NoNameservers(request=QUERY, errors=[])),
    "not there yet": ("SRV", dns.resolver.NXDOMAIN(qnames=["_mongodb._tcp.x.0.0.1"], responses={})),
    "half a response": ("TXT", dns.exception.Timeout()),
    "no resolver is configured": ("SRV", dns.resolver.NoResolverConfiguration()),
}


class Dns:
    """A resolver that knows one cluster, whose only host is a MongoDB on this machine."""

    def __init__(self, port: int) -> None:
        self.port = port
        # pymongo requires hosts to be in the domain of the cluster. An IP address needs no further lookup.
        self.host = "127.0.0.1"
        self.failure: tuple[str, Exception] | None = None
        self.is_back: Callable[[], bool] = lambda: False

    def resolve(self, name: str, kind: str, **_: Any) -> list[Any]:
        assert name in ("x.0.0.1", "_mongodb._tcp.x.0.0.1")
        if self.failure and self.failure[0] == kind and not self.is_back():
            raise self.failure[1]
        if kind == "TXT":
            raise dns.resolver.NoAnswer(response=dns.message.make_response(QUERY))
        return [SimpleNamespace(port=self.port, target=SimpleNamespace(to_text=lambda **_: self.host))]


@pytest.fixture
def fake_dns(monkeypatch: pytest.MonkeyPatch, mongodb_uri: str) -> Dns:
    fake = Dns(int(mongodb_uri.rpartition(":")[2].partition("/")[0]))
    monkeypatch.setattr(dns.resolver, "resolve", fake.resolve)
    return fake


@pytest.fixture
def config(redis_url: str) -> Config:
    uri = "mongodb+srv://x.0.0.1/?tls=false"
    return build_config({"MONGODB_URI": uri, "REDIS_URL": redis_url, "START_TIMEOUT_SECONDS": 30.0}, {})


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Replace the clock of start-up, so that pauses take no time. Return the list of pauses, in seconds."""
    made: list[float] = []
    clock = SimpleNamespace(sleep=made.append, monotonic=lambda: sum(made))
    monkeypatch.setattr(startup, "time", clock)
    # These tests start nothing, so they need no supervisor.
    monkeypatch.setattr(databases.Supervision, "end_orphans", lambda _: None)
    monkeypatch.setattr(databases.Supervision, "status", lambda _: [])
    return made


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_ensure_services__dns_fails_for_a_while__waits_for_it(
    fake_dns: Dns, config: Config, pauses: list[float], tmp_path: Path, failure: tuple[str, Exception]
) -> None:
    fake_dns.failure, fake_dns.is_back = failure, lambda: sum(pauses) > 10
    notes: list[str] = []

    reports = ensure_services(config, tmp_path, note=notes.append)

    assert [report.outcome for report in reports] == ["already running", "already running"]
    assert len(notes) == 1
    assert notes[0].startswith("Waiting up to 30 s for MongoDB at mongodb+srv://x.0.0.1")


def test_ensure_services__dns_keeps_failing__raises_one_sentence(
    fake_dns: Dns, config: Config, pauses: list[float], tmp_path: Path
) -> None:
    fake_dns.failure = FAILURES["server failure"]

    with pytest.raises(ServiceFailed, match=r"does not respond \(All nameservers failed .*\); check MONGODB_URI"):
        ensure_services(config, tmp_path)

    assert sum(pauses) == pytest.approx(30)
    assert "does not respond (All nameservers failed" in str(explain_fault(config, "mongodb", tmp_path))


def test_ensure_services__srv_host_of_another_domain__is_refused_at_once(
    fake_dns: Dns, config: Config, pauses: list[float], tmp_path: Path
) -> None:
    fake_dns.host = "10.9.9.9"

    with pytest.raises(ServiceFailed, match="cannot be used: Invalid SRV host"):
        ensure_services(config, tmp_path)

    assert pauses == []


@pytest.mark.parametrize("failure", [FAILURES["no response"], FAILURES["half a response"]], ids=["SRV", "TXT"])
def test_store__dns_fails_at_its_first_query__retries_the_query(
    fake_dns: Dns, config: Config, failure: tuple[str, Exception]
) -> None:
    config = config.model_copy(update={"mongodb_database": f"dns-{secrets.token_hex(4)}"})
    fake_dns.failure = failure
    pauses: list[float] = []
    fake_dns.is_back = lambda: len(pauses) == 2
    with connect_mongodb(config) as client:
        store = Store(client, config)
        with pytest.raises(StoreUnavailable):
            store.records.count()
        assert Retry(pauses.append)(store.records.count) == 0
    assert len(pauses) == 2


# A placeholder for a reserved port. The default, the server's port + 10,000, may belong to a connection of another
# program.
BUS_PORT = "BUS_PORT"


@pytest.mark.parametrize(
    ("lines", "options", "explanation"),
    [
        (["sentinel monitor primary 127.0.0.1 1 1"], ["--sentinel"], "is a Sentinel, which holds no queues"),
        (["cluster-enabled yes", f"cluster-port {BUS_PORT}"], [], "is part of a cluster"),
        (["protected-mode no"], [], None),
        (["user default on nopass ~* &* +@all -hello"], [], None),
    ],
    ids=["sentinel", "cluster", "alone", "user who may not ask"],
)
def test_explain_fault__redis_is_a_sentinel_or_in_a_cluster__is_explained(
    tmp_path: Path, lines: list[str], options: list[str], explanation: str | None
) -> None:
    port = reserve_port()
    settings = tmp_path / "redis.conf"
    text = "\n".join([f"port {port}", "bind 127.0.0.1", f"dir {tmp_path}", *lines]) + "\n"
    settings.write_text(text.replace(BUS_PORT, str(reserve_port())))
    command = [redis_command(tmp_path, port)[0], str(settings), *options]
    with running(command, port, tmp_path / "log", is_ready=partial(redis_is_ready, port)):
        fault = explain_fault(build_config({"REDIS_URL": f"redis://127.0.0.1:{port}/0"}, {}), "redis", tmp_path)

    assert explanation in str(fault) if explanation else fault is None
