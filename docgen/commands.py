"""The commands and the shell scripts -> their page: what each says to --help."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

from exifinator.cli import main
from exifinator.config import ROOT

SCRIPTS = ("run.sh", "setup.sh", "start_workers.sh", "stop.sh", "test.sh")
PROGRAM = "exifinator"
INTRODUCTION = """# Commands

In a checkout: `venv/bin/python -m exifinator COMMAND`. Installed as a package: `exifinator COMMAND`. The shell scripts
are for a checkout; the last section shows them.

This page is made from what each command says to `--help`.
"""


def walk(command: click.Command, name: str, parent: click.Context | None = None) -> Iterator[tuple[str, str]]:
    """Each command under its full name, with its help."""
    context = click.Context(command, info_name=name, parent=parent, terminal_width=100, max_content_width=100)
    yield context.command_path, command.get_help(context)
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            found = command.get_command(context, below)
            if found is not None and not found.hidden:
                yield from walk(found, below, context)


def script_help(name: str) -> str:
    """What a script says to --help: the text that stands in it."""
    text = (ROOT / name).read_text(encoding="utf-8")
    match = re.search(r"^usage\(\) \{\n    cat <<'EOF'\n(.*?)^EOF$", text, re.MULTILINE | re.DOTALL)
    if not match:
        raise ValueError(f"{name} has no usage text where one is looked for")
    return match[1].rstrip()


def make_page() -> str:
    """The page, in Markdown."""
    lines = [INTRODUCTION]
    for path, text in walk(main, PROGRAM):
        lines += [f"{'##' if path.count(' ') < 2 else '###'} {path}", "", "```text", text, "```", ""]
    lines += ["## Shell scripts", ""]
    for script in SCRIPTS:
        lines += [f"### {script}", "", "```text", script_help(script), "```", ""]
    return "\n".join(lines)
