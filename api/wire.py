"""HTTP as this API wants it: paths as they were written, HEAD as GET without a body, OPTIONS, and safe headers."""

from __future__ import annotations

import re

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import allowed_methods, problem_response

# An answer that a browser shows by itself may load nothing and be framed by nobody.
_CSP = "default-src 'none'; frame-ancestors 'none'"

_NO_GZIP = re.compile(rb"\bgzip\s*;\s*q=0(\.0*)?\s*(,|$)", re.IGNORECASE)
_METHODS = ["DELETE", "GET", "HEAD", "OPTIONS", "POST"]


class WrittenPath:
    """Routes by the path as it was written, percent-encoding and all; the routes decode what they take from it.

    An id is `<bucket>/<key>`, and a key may hold anything: decoded first, `a%2Fthumbnail` could not be told from
    `a/thumbnail`, nor a key's newline from the end of a line.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = scope["raw_path"].partition(b"?")[0].decode("latin-1")
            if path.lower().startswith(("http://", "https://")):
                # As proxies write it (RFC 9112, 3.2.2); whose name it may carry is checked by the header.
                path = "/" + path.partition("://")[2].partition("/")[2]
            scope = {**scope, "path": path}
        await self.app(scope, receive, send)


class HeadAndOptions:
    """HEAD answers as GET does, without the body; OPTIONS says what an address takes."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif scope["method"] == "HEAD":
            # Streams look at `head` and send no more than their headers.
            inner = {**scope, "method": "GET", "state": {**scope.get("state", {}), "head": True}}
            await self.app(inner, receive, _without_body(send))
        elif scope["method"] == "OPTIONS":
            about_all = scope["path"] == "*"  # of the server as a whole (RFC 9110, 9.3.7)
            methods = _METHODS if about_all else allowed_methods(scope["app"], scope)
            answer = (
                Response(status_code=204, headers={"Allow": ", ".join(methods)})
                if methods
                else problem_response(404, "There is nothing at this address; / lists what there is.")
            )
            await answer(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def _without_body(send: Send) -> Send:
    async def send_head(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return send_head


class RefusedCodings:
    """Takes an Accept-Encoding away that refuses gzip (gzip;q=0): what packs answers looks for the word alone."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = {**scope, "headers": [pair for pair in scope["headers"] if not _refuses_gzip(*pair)]}
        await self.app(scope, receive, send)


def _refuses_gzip(name: bytes, value: bytes) -> bool:
    return name == b"accept-encoding" and bool(_NO_GZIP.search(value))


class SafeHeaders:
    """Headers that keep a browser from making more of an answer than it is."""

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


# A client that sends its whole body before it reads anything would see a broken connection instead of the refusal.
_READ_ON_BYTES = 64 * 1024 * 1024


class BoundedBody:
    """Reads a request's body before anything else does, as far as it may go, and refuses one that goes further.

    What goes further is read on for a while, and kept nowhere, so that who sends it learns why it is refused.
    """

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _has_body(scope):
            await self.app(scope, receive, send)
            return
        refusal = problem_response(
            413, f"The body of a request may have {self.max_bytes} bytes.", headers={"Connection": "close"}
        )
        headers = dict(scope["headers"])
        # Who asks before it sends has not begun, and what is very long is not read to its end.
        asks = headers.get(b"expect", b"").lower() == b"100-continue"
        if _length(headers) > (self.max_bytes if asks else _READ_ON_BYTES):
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
            if read > self.max_bytes and (not more or read > _READ_ON_BYTES):
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
