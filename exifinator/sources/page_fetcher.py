"""Fetch the pages of a source's listing, with retries."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, stop_when_event_set

from exifinator.errors import AccessDenied, BucketGone, IncompleteListing, PermanentError, TransientError
from exifinator.models import ListedPage
from exifinator.retry import backoff_seconds
from exifinator.sources.source import Lister, Source

log = logging.getLogger(__name__)

ATTEMPTS_PER_PAGE = 5
FIRST_PAUSE_SECONDS = 2.0


class UnorderedListing(Exception):
    """The server does not list keys in order, or cannot start a listing after a given key."""


class PageFetcher:
    """Fetches the pages of one source's listing.

    Args:
        lister: Lists the bucket.
        source: The bucket and prefix.
        pause: Sleeps for a number of seconds. By default, the sleep ends early when `stop` is set.
        clock: Returns the time in seconds.

    Attributes:
        stop: An event that ends the retries when it is set.
        idle_seconds: Time spent waiting for responses, not counting the CPU time to parse them.
        uses_v1: Whether to list with ListObjects instead of ListObjectsV2, for a server that supports only ListObjects.
    """

    def __init__(
        self,
        lister: Lister,
        source: Source,
        *,
        pause: Callable[[float], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.lister = lister
        self.source = source
        self.stop = threading.Event()
        self.idle_seconds = 0.0
        self.uses_v1 = False
        self._pause = pause
        self._clock = clock

    def fetch(self, token: str | None, start_after: str) -> ListedPage:
        """Fetch one page. Retry transient errors with growing pauses.

        Args:
            token: The server's token for the page; None for the first page after `start_after`.
            start_after: The key after which the page starts; "" for the first page, or if there is a token.

        Raises:
            AccessDenied: S3 denies the listing.
            BucketGone: The bucket does not exist.
            SourceUnavailable: All attempts failed.
            UnorderedListing: The server rejects a listing that starts after a key.
            PermanentError: S3 rejected the request for another reason.
        """
        retrying = Retrying(
            retry=retry_if_exception_type(TransientError),
            stop=stop_after_attempt(ATTEMPTS_PER_PAGE) | stop_when_event_set(self.stop),
            wait=lambda state: backoff_seconds(state.attempt_number, first_seconds=FIRST_PAUSE_SECONDS),
            sleep=self._sleep,
            before_sleep=self._log_retry,
            reraise=True,
        )
        return retrying(self._fetch_once, token, start_after)

    def _fetch_once(self, token: str | None, start_after: str) -> ListedPage:
        started_at, cpu_seconds = self._clock(), time.thread_time()
        try:
            page = self._list_page(token, start_after)
        except (AccessDenied, BucketGone, IncompleteListing):
            raise
        except PermanentError as exc:
            if start_after:
                raise UnorderedListing(str(exc)) from exc
            raise
        self.idle_seconds += self._clock() - started_at - (time.thread_time() - cpu_seconds)
        return page

    def _list_page(self, token: str | None, start_after: str, **options: int) -> ListedPage:
        if self.uses_v1:
            options["version"] = 1
        source = self.source
        return self.lister.list_page(source.bucket, source.prefix, token, start_after=start_after, **options)  # type: ignore[arg-type]

    def _sleep(self, seconds: float) -> None:
        if self._pause is not None:
            self._pause(seconds)
        else:
            self.stop.wait(seconds)

    def _log_retry(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        extra = {"action": "retry", "bucket": self.source.bucket}
        log.warning("retry: listing %s: %s", self.source, error, extra=extra)

    def first_key_after(self, text: str) -> str | None:
        """Return the first key of the source that is greater than a string; None if there is none.

        Raises:
            UnorderedListing: The server ignores the string, and lists from the first key.
            TransientError, PermanentError: The request failed. It is not retried here.
        """
        page = self._list_page(None, text, max_keys=1)
        if not page.refs:
            return None
        if page.refs[0].key <= text:
            raise UnorderedListing("the server does not start after the requested key")
        return page.refs[0].key
