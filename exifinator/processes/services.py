"""Check the Redis and MongoDB servers that the settings name, and prepare to start them on this machine."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Protocol

import psutil
import pymongo
import pymongo.errors
import pymongo.uri_parser
import redis
from pymongo import MongoClient
from pymongo.server_description import ServerDescription
from redis.connection import parse_url

from exifinator.config import Config
from exifinator.errors import ConfigError, ServiceFailed
from exifinator.net import is_loopback_address, without_credentials
from exifinator.own_servers import mongodb_uri, plain_address, redis_url
from exifinator.paths import write_private
from exifinator.processes.binaries import (
    MIN_MONGODB_VERSION,
    find_mongodb,
    find_redis,
    format_version,
    mongodb_data,
    redis_data,
)
from exifinator.processes.supervisor_config import Program
from exifinator.queue.redis_client import connect_redis_once
from exifinator.sockets import prepare_socket
from exifinator.storage.mongodb import (
    TRANSIENT_CODES,
    UNAUTHORIZED_CODES,
    connect_mongodb,
    describe_error,
    is_dns_failure,
)


class Service(Protocol):
    """A server that EXIFinator needs, and can start if it is local.

    Attributes:
        key: The name of the server's program for the supervisor, and of its folder in var/.
        name: "Redis" or "MongoDB".
        setting: The name of the setting that contains the server's URL.
        address: The URL at which clients reach the server, without credentials.
        local_address: The server's host and port if it is on this machine, else None. Our own server listens on a
            socket instead.
        unmanaged_reason: Why EXIFinator cannot start the server; "" if it can.
        damage_hint: What to do if the server's data is damaged, as a sentence followed by a space; "" if unknown.
    """

    key: str
    name: str
    setting: str
    local_address: tuple[str, int] | None
    unmanaged_reason: str
    damage_hint: str

    @property
    def address(self) -> str: ...

    @property
    def url(self) -> str:
        """The setting's value, which may contain credentials."""

    def ping(self) -> None:
        """Check that the server responds and can be used.

        Raises:
            NotResponding: The server cannot be used now, but perhaps later.
            ConfigError, ServiceFailed: The server cannot be used.
        """

    def program(self) -> Program:
        """Write the files that the server needs, and return the program that starts it."""

    def note_started(self) -> None:
        """Store which program writes the server's data. Call it after the program from `program` has started."""


class NotResponding(Exception):
    """The server cannot be used now, but perhaps later.

    Args:
        reason: Why the server cannot be used, as part of a message.
        failure: The error for users if the server does not recover. None for a server that just does not respond.
    """

    def __init__(self, reason: str, failure: ServiceFailed | None = None) -> None:
        super().__init__(reason)
        self.failure = failure


def _raise_if_untrusted(name: str, address: str, exc: Exception, setting_example: str) -> None:
    """Raise ServiceFailed if the server's certificate is not trusted. Waiting for the server would not help then."""
    reason = re.search(r"certificate verify failed: ([^(\n]*)", str(exc))
    if reason:
        raise ServiceFailed(
            f"{name} at {address} cannot be trusted: {reason[1].strip(' .')}",
            hint=f"unless the certificate has expired or is for another host, add the path of the CA certificate to "
            f"{setting_example}",
        ) from exc


