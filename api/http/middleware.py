"""ASGI middleware: raw paths, HEAD and OPTIONS, compression, security headers, body size."""

from __future__ import annotations

import re
from collections.abc import Mapping

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import ErrorCode
from api.http.methods import METHODS, allowed_methods
from api.http.problems import not_found_response, problem_response

# Policy for responses that are opened directly in a browser: they may load nothing, and no page may frame them.
_CSP = b"default-src 'none'; frame-ancestors 'none'"
_SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", _CSP),
)

_NO_GZIP = re.compile(rb"\bgzip\s*;\s*q=0(\.0*)?\s*(,|$)", re.IGNORECASE)


class RawPath:
    """Route by the percent-encoded path, and leave decoding to the routes.

    A photo's id is `<bucket>/<key>`, and a key may contain any character. Decoding first would make `a%2Fthumbnail` the
    same as `a/thumbnail`, and a newline in a key would break the patterns that match paths.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = scope["raw_path"].partition(b"?")[0].decode("latin-1")
            if path.lower().startswith(("http://", "https://")):
                # The absolute form that proxies send (RFC 9112, 3.2.2). TrustedHost has checked the Host header.
                path = "/" + path.partition("://")[2].partition("/")[2]
            scope = {**scope, "path": path}
        await self.app(scope, receive, send)


class HeadAndOptions:
    """Answer HEAD as GET without the body, and OPTIONS with the methods that the path supports."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif scope["method"] == "HEAD":
            # Streaming routes check `head` and do not start their stream.
            inner = {**scope, "method": "GET", "state": {**scope.get("state", {}), "head": True}}
            await self.app(inner, receive, _without_body(send))
        elif scope["method"] == "OPTIONS":
            is_server_wide = scope["path"] == "*"  # RFC 9110, 9.3.7
            methods = sorted((*METHODS, "HEAD", "OPTIONS")) if is_server_wide else allowed_methods(scope["app"], scope)
            response = (
                Response(status_code=204, headers={"Allow": ", ".join(methods)}) if methods else not_found_response()
            )
            await response(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def _without_body(send: Send) -> Send:
    async def send_head(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return send_head


class IgnoreRefusedGzip:
    """Drop an Accept-Encoding header that excludes gzip (gzip;q=0).

    GZipMiddleware only searches the header for "gzip", so it would compress the response.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = {**scope, "headers": [pair for pair in scope["headers"] if not _refuses_gzip(*pair)]}
        await self.app(scope, receive, send)


def _refuses_gzip(name: bytes, value: bytes) -> bool:
    return name == b"accept-encoding" and bool(_NO_GZIP.search(value))


class SecurityHeaders:
    """Set headers that stop browsers from guessing content types, sending referrers, and loading or framing content.

    A header that the route has set is kept.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_safe(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message["headers"]
                names = {name for name, _ in headers}  # in lower case, as ASGI requires
                headers += [pair for pair in _SECURITY_HEADERS if pair[0] not in names]
            await send(message)

        await self.app(scope, receive, send_safe if scope["type"] == "http" else send)


# Maximum number of bytes of an oversized body to read and discard.
_DRAIN_BYTES = 64 * 1024 * 1024


class MaxBodySize:
    """Read the body before the route runs, and reject one that is too large.

    The rest of an oversized body is read and discarded, up to _DRAIN_BYTES. Otherwise, a client that sends its whole
    body before it reads the response would see a broken connection instead of the error. Starlette's `max_body_size`
    does not do this, and sends some errors as plain text instead of problem+json.

    Args:
        max_bytes: The maximum size of a body.
        larger: Larger maximum sizes of a body in bytes, by the start of the path.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, larger: Mapping[str, int] | None = None) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.larger = larger or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _has_body(scope):
            await self.app(scope, receive, send)
            return
        path = scope["path"]
        max_bytes = next((limit for start, limit in self.larger.items() if path.startswith(start)), self.max_bytes)
        refusal = problem_response(
            ErrorCode.BODY_TOO_LARGE,
            f"The body must not exceed {max_bytes} bytes.",
            headers={"Connection": "close"},
        )
        headers = dict(scope["headers"])
        # Reject an oversized body without reading it if the client waits for 100-continue before it sends the body, or
        # if the body is longer than _DRAIN_BYTES.
        expects_continue = headers.get(b"expect", b"").lower() == b"100-continue"
        if _length(headers) > (max_bytes if expects_continue else _DRAIN_BYTES):
            await refusal(scope, receive, send)
            return
        try:
            body = await _read_body(receive, max_bytes)
        except _BodyTooLarge:
            await refusal(scope, receive, send)
            return
        if body is not None:
            await self.app(scope, _replay(body, receive), send)


class _BodyTooLarge(Exception):
    """The body is longer than allowed, and has been discarded."""


async def _read_body(receive: Receive, max_bytes: int) -> bytes | None:
    """Return the body; None if the client has closed the connection.

    Raises:
        _BodyTooLarge: The body is longer than `max_bytes`.
    """
    body = bytearray()
    bytes_read = 0
    has_more = True
    while has_more and bytes_read <= _DRAIN_BYTES:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part = message.get("body", b"")
        bytes_read += len(part)
        if bytes_read <= max_bytes:
            body += part
        has_more = message.get("more_body", False)
    if bytes_read > max_bytes:
        raise _BodyTooLarge
    return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a function that returns a body that has been read, and then what `receive` returns."""
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return pending.pop() if pending else await receive()

    return replay


def _length(headers: dict[bytes, bytes]) -> int:
    length = headers.get(b"content-length", b"")
    return int(length) if length.isdigit() else 0


def _has_body(scope: Scope) -> bool:
    return any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])
