"""Redis and MongoDB: those that the settings point at, or, where that is this machine and nothing listens, ours."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psutil
import pymongo
import pymongo.errors
import pymongo.uri_parser
import redis
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.retry import Retry

from exifinator.binaries import OLDEST_MONGODB, dotted, find_mongodb, find_redis
from exifinator.config import ROOT, Config
from exifinator.errors import ConfigError, ServiceFailed
from exifinator.mongodb import connect_mongodb, describe_error
from exifinator.supervision import Program, Supervision, write_private

START_SECONDS = 60.0
# What already listens may still be loading its data.
ANSWER_SECONDS = 10.0
# A program that ends this soon and is waiting to be tried again will not come up.
DOOMED_SECONDS = 5.0
# The rest, secrets for S3 among it, is none of their business.
INHERITED = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "TZ", "USER")


@dataclass(frozen=True)
class ServiceReport:
    """A service that answers. `address` has no credentials; folder and program only of one that EXIFinator started."""

    name: str
    address: str
    happened: str
    data_folder: Path | None = None
    program: str | None = None

    @property
    def started(self) -> bool:
        return self.happened == "started"

    def __str__(self) -> str:
        data = f", its data is in {self.data_folder}" if self.data_folder else ""
        by = f" with {self.program}" if self.started else ""
        return f"{self.name} at {self.address}: {self.happened}{by}{data}"


@dataclass(frozen=True)
class _Service:
    """place: host and port where it is on this machine, else None; managed: why EXIFinator does not start it, or ""."""

    key: str
    name: str
    setting: str
    address: str
    place: tuple[str, int] | None
    unmanaged: str
    ping: Callable[[], None]
    program: Callable[[], Program]


class _NoAnswer(Exception):
    """It does not answer, perhaps not yet."""


def ensure_services(config: Config, root: Path = ROOT) -> list[ServiceReport]:
    """See that Redis and MongoDB answer; start those that should be on this machine and are not.

    Raises: ServiceFailed, ConfigError.
    """
    supervision = service_supervision(root)
    supervision.end_orphans()
    services = [_redis(config, root), _mongodb(config, root)]
    absent = [service for service in services if service.place is not None and not listens(*service.place)]
    for service in absent:
        if service.unmanaged:
            raise ServiceFailed(f"nothing listens at {service.address}, and {service.unmanaged}")
    if absent:
        supervision.ensure([service.program() for service in absent])
    for service in services:
        if service in absent:
            _await_start(service, supervision)
        else:
            _await_answer(service)
    ours = {process.program for process in supervision.status() if process.pid}
    return [
        ServiceReport(
            service.name,
            service.address,
            "started" if service in absent else "already running",
            supervision.root / "var" / service.key if service.key in ours else None,
            supervision.command(service.key)[0] if service.key in ours else None,
        )
        for service in services
    ]


def stop_services(root: Path = ROOT) -> bool:
    """Stop the Redis, MongoDB and rclone that this checkout started. Returns whether there were any."""
    return service_supervision(root).stop()


def service_supervision(root: Path = ROOT) -> Supervision:
    """The supervision of Redis, MongoDB and rclone."""
    return Supervision("services", root, {name: os.environ[name] for name in INHERITED if name in os.environ})


def without_credentials(url: str) -> str:
    """An address that may be shown: without user, password and options."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def is_loopback(host: str) -> bool:
    """Whether it is this machine, reachable from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _refuse_untrusted(name: str, address: str, exc: Exception, remedy: str) -> None:
    """Raises: ServiceFailed where a certificate is what is wrong: waiting does not mend that."""
    reason = re.search(r"certificate verify failed: ([^(\n]*)", str(exc))
    if reason:
        raise ServiceFailed(
            f"{name} at {address} cannot be trusted: {reason[1].strip(' .')}; name the certificate of the authority "
            f"that signed the server's in {remedy}"
        ) from exc


def listens(host: str, port: int) -> bool:
    """Whether anything accepts connections there."""
    try:
        socket.create_connection((host, port), timeout=3).close()
    except OSError:
        return False
    return True


# --- Waiting ----------------------------------------------------------------------------------------------------------


def _await_answer(service: _Service) -> None:
    """Wait for what listens already, or is on another machine."""
    deadline = time.monotonic() + ANSWER_SECONDS
    while True:
        try:
            service.ping()
        except _NoAnswer as exc:
            if time.monotonic() < deadline:
                time.sleep(0.2)
            elif service.place:
                raise ServiceFailed(
                    f"what listens at {service.address} does not answer as {service.name} does ({exc}): "
                    f"stop it, or set {service.setting} to another port"
                ) from exc
            else:
                raise ServiceFailed(
                    f"{service.name} at {service.address} does not answer ({exc}): check {service.setting}, "
                    "that the server runs, and that this machine may reach it"
                ) from exc
        else:
            return


def _await_start(service: _Service, supervision: Supervision) -> None:
    started = time.monotonic()
    while True:
        try:
            service.ping()
        except _NoAnswer as exc:
            waited = time.monotonic() - started
            states = {process.state for process in supervision.status() if process.program == service.key}
            if waited > START_SECONDS or (waited > DOOMED_SECONDS and "BACKOFF" in states):
                log = supervision.log_path(service.key)
                supervision.remove(service.key)
                raise ServiceFailed(
                    f"{service.name} did not start at {service.address}; mend what its log says, or set "
                    f"{service.setting} to a server of your own. The end of {log}:\n{last_lines(log)}"
                ) from exc
            time.sleep(0.1)
        else:
            return


def last_lines(log: Path, count: int = 6) -> str:
    """The end of a log, to be shown: indented; of MongoDB's JSON lines what they say, errors first."""
    try:
        lines = log.read_bytes()[-65536:].decode(errors="replace").splitlines()[-200:]
    except OSError:
        return "  (there is no such file)"
    said, errors = [], []
    for line in lines:
        text = line
        if line.startswith("{"):
            try:
                entry = json.loads(line)
                text = f"{entry['msg']} {json.dumps(entry.get('attr', {}))}"
            except (ValueError, KeyError, TypeError):
                entry = {}
            if entry.get("s") in ("E", "F"):
                errors.append(text)
        said.append(text)
    return "\n".join(f"  {line[:300]}" for line in (errors or said)[-count:]) or "  (it is empty)"


