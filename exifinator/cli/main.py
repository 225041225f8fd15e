"""The command-line interface, `exifinator` or `python -m exifinator`. The shell scripts call it too."""

from __future__ import annotations

import importlib
import os
from functools import partial
from typing import Any

import click

from exifinator import __version__
from exifinator.errors import ConfigError, EXIFinatorError, QueueUnavailable, RecordRefused, StoreUnavailable
from exifinator.gc_tuning import collector_paused
from exifinator.paths import COMMAND, IS_CHECKOUT, RUN, find_root, make_settings, prepare_root

EXIT_FAILED = 1
EXIT_WRONG_USAGE = 2

# Commands that need the folder that contains settings.py, var/ and logs/. main creates the folder if it is missing.
NEEDS_ROOT = frozenset(
    {"api", "dashboard", "demo", "doctor", "init", "run", "services", "start", "stop", "watch", "worker"}
)

# The import path and the short help of each command that is imported only when it is called, so that `--help` is fast.
LAZY_COMMANDS = {
    "api": ("exifinator.cli.serve:api_command", "Run the API server and the explorer in the foreground."),
    "dashboard": ("exifinator.cli.serve:dashboard_command", "Run MRQ's dashboard in the foreground."),
    "extract": (
        "exifinator.cli.extract:extract_command",
        "Print the metadata of local photos as JSON, one object per line, without using any service.",
    ),
    "doctor": ("exifinator.cli.doctor:doctor_command", "Check for common problems and suggest fixes."),
    "failures": (
        "exifinator.cli.failures:failures_command",
        "List, group, show and requeue the images that could not be indexed.",
    ),
    "purge": ("exifinator.cli.purge:purge_command", "Delete queued images, failed jobs, ended batches or records."),
    "migrate": (
        "exifinator.cli.migrate:migrate_command",
        "Upgrade the records and stored jobs in MongoDB to this version's schema.",
    ),
    "queue": ("exifinator.cli.queue:queue_command", "Show, pause and resume the queues."),
    "run": ("exifinator.cli.run:run_command", "Index the metadata of every photo in the sources."),
    "status": ("exifinator.cli.status:status_command", "Show what is running, queued and failed."),
    "watch": (
        "exifinator.cli.watch:watch_command",
        "Keep the index up to date by S3's notifications from an SQS queue.",
    ),
    "worker": ("exifinator.cli.serve:worker_command", "Run one worker process in the foreground."),
}


def _hint(error: Exception) -> str:
    """Return a hint for an error of Redis or MongoDB, or "" for any other error."""
    if not isinstance(error, (StoreUnavailable, QueueUnavailable, RecordRefused)):
        return ""
    setting = "REDIS_URL" if isinstance(error, QueueUnavailable) else "MONGODB_URI"
    return f"; check {setting}, or run `{COMMAND} doctor`"


class Commands(click.Group):
    """A click group that imports commands only when they are called, and shows errors without a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *LAZY_COMMANDS})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in LAZY_COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, _, name = LAZY_COMMANDS[cmd_name][0].partition(":")
        with collector_paused():
            command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            # click suggests similar commands in alphabetical order: for "statu", "start" would come first.
            similar = difflib.get_close_matches(args[0].lower(), self.list_commands(ctx), n=1)
            if not similar:
                raise
            raise click.UsageError(f"No such command {args[0]!r}. Did you mean {similar[0]!r}?", ctx) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [
            (name, LAZY_COMMANDS[name][1] if name in LAZY_COMMANDS else self.commands[name].get_short_help_str(200))
            for name in self.list_commands(ctx)
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise
        except (EXIFinatorError, OSError) as error:
            if os.environ.get("EXIFINATOR_DEBUG") == "1":
                raise
            from exifinator.logging_setup import escape_control

            click.echo(f"Error: {escape_control(str(error))}{_hint(error)}", err=True)
            ctx.exit(EXIT_WRONG_USAGE if isinstance(error, ConfigError) else EXIT_FAILED)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="EXIFinator", message="%(prog)s %(version)s")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Index the metadata of every photo in S3 buckets into MongoDB, ready to explore.

    Exit code: 0 success, 1 failure, 2 wrong usage or settings. EXIFINATOR_DEBUG=1 shows tracebacks.
    """
    if ctx.invoked_subcommand in NEEDS_ROOT:
        prepare_root(find_root())


