"""read_sample tries smaller and smaller samples until one can be read in time."""

from __future__ import annotations

import asyncio

import pytest
from pymongo.errors import ExecutionTimeout, OperationFailure

from api.aggregations.sampling import SAMPLE_SIZES, read_sample


@pytest.mark.parametrize("largest_in_time", SAMPLE_SIZES)
def test_read_sample__some_sizes_take_too_long__reads_the_largest_possible_sample(largest_in_time: int) -> None:
    sizes: list[int] = []

    async def read(size: int) -> int:
        sizes.append(size)
        if size > largest_in_time:
            raise ExecutionTimeout("too long")
        return size

    assert asyncio.run(read_sample(read)) == largest_in_time
    assert sizes == [size for size in SAMPLE_SIZES if size >= largest_in_time]


def test_read_sample__all_sizes_take_too_long__raises() -> None:
    async def read(_size: int) -> None:
        raise ExecutionTimeout("too long")

    with pytest.raises(ExecutionTimeout):
        asyncio.run(read_sample(read))


def test_read_sample__another_error__is_not_retried_with_a_smaller_sample() -> None:
    sizes: list[int] = []

    async def read(size: int) -> None:
        sizes.append(size)
        raise OperationFailure("no permission")

    with pytest.raises(OperationFailure):
        asyncio.run(read_sample(read))
    assert sizes == [SAMPLE_SIZES[0]]
