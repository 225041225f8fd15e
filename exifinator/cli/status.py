"""`status`: show what is running, queued and failed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime

import click

from exifinator.config import load_config
from exifinator.errors import ServiceFailed
from exifinator.monitoring.status import Status, StatusReader
from exifinator.paths import START

REFRESH_SECONDS = 2.0


@click.command("status")
@click.option("--watch", is_flag=True, help="Update every two seconds, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object; with --watch, one per line.")
def status_command(watch: bool, as_json: bool) -> None:
    """Show what is running, queued and failed."""
    from exifinator.cli.status_view import show, show_live

    reader = StatusReader(load_config())

    def print_json(status: Status) -> None:
        click.echo(json.dumps(asdict(status), default=_to_json))

    try:
        if watch and not as_json:
            show_live(reader.read, REFRESH_SECONDS)
            return
        _repeat(reader.read, print_json if as_json else show, watch)
    finally:
        reader.close()


def _repeat(read: Callable[[], Status], print_status: Callable[[Status], None], watch: bool) -> None:
    status = read()
    print_status(status)
    while watch:
        try:
            time.sleep(REFRESH_SECONDS)
        except KeyboardInterrupt:
            return
        print_status(read())
    if status.redis is None and status.mongodb is None:
        raise ServiceFailed(
            "Redis and MongoDB do not respond", hint=f"{START} starts them if the settings point to this machine"
        )


def _to_json(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
