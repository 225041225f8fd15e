"""Find the makes of camera models: the model `FC3582` alone does not tell that the camera is a DJI."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from pymongo.errors import OperationFailure

from api.database import Collection

_MODEL, _MAKE = "photo.camera_model", "photo.camera_make"
# Time limit of a query.
_LIMIT_MS = 300
_REMEMBERED_SECONDS = 600.0
# After a failure, no query is made for this long.
_RETRY_SECONDS = 10.0
_MAX_REMEMBERED = 10_000


class CameraMakes:
    """Finds the make of each camera model, and remembers it for ten minutes.

    Args:
        photos: The collection of records.
        clock: Returns seconds, like time.monotonic.
    """

    def __init__(self, photos: Collection, clock: Callable[[], float] = time.monotonic) -> None:
        self._photos = photos
        self._clock = clock
        self._makes: dict[str, str | None] = {}
        self._expires_at = 0.0

    async def add_to(self, rows: Iterable[dict[str, Any]]) -> None:
        """Add `make` to those rows of the facet `camera` whose model has one make.

        Raises:
            PyMongoError: A query failed.
        """
        by_model = {row["value"]: row for row in rows if isinstance(row["value"], str)}
        for model, make in (await self.find(by_model)).items():
            by_model[model]["make"] = make

    async def find(self, models: Iterable[Any]) -> dict[str, str]:
        """Return the makes of those models that have one make. Values that are not strings are ignored.

        Raises:
            PyMongoError: A query failed.
        """
        if self._clock() > self._expires_at or len(self._makes) > _MAX_REMEMBERED:
            self._makes = {}
            self._expires_at = self._clock() + _REMEMBERED_SECONDS
        names = [model for model in models if isinstance(model, str)]
        if unknown := [model for model in names if model not in self._makes]:
            try:
                makes = await self._read(unknown)
            except OperationFailure:
                # A timeout, or no index yet. Without makes, the counts are still right.
                makes = dict.fromkeys(unknown)
                self._expires_at = min(self._expires_at, self._clock() + _RETRY_SECONDS)
            self._makes.update(makes)
        return {model: make for model in names if (make := self._makes.get(model))}

    async def _read(self, models: list[str]) -> dict[str, str | None]:
        """Return the make of the newest and the oldest photo of each model; None if they differ, or have none."""
        newest, oldest = [await self._read_first(models, direction) for direction in (1, -1)]
        pairs = {model: {newest.get(model), oldest.get(model)} - {None} for model in models}
        return {model: makes.pop() if len(makes) == 1 else None for model, makes in pairs.items()}

    async def _read_first(self, models: list[str], direction: int) -> dict[str, str]:
        """Return the make of one photo of each model. MongoDB jumps from model to model in the index."""
        order = {_MODEL: direction, "photo.taken_local": -direction, "_id": -direction}
        stages: list[dict[str, Any]] = [
            {"$match": {_MODEL: {"$in": models}}},
            {"$sort": order},
            {"$group": {"_id": f"${_MODEL}", "make": {"$first": f"${_MAKE}"}}},
        ]
        cursor = await self._photos.aggregate(stages, maxTimeMS=_LIMIT_MS)
        return {row["_id"]: row["make"] async for row in cursor if isinstance(row["make"], str)}
