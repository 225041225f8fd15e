"""No credential is written anywhere: batches fail in every way with marked secrets, and what they left is searched."""

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

import pytest
import redis
from pymongo import MongoClient

from exifinator.config import build_config
from exifinator.mongodb import connect_mongodb
from exifinator.queues import ImageQueue, connect_redis
from exifinator.s3 import S3
from tests.integration.doors import Checkout, wait_until
from tests.integration.tls import Fortress, make_secret
from tests.photos import make_jpeg

TABLES = ("workers", "jobs", "queues", "scheduled_jobs", "agents", "taskexceptions", "status", "taskpaths")
DASHBOARD_PAGES = ("/", "/workers", "/api/workergroups", *(f"/api/datatables/{name}?sEcho=1" for name in TABLES))
# As it is, in an address, and at any place of a text in base64.
MARKS = (b"MARKED", b"TUFSS0VE", b"1BUktFR", b"NQVJLRU")


def find_mark(data: bytes) -> bytes | None:
    """What stands around a secret; None where there is none."""
    at = max(data.find(mark) for mark in MARKS)
    return data[max(0, at - 100) : at + 100] if at >= 0 else None


class CommandLines(threading.Thread):
    """Every command line that was there at any moment, of all processes of the machine."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seen: set[bytes] = set()
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.2):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):
                    self.seen.add(path.read_bytes())


@dataclass
class Written:
    """What was written, by the kind of place, with where; and the exceptions of the failed jobs."""

    places: dict[str, dict[str, bytes]] = field(default_factory=dict)
    failures: set[str] = field(default_factory=set)
    said: str = ""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Batches that succeed and that fail, on servers of their own; then everything that they left."""
    fortress = Fortress(tmp_path_factory.mktemp("besieged"))
    site = Checkout(tmp_path_factory.mktemp("marked") / "checkout", fortress.settings)
    auth, token = f"lena:{make_secret('dashboard')}", make_secret("token").translate(str.maketrans("/?#@:", "....-"))
    # The file of settings is one of the places of a secret too; it lies outside of the checkout.
    file = tmp_path_factory.mktemp("settings") / "settings.py"
    file.write_text(f"LOG_LEVEL = 'DEBUG'\nDASHBOARD_AUTH = {auth!r}\nAPI_TOKEN = {token!r}\n")
    site.environment["EXIFINATOR_SETTINGS"] = str(file)
    site.set(MAX_RETRIES=0, S3_TIMEOUT_SECONDS=2, DASHBOARD_AUTH=None, API_TOKEN=None)
    lines = CommandLines()
    lines.start()
    found = Written()
    try:
        with (
            fortress.run_redis(),
            contextlib.ExitStack() as mongodb,
            contextlib.ExitStack() as s3,
            contextlib.ExitStack() as clients,
        ):
            mongodb.enter_context(fortress.run_mongodb())
            s3.enter_context(fortress.run_s3())
            besiege(site, fortress, s3, mongodb, clients)
            clients.close()
            collect(found, site, fortress, auth, token)
            site.close()
            with connect_mongodb(build_config(fortress.settings, {})) as client:
                found.places["MongoDB"] = dump_mongodb(client)
    finally:
        site.close()
        lines.ended.set()
        lines.join()
    found.places["command lines"] = {str(i): line for i, line in enumerate(lines.seen)}
    found.places["terminal"] = {"commands": site.said.encode()}
    for folder in ("logs", "var"):
        found.places[folder] = {str(p): p.read_bytes() for p in (site.path / folder).rglob("*") if p.is_file()}
    found.said = site.said
    return found


def besiege(
    site: Checkout,
    fortress: Fortress,
    s3: contextlib.ExitStack,
    mongodb: contextlib.ExitStack,
    clients: contextlib.ExitStack,
) -> None:
    """Run batches, and take away one server after the other."""
    config = build_config(fortress.settings, {})
    for name in ("whole", "down", "wrong", "homeless"):
        (fortress.buckets / name).mkdir()
        for i in range(3):
            (fortress.buckets / name / f"{i}.jpg").write_bytes(make_jpeg(seed=i))
    done = site.command("run", "--json", "whole")
    assert done.returncode == 0, done.stderr + site.logs()
    assert json.loads(done.stdout)["stored"] == 3
    workers = [process for process in site.processes() if "mrq-worker" in " ".join(process.cmdline())]
    client = clients.enter_context(connect_mongodb(config))
    queue = clients.enter_context(connect_redis(config))
    reader = clients.enter_context(contextlib.closing(S3(config)))
    jobs = client[config.mrq_database]["mrq_jobs"]

    def enqueue(bucket: str) -> None:
        """Queue a bucket, which no worker reads yet."""
        for worker in workers:
            worker.suspend()
        ImageQueue(queue, config).enqueue(reader.list_page(bucket, "", None).refs)

    def resume() -> None:
        for worker in workers:
            worker.resume()

    # S3 goes away in the middle.
    enqueue("down")
    s3.close()
    resume()
    wait_until(lambda: jobs.count_documents({"params.bucket": "down", "status": "failed"}), site.logs)
    assert "does not answer" in site.command("run", "whole").stderr

    # It comes back, and thinks of another secret.
    with fortress.run_s3():
        enqueue("wrong")
    s3.enter_context(fortress.run_s3(password=make_secret("other")))
    resume()
    log = site.path / "logs" / "download-write-00.log"
    wait_until(
        lambda: (
            jobs.count_documents({"params.bucket": "wrong", "status": "failed"})
            or b"SignatureDoesNotMatch" in b"".join([log.read_bytes(), *dump_redis(queue).values()])
        ),
        site.logs,
    )
    assert site.command("run", "whole").returncode == 2
    # A session's token travels with a key of its own.
    site.set(AWS_ACCESS_KEY="", AWS_SECRET_KEY="")
    session = {"AWS_ACCESS_KEY_ID": "MARKED-id", "AWS_SECRET_ACCESS_KEY": make_secret("env")}
    assert site.command("run", "whole", **session, AWS_SESSION_TOKEN=make_secret("session")).returncode == 2
    site.set(**{name: fortress.settings[name] for name in ("AWS_ACCESS_KEY", "AWS_SECRET_KEY")})
    s3.close()
    s3.enter_context(fortress.run_s3())

    # MongoDB goes away.
    enqueue("homeless")
    mongodb.close()
    resume()
    wait_until(lambda: re.search(r"(MongoDB|this worker ends).*127.0.0.1", log.read_text()), site.logs)
    mongodb.enter_context(fortress.run_mongodb())

    # Wrong passwords; test_config.py has the mistakes in settings.
    wrong = {
        "REDIS_URL": fortress.redis_url.replace("MARKED", "MARKED-wrong"),
        "MONGODB_URI": fortress.mongodb_uri.replace("MARKED", "MARKED-wrong"),
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
                timeout=120,
                check=False,
            )
    for command in (["settings"], ["status", "--json"]):
        assert site.command(*command).returncode == 0, site.said


