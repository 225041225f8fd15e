"""List ranges of keys page by page, and check the order of the keys."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from exifinator.models import ListedPage
from exifinator.sources.key_ranges import KeyRange
from exifinator.sources.page_fetcher import PageFetcher, UnorderedListing
from exifinator.sources.page_sequence import PageSequence


class RangeLister:
    """Lists ranges of one source's keys. Several threads may each list a range.

    Args:
        is_strict: See PageSequence.

    Attributes:
        fetcher: Fetches the pages of the source.
        is_ordered: Whether the server lists keys in order, as far as is known.
        needs_order: Whether the keys must be in order. They must if a range starts or ends inside the bucket.
        changed: Condition variable whose lock guards the ranges, and what the threads of a listing share.
    """

    def __init__(self, fetcher: PageFetcher, *, is_strict: bool, is_ordered: bool, needs_order: bool) -> None:
        self.fetcher = fetcher
        self.is_ordered = is_ordered
        self.needs_order = needs_order
        self.changed = threading.Condition()
        self._sequence = PageSequence(fetcher, is_strict=is_strict)

    def pages(self, key_range: KeyRange) -> Iterator[tuple[ListedPage, bool]]:
        """Yield the pages of a range, each with a flag that is true for the last page.

        Raises:
            UnorderedListing: The keys must be in order, but are not.
            EXIFinatorError: See PageFetcher.fetch and PageSequence.accept.
        """
        while True:
            page = self.fetcher.fetch(key_range.token, "" if key_range.token else key_range.reached)
            with self.changed:
                if not self._sequence.accept(key_range, page):
                    continue
                self._check_order(key_range, page)
                is_last = page.next_token is None and not page.lacks_token
                if key_range.end is not None and page.refs and page.refs[-1].key >= key_range.end:
                    end = key_range.end
                    refs = [ref for ref in page.refs if ref.key <= end]
                    page = ListedPage(refs, page.next_token, page.served_at)
                    is_last = True
                if page.refs:
                    key_range.reached = page.refs[-1].key
                key_range.token = page.next_token
            yield page, is_last
            if is_last:
                return

    def _check_order(self, key_range: KeyRange, page: ListedPage) -> None:
        keys = [ref.key for ref in page.refs]
        if not keys or not self.is_ordered or (keys[0] > key_range.reached and keys == sorted(keys)):
            return
        if self.needs_order:
            raise UnorderedListing("the keys are not in order, or do not start after the requested one")
        # Continue page by page. The server's continuation tokens lead through the whole listing in any order.
        self.is_ordered = False
