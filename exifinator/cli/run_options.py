"""The arguments of `run`."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from exifinator.errors import ConfigError

_EXCLUDED_BY = {
    "verify": ("refresh", "prune", "dry_run", "no_wait"),
    "prune": ("refresh", "no_wait"),
    "dry_run": ("no_wait",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """The arguments of `run`. batch_id: id of a batch that the API has created, and whose process this is."""

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
        """Raise ConfigError if two options exclude each other, or one would ask a question that nobody can answer."""
        for one, others in _EXCLUDED_BY.items():
            for other in others:
                if getattr(self, one) and getattr(self, other):
                    first, second = (f"--{name.replace('_', '-')}" for name in (one, other))
                    raise ConfigError(f"{first} and {second} exclude each other", hint="use one of them")
        if self.yes and not self.prune:
            raise ConfigError("--yes works only with --prune", hint="no other option asks")
        if self.prune and not (self.yes or self.dry_run or sys.stdin.isatty()):
            raise ConfigError(
                "--prune asks before it removes anything, and there is no terminal", hint="add --yes or --dry-run"
            )
