"""Run the REST API on the configured API_HOST and API_PORT: `python -m api`."""

from __future__ import annotations

import gc
import sys

# Keep the garbage collector off until the server is ready (see freeze_startup_heap): it would take a seventh of the
# time of the imports.
gc.disable()

import click  # noqa: E402

from api.server import main  # noqa: E402
from exifinator.config import load_config  # noqa: E402
from exifinator.errors import ConfigError, EXIFinatorError  # noqa: E402

if __name__ == "__main__":
    try:
        main(load_config())
    except ConfigError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    except EXIFinatorError as error:
        sys.exit(f"The API cannot start: {error}")
