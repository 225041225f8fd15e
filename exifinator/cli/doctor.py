"""`doctor`: check for common problems."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict

import click
from rich.console import Console
from rich.text import Text

from exifinator.cli.formatting import format_count
from exifinator.config import load_config
from exifinator.errors import ConfigError
from exifinator.logging_setup import escape_control
from exifinator.monitoring.checks import Finding, error
from exifinator.monitoring.doctor import run_checks

_MARKS = {"ok": ("ok     ", "green"), "warning": ("warning", "yellow"), "error": ("ERROR  ", "bold red")}


@click.command("doctor")
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
@click.option("--all", "show_all", is_flag=True, help="Also show the checks that passed.")
def doctor_command(sources: tuple[str, ...], as_json: bool, show_all: bool) -> None:
    """Check for common problems and suggest fixes.

    SOURCE is a bucket, bucket/prefix or folder to check, as for `run`. Default: S3_BUCKETS in settings.py.

    Exit code: 0 if there are no errors, else 1. Warnings are not errors.
    """
    show: Callable[[Finding], None] = (lambda _: None) if as_json else (lambda finding: _print(finding, show_all))
    findings = []
    try:
        for finding in run_checks(load_config(), sources):
            show(finding)
            findings.append(finding)
    except ConfigError as exc:
        for line in str(exc).splitlines():
            findings.append(error("settings", line, "correct it in settings.py, or unset the variable"))
            show(findings[-1])
    counts = {level: sum(finding.level == level for finding in findings) for level in _MARKS}
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings]))
    else:
        click.echo(summarize_checks(counts["ok"], counts["warning"], counts["error"]))
    if counts["error"]:
        sys.exit(1)


def summarize_checks(passed: int, warnings: int, errors: int) -> str:
    """Return a summary such as `23 checks passed, 1 warning, 1 error.`."""
    parts = [f"{format_count(passed, 'check')} passed"]
    if warnings:
        parts.append(format_count(warnings, "warning"))
    if errors:
        parts.append(format_count(errors, "error"))
    return ", ".join(parts) + "."


def _print(finding: Finding, show_all: bool) -> None:
    if finding.level == "ok" and not show_all:
        return
    mark, style = _MARKS[finding.level]
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text.assemble((mark, style), f"  {finding.area}: {escape_control(finding.message)}"))
    if finding.fix:
        console.print(Text.assemble(("         fix: ", "dim"), escape_control(finding.fix)))
