"""Security checks of the API and the dashboard: login throttling, cross-site requests, Host headers."""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Callable
from urllib.parse import urlsplit

# A Host header (RFC 9110, 7.2): a name or an IPv6 address in brackets, and a port.
_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^:\[\]\s]*))(?::\d{0,5})?", re.IGNORECASE)
# "none": the user typed the address or opened a bookmark.
_OWN_FETCH_SITES = frozenset({"same-origin", "none"})


class LoginThrottle:
    """Growing pauses after wrong passwords or tokens, for each client address.

    The first FREE_ATTEMPTS attempts need not wait. If all of them are wrong, a pause of one second follows, and each
    further wrong attempt doubles the pause, up to MAX_SECONDS. No attempt is checked during a pause, so guessing in
    parallel gains nothing. Callers return status 429 instead of waiting, because a waiting request would tie up the
    server.

    Memory is bounded: beyond MAX_ADDRESSES, the oldest addresses are dropped.
    """

    FREE_ATTEMPTS = 5
    MAX_SECONDS = 300.0
    MAX_ADDRESSES = 10_000

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # By address: the number of wrong attempts, and when the pause ends (by `clock`).
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def seconds_to_wait(self, address: str) -> float:
        """Return how long this address has to wait for its next attempt, in seconds; 0 if it need not wait."""
        _, pause_ends_at = self._failures.get(address, (0, 0.0))
        return max(0.0, pause_ends_at - self._clock())

    def record_failure(self, address: str) -> None:
        """Count a wrong attempt and start the pause after it."""
        count, _ = self._failures.pop(address, (0, 0.0))
        count += 1
        # The bound keeps the power from overflowing a float.
        doublings = min(count - self.FREE_ATTEMPTS, 30)
        pause = min(2.0**doublings, self.MAX_SECONDS) if doublings >= 0 else 0.0
        self._failures[address] = (count, self._clock() + pause)
        if len(self._failures) > self.MAX_ADDRESSES:
            self._failures.popitem(last=False)

    def record_success(self, address: str) -> None:
        """Forget the wrong attempts of an address that has sent the right password or token."""
        self._failures.pop(address, None)


def is_cross_site(header: Callable[[str], str | None]) -> bool:
    """Return whether a browser sent the request from a page on another origin.

    Such a page can make the browser send requests that change data, with the password that the browser remembers.
    Programs such as curl send none of these headers, so their requests are not cross-site.

    Args:
        header: Return a header by its case-insensitive name, or None if the request lacks it.
    """
    if (header("sec-fetch-site") or "none") not in _OWN_FETCH_SITES:
        return True
    # Origin comes first: browsers omit it only where Referer contains more.
    sender = header("origin") or header("referer")
    return sender is not None and _netloc(sender) != (header("host") or "").lower()


def _netloc(url: str) -> str | None:
    try:
        return urlsplit(url).netloc.lower() or None
    except ValueError:
        return None


def host_name(header: str) -> str:
    """Return the host in a Host header, in lower case, without port and brackets; "" if it is malformed."""
    match = _HOST.fullmatch(header)
    return (match[1] or match[2]).lower() if match else ""