class RedisService:
    """The Redis server that REDIS_URL names."""

    key = "redis"
    name = "Redis"
    setting = "REDIS_URL"
    damage_hint = (
        "If its data is damaged, remove var/redis: it holds only the queues, and the next run queues missing images "
        "again (redis-check-aof --fix would cut the file). "
    )

    def __init__(self, config: Config, root: Path) -> None:
        self._config = config
        self._root = root
        self.url = config.redis_url.get_secret_value()
        self._parsed: dict[str, Any] = parse_url(self.url)  # type: ignore[no-untyped-call]
        # A URL of a Unix socket has no host.
        self._host, self._port = str(self._parsed.get("host", "")), int(self._parsed.get("port", 6379))
        self.local_address = (self._host, self._port) if is_loopback_address(self._host) else None
        self.unmanaged_reason = (
            "REDIS_URL requires TLS, which EXIFinator cannot set up: start that server yourself, or use redis://"
            if self.url.startswith("rediss:")
            else ""
        )

    @property
    def address(self) -> str:
        return without_credentials(redis_url(self._config, self._root))

    def ping(self) -> None:
        client = connect_redis_once(redis_url(self._config, self._root), connect_seconds=5, response_seconds=5)
        try:
            client.ping()
            self._check_mode(client)
        except TypeError as exc:
            raise ConfigError(f"REDIS_URL has an option that redis-py does not know: {exc}") from None
        except redis.AuthenticationError as exc:
            if "without any password configured" in str(exc):
                raise ServiceFailed(
                    f"REDIS_URL has a password, but Redis at {self.address} has none",
                    hint="remove the password from REDIS_URL, or set `requirepass` in that Redis",
                ) from exc
            raise ServiceFailed(
                f"Redis at {self.address} requires a password, but REDIS_URL has none or a wrong one",
                hint='write REDIS_URL as in "redis://:PASSWORD@127.0.0.1:6379/0"',
            ) from exc
        except redis.InvalidResponse as exc:
            raise ServiceFailed(
                f"The program at {self.address} is not Redis",
                hint="set REDIS_URL to another port, or stop that program",
            ) from exc
        except (redis.ConnectionError, redis.TimeoutError) as exc:
            _raise_if_untrusted(
                "Redis", self.address, exc, 'REDIS_URL, as in "rediss://HOST:6380/0?ssl_ca_certs=/path/ca.pem"'
            )
            raise NotResponding(_describe_closed(str(exc).rstrip(".") or type(exc).__name__, "rediss://")) from exc
        except redis.RedisError as exc:
            raise ServiceFailed(f"Redis at {self.address} rejects PING: {exc}") from exc
        finally:
            client.close()

    def _check_mode(self, client: redis.Redis) -> None:
        """Check that the server is a Redis that holds all keys."""
        mode = _find_mode(client)
        if mode == "sentinel":
            raise ServiceFailed(
                f"The server at {self.address} is a Sentinel, which holds no queues",
                hint="set REDIS_URL to an address that leads to the current primary, such as that of a proxy",
            )
        if mode == "cluster":
            raise ServiceFailed(
                f"Redis at {self.address} is part of a cluster, but one server must hold all keys of an installation",
                hint="set REDIS_URL to a Redis without cluster mode",
            )

    def program(self) -> Program:
        self._program = find_redis(self._root)
        # With a password in the URL, other users cannot use the server, so it may listen on TCP.
        socket = prepare_socket(self.key, self._root) if plain_address(self.url) else None
        _write_redis_config(self._root, socket or (self._host, self._port), self._parsed)
        # The port is also in redis.conf. Repeat it in the command, because supervisord restarts a program only if its
        # command has changed.
        command = [self._program.path, "var/redis/redis.conf", "--port", "0" if socket else str(self._port)]
        return Program("redis", command, stop_wait_seconds=30)

    def note_started(self) -> None:
        redis_data(self._root).note_writer(self._program)