# --- Redis ------------------------------------------------------------------------------------------------------------


def _redis(config: Config, root: Path) -> _Service:
    url = config.redis_url.get_secret_value()
    parsed: dict[str, Any] = parse_url(url)  # type: ignore[no-untyped-call]
    host, port = parsed["host"], parsed.get("port", 6379)

    def ping() -> None:
        client = redis.Redis.from_url(
            url, socket_connect_timeout=5, socket_timeout=5, retry=Retry(NoBackoff(), 0), health_check_interval=0
        )
        try:
            client.ping()
        except TypeError as exc:
            raise ConfigError(f"REDIS_URL has an option that Redis's driver does not know: {exc}") from None
        except redis.AuthenticationError as exc:
            raise ServiceFailed(
                f"Redis at {address} demands a password, or another one than REDIS_URL has: "
                'write it as in "redis://:PASSWORD@127.0.0.1:6379/0"'
            ) from exc
        except redis.InvalidResponse as exc:
            raise ServiceFailed(
                f"what listens at {address} is not Redis: stop it, or set REDIS_URL to another port"
            ) from exc
        except (redis.ConnectionError, redis.TimeoutError) as exc:
            _refuse_untrusted(
                "Redis", address, exc, 'REDIS_URL, as in "rediss://HOST:6380/0?ssl_ca_certs=/path/ca.pem"'
            )
            raise _NoAnswer(str(exc).rstrip(".") or type(exc).__name__) from exc
        except redis.RedisError as exc:
            raise ServiceFailed(f"Redis at {address} refuses a PING: {exc}") from exc
        finally:
            client.close()

    def program() -> Program:
        binary = find_redis()
        _write_redis_config(root, host, port, parsed)
        # The port stands here too, for a changed command is what has the supervisor restart it.
        command = [binary, "var/redis/redis.conf", "--port", str(port)]
        return Program("redis", command, stop_wait_seconds=30)

    address = without_credentials(url)
    return _Service(
        key="redis",
        name="Redis",
        setting="REDIS_URL",
        address=address,
        place=(host, port) if is_loopback(host) else None,
        unmanaged=(
            "REDIS_URL asks for TLS, which EXIFinator does not set up: start that server, or write redis://"
            if url.startswith("rediss:")
            else ""
        ),
        ping=ping,
        program=program,
    )


def _write_redis_config(root: Path, host: str, port: int, parsed: dict[str, Any]) -> None:
    folder = root / "var" / "redis"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lines = [
        f"bind {'127.0.0.1' if host == 'localhost' else host}",
        f"port {port}",
        f"databases {max(16, int(str(parsed.get('db', 0))) + 1)}",
        "dir var/redis",
        "daemonize no",
        "appendonly yes",
        "appendfsync everysec",
        'save ""',
        # A full queue must refuse, not forget.
        "maxmemory-policy noeviction",
        # Its title would overwrite the environment, by which the supervision knows its processes.
        "set-proc-title no",
    ]
    user, password = parsed.get("username"), str(parsed.get("password") or "")
    if user:
        secret = f">{password}" if password else "nopass"
        lines += ["user default off", f"user {_redis_quote(str(user))} on {_redis_quote(secret)} ~* &* +@all"]
    elif password:
        lines.append(f"requirepass {_redis_quote(password)}")
    write_private(folder / "redis.conf", "\n".join(lines) + "\n")


