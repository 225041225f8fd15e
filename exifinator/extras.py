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
        extra: The extra that installs the dependency.
        module: A module of the dependency.
        feature: What needs the dependency; the subject of the error message.

    Raises:
        ConfigError: The dependency is not installed.
    """
    if importlib.util.find_spec(module) is None:
        raise ConfigError(
            f"{feature} needs packages that are not installed",
            hint=f"run {install_command(extra)}",
            code="missing_extra",
        )
