"""MRQ works with current versions of pymongo, urllib3 and boto3, through mrq_compat.

Each test runs MRQ in a subprocess, because mrq_compat patches the classes of the drivers for the whole process.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.integration.conftest import Bucket, Installation
from tests.photos import make_jpeg
from tests.servers import ROOT


def run_code(code: str, *arguments: str) -> str:
    """Run Python code in a subprocess, which must succeed and write nothing to stderr. Return its output."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


TWO_STARTS = """
import gevent.monkey
gevent.monkey.patch_all()
import sys
from exifinator.worker import mrq_compat
mrq_compat.install()
from mrq import config, context
from mrq.logger import MongoHandler
extra = {"mongodb_jobs": sys.argv[1] + "/two_starts"}
context.set_current_config(config.get_config(sources=(), config_type="worker", extra=extra))
logs = context.connections.mongodb_logs
# As if the other worker had not made the collection yet.
type(logs).collection_names = lambda self: []
for _ in range(2):
    assert MongoHandler().collection == logs.mrq_logs
"""


def test_mrq__two_workers_create_the_log_collection__both_start(mongodb_uri: str) -> None:
    run_code(TWO_STARTS, mongodb_uri)


REPORT_AND_HOOKS = """
import gevent.monkey
gevent.monkey.patch_all()
import datetime, sys
from bson import ObjectId
from exifinator.worker import mrq_compat
mrq_compat.install()
from mrq import context, monkey, scheduler, worker
calls = []
settings = {
    "print_mongodb": False,
    "trace_io": True,
    "mongodb_pre_hook": calls.append,
}
monkey.patch_pymongo(settings)
monkey.patch_io_pymongo_cursor(settings)
from pymongo import MongoClient
jobs = MongoClient(sys.argv[1])["compat_hooks"]["jobs"]
for operation in (
    lambda: jobs.insert({"_id": 1}),
    lambda: jobs.insert([{"_id": 2}, {"_id": 3}]),
    lambda: jobs.update({"_id": 1}, {"a": 1}),
    lambda: jobs.update({"_id": 1}, {"$set": {"a": 2}}),
    lambda: jobs.update({}, {"$set": {"a": 3}}, multi=True),
    lambda: jobs.find_and_modify({"_id": 1}, {"$set": {"a": 4}}),
    lambda: jobs.find_and_modify({"_id": 3}, remove=True),
    lambda: jobs.ensure_index([("a", 1)]),
    lambda: jobs.count({"a": 3}),
    lambda: jobs.remove({"_id": 2}),
    lambda: jobs.remove(),
):
    before = len(calls)
    operation()
    assert len(calls) == before + 1, [call["method"] for call in calls[before:]]
del calls[:]
jobs.insert([{"_id": at} for at in range(5)])
assert [job["_id"] for job in jobs.find({}, batch_size=2).sort("_id", 1)] == list(range(5))
jobs.find_one({"_id": 3})
# A find calls the hook once as "find", and once as "cursor" for each batch of documents that is fetched.
one_find = ["find", "cursor"]
assert [call["method"] for call in calls] == ["insert", *one_find, "cursor", "cursor", *one_find], calls
assert {call["collection"] for call in calls} == {"compat_hooks.jobs"}
jobs.drop()
report = {"_id": ObjectId(), "at": datetime.datetime(2026, 5, 17), "name": "é", "n": [1, None, {"b": 2.5}]}
for module in (worker, scheduler):
    parsed = module.json.loads(module.json.dumps(report, ensure_ascii=False))
    assert parsed["n"] == report["n"] and parsed["name"] == "é" and "2026" in str(parsed["at"]), parsed
"""


def test_mrq__reports_and_database_hooks__serializes_reports_and_calls_hooks_once(mongodb_uri: str) -> None:
    run_code(REPORT_AND_HOOKS, mongodb_uri)


HTTP_TRACE = """
import gevent.monkey
gevent.monkey.patch_all()
import threading, types
from http.server import BaseHTTPRequestHandler, HTTPServer
from exifinator.worker import mrq_compat
mrq_compat.install()
from mrq import context, monkey
traced = []
job = types.SimpleNamespace(set_current_io=traced.append)
context.get_current_job = lambda: job
mrq_compat._patch_mrq_http_tracing()
monkey.patch_io_httplib({})
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(204)
        self.end_headers()
    def log_message(self, *_):
        pass
server = HTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.server_port}"
import boto3, urllib3
urllib3.PoolManager().request("GET", f"{address}/a?b=c", retries=False)
assert traced == [{"type": "http.get", "data": {"url": f"{address}/a?b=c"}}, None], traced
del traced[:]
options = {"endpoint_url": address, "region_name": "us-east-1"}
boto3.client("s3", aws_access_key_id="k", aws_secret_access_key="s", **options).get_object(Bucket="b", Key="k")
assert traced == [{"type": "http.get", "data": {"url": f"{address}/b/k"}}, None], traced
"""


def test_mrq__requests_of_urllib3_and_boto3__are_traced() -> None:
    run_code(HTTP_TRACE)


DENIED_INDEXES = """
import gevent.monkey
gevent.monkey.patch_all()
import logging, sys, types
from exifinator.worker import mrq_compat
mrq_compat.install()
from mrq import config, context
context.set_current_config(config.get_config(sources=(), config_type="worker"))
from pymongo.errors import OperationFailure, ServerSelectionTimeoutError
from exifinator.worker import worker
logging.basicConfig(stream=sys.stdout, format="%(levelname)s %(message)s")
for error in (OperationFailure("not authorized on mrq", 13), ServerSelectionTimeoutError("no server")):
    def refuse(path, params):
        raise error
    worker.run_task = refuse
    worker.ImageWorker._ensure_job_indexes(types.SimpleNamespace(log=logging.getLogger()))
"""


def test_worker__job_index_cannot_be_created__is_logged_on_one_line() -> None:
    assert run_code(DENIED_INDEXES).splitlines() == [
        "WARNING start: MongoDB cannot create the job indexes now: not authorized on mrq",
        "WARNING start: MongoDB cannot create the job indexes: no server",
    ]


@pytest.mark.parametrize("options", [["--trace_io"], ["--print_mongodb", "--trace_greenlets"]], ids=" ".join)
def test_worker__mrq_tracing_options__do_not_change_indexing(
    installation: Installation, bucket: Bucket, options: list[str]
) -> None:
    for i in range(3):
        bucket.put(f"{i}.jpg", make_jpeg(seed=i))
    batch = installation.queue_batch(bucket.name)
    installation.start_worker("download", "write", *options)

    counts = installation.finish(batch)

    assert (counts.stored, counts.failed) == (3, 0)
    assert "Traceback" not in installation.worker_logs()
