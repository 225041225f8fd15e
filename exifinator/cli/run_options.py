"""The arguments of `run`."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from exifinator.errors import ConfigError

# Maps each option to the options that cannot be combined with it.
_INCOMPATIBLE = {
    "verify": ("refresh", "prune", "dry_run", "no_wait"),
    "prune": ("refresh", "no_wait", "inventory"),
    "dry_run": ("no_wait",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """The arguments of `run`.

    Attributes:
        as_json: Whether to print the summary as a JSON object.
        as_events: Whether to print events instead, each as a JSON object.
        batch_id: The id of a batch that the API has created and that this process must run. None if a user started
            the run.
    """

    sources: tuple[str, ...] = ()
    as_json: bool = False
    as_events: bool = False
    dry_run: bool = False
    no_wait: bool = False
    refresh: bool = False
    verify: bool = False
    prune: bool = False
    yes: bool = False
    batch_id: str | None = None
    inventory: str | None = None

    def check(self) -> None:
        """Check the combination of options.

        Raises:
            ConfigError: Two options are incompatible, or --prune cannot ask for confirmation.
        """
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
