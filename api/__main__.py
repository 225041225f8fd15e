"""Run the REST API on the configured API_HOST and API_PORT: `python -m api`."""

from __future__ import annotations

import gc
import sys

# Keep the garbage collector off until the server is ready (see freeze_startup_heap). Otherwise, it would take a seventh
# of the time of the imports.
gc.disable()

import click  # noqa: E402

from api.process import ApiProcess, read_arguments  # noqa: E402
from exifinator.config import load_config  # noqa: E402
from exifinator.errors import ConfigError, EXIFinatorError  # noqa: E402
from exifinator.logging_setup import escape_control  # noqa: E402


def main() -> int:
    """Serve in this process, or start the processes that serve. Return the exit code."""
    config = load_config()
    process = read_arguments(sys.argv[1:])
    if process is None and config.api_process_count > 1:
        # The main process does not import FastAPI, so that it needs little memory.
        from api import main_process

        return main_process.main(config)
    from api import server

    server.main(config, process or ApiProcess())
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ConfigError as error:
        click.echo(f"Error: {escape_control(str(error))}", err=True)
        sys.exit(2)
    except EXIFinatorError as error:
        sys.exit(f"The API cannot start: {error}")
