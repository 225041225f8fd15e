"""Check the Redis and MongoDB servers named in the settings, and start a local server that is not running."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import psutil
import pymongo
import pymongo.errors
import pymongo.uri_parser
import redis
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.retry import Retry

from exifinator.config import ROOT, Config
from exifinator.errors import ConfigError, ServiceFailed
from exifinator.net import is_loopback_address, listens, without_credentials
from exifinator.processes.binaries import MIN_MONGODB_VERSION, find_mongodb, find_redis, format_version
from exifinator.processes.startup import is_restarting, last_lines, wait_until_up
from exifinator.processes.supervisor import START_TIMEOUT_SECONDS, Supervision
from exifinator.processes.supervisor_config import Program, write_private
from exifinator.storage.mongodb import UNAUTHORIZED_CODES, connect_mongodb, describe_error

# How long to wait for a response from a server that is already listening, because it may still be loading its data.
RESPONSE_SECONDS = 10.0
# The only environment variables that the servers inherit. Other variables may contain secrets, such as S3 credentials.
INHERITED_VARIABLES = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "TZ", "USER")


@dataclass(frozen=True)
class ServiceReport:
    """A service that is up.

    Attributes:
        name: "Redis" or "MongoDB".
        address: The URL of the service, without credentials.
        outcome: "started" or "already running".
        data_folder: The folder with the service's data. None unless EXIFinator started the service.
        program: The path of the server program. None unless EXIFinator started the service.
    """

    name: str
    address: str
    outcome: str
    data_folder: Path | None = None
    program: str | None = None

    @property
    def started(self) -> bool:
        return self.outcome == "started"

    def __str__(self) -> str:
        data = f", data in {self.data_folder}" if self.data_folder else ""
        program = f" with {self.program}" if self.started else ""
        return f"{self.name} at {self.address}: {self.outcome}{program}{data}"


class _Service(Protocol):
    """A server that EXIFinator needs, and can start if it is local.

    Attributes:
        key: The name of the server's program for the supervisor, and of its folder in var/.
        name: "Redis" or "MongoDB".
        setting: The name of the setting that contains the server's URL.
        address: The server's URL, without credentials.
        local_address: The server's host and port if it is on this machine, else None.
        unmanaged_reason: Why EXIFinator cannot start the server; "" if it can.
    """

    key: str
    name: str
    setting: str
    address: str
    local_address: tuple[str, int] | None
    unmanaged_reason: str

    def ping(self) -> None:
        """Check that the server responds and can be used.

        Raises:
            _NotResponding: The server does not respond, but may do so later.
            ConfigError, ServiceFailed: The server cannot be used.
        """

    def program(self) -> Program:
        """Write the files that the server needs, and return the program that starts it."""


class _NotResponding(Exception):
    """The server does not respond, but may do so later."""


def ensure_services(config: Config, root: Path = ROOT) -> list[ServiceReport]:
    """Check that Redis and MongoDB are up. If one is not running and the settings point to this machine, start it.

    Raises:
        ConfigError: A setting is invalid.
        ServiceFailed: A service cannot be started or used.
    """
    supervision = service_supervision(root, config.start_timeout_seconds)
    supervision.end_orphans()
    services: list[_Service] = [_Redis(config, root), _MongoDB(config, root)]
    to_start = [service for service in services if not _is_running(service)]
    for service in to_start:
        if service.unmanaged_reason:
            raise ServiceFailed(f"Nothing is listening at {service.address}, and {service.unmanaged_reason}.")
    if to_start:
        supervision.ensure([service.program() for service in to_start])
    for service in to_start:
        _await_start(service, supervision, config.start_timeout_seconds)
    supervised = {process.program for process in supervision.status() if process.pid}
    return [
        ServiceReport(
            service.name,
            service.address,
            "started" if service in to_start else "already running",
            supervision.root / "var" / service.key if service.key in supervised else None,
            supervision.config.command(service.key)[0] if service.key in supervised else None,
        )
        for service in services
    ]


def stop_services(root: Path = ROOT) -> bool:
    """Stop the Redis and MongoDB that this checkout started. Return whether any was running."""
    return service_supervision(root).stop()


def service_supervision(root: Path = ROOT, start_timeout_seconds: float = START_TIMEOUT_SECONDS) -> Supervision:
    """Return the supervision of Redis and MongoDB."""
    inherited = {name: os.environ[name] for name in INHERITED_VARIABLES if name in os.environ}
    return Supervision("services", root, inherited, start_timeout_seconds=start_timeout_seconds)


def _find_problem(service: _Service) -> str | None:
    try:
        service.ping()
    except _NotResponding as exc:
        return str(exc)
    return None


def _is_running(service: _Service) -> bool:
    """Wait until a server responds. Return False if nothing listens at its address, so that it must be started here.

    A server that is exiting may listen for another moment, so this is checked again after each failed attempt.

    Raises:
        ServiceFailed: Something listens or the server is on another machine, and there is no valid response within
            RESPONSE_SECONDS.
    """

    def find_problem() -> str | None:
        return _find_problem(service) if _may_listen(service) else None

    problem = wait_until_up(find_problem, RESPONSE_SECONDS)
    if problem is None:
        return _may_listen(service)
    if service.local_address:
        raise ServiceFailed(
            f"The program at {service.address} does not respond like {service.name} ({problem}). "
            f"Stop it, or set {service.setting} to another port."
        )
    raise ServiceFailed(
        f"{service.name} at {service.address} does not respond ({problem}). Check {service.setting}, that the server "
        "is running, and that this machine can reach it."
    )


def _may_listen(service: _Service) -> bool:
    """Return whether something listens at the server's address, or the server is on another machine."""
    return service.local_address is None or listens(*service.local_address)


