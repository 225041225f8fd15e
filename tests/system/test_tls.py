"""Servers that require passwords and certificates: EXIFinator uses them, and reports problems in one sentence."""

from __future__ import annotations

import contextlib
import json
import re
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import redis
from pymongo.errors import PyMongoError

from exifinator.config import Config, build_config
from exifinator.errors import ConfigError, ServiceFailed, UntrustedServer
from exifinator.models import ImageRef
from exifinator.processes.databases import ensure_services
from exifinator.queue.redis_client import connect_redis
from exifinator.sources.s3.client import S3Client
from exifinator.sources.s3.fast_client import FastS3Client
from exifinator.storage.mongodb import connect_mongodb
from exifinator.worker.mrq_config import jobs_uri
from tests.photos import make_jpeg
from tests.servers import reserve_port
from tests.system.checkout import Checkout
from tests.system.tls_servers import HOST, Authority, TlsServers
from tests.waiting import eventually


def fill(tls_servers: TlsServers, name: str, count: int = 4) -> str:
    """Make a bucket with photos, and return its name."""
    folder = tls_servers.buckets / name
    folder.mkdir()
    for i in range(count):
        (folder / f"{i}.jpg").write_bytes(make_jpeg(seed=i))
    return name


def test_installation__mongodb_user_with_a_certificate__indexes_a_bucket(
    tls_servers: TlsServers, checkout: Callable[..., Checkout]
) -> None:
    """Check the run, a worker, the dashboard and the API with a certificate; test_secrets.py does so with passwords."""
    bucket = fill(tls_servers, "by-certificate")
    site = checkout(**tls_servers.settings)
    site.set(MONGODB_URI=tls_servers.mongodb_uri_of_certificate, S3_CA_FILE=None)
    site.environment["AWS_CA_BUNDLE"] = str(tls_servers.authority.ca)

    done = site.command("run", "--json", bucket)

    assert done.returncode == 0, done.stderr + site.logs()
    numbers = json.loads(done.stdout)
    assert (numbers["stored"], numbers["failed"]) == (4, 0)
    assert len(json.loads(site.ask("API", "/photos"))["photos"]) == 4
    table = "/api/datatables/workers?sEcho=1&iDisplayStart=0&iDisplayLength=9"
    # A worker reports itself some time after its start.
    [worker] = eventually(lambda: json.loads(site.ask("DASHBOARD", table))["aaData"], explain=site.logs)
    assert worker["config"]["queues"] == ["download", "write"]


@pytest.fixture
def other_authority(tmp_path: Path) -> Authority:
    """Return a certificate authority that has signed none of the servers' certificates."""
    return Authority(tmp_path)


@pytest.fixture(params=[S3Client, FastS3Client])
def connect(request: pytest.FixtureRequest, tls_servers: TlsServers) -> Iterator[Callable[..., S3Client]]:
    """Yield connect(NAME=value, ...), which makes an S3 client. Each test runs once with each class of client."""
    with contextlib.ExitStack() as stack:

        def build(**settings: Any) -> S3Client:
            client: S3Client = request.param(build_config({**tls_servers.settings, **settings}, {}))
            stack.callback(client.close)
            return client

        yield build


def ref_to(bucket: str) -> ImageRef:
    return ImageRef(bucket, "0.jpg", "", 1000, datetime(2024, 1, 1, tzinfo=UTC))


