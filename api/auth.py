"""Access control: the token, throttling of wrong tokens, and the host names that this server answers to."""

from __future__ import annotations

import hashlib
import hmac
import math
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.errors import ErrorCode, RequestRefused
from api.http.problems import problem_response
from api.shared.throttle import Throttle
from exifinator.config import Config
from exifinator.net import is_loopback_host
from exifinator.web_security import host_name, is_cross_site, is_forwarded

# The header with the signature of a notification.
SIGNATURE_HEADER = "X-Hub-Signature-256"

_bearer = HTTPBearer(auto_error=False, description="API_TOKEN in settings.py.")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]


async def check_token(
    expected: SecretStr | None,
    throttle: Throttle,
    address: str,
    token: str | None,
    *,
    setting: str = "API_TOKEN",
) -> None:
    """Check the token, and throttle addresses that send wrong tokens.

    Args:
        expected: The correct token; None if no token is accepted.
        setting: The setting that contains the correct token. It is named in the error message.

    Raises:
        RequestRefused: The token is missing or wrong (401), or it is wrong and this address has already sent too many
            wrong tokens (429).
    """
    challenge = {"WWW-Authenticate": 'Bearer realm="EXIFinator"'}
    if token is None or expected is None:
        detail = f"This action requires an access token. Send the header Authorization: Bearer <{setting}>."
        raise RequestRefused(ErrorCode.TOKEN_MISSING, detail, headers=challenge)
    if hmac.compare_digest(token.encode(), expected.get_secret_value().encode()):
        await throttle.record_success(address)
        return
    wait = await throttle.seconds_to_wait(address)
    if wait > 0:
        raise RequestRefused(
            ErrorCode.TOO_MANY_ATTEMPTS,
            "This token is wrong, and this address has sent too many wrong tokens. Wait before trying again.",
            headers={"Retry-After": str(math.ceil(wait))},
        )
    await throttle.record_failure(address)
    raise RequestRefused(ErrorCode.TOKEN_WRONG, "The access token is wrong.", headers=challenge)


async def _check_request(
    request: Request, credentials: HTTPAuthorizationCredentials | None, expected: SecretStr | None, setting: str
) -> None:
    address = request.client.host if request.client else ""
    token = credentials.credentials if credentials else None
    await check_token(expected, request.app.state.throttle, address, token, setting=setting)


def allows_anonymous_reads(config: Config) -> bool:
    """Return whether photos can be read without the token: no token is set, or API_PUBLIC_READ is true.

    The address to which the API is bound does not matter: behind a proxy, an API on loopback is open to the network.
    """
    return config.api_token is None or config.api_public_read


async def require_reader(request: Request, credentials: Credentials) -> None:
    """Require the token, unless photos can be read without it."""
    config: Config = request.app.state.config
    if not allows_anonymous_reads(config):
        await _check_request(request, credentials, config.api_token, "API_TOKEN")


async def require_operator(request: Request, credentials: Credentials) -> None:
    """Require the token if one is set. Used for batches and failures."""
    config: Config = request.app.state.config
    if config.api_token is not None:
        await _check_request(request, credentials, config.api_token, "API_TOKEN")


async def require_event_sender(request: Request, credentials: Credentials) -> None:
    """Require EVENTS_TOKEN, or a signature made with EVENTS_HMAC_SECRET. API_TOKEN is not accepted.

    If neither setting is set, respond with 404, as for a path that does not exist.
    """
    config: Config = request.app.state.config
    if not config.accepts_notifications:
        detail = "Notifications are not accepted. Set EVENTS_TOKEN or EVENTS_HMAC_SECRET in settings.py."
        raise RequestRefused(ErrorCode.NOT_FOUND, detail)
    signature = request.headers.get(SIGNATURE_HEADER)
    if config.events_hmac_secret is None or signature is None:
        await _check_request(request, credentials, config.events_token, "EVENTS_TOKEN")
        return
    # The middleware MaxBodySize limits the body.
    expected = SecretStr(sign_body(config.events_hmac_secret, await request.body()))
    address = request.client.host if request.client else ""
    # Check the signature like a token that is valid for this body only.
    await check_token(expected, request.app.state.throttle, address, signature, setting="EVENTS_HMAC_SECRET")


def sign_body(secret: SecretStr, body: bytes) -> str:
    """Return the signature of a notification, in the form that WebSub and GitHub's webhooks use."""
    return "sha256=" + hmac.new(secret.get_secret_value().encode(), body, hashlib.sha256).hexdigest()


async def require_writer(request: Request, credentials: Credentials) -> None:
    """Require the token if one is set. Otherwise, reject requests on behalf of web pages from other origins.

    Used to start and cancel batches, to requeue failed images, and to change saved views. If no token is set, any
    program on this machine may do so, except a browser on behalf of a page from another origin.
    """
    await require_operator(request, credentials)
    config: Config = request.app.state.config
    if config.api_token is None and is_cross_site(request.headers.get):
        raise RequestRefused(ErrorCode.FOREIGN_ORIGIN, "Web pages from other origins cannot change anything.")


READER = Depends(require_reader)
OPERATOR = Depends(require_operator)
WRITER = Depends(require_writer)
EVENT_SENDER = Depends(require_event_sender)


class TrustedHost:
    """If the API is bound to loopback, reject requests whose Host header is not a name of this server.

    This prevents DNS rebinding: a web page can make its own host name resolve to 127.0.0.1, so that a browser on this
    machine lets the page read the API. The page's requests still have that host name in their Host header.

    If no token is set, also reject requests that a proxy has forwarded, whatever host they name: proxies such as nginx
    and Apache replace the client's Host header with the address of this server.
    """

    def __init__(self, app: ASGIApp, config: Config) -> None:
        self.app = app
        self._is_loopback = is_loopback_host(config.api_host)
        self._allowed_names = frozenset(config.api_allowed_hosts)
        self._needs_no_token = config.api_token is None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(Headers(scope=scope)) if scope["type"] == "http" and self._is_loopback else None
        await (refusal or self.app)(scope, receive, send)

    def _refusal(self, headers: Headers) -> Response | None:
        """Return the error response to a request with these headers; None if the request is accepted."""
        name = host_name(headers.get("host", ""))
        if name not in self._allowed_names and not is_loopback_host(name):
            return problem_response(
                ErrorCode.UNKNOWN_HOST,
                "This server accepts requests only for localhost, 127.0.0.1, ::1 and the names in "
                "API_ALLOWED_HOSTS. To use another name, add it to that setting, and set API_TOKEN.",
            )
        if self._needs_no_token and is_forwarded(headers.get):
            return problem_response(
                ErrorCode.TOKEN_NOT_SET,
                "A proxy has forwarded this request, and the server has no access token: set API_TOKEN in settings.py.",
            )
        return None