def collect(found: Written, site: Checkout, fortress: Fortress, auth: str, token: str) -> None:
    """What the pages and Redis say, while all runs."""
    for wrong in (b"lena:MARKED-wrong", b"\xff"):
        with pytest.raises(urllib.error.HTTPError):
            site.ask("DASHBOARD", "/", Authorization=f"Basic {base64.b64encode(wrong).decode()}")
    with pytest.raises(urllib.error.HTTPError):
        site.ask("API", "/failures", Authorization="Bearer MARKED-wrong")
    basic = {"Authorization": f"Basic {base64.b64encode(auth.encode()).decode()}"}
    found.places["dashboard"] = {page: site.ask("DASHBOARD", page, **basic) for page in DASHBOARD_PAGES}
    config = build_config(fortress.settings, {})
    with connect_mongodb(config) as client:
        for job in client[config.mrq_database]["mrq_jobs"].find({"status": "failed"}):
            found.failures.add(job["exceptiontype"])
            for page in (
                f"/api/job/{job['_id']}/traceback",
                f"/api/job/{job['_id']}/result",
                f"/api/logs?job={job['_id']}",
            ):
                found.places["dashboard"][page] = site.ask("DASHBOARD", page, **basic)
    bearer = {"Authorization": f"Bearer {token}"}
    description = json.loads(site.ask("API", "/openapi.json"))
    pages = [path for path, methods in description["paths"].items() if "get" in methods and "{" not in path]
    assert "/failures" in pages
    found.places["api"] = {page: site.ask("API", page, **bearer) for page in (*pages, "/openapi.json", "/metrics")}
    with connect_redis(config) as queue:
        found.places["Redis"] = dump_redis(queue)


def dump_mongodb(client: MongoClient[dict[str, Any]]) -> dict[str, bytes]:
    """Every document of every database but the server's own, as BSON."""
    found = {}
    for database in set(client.list_database_names()) - {"admin", "config", "local"}:
        for name in client[database].list_collection_names():
            found[f"{database}.{name}"] = b"".join(client[database][name].find_raw_batches())
    return found


def dump_redis(client: redis.Redis) -> dict[str, bytes]:
    """Every key with its value, and what the server tells of its clients."""
    found = {"clients": repr(client.client_list()).encode(), "slow": repr(client.slowlog_get(1000)).encode()}
    readers: dict[bytes, Callable[[bytes], Any]] = {
        b"string": client.get,
        b"hash": client.hgetall,
        b"list": lambda key: client.lrange(key, 0, -1),
        b"set": client.smembers,
        b"zset": lambda key: client.zrange(key, 0, -1),
        # Workers go on: a key may be gone since it was listed.
        b"none": lambda key: None,
    }
    for key in client.scan_iter():
        found[repr(key)] = key + repr(readers[client.type(key)](key)).encode()
    return found


PLACES = ("terminal", "logs", "var", "MongoDB", "Redis", "dashboard", "api", "command lines")


@pytest.mark.parametrize("place", PLACES)
def test_secrets__in_failing_batches__are_written_nowhere(written: Written, place: str) -> None:
    found = written.places[place]
    assert sum(map(len, found.values())) > 100
    leaks = {where: around for where, data in found.items() if (around := find_mark(data))}
    assert not leaks


def test_batches__went_wrong_in_every_way(written: Written) -> None:
    """Else the test above proves nothing."""
    assert "SourceUnavailable" in written.failures
    assert "SignatureDoesNotMatch" in written.said
    assert "demands a password" in written.said
    assert "refuses to be read" in written.said
    assert b"invalid username-password pair" in b"".join(written.places["logs"].values())
    assert {"waldo.exif_data", "mrq.mrq_jobs", "mrq.mrq_workers"} <= set(written.places["MongoDB"])


@pytest.mark.parametrize(
    "text", ["x MARKED-1", "%3AMARKED%2F", *(base64.b64encode(b"a" * n + b":MARKED-1").decode() for n in range(3))]
)
def test_find_mark__any_form__is_found(text: str) -> None:
    assert find_mark(text.encode())
