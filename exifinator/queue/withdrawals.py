"""Withdraw images whose objects are gone, whether they wait in the download queue or are just being indexed.

The queue is not searched, because it may hold millions of images. Instead, each withdrawn image id is marked. A worker
that finds no object looks at the mark: if there is one, the image is not a failure.

A delivery in progress loses its image, so its worker stores nothing, or removes what it has stored, and then
acknowledges the image as `deleted`. If that worker dies, the lease expires, and the next worker does the same.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import redis

from exifinator.models import ImageRef
from exifinator.queue.keys import QueueKeys
from exifinator.queue.redis_client import redis_errors
from exifinator.queue.scripts import RedisScripts

# The result of an image whose object was deleted before the image was indexed.
DELETED = "deleted"
# Marks are kept for this many images, plus the number of images in the queue. The oldest are dropped first.
MAX_MARKS = 100_000
MARK_SECONDS = 24 * 3600
MEMBERS_PER_SCAN = 1000


class Withdrawals:
    """The withdrawn images of a download queue. Every method may raise QueueUnavailable."""

    def __init__(self, client: redis.Redis, keys: QueueKeys, lease_seconds: int) -> None:
        self._client = client
        self._keys = keys
        self._lease_seconds = lease_seconds
        self._scripts = RedisScripts(client)

    def withdraw(self, image_ids: Sequence[str]) -> None:
        """Withdraw images: mark them, and take them from the deliveries in progress."""
        if not image_ids:
            return
        keys = self._keys
        with redis_errors("withdraw images"):
            # Mark the images first: a delivery that starts after this looks at the object itself.
            self._scripts.run("mark_withdrawn", [keys.downloads, keys.withdrawn], [MAX_MARKS, MARK_SECONDS, *image_ids])
            if members := self.find_in_progress(image_ids):
                args = [self._lease_seconds, *members]
                self._scripts.run("withdraw_deliveries", [keys.downloads, keys.in_progress], args)

    def is_withdrawn(self, image_id: str) -> bool:
        """Return whether an image was withdrawn. Its object may have been created again since."""
        with redis_errors("look up a withdrawn image"):
            return self._client.zscore(self._keys.withdrawn, image_id) is not None

    def find_in_progress(self, image_ids: Sequence[str]) -> list[bytes]:
        """Of these images, return the members of those that are delivered or parked, whatever their version.

        The deliveries in progress are scanned. Their number does not depend on the length of the download queue, but on
        the number of workers and the size of the write queue.
        """
        cursor, members = b"0", []
        with redis_errors("search the deliveries in progress"):
            while image_ids:
                args = [cursor, MEMBERS_PER_SCAN, json.dumps(list(image_ids), ensure_ascii=False)]
                cursor, page = self._scripts.run("find_in_progress", [self._keys.in_progress], args)
                members += page
                if int(cursor) == 0:
                    break
        return list(dict.fromkeys(members))

    def restore(self, refs: Sequence[ImageRef]) -> None:
        """Of these images, make those due whose deliveries were withdrawn, because their objects exist again."""
        args: list[Any] = [ref.to_member() for ref in refs]
        if args:
            with redis_errors("queue images"):
                self._scripts.run("restore_withdrawn", [self._keys.downloads, self._keys.in_progress], args)
