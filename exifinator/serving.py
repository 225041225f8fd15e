"""`worker`, `dashboard` and `api`: one process in the foreground, for systemd, containers and other supervisors."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import click

from exifinator.config import ROOT, Config, load_config
from exifinator.home import API


def mrq_worker() -> list[str]:
    """The beginning of a command that starts MRQ's worker in this environment."""
    script = Path(sys.prefix) / "bin" / "mrq-worker"
    # An environment that sees the packages of another one has no scripts of them.
    return [str(script)] if script.exists() else [sys.executable, "-m", "mrq.bin.mrq_worker"]


def _become(command: Sequence[str]) -> None:
    """Go on as another program, in the folder of the settings: signals and the exit code are its own."""
    os.chdir(ROOT)
    sys.stdout.flush()
    os.execv(command[0], [*command])  # noqa: S606 -- no shell


@click.command("worker")
@click.argument("queues", nargs=-1, metavar="[QUEUE]...")
def worker_command(queues: tuple[str, ...]) -> None:
    """Be one worker process, in the foreground. SIGINT lets it end what it has begun.

    QUEUE is DOWNLOAD_QUEUE or WRITE_QUEUE of the settings; without any, both. Redis and MongoDB must be there.
    """
    config = load_config()
    ours = (config.download_queue, config.write_queue)
    unknown = [name for name in queues if name not in ours]
    if unknown:
        raise click.UsageError(f"There is no queue {unknown[0]!r}: it is {' or '.join(ours)}.")
    _refuse_without_servers(config)
    _become([*mrq_worker(), *(queues or ours)])


def _refuse_without_servers(config: Config) -> None:
    """MRQ connects before it runs anything of ours, and ends with a traceback where it cannot.

    Raises: QueueUnavailable, StoreUnavailable, RecordRefused; ConfigError where the records are of another schema.
    """
    from exifinator.migrations import check_schema
    from exifinator.probes import Probe
    from exifinator.queues import translated

    with closing(Probe(config)) as probe:
        with translated("be reached"):
            probe.redis.ping()
        check_schema(probe.store, writes=True)


@click.command("dashboard")
def dashboard_command() -> None:
    """Be MRQ's dashboard, in the foreground."""
    load_config()
    _become([sys.executable, "-m", "exifinator.dashboard"])


@click.command("api")
def api_command() -> None:
    """Be the REST API and the explorer, in the foreground."""
    config = load_config()
    sys.path.insert(0, str(API.parent))
    from api.server import main

    main(config)
