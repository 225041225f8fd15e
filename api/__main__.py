"""`python -m api`: the REST API on API_HOST and API_PORT of the settings."""

from __future__ import annotations

import sys

from api.server import main
from exifinator.config import load_config
from exifinator.errors import ConfigError, EXIFinatorError

if __name__ == "__main__":
    try:
        main(load_config())
    except ConfigError as error:
        sys.exit(str(error))
    except EXIFinatorError as error:
        sys.exit(f"The API cannot start: {error}")
