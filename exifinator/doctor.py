"""`doctor`: looks for what goes wrong in practice, and says for each finding what to type."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from exifinator.checks import Finding, contradictions, database, machine, ok, queue_server, source, wrong
from exifinator.checks.clocks import check_clock
from exifinator.config import Config, load_config
from exifinator.errors import ConfigError, EXIFinatorError
from exifinator.home import COMMAND, START
from exifinator.logs import escape_control
from exifinator.probes import Probe
from exifinator.run import find_sources

SILENT_AFTER = timedelta(seconds=30)
_MARKS = {"ok": ("ok     ", "green"), "warning": ("warning", "yellow"), "wrong": ("WRONG  ", "bold red")}


def examine(config: Config, arguments: Iterable[str] = (), *, cwd: Path | None = None) -> Iterator[Finding]:
    """Everything that is found, as it is found. arguments: sources, as `run` takes them; none: S3_BUCKETS."""
    yield machine.check_python()
    yield machine.check_packages()
    yield from contradictions.check_settings(config)
    yield machine.check_open_files(config)
    yield machine.check_process_limit(config)
    yield machine.check_own_disk()
    yield from machine.check_ports(config)
    probe = Probe(config)
    try:
        yield from _examine_redis(config, probe)
        yield from _examine_mongodb(config, probe)
    finally:
        probe.close()
    yield from _examine_sources(config, arguments, cwd or Path(os.environ.get("EXIFINATOR_CWD") or Path.cwd()))


def _examine_redis(config: Config, probe: Probe) -> Iterator[Finding]:
    try:
        found = probe.read_redis()
        paused, refused = probe.control.paused(), probe.control.refused()
    except EXIFinatorError as exc:
        yield wrong("redis", str(exc), _how_to_reach("REDIS_URL", str(exc)))
        return
    yield queue_server.check_version(found)
    yield queue_server.check_role(found)
    yield queue_server.check_eviction(found)
    yield queue_server.check_memory(found, config)
    yield queue_server.check_persistence(found)
    yield check_clock(found.product, found.offset_seconds)
    yield queue_server.check_paused(paused)
    yield queue_server.check_refused(refused)


def _examine_mongodb(config: Config, probe: Probe) -> Iterator[Finding]:
    try:
        found = probe.read_mongodb()
        findings = database.check_all(probe)
        reported = len(probe.store.find_workers(datetime.now(UTC) - SILENT_AFTER))
    except EXIFinatorError as exc:
        yield wrong("mongodb", str(exc), _how_to_reach("MONGODB_URI", str(exc)))
        yield machine.check_workers(config, None)
        return
    yield from findings
    yield check_clock("MongoDB", found.offset_seconds)
    if found.disk_free_bytes is not None and found.disk_total_bytes is not None:
        fix = f"give its volume more space   ({COMMAND} status shows what the records take)"
        yield machine.check_disk("MongoDB's disk", found.disk_free_bytes, found.disk_total_bytes, fix)
    yield machine.check_workers(config, reported)


def _how_to_reach(setting: str, said: str) -> str:
    words = said.lower()
    if any(word in words for word in ("auth", "password", "wrongpass", "not authorized", "noauth")):
        return f"put user and password into {setting}, as in SCHEME://USER:PASSWORD@HOST:PORT"
    return f"{START}   (starts it, where {setting} points at this machine), or set {setting} to where it is"


def _examine_sources(config: Config, arguments: Iterable[str], cwd: Path) -> Iterator[Finding]:
    try:
        found = find_sources(tuple(arguments), config, cwd=cwd)
    except ConfigError as exc:
        yield wrong("source", str(exc), f"{COMMAND} doctor my-bucket/2024/")
        return
    if not found:
        yield ok("source", "none is named, in S3_BUCKETS or here: `doctor BUCKET` tries one")
    for item in found:
        if isinstance(item, Path):
            yield source.check_folder(item)
        else:
            yield from source.check_source(config, item)


@click.command("doctor")
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
@click.option("--all", "everything", is_flag=True, help="Show what is right too.")
def doctor_command(sources: tuple[str, ...], as_json: bool, everything: bool) -> None:
    """Look for what goes wrong in practice, and say for each finding what to type.

    SOURCE is a bucket, bucket/prefix or folder to try, as `run` takes it; none: S3_BUCKETS of settings.py.

    Exit code: 0 nothing is wrong, 1 something is. A warning is not wrong.
    """
    show: Callable[[Finding], None] = (lambda _: None) if as_json else (lambda finding: _print(finding, everything))
    findings = []
    try:
        for finding in examine(load_config(), sources):
            show(finding)
            findings.append(finding)
    except ConfigError as exc:
        for line in str(exc).splitlines():
            findings.append(wrong("settings", line, "mend it in settings.py, or unset the variable"))
            show(findings[-1])
    counts = {level: sum(finding.level == level for finding in findings) for level in _MARKS}
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings]))
    else:
        click.echo(
            f"{len(findings)} checks: {counts['ok']} right, {counts['warning']} warnings, {counts['wrong']} wrong."
        )
    if counts["wrong"]:
        sys.exit(1)


def _print(finding: Finding, everything: bool) -> None:
    if finding.level == "ok" and not everything:
        return
    mark, style = _MARKS[finding.level]
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text.assemble((mark, style), f"  {finding.area}: {escape_control(finding.says)}"))
    if finding.fix:
        console.print(Text.assemble(("         type: ", "dim"), escape_control(finding.fix)))
