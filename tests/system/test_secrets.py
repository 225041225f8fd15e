"""No secret is written anywhere. All secrets contain a mark, and everything that batches write is searched for it.

The batches fail in several ways: servers are unavailable, and credentials are wrong.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
import subprocess
import sys
import threading
import urllib.error
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis
from pymongo import MongoClient

from exifinator.config import build_config
from exifinator.queue.image_queue import ImageQueue
from exifinator.queue.redis_client import connect_redis
from exifinator.sources.s3.client import S3Client
from exifinator.storage.mongodb import connect_mongodb
from tests.photos import make_jpeg
from tests.system.checkout import Checkout
from tests.system.tls_servers import TlsServers, make_secret
from tests.waiting import eventually

# One fixture runs twenty commands, one after the other.
pytestmark = pytest.mark.timeout(1800)

TABLES = ("workers", "jobs", "queues", "scheduled_jobs", "agents", "taskexceptions", "status", "taskpaths")
DASHBOARD_PAGES = ("/", "/workers", "/api/workergroups", *(f"/api/datatables/{name}?sEcho=1" for name in TABLES))
# The mark in plain text, percent-encoded for URLs, and in base64 at each of the three offsets.
MARKS = (b"MARKED", b"TUFSS0VE", b"1BUktFR", b"NQVJLRU")


def find_mark(data: bytes) -> bytes | None:
    """Return the bytes around a mark, or None if there is no mark."""
    position = max(data.find(mark) for mark in MARKS)
    return data[max(0, position - 100) : position + 100] if position >= 0 else None


class CommandLines(threading.Thread):
    """Collects, in `seen`, the command lines of all processes whose HOME is `home`, until `ended` is set."""

    def __init__(self, home: str) -> None:
        super().__init__(daemon=True)
        self.seen: set[bytes] = set()
        self.ended = threading.Event()
        self._variable = f"HOME={home}".encode()

    def run(self) -> None:
        while not self.ended.wait(0.2):
            for process in Path("/proc").glob("[0-9]*"):
                with contextlib.suppress(OSError):
                    if self._variable in (process / "environ").read_bytes().split(b"\0"):
                        self.seen.add((process / "cmdline").read_bytes())


@dataclass
class Written:
    """What the batches wrote.

    `places` has, for each place such as "logs", its contents by file, key or page. `failures` are the exception types
    of the failed jobs. `output` is the output of all commands.
    """

    places: dict[str, dict[str, bytes]] = field(default_factory=dict)
    failures: set[str] = field(default_factory=set)
    output: str = ""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Run batches that succeed and batches that fail, on servers of their own. Then collect all that they wrote."""
    tls_servers = TlsServers(tmp_path_factory.mktemp("tls-servers-to-stop"))
    site = Checkout(tmp_path_factory.mktemp("marked") / "checkout", tls_servers.settings)
    auth, token = f"lena:{make_secret('dashboard')}", make_secret("token").translate(str.maketrans("/?#@:", "....-"))
    # The settings file contains secrets by design, so it is outside the checkout.
    file = tmp_path_factory.mktemp("settings") / "settings.py"
    file.write_text(f"LOG_LEVEL = 'DEBUG'\nDASHBOARD_AUTH = {auth!r}\nAPI_TOKEN = {token!r}\n")
    site.environment["EXIFINATOR_SETTINGS"] = str(file)
    site.set(MAX_RETRIES=0, DASHBOARD_AUTH=None, API_TOKEN=None)
    command_lines = CommandLines(site.environment["HOME"])
    command_lines.start()
    result = Written()
    try:
        with (
            tls_servers.run_redis(),
            contextlib.ExitStack() as mongodb,
            contextlib.ExitStack() as s3,
            contextlib.ExitStack() as clients,
        ):
            mongodb.enter_context(tls_servers.run_mongodb())
            s3.enter_context(tls_servers.run_s3())
            run_failing_batches(site, tls_servers, s3, mongodb, clients)
            clients.close()
            collect(result, site, tls_servers, auth, token)
            site.close()
            with connect_mongodb(build_config(tls_servers.settings, {})) as client:
                result.places["MongoDB"] = dump_mongodb(client)
    finally:
        site.close()
        command_lines.ended.set()
        command_lines.join()
    result.places["command lines"] = {str(i): line for i, line in enumerate(command_lines.seen)}
    result.places["terminal"] = {"commands": site.output.encode()}
    for folder in ("logs", "var"):
        result.places[folder] = {str(p): p.read_bytes() for p in (site.path / folder).rglob("*") if p.is_file()}
    result.output = site.output
    return result


