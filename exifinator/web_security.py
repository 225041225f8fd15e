"""Security rules that the API and the dashboard share: guessed passwords, requests of other sites, Host headers."""

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
    """Pauses after wrong passwords or tokens, by address.

    The first FREE - 1 wrong attempts cost nothing. From then on each wrong attempt doubles the pause, from one second
    to MAX_SECONDS. During a pause nothing is compared, so that guessing in parallel gains nothing. Callers answer 429
    instead of waiting: a waiting request would occupy the server.

    Memory is bounded: beyond KEPT addresses the oldest are dropped.
    """

    FREE = 5
    MAX_SECONDS = 300.0
    KEPT = 10_000

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # By address: the number of wrong attempts, and when the pause ends.
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def seconds_to_wait(self, address: str) -> float:
        """Return how long this address has to wait before its next attempt is checked; 0 if it need not wait."""
        _, until = self._wrong.get(address, (0, 0.0))
        return max(0.0, until - self._clock())

    def record_wrong(self, address: str) -> None:
        """Count a wrong attempt and start the pause that it costs."""
        count, _ = self._wrong.pop(address, (0, 0.0))
        count += 1
        # The exponent is bounded, as a float is.
        pause = min(2.0 ** min(count - self.FREE, 30), self.MAX_SECONDS) if count >= self.FREE else 0.0
        self._wrong[address] = (count, self._clock() + pause)
        if len(self._wrong) > self.KEPT:
            self._wrong.popitem(last=False)

    def record_right(self, address: str) -> None:
        """Forget the wrong attempts of an address that has proved to know the secret."""
        self._wrong.pop(address, None)


def is_cross_site(header: Callable[[str], str | None]) -> bool:
    """Return whether a browser sent the request from a page of another origin.

    Such a page can make a browser send requests that change things, with the password that the browser remembers.
    Programs such as curl send none of the headers and are not cross-site.

    Args:
        header: Returns a header by its name, in any case; None without one.
    """
    if (header("sec-fetch-site") or "none") not in _OWN_FETCH_SITES:
        return True
    # Origin first: browsers leave it out only where Referer tells more.
    source = header("origin") or header("referer")
    return source is not None and _netloc(source) != (header("host") or "").lower()


def _netloc(url: str) -> str | None:
    try:
        return urlsplit(url).netloc.lower() or None
    except ValueError:
        return None


def host_name(header: str) -> str:
    """Return the name in a Host header: in lower case, without port and brackets; "" if the header is malformed."""
    match = _HOST.fullmatch(header)
    return (match[1] or match[2]).lower() if match else ""