def _await_start(service: _Service, supervision: Supervision, timeout_seconds: float) -> None:
    problem = wait_until_up(
        lambda: _find_problem(service),
        timeout_seconds,
        is_crash_looping=lambda: is_restarting(supervision, service.key),
    )
    if problem is not None:
        log = supervision.log_path(service.key)
        supervision.remove(service.key)
        raise ServiceFailed(
            f"{service.name} did not start at {service.address}. Fix the error shown in its log, or set "
            f"{service.setting} to a server of your own. The end of {log}:\n{last_lines(log)}"
        )


def _raise_if_untrusted(name: str, address: str, exc: Exception, setting_example: str) -> None:
    """Raise ServiceFailed if the server's certificate is not trusted. Waiting for the server would not help then."""
    reason = re.search(r"certificate verify failed: ([^(\n]*)", str(exc))
    if reason:
        raise ServiceFailed(
            f"{name} at {address} cannot be trusted: {reason[1].strip(' .')}. Unless the certificate has expired or is "
            f"for another host, add the path of the CA certificate to {setting_example}."
        ) from exc


class _Redis:
    """The Redis server that REDIS_URL names."""

    key = "redis"
    name = "Redis"
    setting = "REDIS_URL"

    def __init__(self, config: Config, root: Path) -> None:
        self._root = root
        self._url = config.redis_url.get_secret_value()
        self._parsed: dict[str, Any] = parse_url(self._url)  # type: ignore[no-untyped-call]
        self._host, self._port = self._parsed["host"], self._parsed.get("port", 6379)
        self.address = without_credentials(self._url)
        self.local_address = (self._host, self._port) if is_loopback_address(self._host) else None
        self.unmanaged_reason = (
            "REDIS_URL requires TLS, which EXIFinator cannot set up: start that server yourself, or use redis://"
            if self._url.startswith("rediss:")
            else ""
        )

    def ping(self) -> None:
        client = redis.Redis.from_url(
            self._url, socket_connect_timeout=5, socket_timeout=5, retry=Retry(NoBackoff(), 0), health_check_interval=0
        )
        try:
            client.ping()
        except TypeError as exc:
            raise ConfigError(f"REDIS_URL has an option that redis-py does not know: {exc}") from None
        except redis.AuthenticationError as exc:
            raise ServiceFailed(
                f"Redis at {self.address} requires a password, but REDIS_URL has none or a wrong one. "
                'Write it as in "redis://:PASSWORD@127.0.0.1:6379/0".'
            ) from exc
        except redis.InvalidResponse as exc:
            raise ServiceFailed(
                f"The program at {self.address} is not Redis. Stop it, or set REDIS_URL to another port."
            ) from exc
        except (redis.ConnectionError, redis.TimeoutError) as exc:
            _raise_if_untrusted(
                "Redis", self.address, exc, 'REDIS_URL, as in "rediss://HOST:6380/0?ssl_ca_certs=/path/ca.pem"'
            )
            raise _NotResponding(str(exc).rstrip(".") or type(exc).__name__) from exc
        except redis.RedisError as exc:
            raise ServiceFailed(f"Redis at {self.address} rejects PING: {exc}") from exc
        finally:
            client.close()

    def program(self) -> Program:
        binary = find_redis()
        _write_redis_config(self._root, self._host, self._port, self._parsed)
        # The port is also in redis.conf. Repeat it in the command, because supervisord restarts a program only if its
        # command has changed.
        command = [binary, "var/redis/redis.conf", "--port", str(self._port)]
        return Program("redis", command, stop_wait_seconds=30)


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
        # If Redis reaches its memory limit, reject new images instead of deleting queued ones.
        "maxmemory-policy noeviction",
        # Setting the process title would overwrite the environment variables, in which tagged.py looks for our tag.
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
    """Return the text as one quoted argument for redis.conf."""
    return '"' + "".join(f"\\x{byte:02x}" for byte in text.encode()) + '"'