def run_failing_batches(
    site: Checkout,
    tls_servers: TlsServers,
    s3: contextlib.ExitStack,
    mongodb: contextlib.ExitStack,
    clients: contextlib.ExitStack,
) -> None:
    """Run a batch that succeeds. Then run batches during which S3 and MongoDB stop, or passwords are wrong."""
    config = build_config(tls_servers.settings, {})
    for name in ("whole", "down", "wrong", "homeless"):
        (tls_servers.buckets / name).mkdir()
        for i in range(3):
            (tls_servers.buckets / name / f"{i}.jpg").write_bytes(make_jpeg(seed=i))
    done = site.command("run", "--json", "whole")
    assert done.returncode == 0, done.stderr + site.logs()
    assert json.loads(done.stdout)["stored"] == 3
    client = clients.enter_context(connect_mongodb(config))
    queue = clients.enter_context(connect_redis(config))
    reader = clients.enter_context(contextlib.closing(S3Client(config)))
    jobs = client[config.mrq_database]["mrq_jobs"]

    suspended: list[psutil.Process] = []

    def suspend_worker() -> bool:
        """Suspend the worker, and return whether there was one: for a moment after a worker exits, there is none."""
        for process in site.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                if "mrq_worker" in " ".join(process.cmdline()):
                    process.suspend()
                    suspended.append(process)
        return bool(suspended)

    def enqueue(bucket: str) -> None:
        """Suspend the worker, and queue the images of a bucket."""
        eventually(suspend_worker, explain=site.logs)
        ImageQueue(queue, config).enqueue(reader.list_page(bucket, "", None).refs)

    def resume() -> None:
        while suspended:
            suspended.pop().resume()

    # S3 becomes unavailable during the batch.
    enqueue("down")
    s3.close()
    resume()
    eventually(lambda: jobs.count_documents({"params.bucket": "down", "status": "failed"}), explain=site.logs)
    assert "Could not connect to the endpoint URL" in site.command("run", "whole").stderr

    # S3 is available again, with another secret.
    with tls_servers.run_s3():
        enqueue("wrong")
    s3.enter_context(tls_servers.run_s3(password=make_secret("other")))
    resume()
    log = site.path / "logs" / "download-write-00.log"
    eventually(
        lambda: (
            jobs.count_documents({"params.bucket": "wrong", "status": "failed"})
            or b"SignatureDoesNotMatch" in b"".join([log.read_bytes(), *dump_redis(queue).values()])
        ),
        explain=site.logs,
    )
    assert site.command("run", "whole").returncode == 2
    # Session tokens come with an access key of their own.
    site.set(AWS_ACCESS_KEY="", AWS_SECRET_KEY="")
    session = {"AWS_ACCESS_KEY_ID": "MARKED-id", "AWS_SECRET_ACCESS_KEY": make_secret("env")}
    assert site.command("run", "whole", **session, AWS_SESSION_TOKEN=make_secret("session")).returncode == 2
    site.set(**{name: tls_servers.settings[name] for name in ("AWS_ACCESS_KEY", "AWS_SECRET_KEY")})
    s3.close()
    s3.enter_context(tls_servers.run_s3())

    # MongoDB becomes unavailable.
    enqueue("homeless")
    mongodb.close()
    resume()
    eventually(lambda: re.search(r"(MongoDB|this worker ends).*127.0.0.1", log.read_text()), explain=site.logs)
    mongodb.enter_context(tls_servers.run_mongodb())

    # The passwords are wrong. test_config.py covers mistakes in settings.
    wrong = {
        "REDIS_URL": tls_servers.redis_url.replace("MARKED", "MARKED-wrong"),
        "MONGODB_URI": tls_servers.mongodb_uri.replace("MARKED", "MARKED-wrong"),
    }
    for name, address in wrong.items():
        site.command("services", **{f"EXIFINATOR_{name}": address})
        with (site.path / "logs" / f"worker-by-hand-{name}.log").open("wb") as out:
            subprocess.run(
                [str(Path(sys.prefix) / "bin" / "mrq-worker"), "download", "write", "--dequeue_strategy", "burst"],
                cwd=site.path,
                env={**site.environment, f"EXIFINATOR_{name}": address},
                stdout=out,
                stderr=out,
                check=False,
            )
    for command in (["settings"], ["status", "--json"]):
        assert site.command(*command).returncode == 0, site.output


