"""How many greenlets a worker may have, with respect to the files and connections that it may have open."""

from __future__ import annotations

import resource

# Files that a worker opens besides those of its greenlets: modules, logs, MongoDB monitors, pipes to the supervisor.
BASE_FILES = 128
# One connection in each of four pools: fast S3 client, boto3, Redis and MongoDB.
FILES_PER_GREENLET = 4
# A worker may run at least this many jobs, however few images it fetches at a time: larger bulk writes cost less.
FEWEST_GREENLETS = 100


def open_files_limit() -> int | None:
    """Return how many files this process may open; None if there is no limit."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return None if limit == resource.RLIM_INFINITY else limit


def files_needed(greenlets: int) -> int:
    """Return how many files a worker with this many greenlets may have open."""
    return FILES_PER_GREENLET * greenlets + BASE_FILES


def greenlets_within(files_limit: int | None, max_greenlets: int) -> int:
    """Return how many greenlets, at most `max_greenlets`, a worker can have that may open `files_limit` files."""
    if files_limit is None:
        return max_greenlets
    return min(max_greenlets, max(FEWEST_GREENLETS, (files_limit - BASE_FILES) // FILES_PER_GREENLET))
