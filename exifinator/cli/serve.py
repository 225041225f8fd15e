"""`worker`, `dashboard` and `api`: run one process in the foreground, as systemd and containers need it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING

import click

from exifinator.extras import require
from exifinator.paths import API, find_root

if TYPE_CHECKING:
    from exifinator.config import Config

# The commands import the settings and all other modules themselves: `api` needs none of them, and starts in a third of
# the time without them.


def _become(command: Sequence[str]) -> None:
    """Replace this process with another program, which runs in the folder that contains settings.py."""
    os.chdir(find_root())
    sys.stdout.flush()
    os.execv(command[0], [*command])  # noqa: S606 -- no shell


@click.command("worker")
@click.argument("queues", nargs=-1, metavar="[QUEUE]...")
def worker_command(queues: tuple[str, ...]) -> None:
    """Run one worker process in the foreground. SIGINT stops it after its current images.

    QUEUE is the name of a queue to serve: download or write, unless DOWNLOAD_QUEUE or WRITE_QUEUE set another name.
    Without QUEUE, the worker serves both queues. Redis and MongoDB must be running.
    """
    from exifinator.cli.queue_names import check_queues
    from exifinator.config import load_config
    from exifinator.processes.workers import mrq_worker

    config = load_config()
    known = check_queues(config, queues)
    _check_servers(config)
    # Pass the queues on in the order of the arguments.
    _become([*mrq_worker(), *(queues or known)])


def _check_servers(config: Config) -> None:
    """Check that Redis and MongoDB are up.

    MRQ connects to both before it runs our code. If one were down, MRQ would exit with a traceback.

    Raises:
        QueueUnavailable, StoreUnavailable, RecordRefused: A server does not respond, or rejects the request.
        ConfigError: The records have a different schema.
    """
    from exifinator.monitoring.connections import Connections
    from exifinator.queue.redis_client import redis_errors
    from exifinator.storage.migrations import check_schema

    with closing(Connections(config)) as connections:
        with redis_errors("be reached"):
            connections.redis.ping()
        check_schema(connections.store, writes=True)


@click.command("dashboard")
def dashboard_command() -> None:
    """Run MRQ's dashboard in the foreground."""
    from exifinator.config import load_config

    load_config()
    _become([sys.executable, "-m", "exifinator.dashboard.server"])


@click.command("api")
def api_command() -> None:
    """Run the API server and the explorer in the foreground."""
    require("api", "fastapi", "The API")
    # An installed EXIFinator does not have the package `api` at the top level of site-packages, so add its folder to
    # PYTHONPATH. -P keeps Python from importing a package named `api` from the current folder instead.
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(API.parent), os.environ.get("PYTHONPATH")]))
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-P", "-m", "api"])  # noqa: S606 -- no shell