def collect(result: Written, site: Checkout, tls_servers: TlsServers, auth: str, token: str) -> None:
    """Collect the responses of the dashboard, the API and Redis while everything is running."""
    for wrong in (b"lena:MARKED-wrong", b"\xff"):
        with pytest.raises(urllib.error.HTTPError):
            site.ask("DASHBOARD", "/", Authorization=f"Basic {base64.b64encode(wrong).decode()}")
    with pytest.raises(urllib.error.HTTPError):
        site.ask("API", "/failures", Authorization="Bearer MARKED-wrong")
    basic = {"Authorization": f"Basic {base64.b64encode(auth.encode()).decode()}"}
    result.places["dashboard"] = {page: site.ask("DASHBOARD", page, **basic) for page in DASHBOARD_PAGES}
    config = build_config(tls_servers.settings, {})
    with connect_mongodb(config) as client:
        for job in client[config.mrq_database]["mrq_jobs"].find({"status": "failed"}):
            result.failures.add(job["exceptiontype"])
            for page in (
                f"/api/job/{job['_id']}/traceback",
                f"/api/job/{job['_id']}/result",
                f"/api/logs?job={job['_id']}",
            ):
                result.places["dashboard"][page] = site.ask("DASHBOARD", page, **basic)
    bearer = {"Authorization": f"Bearer {token}"}
    description = json.loads(site.ask("API", "/openapi.json", **bearer))
    pages = [path for path, methods in description["paths"].items() if "get" in methods and "{" not in path]
    assert "/failures" in pages
    result.places["api"] = {page: site.ask("API", page, **bearer) for page in (*pages, "/openapi.json", "/metrics")}
    with connect_redis(config) as queue:
        result.places["Redis"] = dump_redis(queue)


def dump_mongodb(client: MongoClient[dict[str, Any]]) -> dict[str, bytes]:
    """Return every document of every database except the server's own, as BSON."""
    result = {}
    for database in set(client.list_database_names()) - {"admin", "config", "local"}:
        for name in client[database].list_collection_names():
            result[f"{database}.{name}"] = b"".join(client[database][name].find_raw_batches())
    return result


def dump_redis(client: redis.Redis) -> dict[str, bytes]:
    """Return every key with its value, and what the server reports about its clients."""
    result = {"clients": repr(client.client_list()).encode(), "slow": repr(client.slowlog_get(1000)).encode()}
    readers: dict[bytes, Callable[[bytes], Any]] = {
        b"string": client.get,
        b"hash": client.hgetall,
        b"list": lambda key: client.lrange(key, 0, -1),
        b"set": client.smembers,
        b"zset": lambda key: client.zrange(key, 0, -1),
        # Workers are running, so a key may have been deleted since it was listed.
        b"none": lambda key: None,
    }
    for key in client.scan_iter():
        result[repr(key)] = key + repr(readers[client.type(key)](key)).encode()
    return result


PLACES = ("terminal", "logs", "var", "MongoDB", "Redis", "dashboard", "api", "command lines")


@pytest.mark.parametrize("place", PLACES)
def test_secrets__in_failing_batches__are_written_nowhere(written: Written, place: str) -> None:
    result = written.places[place]
    assert sum(map(len, result.values())) > 100
    leaks = {where: around for where, data in result.items() if (around := find_mark(data))}
    assert not leaks


def test_failing_batches__of_the_fixture__failed_in_every_intended_way(written: Written) -> None:
    """Check that secrets were used and that batches failed. Otherwise, the test above would prove nothing."""
    command_lines = b" ".join(written.places["command lines"].values())
    assert all(
        program in command_lines
        for program in (b"mrq_worker", b"exifinator.dashboard.server", b"supervisor.supervisord")
    )
    assert "SourceUnavailable" in written.failures
    assert "SignatureDoesNotMatch" in written.output
    assert "requires a password" in written.output
    assert "denies access" in written.output
    assert b"invalid username-password pair" in b"".join(written.places["logs"].values())
    assert {"waldo.exif_data", "mrq.mrq_jobs", "mrq.mrq_workers"} <= set(written.places["MongoDB"])


@pytest.mark.parametrize(
    "text", ["x MARKED-1", "%3AMARKED%2F", *(base64.b64encode(b"a" * n + b":MARKED-1").decode() for n in range(3))]
)
def test_find_mark__plain_or_encoded_mark__is_found(text: str) -> None:
    assert find_mark(text.encode())