def test_s3__authority_in_the_settings__is_trusted_by_both_clients(
    tls_servers: TlsServers, connect: Callable[..., S3Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = ref_to(fill(tls_servers, f"own-{secrets.token_hex(4)}"))
    client = connect()
    expected = (tls_servers.buckets / ref.id).read_bytes()[:100]
    assert client.read_range(ref, 0, 100).data == expected
    if isinstance(client, FastS3Client):
        # From now on, the fast client sends its own requests.
        monkeypatch.setattr(S3Client, "read_range", None)

    assert client.read_range(ref, 0, 100).data == expected


def test_s3__authority_in_the_profile__is_trusted_by_both_clients(
    tls_servers: TlsServers, connect: Callable[..., S3Client], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """boto3 takes the authority from a profile too, and so must the fast client."""
    (tmp_path / "config").write_text(f"[profile archive]\nca_bundle = {tls_servers.authority.ca}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "archive")
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    ref = ref_to(fill(tls_servers, f"profile-{secrets.token_hex(4)}"))
    client = connect(S3_CA_FILE=None)
    client.read_range(ref, 0, 100)
    if isinstance(client, FastS3Client):
        monkeypatch.setattr(S3Client, "read_range", None)

    assert len(client.read_range(ref, 0, 100).data) == 100


def test_s3__certificate_of_another_authority__is_reported_in_one_sentence(
    tls_servers: TlsServers, connect: Callable[..., S3Client], other_authority: Authority
) -> None:
    with pytest.raises(UntrustedServer, match=r"cannot be trusted: .*; check S3_ENDPOINT_URL, and set S3_CA_FILE"):
        connect(S3_CA_FILE=str(other_authority.ca)).read_range(ref_to("any"), 0, 100)


def test_s3__certificate_of_another_host__is_reported_in_one_sentence(
    tls_servers: TlsServers, connect: Callable[..., S3Client]
) -> None:
    elsewhere = tls_servers.authority.issue("elsewhere.example.org")
    port = reserve_port()
    with tls_servers.run_s3(certificate=elsewhere, port=port):
        client = connect(S3_ENDPOINT_URL=f"https://{HOST}:{port}")
        with pytest.raises(UntrustedServer, match=r"cannot be trusted: .*match"):
            client.read_range(ref_to("any"), 0, 100)


@pytest.mark.parametrize("fault", ["authority", "host"])
def test_s3__server_changes_its_certificate__no_request_reaches_it(
    tls_servers: TlsServers, connect: Callable[..., S3Client], other_authority: Authority, fault: str
) -> None:
    """A server that was trusted once is checked again: the fast client checks each certificate."""
    ref = ref_to(fill(tls_servers, f"changes-{secrets.token_hex(4)}"))
    port = reserve_port()
    right = tls_servers.authority.issue(HOST)
    wrong = (
        other_authority.issue(HOST) if fault == "authority" else tls_servers.authority.issue("elsewhere.example.org")
    )
    client = connect(S3_ENDPOINT_URL=f"https://{HOST}:{port}")
    with tls_servers.run_s3(certificate=right, port=port):
        for _ in range(2):
            client.read_range(ref, 0, 100)

    with (
        tls_servers.run_s3(certificate=wrong, port=port),
        pytest.raises(UntrustedServer, match="cannot be trusted"),
    ):
        client.read_range(ref, 0, 100)


def test_run__untrusted_s3_server__exits_with_code_2(
    tls_servers: TlsServers, checkout: Callable[..., Checkout], other_authority: Authority
) -> None:
    site = checkout(**{**tls_servers.settings, "S3_CA_FILE": str(other_authority.ca)})

    done = site.command("run", "--dry-run", "any")

    assert done.returncode == 2
    assert re.fullmatch(r"Error: The server for any cannot be trusted: .*\n", done.stderr)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("REDIS_URL", r"Redis at rediss://127.0.0.1:\d+/0 cannot be trusted: .*ssl_ca_certs="),
        ("MONGODB_URI", r"MongoDB at mongodb://127.0.0.1:\d+ cannot be trusted: .*tlsCAFile="),
    ],
)
def test_services__certificate_of_another_authority__is_reported_in_one_sentence(
    tls_servers: TlsServers, other_authority: Authority, tmp_path: Path, setting: str, message: str
) -> None:
    address = str(tls_servers.settings[setting]).replace(str(tls_servers.authority.ca), str(other_authority.ca))
    config = build_config({**tls_servers.settings, setting: address}, {})

    with pytest.raises(ServiceFailed, match=message):
        ensure_services(config, tmp_path)


def test_connections__certificate_of_another_authority__are_refused(
    tls_servers: TlsServers, other_authority: Authority
) -> None:
    """Check the connections that workers and the API make, after the program that starts them has checked its own."""

    def with_other_authority(setting: str) -> Config:
        address = str(tls_servers.settings[setting]).replace(str(tls_servers.authority.ca), str(other_authority.ca))
        return build_config({**tls_servers.settings, setting: address}, {})

    with (
        contextlib.closing(connect_redis(with_other_authority("REDIS_URL"))) as queue,
        pytest.raises(redis.ConnectionError, match="certificate verify failed"),
    ):
        queue.ping()
    with connect_mongodb(with_other_authority("MONGODB_URI"), serverSelectionTimeoutMS=1000) as client:

        def is_refused() -> bool:
            """Return whether the certificate is the cause.

            On a busy machine, the second attempt may end before the handshake.
            """
            with pytest.raises(PyMongoError) as caught:
                client.admin.command("ping")
            return "certificate verify failed" in str(caught.value)

        eventually(is_refused)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("REDIS_URL", "Redis at .* requires a password"),
        ("MONGODB_URI", "MongoDB at .* denies access.*user and password"),
    ],
)
def test_services__wrong_password__is_reported_without_the_password(
    tls_servers: TlsServers, tmp_path: Path, setting: str, message: str
) -> None:
    address = str(tls_servers.settings[setting]).replace("MARKED", "WRONG")

    with pytest.raises(ServiceFailed, match=message) as caught:
        ensure_services(build_config({**tls_servers.settings, setting: address}, {}), tmp_path)

    assert "WRONG" not in str(caught.value)


def test_services__mongodb_that_requires_a_password__is_used_only_with_it(
    tls_servers: TlsServers, tmp_path: Path
) -> None:
    uri_without_user = f"mongodb://{HOST}:{tls_servers.mongodb_port}/?tls=true&tlsCAFile={tls_servers.authority.ca}"
    with pytest.raises(ServiceFailed, match="user and password"):
        ensure_services(build_config({**tls_servers.settings, "MONGODB_URI": uri_without_user}, {}), tmp_path)

    report = ensure_services(build_config(tls_servers.settings, {}), tmp_path)[1]

    assert str(report) == f"MongoDB at mongodb://{HOST}:{tls_servers.mongodb_port}: already running"


@pytest.mark.parametrize("option", ["tlsCAFile", "tlsCertificateKeyFile"])
def test_connect_mongodb__missing_certificate_file__is_a_config_error(option: str) -> None:
    uri = f"mongodb://lena:MARKED@127.0.0.1:1/?tls=true&{option}=/nowhere/ca.pem"

    with pytest.raises(ConfigError, match=r"MONGODB_URI cannot be used: .*/nowhere/ca.pem") as caught:
        connect_mongodb(build_config({"MONGODB_URI": uri}, {}))

    assert "MARKED" not in str(caught.value)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("mongodb://CN=Lena@h/?authMechanism=MONGODB-X509", "mongodb://CN=Lena@h/mrq?authMechanism=MONGODB-X509"),
        ("mongodb://u:p@h/own?tls=true", "mongodb://u:p@h/mrq?tls=true&authSource=own"),
        ("mongodb://u:p@h/?authSource=other", "mongodb://u:p@h/mrq?authSource=other"),
        ("mongodb://u:p@h", "mongodb://u:p@h/mrq?authSource=admin"),
    ],
)
def test_jobs_uri__any_authentication__is_kept_for_the_database_of_jobs(uri: str, expected: str) -> None:
    assert jobs_uri(build_config({"MONGODB_URI": uri}, {})) == expected
