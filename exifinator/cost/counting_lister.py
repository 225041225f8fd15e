"""Count the LIST requests of a batch, and what they cost."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from exifinator.cost.prices import Prices
from exifinator.models import ListedPage
from exifinator.sources.source import Lister


class CountingLister:
    """Passes calls on to a lister, and counts the requests to buckets in S3.

    Args:
        prices: The prices by bucket. Requests to other buckets are not counted, because they are local folders.

    Attributes:
        requests: The number of LIST requests, including failed ones.
        nanodollars: What they cost.
    """

    def __init__(self, lister: Lister, prices: Mapping[str, Prices]) -> None:
        self.requests = 0
        self.nanodollars = 0.0
        self._lister = lister
        self._prices = prices
        self._lock = threading.Lock()

    def endpoint(self, bucket: str) -> str:
        """Return the name of a bucket's server."""
        return self._lister.endpoint(bucket)

    def can_list_ranges(self, bucket: str) -> bool:
        """Return whether ranges of keys can be listed in parallel."""
        return self._lister.can_list_ranges(bucket)

    def list_page(self, bucket: str, prefix: str, token: str | None, **options: Any) -> ListedPage:
        """Fetch one page of a listing. See S3Client.list_page."""
        if bucket in self._prices:
            with self._lock:
                self.requests += 1
                self.nanodollars += self._prices[bucket].list_request
        return self._lister.list_page(bucket, prefix, token, **options)