def _write_redis_config(root: Path, listen_on: Path | tuple[str, int], parsed: dict[str, Any]) -> None:
    folder = root / "var" / "redis"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if isinstance(listen_on, Path):
        lines = ["port 0", f"unixsocket {_redis_quote(str(listen_on))}", "unixsocketperm 700"]
    else:
        host, port = listen_on
        lines = [f"bind {'127.0.0.1' if host == 'localhost' else host}", f"port {port}"]
    lines += [
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


def _find_mode(client: redis.Redis) -> str:
    """Return the mode of a Redis server: standalone, sentinel or cluster. Empty if its user may not ask."""
    try:
        answer: Any = client.execute_command("HELLO")  # type: ignore[no-untyped-call]
    except redis.ResponseError:
        return ""
    # With RESP2, the answer is a list of names and values in turn.
    values = answer if isinstance(answer, dict) else dict(zip(answer[::2], answer[1::2], strict=True))
    mode = values.get(b"mode") or values.get("mode") or ""
    return mode.decode() if isinstance(mode, bytes) else str(mode)


def _redis_quote(text: str) -> str:
    """Return the text as one quoted argument for redis.conf."""
    return '"' + "".join(f"\\x{byte:02x}" for byte in text.encode()) + '"'


class MongoDBService:
    """The MongoDB server that MONGODB_URI names."""

    key = "mongodb"
    name = "MongoDB"
    setting = "MONGODB_URI"
    damage_hint = ""

    def __init__(self, config: Config, root: Path) -> None:
        self._config = config
        self._root = root
        self.url = config.mongodb_uri.get_secret_value()
        nodes = _mongodb_nodes(self.url)
        is_local = len(nodes) > 0 and all(is_loopback_address(host) for host, _ in nodes)
        self.local_address = nodes[0] if is_local else None
        self.unmanaged_reason = (
            ""
            if plain_address(self.url)
            else "MONGODB_URI has a user, TLS, a replica set or several servers, which EXIFinator cannot set up: start "
            'them yourself, or use "mongodb://127.0.0.1:27017", for which EXIFinator starts a server that only '
            "this user can reach"
        )

    @property
    def address(self) -> str:
        return without_credentials(mongodb_uri(self._config, self._root)).rstrip("/")

    def ping(self) -> None:
        config = self._config
        timeouts = {"serverSelectionTimeoutMS": 3000, "connectTimeoutMS": 5000, "socketTimeoutMS": 10000}
        client = connect_mongodb(config, root=self._root, **timeouts)
        try:
            for database in (config.mongodb_database, config.mrq_database):
                # Unlike a ping, a query fails if a password is missing.
                client[database]["any"].find_one({}, {"_id": 1})
            version = tuple(client.server_info()["versionArray"][:2])
        except pymongo.errors.OperationFailure as exc:
            if exc.code not in UNAUTHORIZED_CODES:
                problem = describe_error(exc)
                failure = ServiceFailed(f"MongoDB at {self.address} rejects a query: {problem}")
                raise (NotResponding(problem, failure) if exc.code in TRANSIENT_CODES else failure) from exc
            raise ServiceFailed(
                f"MongoDB at {self.address} denies access ({exc.details and exc.details.get('codeName')})",
                hint="MONGODB_URI needs a user and password with access to MONGODB_DATABASE and MRQ_DATABASE, as in "
                '"mongodb://USER:PASSWORD@127.0.0.1:27017/?authSource=admin"',
            ) from exc
        except pymongo.errors.ConfigurationError as exc:
            if is_dns_failure(exc):
                raise NotResponding(describe_error(exc)) from exc
            raise ServiceFailed(f"MongoDB at {self.address} cannot be used: {exc}") from exc
        except pymongo.errors.PyMongoError as exc:
            _raise_if_untrusted(
                "MongoDB", self.address, exc, 'MONGODB_URI, as in "mongodb://HOST/?tls=true&tlsCAFile=/path/ca.pem"'
            )
            if any(server.server_type_name != "Unknown" for server in _known_servers(client)):
                failure = ServiceFailed(
                    f"MongoDB at {self.address} responds, but no server accepts writes: {describe_error(exc)}",
                    hint="wait until the replica set elects a primary; rs.status() in mongosh shows why it has none",
                )
                raise NotResponding("no server accepts writes", failure) from exc
            raise NotResponding(_describe_closed(describe_error(exc) or type(exc).__name__, "tls=true")) from exc
        finally:
            client.close()
        if version < MIN_MONGODB_VERSION:
            raise ServiceFailed(
                f"MongoDB at {self.address} is version {format_version(version)}. EXIFinator needs "
                f"{format_version(MIN_MONGODB_VERSION)} or later."
            )

    def program(self) -> Program:
        self._program = find_mongodb(self._root)
        (self._root / "var" / "mongodb").mkdir(mode=0o700, parents=True, exist_ok=True)
        # mongod takes a list of addresses that commas separate, so a relative path is safer than an absolute one.
        socket = os.path.relpath(prepare_socket(self.key, self._root), self._root.resolve())
        # By default, MongoDB's cache takes half of the memory of the machine. Limit it to a quarter, and to 1 GB. 0.25
        # GB is the minimum that MongoDB accepts.
        cache_gb = max(0.25, min(1.0, psutil.virtual_memory().total / 4 / 2**30))
        # --nounixsocket refers to the socket in /tmp that mongod opens by default.
        command = [self._program.path, "--dbpath", "var/mongodb", "--bind_ip", socket, "--nounixsocket", "--quiet"]
        command += ["--wiredTigerCacheSizeGB", f"{cache_gb:.2f}"]
        # Do not collect diagnostic data, which is meant for MongoDB's own engineers and takes up to 200 MB.
        command += ["--setParameter", "diagnosticDataCollectionEnabled=false"]
        return Program("mongodb", command, stop_wait_seconds=45)

    def note_started(self) -> None:
        mongodb_data(self._root).note_writer(self._program)


def _known_servers(client: MongoClient[Any]) -> list[ServerDescription]:
    return list(client.topology_description.server_descriptions().values())


def _describe_closed(message: str, option: str) -> str:
    """Return the message. If the server has closed the connection, add that it may require TLS."""
    is_closed = re.search(r"(?i)connection (was )?(closed|reset)", message)
    return f"{message}; perhaps it requires TLS: {option}" if is_closed else message


def _mongodb_nodes(uri: str) -> list[tuple[str, int]]:
    """Return the hosts and ports in a MongoDB URI, or [] if they would have to be looked up in DNS (mongodb+srv)."""
    if uri.startswith("mongodb+srv:"):
        return []
    try:
        parsed = pymongo.uri_parser.parse_uri(uri, warn=False)
    except (pymongo.errors.PyMongoError, ValueError, OSError) as exc:
        raise ConfigError(f"MONGODB_URI cannot be parsed: {exc}") from None
    # A Unix socket has no port.
    return [(host, port) for host, port in parsed["nodelist"] if port]
