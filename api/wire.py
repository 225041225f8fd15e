"""HTTP as this API wants it: paths as they were written, HEAD as GET without a body, OPTIONS, and safe headers."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import allowed_methods, problem_response

# An answer that a browser shows by itself may load nothing and be framed by nobody.
_CSP = "default-src 'none'; frame-ancestors 'none'"


class WrittenPath:
    """Routes by the path as it was written, percent-encoding and all; the routes decode what they take from it.

    An id is `<bucket>/<key>`, and a key may hold anything: decoded first, `a%2Fthumbnail` could not be told from
    `a/thumbnail`, nor a key's newline from the end of a line.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = {**scope, "path": scope["raw_path"].partition(b"?")[0].decode("latin-1")}
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
            methods = allowed_methods(scope["app"], scope)
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


class BoundedBody:
    """Reads a request's body before anything else does, as far as it may go, and refuses one that goes further."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _has_body(scope):
            await self.app(scope, receive, send)
            return
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > self.max_bytes:
                refusal = problem_response(
                    413, f"The body of a request may have {self.max_bytes} bytes.", headers={"Connection": "close"}
                )
                await refusal(scope, receive, send)
                return
        pending: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

        async def replay() -> Message:
            return pending.pop() if pending else await receive()

        await self.app(scope, replay, send)


def _has_body(scope: Scope) -> bool:
    return any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])
