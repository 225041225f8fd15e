"""Run the REST API on the configured API_HOST and API_PORT: `python -m api`."""

from __future__ import annotations

import sys

import click

from api.server import main
from exifinator.config import load_config
from exifinator.errors import ConfigError, EXIFinatorError

if __name__ == "__main__":
    try:
        main(load_config())
    except ConfigError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    except EXIFinatorError as error:
        sys.exit(f"The API cannot start: {error}")
