"""Generate the reference of commands and shell scripts from their --help output."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

from exifinator.cli.main import main
from exifinator.config import ROOT

SCRIPTS = ("run.sh", "setup.sh", "start_workers.sh", "stop.sh", "test.sh")
PROGRAM = "exifinator"
INTRODUCTION = """# Commands

In a checkout: `venv/bin/python -m exifinator COMMAND`. Installed as a package: `exifinator COMMAND`. The shell scripts
work in a checkout only; see the last section.

This page is generated from the `--help` text of each command.
"""


def walk(command: click.Command, name: str, parent: click.Context | None = None) -> Iterator[tuple[str, str]]:
    """Yield the full name and the help text of a command and of all its subcommands."""
    context = click.Context(command, info_name=name, parent=parent, terminal_width=100, max_content_width=100)
    yield context.command_path, command.get_help(context)
    if isinstance(command, click.Group):
        for subcommand_name in command.list_commands(context):
            subcommand = command.get_command(context, subcommand_name)
            if subcommand is not None and not subcommand.hidden:
                yield from walk(subcommand, subcommand_name, context)


def script_help(name: str) -> str:
    """Return the --help text of a script: the heredoc of its function `usage`."""
    text = (ROOT / name).read_text(encoding="utf-8")
    match = re.search(r"^usage\(\) \{\n    cat <<'(\w+)'\n(.*?)^\1$", text, re.MULTILINE | re.DOTALL)
    if not match:
        raise ValueError(f"{name} has no function `usage` that prints a heredoc")
    return match[2].rstrip()


def make_page() -> str:
    """Return the page in Markdown."""
    lines = [INTRODUCTION]
    for path, text in walk(main, PROGRAM):
        lines += [f"{'##' if path.count(' ') < 2 else '###'} {path}", "", "```text", text, "```", ""]
    lines += ["## Shell scripts", ""]
    for script in SCRIPTS:
        lines += [f"### {script}", "", "```text", script_help(script), "```", ""]
    return "\n".join(lines)
