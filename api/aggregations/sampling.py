"""Read a sample of the photos where reading all of them takes too long."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from pymongo.errors import ExecutionTimeout

Result = TypeVar("Result")

# Sample sizes, in photos. The first size that can be read within the time limit is used. On a slow disk, that may be
# one of the smaller ones.
SAMPLE_SIZES = (50_000, 5_000, 500)


async def read_sample(read: Callable[[int], Awaitable[Result]]) -> Result:
    """Return the result of `read` for the largest sample that can be read in time.

    Args:
        read: Reads a sample of this many photos, within a time limit.

    Raises:
        ExecutionTimeout: Even the smallest sample takes too long.
    """
    *larger_sizes, smallest_size = SAMPLE_SIZES
    for size in larger_sizes:
        with suppress(ExecutionTimeout):
            return await read(size)
    return await read(smallest_size)
