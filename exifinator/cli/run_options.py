"""The arguments of `run`."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from exifinator.errors import ConfigError

_INCOMPATIBLE = {
    "verify": ("refresh", "prune", "dry_run", "no_wait"),
    "prune": ("refresh", "no_wait"),
    "dry_run": ("no_wait",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """The arguments of `run`.

    Attributes:
        batch_id: The id of the batch that the API has created and that this process runs; None for a new batch.
    """

    sources: tuple[str, ...] = ()
    as_json: bool = False
    dry_run: bool = False
    no_wait: bool = False
    refresh: bool = False
    verify: bool = False
    prune: bool = False
    yes: bool = False
    batch_id: str | None = None

    def check(self) -> None:
        """Raise ConfigError if two options are incompatible, or if --prune cannot ask for confirmation."""
        for one, others in _INCOMPATIBLE.items():
            for other in others:
                if getattr(self, one) and getattr(self, other):
                    first, second = (f"--{name.replace('_', '-')}" for name in (one, other))
                    raise ConfigError(f"{first} and {second} cannot be combined", hint="use one of them")
        if self.yes and not self.prune:
            raise ConfigError("--yes works only with --prune", hint="other options do not ask for confirmation")
        if self.prune and not (self.yes or self.dry_run or sys.stdin.isatty()):
            raise ConfigError(
                "--prune asks before it removes anything, and there is no terminal", hint="add --yes or --dry-run"
            )
