"""Limit the number and the duration of long responses, and report errors that occur before they start."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing
from typing import TypeVar

from fastapi import Request

from api.errors import ErrorCode, RequestRefused

MAX_EXPORTS = 4
# MongoDB's time limit for one export, not counting the time that the client takes to read it.
EXPORT_MS = 15 * 60 * 1000
Item = TypeVar("Item")


def reserve_export(request: Request) -> AbstractAsyncContextManager[object]:
    """Return the context in which an export has to run.

    Raises:
        RequestRefused: MAX_EXPORTS exports are running (503).
    """
    gate: asyncio.Semaphore = request.app.state.exports
    if gate.locked():
        detail = f"{MAX_EXPORTS} exports are already running. Try again later."
        raise RequestRefused(ErrorCode.TOO_MANY_EXPORTS, detail, headers={"Retry-After": "30"})
    return gate


async def start_stream(items: AsyncGenerator[Item]) -> AsyncIterator[Item]:
    """Read the first item before the response starts, so that a failure yields an error response."""
    first = await anext(items, None)

    async def all_items() -> AsyncIterator[Item]:
        async with aclosing(items):
            if first is not None:
                yield first
            async for item in items:
                yield item

    return all_items()