def _redis_quote(text: str) -> str:
    """Any text as one word of redis.conf."""
    return '"' + "".join(f"\\x{byte:02x}" for byte in text.encode()) + '"'


# --- MongoDB ----------------------------------------------------------------------------------------------------------


def _mongodb(config: Config, root: Path) -> _Service:
    uri = config.mongodb_uri.get_secret_value()
    address = without_credentials(uri).rstrip("/")
    nodes, plain = _mongodb_nodes(uri)

    def ping() -> None:
        client = connect_mongodb(config, serverSelectionTimeoutMS=3000, connectTimeoutMS=5000, socketTimeoutMS=10000)
        try:
            for database in (config.mongodb_database, config.mrq_database):
                # Unlike a ping it is refused where a password is missing.
                client[database]["any"].find_one({}, {"_id": 1})
            found = tuple(client.server_info()["versionArray"][:2])
        except pymongo.errors.OperationFailure as exc:
            raise ServiceFailed(
                f"MongoDB at {address} refuses to be read ({exc.details and exc.details.get('codeName')}): "
                "MONGODB_URI needs a user and password that may use MONGODB_DATABASE and MRQ_DATABASE, as in "
                '"mongodb://USER:PASSWORD@127.0.0.1:27017/?authSource=admin"'
            ) from exc
        except pymongo.errors.ConfigurationError as exc:
            raise ServiceFailed(f"MongoDB at {address} cannot be used: {exc}") from exc
        except pymongo.errors.PyMongoError as exc:
            _refuse_untrusted(
                "MongoDB", address, exc, 'MONGODB_URI, as in "mongodb://HOST/?tls=true&tlsCAFile=/path/ca.pem"'
            )
            raise _NoAnswer(describe_error(exc) or type(exc).__name__) from exc
        finally:
            client.close()
        if found < OLDEST_MONGODB:
            raise ServiceFailed(
                f"MongoDB at {address} is {dotted(found)}; EXIFinator needs {dotted(OLDEST_MONGODB)} or later"
            )

    def program() -> Program:
        binary = find_mongodb()
        (root / "var" / "mongodb").mkdir(mode=0o700, parents=True, exist_ok=True)
        host, port = nodes[0]
        # MongoDB takes half the memory by default; 0.25 is the least it accepts.
        cache_gb = max(0.25, min(1.0, psutil.virtual_memory().total / 4 / 2**30))
        command = [binary, "--dbpath", "var/mongodb", "--port", str(port), "--nounixsocket", "--quiet"]
        command += ["--bind_ip", "127.0.0.1" if host == "localhost" else host]
        command += ["--ipv6"] if ":" in host else []
        command += ["--wiredTigerCacheSizeGB", f"{cache_gb:.2f}"]
        # Statistics for MongoDB's engineers, up to 200 MB.
        command += ["--setParameter", "diagnosticDataCollectionEnabled=false"]
        return Program("mongodb", command, stop_wait_seconds=45)

    local = len(nodes) > 0 and all(is_loopback(host) for host, _ in nodes)
    return _Service(
        key="mongodb",
        name="MongoDB",
        setting="MONGODB_URI",
        address=address,
        place=nodes[0] if local else None,
        unmanaged=(
            ""
            if plain and len(nodes) == 1
            else "MONGODB_URI has a user, TLS or several servers, which EXIFinator does not set up: start them, or "
            'write "mongodb://127.0.0.1:27017" to have one without a password started for this machine alone'
        ),
        ping=ping,
        program=program,
    )


def _mongodb_nodes(uri: str) -> tuple[list[tuple[str, int]], bool]:
    """Hosts and ports (none where only DNS knows them), and whether nothing but an address is asked for."""
    if uri.startswith("mongodb+srv:"):
        return [], False
    try:
        parsed = pymongo.uri_parser.parse_uri(uri, warn=False)
    except (pymongo.errors.PyMongoError, ValueError, OSError) as exc:
        raise ConfigError(f"MONGODB_URI cannot be read: {exc}") from None
    nodes = [(host, port) for host, port in parsed["nodelist"] if port]
    options = parsed["options"]
    return nodes, not parsed["username"] and not options.get("tls") and not options.get("replicaset")