@main.command()
def init() -> None:
    """Create the settings file and the folders for data and logs, and show where they are."""
    root = find_root()
    make_settings(root)
    if IS_CHECKOUT:
        click.echo(f"This is a checkout: settings.py, var/ and logs/ are in {root}.")
    else:
        click.echo(f"Settings: {root / 'settings.py'}\nData:     {root / 'var'}\nLogs:     {root / 'logs'}")


@main.command()
@click.option("--stop", is_flag=True, help="Stop the servers that EXIFinator started.")
def services(stop: bool) -> None:
    """Check that Redis and MongoDB respond.

    If one of them is down and the settings point to this machine, start it.
    """
    from exifinator.config import load_config
    from exifinator.processes.databases import OWN_SERVERS_HINT, ensure_services, stop_services

    if stop:
        click.echo("Stopped Redis and MongoDB." if stop_services() else "Nothing was running.", err=True)
        return
    reports = ensure_services(load_config(), note=partial(click.echo, err=True))
    for report in reports:
        click.echo(report, err=True)
    if any(report.started for report in reports):
        click.echo(OWN_SERVERS_HINT, err=True)


@main.command()
@click.option("--restart", is_flag=True, help="Stop running programs first, so that changed settings and code apply.")
def start(restart: bool) -> None:
    """Start the workers, the dashboard and the API in the background.

    Redis and MongoDB are started first if they are down and the settings point to this machine.
    """
    from exifinator.batches.schedule import read_schedule
    from exifinator.config import load_config
    from exifinator.processes.databases import OWN_SERVERS_HINT, ensure_services
    from exifinator.processes.workers import start_workers
    from exifinator.storage.migrations import check_schema_before_writing

    config = load_config()
    read_schedule(config)  # raises an error if it is invalid
    started = [report for report in ensure_services(config, note=partial(click.echo, err=True)) if report.started]
    for line in [*started, OWN_SERVERS_HINT] if started else ():
        click.echo(line, err=True)
    check_schema_before_writing(config)
    click.echo(start_workers(config, restart=restart))


@main.command()
@click.option("--all", "stop_all", is_flag=True, help="Also stop Redis, MongoDB, and the batches in the background.")
def stop(stop_all: bool) -> None:
    """Stop the dashboard, the API and the workers. Workers first finish their current images."""
    from exifinator.processes.databases import stop_services
    from exifinator.processes.workers import stop_workers

    click.echo("Stopped the workers, the dashboard and the API." if stop_workers() else "No workers were running.")
    if stop_all:
        from exifinator.batches.start import end_watchers

        # End these processes before Redis and MongoDB stop. Otherwise they would retry for minutes.
        if end_watchers():
            click.echo(f"Detached from the batches in the background. To resume one, use {RUN} with its source.")
        click.echo("Stopped Redis and MongoDB." if stop_services() else "No services were running.")


@main.command()
def settings() -> None:
    """Show the settings in effect, without secrets."""
    from pydantic import SecretStr

    from exifinator.config import ENV_PREFIX, load_config, setting_name
    from exifinator.net import without_credentials
    from exifinator.own_servers import mongodb_uri, redis_url

    config = load_config()
    for field, value in config:
        name = setting_name(field)
        if value is not None and field in ("mongodb_uri", "redis_url", "s3_endpoint_url"):
            address = value.get_secret_value() if isinstance(value, SecretStr) else value
            text = repr(without_credentials(address))
        elif value is not None and (isinstance(value, SecretStr) or not type(config).model_fields[field].repr):
            text = "***"
        else:
            text = repr(list(value) if isinstance(value, tuple) else value)
        origin = f"   ({ENV_PREFIX}{name})" if ENV_PREFIX + name in os.environ else ""
        click.echo(f"{name} = {text}{origin}")
    for server, url, address in (
        ("Redis", config.redis_url, redis_url(config)),
        ("MongoDB", config.mongodb_uri, mongodb_uri(config)),
    ):
        if address != url.get_secret_value():
            click.echo(f"# EXIFinator runs {server}. Its address on this machine: {address}")


@main.command()
def demo() -> None:
    """Create the demo library if it is missing, and register it as the bucket `demo`."""
    from exifinator.extras import require

    require("demo", "PIL", "The demo library")
    from exifinator.demo import make_demo
    from exifinator.sources.folders.registry import demo_folder, register

    folder = demo_folder()
    make_demo(folder)
    click.echo(f"The demo library in {folder} is the bucket {register(folder, bucket='demo')}.")
