"""Optional dependencies: the extras of pyproject.toml."""

from __future__ import annotations

import importlib.util

from exifinator.errors import ConfigError
from exifinator.paths import IS_CHECKOUT


def install_command(extra: str) -> str:
    """Return the command that installs an extra; in a checkout, ./setup.sh installs all of them."""
    return "./setup.sh" if IS_CHECKOUT else f"pip install 'exifinator[{extra}]'"


def require(extra: str, module: str, feature: str) -> None:
    """Check that an optional dependency is installed. Call this before importing it.

    Args:
        extra: The extra that installs it.
        module: A module of it.
        feature: What needs it, as the subject of the message.

    Raises:
        ConfigError: It is not installed.
    """
    if importlib.util.find_spec(module) is None:
        raise ConfigError(
            f"{feature} needs packages that are not installed",
            hint=f"run {install_command(extra)}",
            code="missing_extra",
        )
