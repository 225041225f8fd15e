"""Who may ask: the token, the pause after wrong ones, and the name that a browser calls this server by."""

from __future__ import annotations

import hmac
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.types import ASGIApp, Receive, Scope, Send

from api.errors import Refused, problem_response
from exifinator.config import LOOPBACK, Config

_bearer = HTTPBearer(auto_error=False, description="API_TOKEN of settings.py")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]


class Attempts:
    """Wrong tokens by address. After FREE of them each further one doubles the pause, to MAX_SECONDS.

    Bounded: of more than KEPT addresses the oldest are forgotten.
    """

    FREE = 5
    MAX_SECONDS = 300.0
    KEPT = 10_000

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def seconds_to_wait(self, address: str) -> float:
        """How long this address has to wait before its next try counts; 0: not at all."""
        _, until = self._wrong.get(address, (0, 0.0))
        return max(0.0, until - self._clock())

    def record_wrong(self, address: str) -> None:
        count, _ = self._wrong.pop(address, (0, 0.0))
        count += 1
        pause = min(2.0 ** (count - self.FREE), self.MAX_SECONDS) if count >= self.FREE else 0.0
        self._wrong[address] = (count, self._clock() + pause)
        if len(self._wrong) > self.KEPT:
            self._wrong.popitem(last=False)

    def record_right(self, address: str) -> None:
        self._wrong.pop(address, None)


def check_token(config: Config, attempts: Attempts, address: str, given: str | None) -> None:
    """Raises: Refused with 401 (no token, a wrong one) or 429 (too many wrong ones from this address)."""
    wait = attempts.seconds_to_wait(address)
    if wait > 0:
        raise Refused(
            429,
            "Too many wrong tokens came from this address; wait before the next try.",
            headers={"Retry-After": str(math.ceil(wait))},
        )
    challenge = {"WWW-Authenticate": 'Bearer realm="EXIFinator"'}
    if given is None or config.api_token is None:
        raise Refused(
            401, "This needs the token: send the header Authorization: Bearer <API_TOKEN>.", headers=challenge
        )
    if not hmac.compare_digest(given.encode(), config.api_token.get_secret_value().encode()):
        attempts.record_wrong(address)
        raise Refused(401, "The token is wrong.", headers=challenge)
    attempts.record_right(address)


def _check(request: Request, credentials: HTTPAuthorizationCredentials | None) -> None:
    address = request.client.host if request.client else ""
    given = credentials.credentials if credentials else None
    check_token(request.app.state.config, request.app.state.attempts, address, given)


def is_open_to_read(config: Config) -> bool:
    """Reading photos is free on this machine; it needs the token where the API binds beyond it."""
    return config.api_token is None or config.api_host in LOOPBACK


async def require_reader(request: Request, credentials: Credentials) -> None:
    """See is_open_to_read."""
    if not is_open_to_read(request.app.state.config):
        _check(request, credentials)


async def require_operator(request: Request, credentials: Credentials) -> None:
    """Batches and failures need the token as soon as there is one."""
    config: Config = request.app.state.config
    if config.api_token is not None:
        _check(request, credentials)


async def require_writer(request: Request, credentials: Credentials) -> None:
    """What changes something always needs the token; without API_TOKEN nobody may."""
    config: Config = request.app.state.config
    if config.api_token is None:
        raise Refused(403, "This changes something, so it needs a token: set API_TOKEN in settings.py.")
    _check(request, credentials)


async def require_starter(request: Request, credentials: Credentials) -> None:
    """Starting and cancelling batches needs the token; without one it is open to programs of this machine.

    Not to pages of other origins, which a browser of this machine may show: they carry their origin.
    """
    await require_operator(request, credentials)
    config: Config = request.app.state.config
    if config.api_token is None and is_foreign(request):
        raise Refused(403, "A page of another origin may not change anything here.")


def is_foreign(request: Request) -> bool:
    """Whether a browser says that a page of another origin sent this."""
    origin = request.headers.get("origin")
    same = origin is None or origin.partition("://")[2] == request.headers.get("host")
    return not same or request.headers.get("sec-fetch-site", "none") not in ("same-origin", "none")


READER = Depends(require_reader)
OPERATOR = Depends(require_operator)
STARTER = Depends(require_starter)
WRITER = Depends(require_writer)


class KnownHost:
    """Refuses a Host header that is not this server's, as long as it serves this machine alone.

    A page from elsewhere can make its own name resolve to 127.0.0.1, and so make a browser on this machine read the
    API as if it were that page's own (DNS rebinding); its requests still carry its own name.
    """

    def __init__(self, app: ASGIApp, config: Config) -> None:
        self.app = app
        self.names: frozenset[str] | None = None
        if config.api_host in LOOPBACK:
            self.names = LOOPBACK | frozenset(config.api_allowed_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self.names is not None:
            host = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1")
            if _without_port(host) not in self.names:
                refusal = problem_response(
                    421, "This server answers to localhost and 127.0.0.1 only; API_HOST and API_TOKEN open it."
                )
                await refusal(scope, receive, send)
                return
        await self.app(scope, receive, send)


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()
