"""Check that the pages of a listing follow one another, instead of trusting the server.

Some servers truncate a page without saying where the listing continues. Others ignore the continuation token and return
the same page again and again. Such a listing would end early or never.
"""

from __future__ import annotations

import logging
from typing import Literal

from exifinator.errors import IncompleteListing
from exifinator.models import ListedPage
from exifinator.sources.key_ranges import KeyRange
from exifinator.sources.page_fetcher import PageFetcher

log = logging.getLogger(__name__)

# A request whose response has no new key is sent once more, because the response may have been a mistake.
MAX_REPEATS = 2
# S3 may return many pages without a key in a row, for example for a long range of deleted objects. A server that
# returns more of them is assumed to do so forever.
MAX_EMPTY_PAGES = 10_000

_CAUSES = {
    "no_token": "the server truncates the listing, but does not say where it continues",
    "repeated_page": "the server returns the same page again and again, and ignores the continuation token",
    "empty_pages": "the server returns one empty page after another",
}


class PageSequence:
    """Checks the pages of one listing, across all its ranges.

    If a page is truncated without a token, the range continues after the last key of the page (start-after). If the
    server ignores start-after, the fetcher continues with ListObjects, the older version, and its marker.

    Args:
        fetcher: Fetches the pages.
        is_strict: Whether a page that is truncated without a token ends the listing with an error.
    """

    def __init__(self, fetcher: PageFetcher, *, is_strict: bool = False) -> None:
        self._fetcher = fetcher
        self._is_strict = is_strict
        self._lacks_tokens = False
        # Hashes of the first key of each page. A page that starts with one of these keys is a repeated page.
        self._first_keys: set[int] = set()

    def accept(self, key_range: KeyRange, page: ListedPage) -> bool:
        """Return whether a page may be used. If not, the page must be fetched again.

        Raises:
            IncompleteListing: The server does not return the rest of the listing.
        """
        if page.lacks_token and self._is_strict:
            raise self._error("no_token")
        self._lacks_tokens = self._lacks_tokens or page.lacks_token
        if not self._is_repeated(key_range, page):
            return True
        if self._lacks_tokens and key_range.token is None and not self._fetcher.uses_v1:
            log.warning(
                "retry: listing %s with ListObjects: the server ignores start-after",
                self._fetcher.source,
                extra={"action": "retry", "bucket": self._fetcher.source.bucket},
            )
            self._fetcher.uses_v1 = True
            return False
        key_range.repeats += 1
        if key_range.repeats >= MAX_REPEATS:
            raise self._error("no_token" if self._lacks_tokens else "repeated_page")
        return False

    def _is_repeated(self, key_range: KeyRange, page: ListedPage) -> bool:
        """Return whether a page has no new key, although the server did not say that the listing ends there."""
        if not page.refs:
            key_range.empty_pages += 1
            if key_range.empty_pages > MAX_EMPTY_PAGES:
                raise self._error("empty_pages")
            return page.lacks_token or (page.next_token is not None and page.next_token == key_range.token)
        key_range.empty_pages = 0
        first_key = page.refs[0].key
        if key_range.end is not None and first_key > key_range.end:
            # The key belongs to another range, and may also be the first key of that range.
            return False
        is_repeated = hash(first_key) in self._first_keys
        self._first_keys.add(hash(first_key))
        return is_repeated

    def _error(self, code: Literal["no_token", "repeated_page", "empty_pages"]) -> IncompleteListing:
        return IncompleteListing(
            f"{self._fetcher.source} cannot be listed completely: {_CAUSES[code]}",
            code=code,
            hint="update the S3 server, or ask its operator",
        )