class _MongoDB:
    """The MongoDB server that MONGODB_URI names."""

    key = "mongodb"
    name = "MongoDB"
    setting = "MONGODB_URI"

    def __init__(self, config: Config, root: Path) -> None:
        self._config = config
        self._root = root
        uri = config.mongodb_uri.get_secret_value()
        self._nodes, is_plain = _mongodb_nodes(uri)
        self.address = without_credentials(uri).rstrip("/")
        is_local = len(self._nodes) > 0 and all(is_loopback_address(host) for host, _ in self._nodes)
        self.local_address = self._nodes[0] if is_local else None
        self.unmanaged_reason = (
            ""
            if is_plain and len(self._nodes) == 1
            else "MONGODB_URI has a user, TLS, a replica set or several servers, which EXIFinator cannot set up: start "
            'them yourself, or use "mongodb://127.0.0.1:27017", for which EXIFinator starts a local server without a '
            "password"
        )

    def ping(self) -> None:
        config = self._config
        client = connect_mongodb(config, serverSelectionTimeoutMS=3000, connectTimeoutMS=5000, socketTimeoutMS=10000)
        try:
            for database in (config.mongodb_database, config.mrq_database):
                # Unlike a ping, a query fails if a password is missing.
                client[database]["any"].find_one({}, {"_id": 1})
            version = tuple(client.server_info()["versionArray"][:2])
        except pymongo.errors.OperationFailure as exc:
            if exc.code not in UNAUTHORIZED_CODES:
                raise ServiceFailed(f"MongoDB at {self.address} rejects a query: {describe_error(exc)}") from exc
            raise ServiceFailed(
                f"MongoDB at {self.address} denies access ({exc.details and exc.details.get('codeName')}). "
                "MONGODB_URI needs a user and password with access to MONGODB_DATABASE and MRQ_DATABASE, as in "
                '"mongodb://USER:PASSWORD@127.0.0.1:27017/?authSource=admin".'
            ) from exc
        except pymongo.errors.ConfigurationError as exc:
            raise ServiceFailed(f"MongoDB at {self.address} cannot be used: {exc}") from exc
        except pymongo.errors.PyMongoError as exc:
            _raise_if_untrusted(
                "MongoDB", self.address, exc, 'MONGODB_URI, as in "mongodb://HOST/?tls=true&tlsCAFile=/path/ca.pem"'
            )
            raise _NotResponding(describe_error(exc) or type(exc).__name__) from exc
        finally:
            client.close()
        if version < MIN_MONGODB_VERSION:
            raise ServiceFailed(
                f"MongoDB at {self.address} is version {format_version(version)}. EXIFinator needs "
                f"{format_version(MIN_MONGODB_VERSION)} or later."
            )

    def program(self) -> Program:
        binary = find_mongodb()
        (self._root / "var" / "mongodb").mkdir(mode=0o700, parents=True, exist_ok=True)
        host, port = self._nodes[0]
        # By default, MongoDB's cache takes half of the memory of the machine. Limit it to a quarter, and to 1 GB. 0.25
        # GB is the minimum that MongoDB accepts.
        cache_gb = max(0.25, min(1.0, psutil.virtual_memory().total / 4 / 2**30))
        command = [binary, "--dbpath", "var/mongodb", "--port", str(port), "--nounixsocket", "--quiet"]
        command += ["--bind_ip", "127.0.0.1" if host == "localhost" else host]
        command += ["--ipv6"] if ":" in host else []
        command += ["--wiredTigerCacheSizeGB", f"{cache_gb:.2f}"]
        # Do not collect diagnostic data, which is meant for MongoDB's own engineers and takes up to 200 MB.
        command += ["--setParameter", "diagnosticDataCollectionEnabled=false"]
        return Program("mongodb", command, stop_wait_seconds=45)


def _mongodb_nodes(uri: str) -> tuple[list[tuple[str, int]], bool]:
    """Return the hosts and ports in a MongoDB URI, and whether the URI is plain: without a user, TLS or a replica set.

    The list of hosts and ports is empty if they would have to be looked up in DNS (mongodb+srv).
    """
    if uri.startswith("mongodb+srv:"):
        return [], False
    try:
        parsed = pymongo.uri_parser.parse_uri(uri, warn=False)
    except (pymongo.errors.PyMongoError, ValueError, OSError) as exc:
        raise ConfigError(f"MONGODB_URI cannot be parsed: {exc}") from None
    nodes = [(host, port) for host, port in parsed["nodelist"] if port]
    options = parsed["options"]
    return nodes, not parsed["username"] and not options.get("tls") and not options.get("replicaset")
