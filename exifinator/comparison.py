"""A page of a batch's second listing, compared with what is stored."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import datetime

from exifinator.batch_state import Verdict
from exifinator.listing import Page, sort_page
from exifinator.queues import ImageQueue
from exifinator.records import ListedPage
from exifinator.store import Store

log = logging.getLogger(__name__)

# An image that was queued again this often, and whose new record is still not that of the listing, is let be.
TRIES_TO_AGREE = 2


class Comparison:
    """What became of the objects of a batch that began at `started_at`; it lasts as long as the batch."""

    def __init__(self, store: Store, queue: ImageQueue, *, started_at: datetime, refresh: bool) -> None:
        self._store = store
        self._queue = queue
        self._started_at = started_at
        self._refresh = refresh
        self._disputed: Counter[str] = Counter()

    def look(self, listed: ListedPage, until: datetime) -> tuple[Verdict, Page]:
        """What became of a page's objects, and those of them that have to be queued again.

        until: the server's clock when the first listing ended; what came later is the next batch's.
        """
        verdict = Verdict()
        refs = [ref for ref in listed.refs if ref.last_modified <= until]
        page = sort_page(refs, self._store, refresh=self._refresh)
        for ref, image in page.current:
            if image.extracted_at >= self._started_at:
                verdict.by_status[image.status] += 1
                verdict.empty += ref.size_bytes == 0
            else:
                verdict.unchanged += 1
        verdict.folders += len(page.folders)
        verdict.failed += len(page.failed)
        self._let_be(page, verdict)
        verdict.pending += len(page.pending) + len(page.unread) + len(page.empty)
        waits = self._queue.still_queued(page.unread)
        missing = [ref for ref, queued in zip(page.unread, waits, strict=True) if not queued]
        if missing or page.empty:
            log.warning("%d images were queued again", len(missing))
        self._disputed.update(ref.id for ref in missing if ref.id in page.outdated)
        return verdict, Page(empty=page.empty, unread=missing)

    def _let_be(self, page: Page, verdict: Verdict) -> None:
        """Take out of a page the images that S3 lists with another ETag, size or time than it answers with.

        Else a server of that kind would keep a batch going for ever.
        """
        given_up = [ref for ref in page.unread if self._disputed[ref.id] >= TRIES_TO_AGREE]
        for ref in given_up:
            log.warning("S3 lists another ETag, size or time for %s than it sends with it", ref.id)
            verdict.by_status[page.outdated[ref.id]] += 1
        page.unread = [ref for ref in page.unread if ref not in given_up]
