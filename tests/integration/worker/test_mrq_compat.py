"""MRQ on current drivers, in a subprocess: it patches the classes of gevent, Redis and MongoDB."""

from __future__ import annotations

import subprocess
import sys

from tests.servers import ROOT

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


def test_mrq__two_workers_start_on_a_new_database__both_go_on(mongodb_uri: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", TWO_STARTS, mongodb_uri], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
