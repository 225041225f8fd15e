"""The arguments of `run`."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from exifinator.batches.limits import BatchLimits
from exifinator.errors import ConfigError
from exifinator.sources.patterns import Patterns, make_patterns, read_pattern_lines

# Enough for the maximum number of patterns, with comments.
MAX_PATTERN_FILE_CHARS = 100_000

# Option -> options that cannot be combined with it.
_INCOMPATIBLE = {
    "verify": ("refresh", "prune", "dry_run", "no_wait"),
    "prune": ("refresh", "no_wait", "inventory", "max_requests", "max_dollars"),
    "dry_run": ("no_wait", "max_requests", "max_dollars"),
    # The process that watches the batch also stops it.
    "no_wait": ("max_requests", "max_dollars"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """The arguments of `run`.

    Attributes:
        include, exclude: Patterns.
        include_from, exclude_from: Paths of files with patterns.
        as_json: Whether to print the summary as a JSON object.
        as_events: Whether to print events instead of a summary, one JSON object per line.
        batch_id: The id of a batch that start_batch has created and that this process must run. None if a user started
            the run.
        then_prune: Whether to remove the records of deleted objects once the batch is done.
        max_requests, max_dollars: See BatchLimits.
    """

    sources: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    include_from: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    exclude_from: tuple[str, ...] = ()
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
    then_prune: bool = False
    max_requests: int | None = None
    max_dollars: float | None = None

    @property
    def limits(self) -> BatchLimits:
        """The limits of the batch."""
        return BatchLimits(self.max_requests, self.max_dollars)

    def check(self) -> None:
        """Check the combination of options.

        Raises:
            ConfigError: Two options are incompatible, a limit is not positive, or --prune cannot ask for confirmation.
        """
        if self.max_dollars is not None and not (math.isfinite(self.max_dollars) and self.max_dollars > 0):
            raise ConfigError("--max-dollars must be a number above 0", hint="to see what a run costs, use --dry-run")

        for option, others in _INCOMPATIBLE.items():
            for other in others:
                if getattr(self, option) and getattr(self, other):
                    first, second = (f"--{name.replace('_', '-')}" for name in (option, other))
                    raise ConfigError(f"{first} and {second} cannot be combined", hint="use one of them")
        if self.yes and not self.prune:
            raise ConfigError("--yes works only with --prune", hint="other options do not ask for confirmation")
        if self.prune and not (self.yes or self.dry_run or sys.stdin.isatty()):
            raise ConfigError(
                "--prune asks before it removes anything, and there is no terminal", hint="add --yes or --dry-run"
            )

    def read_patterns(self, cwd: Path) -> Patterns:
        """Return the patterns of these options.

        Args:
            cwd: The folder to which the paths of pattern files are relative.

        Raises:
            ConfigError: A pattern is invalid, or a file cannot be read.
        """
        return make_patterns(
            [*self.include, *_read_files("--include-from", self.include_from, cwd)],
            [*self.exclude, *_read_files("--exclude-from", self.exclude_from, cwd)],
        )


def _read_files(option: str, paths: Sequence[str], cwd: Path) -> Iterator[str]:
    for path in paths:
        try:
            with (cwd / Path(path).expanduser()).open(encoding="utf-8") as file:
                text = file.read(MAX_PATTERN_FILE_CHARS + 1)
        except (OSError, RuntimeError, ValueError) as exc:
            reason = getattr(exc, "strerror", None) or "it is not a text file in UTF-8"
            raise ConfigError(f"{option}: the file {path} cannot be read: {reason}", code="invalid_pattern") from None
        if len(text) > MAX_PATTERN_FILE_CHARS:
            raise ConfigError(
                f"{option}: the file {path} is longer than {MAX_PATTERN_FILE_CHARS:,} characters",
                code="invalid_pattern",
            )
        yield from read_pattern_lines(text)
