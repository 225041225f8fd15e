"""Check queue names in the arguments of commands."""

from __future__ import annotations

import click

from exifinator.config import Config


def check_queues(config: Config, names: tuple[str, ...]) -> list[str]:
    """Return `names` in the order of the pipeline, or both queues if `names` is empty.

    Raises:
        click.UsageError: There is no queue with one of these names.
    """
    valid_names = [config.download_queue, config.write_queue]
    unknown = [name for name in names if name not in valid_names]
    if unknown:
        raise click.UsageError(f"There is no queue {unknown[0]!r}. Use {' or '.join(valid_names)}.")
    return [name for name in valid_names if not names or name in names]
