"""Optional dependencies, which pyproject.toml lists as extras."""

from __future__ import annotations

import importlib.util

from exifinator.errors import ConfigError
from exifinator.paths import IS_CHECKOUT


def install_command(extra: str) -> str:
    """Return the command that installs an extra. In a checkout it is ./setup.sh, which installs all extras."""
    return "./setup.sh" if IS_CHECKOUT else f"pip install 'exifinator[{extra}]'"


def require(extra: str, module: str, feature: str) -> None:
    """Check that an optional dependency is installed. Call this before importing it.

    Args:
        extra: The extra that installs the dependency.
        module: The name of a module that the dependency provides.
        feature: The feature that needs the dependency. It is the subject of the error message.

    Raises:
        ConfigError: The dependency is not installed.
    """
    if importlib.util.find_spec(module) is None:
        raise ConfigError(
            f"{feature} needs packages that are not installed",
            hint=f"run {install_command(extra)}",
            code="missing_extra",
        )
