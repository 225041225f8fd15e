"""ASGI middleware: raw paths, HEAD and OPTIONS, compression, security headers, body size."""

from __future__ import annotations

import re

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import ErrorCode
from api.http.problems import allowed_methods, not_found_response, problem_response

# A response opened directly in a browser may load nothing, and no page may frame it.
_CSP = "default-src 'none'; frame-ancestors 'none'"

_NO_GZIP = re.compile(rb"\bgzip\s*;\s*q=0(\.0*)?\s*(,|$)", re.IGNORECASE)
_METHODS = ["DELETE", "GET", "HEAD", "OPTIONS", "POST"]


class RawPath:
    """Route by the percent-encoded path; the routes decode their parameters.

    An id is `<bucket>/<key>`, and a key may contain anything: after decoding, `a%2Fthumbnail` could not be told from
    `a/thumbnail`, nor a newline in a key from the end of a line.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = scope["raw_path"].partition(b"?")[0].decode("latin-1")
            if path.lower().startswith(("http://", "https://")):
                # The absolute form that proxies send (RFC 9112, 3.2.2). The name is checked in the Host header.
                path = "/" + path.partition("://")[2].partition("/")[2]
            scope = {**scope, "path": path}
        await self.app(scope, receive, send)


class HeadAndOptions:
    """Handle HEAD as GET without the body, and OPTIONS with the methods that the path supports."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif scope["method"] == "HEAD":
            # Streams check `head` and send only their headers.
            inner = {**scope, "method": "GET", "state": {**scope.get("state", {}), "head": True}}
            await self.app(inner, receive, _without_body(send))
        elif scope["method"] == "OPTIONS":
            is_server_wide = scope["path"] == "*"  # RFC 9110, 9.3.7
            methods = _METHODS if is_server_wide else allowed_methods(scope["app"], scope)
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
    """Drop an Accept-Encoding header that excludes gzip (gzip;q=0): GZipMiddleware only searches it for "gzip"."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = {**scope, "headers": [pair for pair in scope["headers"] if not _refuses_gzip(*pair)]}
        await self.app(scope, receive, send)


def _refuses_gzip(name: bytes, value: bytes) -> bool:
    return name == b"accept-encoding" and bool(_NO_GZIP.search(value))


class SecurityHeaders:
    """Set headers that keep a browser from guessing types, sending referrers, and loading or framing anything."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_safe(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("X-Content-Type-Options", "nosniff")
                headers.setdefault("Referrer-Policy", "no-referrer")
                headers.setdefault("Content-Security-Policy", _CSP)
            await send(message)

        await self.app(scope, receive, send_safe if scope["type"] == "http" else send)


# Without draining, a client that sends its whole body before it reads would see a broken connection.
_DRAIN_BYTES = 64 * 1024 * 1024


class MaxBodySize:
    """Read the body of a request in advance, and reject one that is too large.

    The rest of an oversized body is read and discarded, up to a limit, so that the client can read the error response.
    Starlette's `max_body_size` does not drain the body, and sends some errors as plain text: clients would see a broken
    connection, or an error that is not problem+json.
    """

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _has_body(scope):
            await self.app(scope, receive, send)
            return
        refusal = problem_response(
            ErrorCode.BODY_TOO_LARGE,
            f"The body may have at most {self.max_bytes} bytes.",
            headers={"Connection": "close"},
        )
        headers = dict(scope["headers"])
        # A client that sends Expect: 100-continue has not started to send, and a very long body is not drained.
        expects_continue = headers.get(b"expect", b"").lower() == b"100-continue"
        if _length(headers) > (self.max_bytes if expects_continue else _DRAIN_BYTES):
            await refusal(scope, receive, send)
            return
        body = bytearray()
        read = 0
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            part = message.get("body", b"")
            read += len(part)
            if read <= self.max_bytes:
                body += part
            more = message.get("more_body", False)
            if read > self.max_bytes and (not more or read > _DRAIN_BYTES):
                await refusal(scope, receive, send)
                return
        pending: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

        async def replay() -> Message:
            return pending.pop() if pending else await receive()

        await self.app(scope, replay, send)


def _length(headers: dict[bytes, bytes]) -> int:
    length = headers.get(b"content-length", b"")
    return int(length) if length.isdigit() else 0


def _has_body(scope: Scope) -> bool:
    return any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])
