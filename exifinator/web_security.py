"""Security checks for the API and the dashboard: wrong passwords, cross-site requests, Host headers."""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Callable
from urllib.parse import urlsplit

# A Host header (RFC 9110, 7.2): a name, or an IPv6 address in brackets, and an optional port.
_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^:\[\]\s]*))(?::\d{0,5})?", re.IGNORECASE)
# Values of the Sec-Fetch-Site header for requests that no other origin caused. "none" means that the user typed the
# address or opened a bookmark.
_OWN_FETCH_SITES = frozenset({"same-origin", "none"})
# Headers that reverse proxies add to the requests that they forward.
_PROXY_HEADERS = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")


class LoginThrottle:
    """Limits how often one client address can try wrong passwords or tokens.

    The first FREE_ATTEMPTS wrong attempts are free. A pause of one second follows. Each further wrong attempt after a
    pause doubles the next one, up to MAX_SECONDS. During a pause, callers respond to wrong attempts with status 429,
    and neither log nor count them. They do not wait for the end of the pause, because waiting requests would tie up the
    server.

    The right password or token passes even during a pause. All clients of a proxy share its address, so a stranger
    could otherwise lock the operator out. A long random secret is what protects from guessing.

    To limit memory, the addresses with the oldest wrong attempts are dropped beyond MAX_ADDRESSES.
    """

    FREE_ATTEMPTS = 5
    MAX_SECONDS = 300.0
    MAX_ADDRESSES = 10_000

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # By address: the number of wrong attempts, and when the pause after the last one ends (in the time of `clock`).
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def seconds_to_wait(self, address: str) -> float:
        """Return how long the pause of this address still lasts, in seconds; 0 if there is none."""
        _, pause_ends_at = self._failures.get(address, (0, 0.0))
        return max(0.0, pause_ends_at - self._clock())

    def record_failure(self, address: str) -> None:
        """Count a wrong attempt, and start the pause that follows it."""
        count, _ = self._failures.pop(address, (0, 0.0))
        count += 1
        self._failures[address] = (count, self._clock() + pause_after(count))
        if len(self._failures) > self.MAX_ADDRESSES:
            self._failures.popitem(last=False)

    def record_success(self, address: str) -> None:
        """Forget the wrong attempts of an address that has sent the right password or token."""
        self._failures.pop(address, None)


def pause_after(count: int) -> float:
    """Return how long the pause after this many wrong attempts is, in seconds."""
    # Limit the exponent, so that the power does not overflow a float.
    doublings = min(count - LoginThrottle.FREE_ATTEMPTS, 30)
    return min(2.0**doublings, LoginThrottle.MAX_SECONDS) if doublings >= 0 else 0.0


def is_cross_site(header: Callable[[str], str | None]) -> bool:
    """Return whether a browser sent the request on behalf of a page from another origin.

    Such a page can make the browser send requests that change data, together with the password that the browser has
    stored for this server. The check uses the headers Sec-Fetch-Site, Origin and Referer. Programs such as curl send
    none of these headers, so their requests do not count as cross-site.

    Args:
        header: Returns the value of a header, or None if the request lacks it. Names are case-insensitive.
    """
    if (header("sec-fetch-site") or "none") not in _OWN_FETCH_SITES:
        return True
    # Prefer Origin. Where browsers omit it, as in a GET to the same origin, they send the full URL in Referer.
    sender = header("origin") or header("referer")
    return sender is not None and _netloc(sender) != (header("host") or "").lower()


def _netloc(url: str) -> str | None:
    try:
        return urlsplit(url).netloc.lower() or None
    except ValueError:
        return None


def is_forwarded(header: Callable[[str], str | None]) -> bool:
    """Return whether a reverse proxy has forwarded the request, as far as its headers tell.

    A server on loopback that requires no password is meant for this machine only, but proxies connect from there too.

    Args:
        header: Returns the value of a header, or None if the request lacks it. Names are case-insensitive.
    """
    return any(header(name) is not None for name in _PROXY_HEADERS)


def host_name(header: str) -> str:
    """Return the host in a Host header, in lower case and without port or brackets; "" if the header is malformed."""
    match = _HOST.fullmatch(header)
    return (match[1] or match[2]).lower() if match else ""
