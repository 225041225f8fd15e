"""The commands behind the shell scripts: `python -m exifinator`."""

from __future__ import annotations

import importlib
import os
from typing import Any

import click

from exifinator import __version__
from exifinator.errors import ConfigError, EXIFinatorError, QueueUnavailable, RecordRefused, StoreUnavailable
from exifinator.home import COMMAND, IS_CHECKOUT, RUN, STOP, find_root, make_settings, prepare_root

EXIT_FAILED = 1
EXIT_WRONG_USAGE = 2

# What works in the folder of the settings, and has it made.
AT_HOME = frozenset({"api", "dashboard", "demo", "doctor", "init", "run", "services", "start", "stop", "worker"})

# Imported when they are called: `--help` answers at once.
ELSEWHERE = {
    "api": ("exifinator.serving:api_command", "Be the REST API and the explorer, in the foreground."),
    "dashboard": ("exifinator.serving:dashboard_command", "Be MRQ's dashboard, in the foreground."),
    "extract": (
        "exifinator.extract:extract_command",
        "Print the record that would be stored of each photo, one JSON object a line; needs no services.",
    ),
    "doctor": (
        "exifinator.doctor:doctor_command",
        "Look for what goes wrong in practice, and say for each finding what to type.",
    ),
    "failures": (
        "exifinator.failures:failures_command",
        "List, group, show and requeue the images that could not be read.",
    ),
    "purge": (
        "exifinator.queue_commands:purge_command",
        "Forget what is queued, failed or past; nothing is touched in S3.",
    ),
    "migrate": (
        "exifinator.migrations:migrate_command",
        "Bring the records in MongoDB to the schema of this version.",
    ),
    "queue": ("exifinator.queue_commands:queue_command", "Show the queues; pause and resume them."),
    "run": ("exifinator.run:run_command", "Read the metadata of every photo in the sources into MongoDB."),
    "status": ("exifinator.status:status_command", "Show what runs, what is queued and what failed."),
    "worker": ("exifinator.serving:worker_command", "Be one worker process, in the foreground."),
}


def _what_to_do(error: Exception) -> str:
    """The rest of the sentence about a server that is away or refuses: who says what to type."""
    if not isinstance(error, (StoreUnavailable, QueueUnavailable, RecordRefused)):
        return ""
    setting = "REDIS_URL" if isinstance(error, QueueUnavailable) else "MONGODB_URI"
    return f"; is {setting} right? `{COMMAND} doctor` says what to type"


class Commands(click.Group):
    """A group whose commands may lie in other modules, and whose errors end as one sentence."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *ELSEWHERE})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in ELSEWHERE:
            return super().get_command(ctx, cmd_name)
        module, _, name = ELSEWHERE[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [
            (name, ELSEWHERE[name][1] if name in ELSEWHERE else self.commands[name].get_short_help_str(200))
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
            from exifinator.logs import escape_control

            click.echo(f"Error: {escape_control(str(error))}{_what_to_do(error)}", err=True)
            ctx.exit(EXIT_WRONG_USAGE if isinstance(error, ConfigError) else EXIT_FAILED)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="EXIFinator", message="%(prog)s %(version)s")
@click.pass_context
def main(ctx: click.Context) -> None:
    """The metadata of every photo in S3 buckets of any size, in MongoDB, ready to explore.

    Exit code: 0 it worked, 1 something failed, 2 wrong usage or settings. EXIFINATOR_DEBUG=1 shows tracebacks.
    """
    if ctx.invoked_subcommand in AT_HOME:
        prepare_root(find_root())


@main.command()
def init() -> None:
    """Make the folder of an installed EXIFinator, with the settings to edit, and say where it is."""
    root = find_root()
    make_settings(root)
    if IS_CHECKOUT:
        click.echo(f"This is a checkout: settings.py, var/ and logs/ are in {root}.")
    else:
        click.echo(f"Settings: {root / 'settings.py'}\nData:     {root / 'var'}\nLogs:     {root / 'logs'}")


@main.command()
@click.option("--stop", is_flag=True, help="Stop those that EXIFinator started.")
def services(stop: bool) -> None:
    """See that Redis and MongoDB answer; start them on this machine where the settings say so and nothing listens."""
    from exifinator.config import load_config
    from exifinator.services import ensure_services, stop_services

    if stop:
        click.echo("Redis, MongoDB and rclone: stopped." if stop_services() else "Nothing ran.", err=True)
        return
    reports = ensure_services(load_config())
    for report in reports:
        click.echo(report, err=True)
    if any(report.started for report in reports):
        click.echo(
            f"To use servers of your own, set REDIS_URL and MONGODB_URI in settings.py; {STOP} --all stops these.",
            err=True,
        )


@main.command()
@click.option("--restart", is_flag=True, help="Stop them first, to take over changed settings or code.")
def start(restart: bool) -> None:
    """Start the workers, the dashboard and the API in the background, and Redis and MongoDB if need be."""
    from exifinator.config import load_config
    from exifinator.migrations import refuse_other_schema
    from exifinator.services import ensure_services
    from exifinator.workers import start_workers

    config = load_config()
    ensure_services(config)
    refuse_other_schema(config)
    click.echo(start_workers(config, restart=restart))


@main.command()
@click.option("--all", "everything", is_flag=True, help="Stop Redis, MongoDB, rclone and batches of the API's too.")
def stop(everything: bool) -> None:
    """Stop the workers, when they have ended what they are at, the dashboard and the API."""
    from exifinator.services import stop_services
    from exifinator.workers import stop_workers

    click.echo("Workers, dashboard and API: stopped." if stop_workers() else "No worker ran.")
    if everything:
        from exifinator.control import end_watchers

        # Without their servers they would try again for minutes.
        if end_watchers():
            click.echo(f"Batches that the API had started: no longer watched; {RUN} over the same source goes on.")
        click.echo("Redis, MongoDB and rclone: stopped." if stop_services() else "No service of EXIFinator's ran.")


@main.command()
def settings() -> None:
    """Show the settings in force, without secrets."""
    from pydantic import SecretStr

    from exifinator.config import ENV_PREFIX, load_config, setting_name
    from exifinator.services import without_credentials

    config = load_config()
    for field, value in config:
        name = setting_name(field)
        if value is not None and field in ("mongodb_uri", "redis_url", "s3_endpoint_url"):
            address = value.get_secret_value() if isinstance(value, SecretStr) else value
            shown = repr(without_credentials(address))
        elif value is not None and (isinstance(value, SecretStr) or not type(config).model_fields[field].repr):
            shown = "***"
        else:
            shown = repr(list(value) if isinstance(value, tuple) else value)
        origin = f"   ({ENV_PREFIX}{name})" if ENV_PREFIX + name in os.environ else ""
        click.echo(f"{name} = {shown}{origin}")


@main.command()
def demo() -> None:
    """Make the demo library, if it is not there, and serve it as the bucket `demo`."""
    from exifinator.demo import make_demo
    from exifinator.local_s3 import demo_folder, serve_folder

    folder = demo_folder()
    make_demo(folder)
    click.echo(f"The demo library in {folder} is served as the bucket {serve_folder(folder, bucket='demo')}.")
