"""MRQ's dashboard behind a guard of EXIFinator's: who may see it, and what a browser may do with it.

MRQ compares only the part of a password before a second ":", takes writes that another site's page sends, and puts
some names of its jobs into its page unescaped. Its code is not edited: the guard stands in front of it, and lets
through nothing that it has not looked at.
"""

from __future__ import annotations

if __name__ == "__main__":
    # Before anything imports sockets, threads or TLS.
    from gevent import monkey

    monkey.patch_all()

import base64
import binascii
import hashlib
import hmac
import html
import io
import json
import logging
import os
import re
import signal
import sys
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import gevent
from werkzeug.wrappers import Request, Response

from exifinator.config import LOOPBACK, ROOT, Config, load_config
from exifinator.errors import EXIFinatorError, ServiceFailed

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)

REALM = "EXIFinator jobs"
BODY_LIMIT_BYTES = 1024 * 1024
FIRST_DELAY_SECONDS = 0.1
LONGEST_DELAY_SECONDS = 5.0
# Wrong passwords from one address that are being waited for; what comes on top is not even compared.
WAITING_LIMIT = 8
REMEMBERED_ADDRESSES = 1024
# A browser keeps its connections open, and a stranger might keep many.
IDLE_SECONDS = 60.0

_LOOPBACK_HOST = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?", re.IGNORECASE)
_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)

# MRQ's page compiles its templates with `new Function`, hence unsafe-eval, and its bundle carries its styles in
# scripts, hence unsafe-inline for those. It would also load a font from Google; nothing outside is reached.
_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-eval'{hashes}; style-src 'self' 'unsafe-inline'; img-src 'self'; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}

# MRQ's page starts with a tab whose own script fails; the statuses of the jobs say what one wants to know first.
_START = '<script>if (!location.hash) location.replace("#status");</script>'

# What MRQ's page escapes itself, or shows where nothing is HTML; every other string becomes part of its HTML as it
# is. `data` and `stack` are of the jobs that a worker reports.
_ESCAPED_BY_PAGE = frozenset(
    {"params", "result", "logs", "traceback", "original_traceback", "data", "stack", "workergroups"}
)


class Guard:
    """A WSGI application that lets only proper requests through to `app`, and hardens what it answers.

    auth: "user:password", which may contain ":" again; None: everybody who reaches it may in.
    bind_host: the address that the server binds; on loopback only loopback names are served, so that no site can
    point a name of its own here (DNS rebinding).
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        auth: str | None,
        bind_host: str,
        sleep: Callable[[float], object] = gevent.sleep,
    ) -> None:
        self._app = app
        self._auth = auth.encode() if auth is not None else None
        self._loopback = bind_host in LOOPBACK
        self._slowdown = _Slowdown(sleep)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        response = self._refuse(request) or self._ask(request)
        return response(environ, start_response)

    def _refuse(self, request: Request) -> Response | None:
        """The answer to a request that must not reach the dashboard; None where it may."""
        return (
            self._refuse_host(request)
            or _refuse_cross_site(request)
            or self._refuse_stranger(request)
            or _refuse_body(request)
        )

    def _refuse_host(self, request: Request) -> Response | None:
        if not self._loopback or _LOOPBACK_HOST.fullmatch(request.headers.get("Host", "")):
            return None
        return _say(403, "This dashboard is for this machine alone: open it as http://127.0.0.1 or http://localhost.")

    def _refuse_stranger(self, request: Request) -> Response | None:
        if self._auth is None:
            return None
        address = request.remote_addr or ""
        given = _given_credentials(request)
        if given is None:
            return _ask_credentials()
        if self._slowdown.is_crowded(address):
            return _say(429, "Too many wrong passwords from this address: wait a few seconds and try again.")
        if hmac.compare_digest(given, self._auth):
            self._slowdown.forget(address)
            return None
        log.warning("wrong user or password from %s", address)
        self._slowdown.wait(address)
        return _ask_credentials()

    def _ask(self, request: Request) -> Response:
        response = Response.from_app(self._app, request.environ)
        hashes: list[str] = []
        if response.mimetype in ("application/json", "text/html"):
            response.headers["Cache-Control"] = "no-store"
            if request.method == "HEAD":
                response.headers.pop("Content-Length", None)
            elif response.mimetype == "application/json":
                response.set_data(json.dumps(_escape(json.loads(response.get_data()))))
            else:
                page = response.get_data(as_text=True).replace("<head>", f"<head>{_START}", 1)
                hashes = [_hash(script) for script in _INLINE_SCRIPT.findall(page)]
                response.set_data(page)
        return _harden(response, hashes)


class _Slowdown:
    """Wrong passwords cost time, more with each one from the same address."""

    def __init__(self, sleep: Callable[[float], object]) -> None:
        self._sleep = sleep
        self._failures: OrderedDict[str, int] = OrderedDict()
        self._waiting: Counter[str] = Counter()

    def is_crowded(self, address: str) -> bool:
        """Whether so many of its wrong passwords are being waited for that no more are compared."""
        return self._waiting[address] >= WAITING_LIMIT

    def forget(self, address: str) -> None:
        """A right password came from there."""
        self._failures.pop(address, None)

    def wait(self, address: str) -> None:
        """Let pass the time that one more wrong password from there costs."""
        failures = self._failures.pop(address, 0) + 1
        self._failures[address] = failures
        while len(self._failures) > REMEMBERED_ADDRESSES:
            self._failures.popitem(last=False)
        self._waiting[address] += 1
        try:
            self._sleep(min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2.0 ** min(failures - 1, 16)))
        finally:
            self._waiting[address] -= 1
            if not self._waiting[address]:
                del self._waiting[address]


def _given_credentials(request: Request) -> bytes | None:
    """The "user:password" that came with the request; None without one, empty where it cannot be read."""
    header = request.headers.get("Authorization")
    if header is None:
        return None
    scheme, _, packed = header.partition(" ")
    if scheme.lower() != "basic":
        return b""
    try:
        return base64.b64decode(packed.strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _refuse_cross_site(request: Request) -> Response | None:
    """A page of another site may make a browser send anything, with the password that the browser remembers."""
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return None
    headers = request.headers
    if headers.get("Sec-Fetch-Site") not in ("cross-site", "same-site"):
        source = headers.get("Origin") or headers.get("Referer")
        if source is None or _netloc(source) == headers.get("Host", "").lower():
            return None
    return _say(403, "This request came from the page of another site and was refused: use the dashboard's own page.")


def _netloc(address: str) -> str | None:
    try:
        return urlsplit(address).netloc.lower() or None
    except ValueError:
        return None


def _refuse_body(request: Request) -> Response | None:
    """Read the body, and put it where the dashboard finds it; refuse one that is too large."""
    environ = request.environ
    too_large = f"A request may be {BODY_LIMIT_BYTES} bytes long at most."
    length = environ.get("CONTENT_LENGTH") or ""
    if length and not re.fullmatch(r"[0-9]{1,18}", length):
        return _say(400, "Content-Length must be a number of bytes.")
    if length and int(length) > BODY_LIMIT_BYTES:
        return _say(413, too_large)
    body = b""
    if length or environ.get("HTTP_TRANSFER_ENCODING"):
        # Without a length the server says where the body ends (chunks).
        body = environ["wsgi.input"].read(int(length) if length else BODY_LIMIT_BYTES + 1)
    if len(body) > BODY_LIMIT_BYTES:
        return _say(413, too_large)
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    return None


def _escape(value: Any, key: str = "") -> Any:
    """A JSON value in which strings that MRQ's page takes for HTML are text there."""
    if key in _ESCAPED_BY_PAGE:
        return value
    if isinstance(value, str):
        return html.escape(value)
    if isinstance(value, list):
        return [_escape(item, key) for item in value]
    if isinstance(value, dict):
        return {name: _escape(item, name) for name, item in value.items()}
    return value


def _hash(script: str) -> str:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def _say(status: int, sentence: str) -> Response:
    # The connection ends with a refusal: the rest of a body that nobody wants need not be read.
    return _harden(Response(sentence + "\n", status, {"Connection": "close"}, mimetype="text/plain"), [])


def _ask_credentials() -> Response:
    response = Response("User and password, please: DASHBOARD_AUTH in settings.py.\n", 401, mimetype="text/plain")
    response.headers["WWW-Authenticate"] = f'Basic realm="{REALM}", charset="UTF-8"'
    return _harden(response, [])


def _harden(response: Response, hashes: list[str]) -> Response:
    response.headers.update(_HEADERS)
    response.headers["Content-Security-Policy"] = _POLICY.format(hashes="".join(f" {item}" for item in hashes))
    return response


def load_app() -> WSGIApplication:
    """MRQ's dashboard, which reads mrq-config.py in the current folder and the command line as it is imported."""
    os.chdir(ROOT)
    del sys.argv[1:]
    from mrq.dashboard import utils

    # The guard asks for the password. MRQ's own question would refuse one with a ":" in it.
    utils.requires_auth = lambda view: view
    from mrq.dashboard.app import app

    return cast("WSGIApplication", app)


def serve(config: Config, app: WSGIApplication) -> None:
    """Serve until SIGTERM or SIGINT. Raises: ServiceFailed where the address cannot be bound."""
    from gevent.event import Event
    from gevent.pywsgi import WSGIHandler, WSGIServer

    class Handler(WSGIHandler):  # type: ignore[misc]
        def handle(self) -> None:
            self.socket.settimeout(IDLE_SECONDS)
            super().handle()

        def format_request(self) -> str:
            # Without the query: MRQ's tables send a kilobyte of it, with keys of photos among it.
            line = (self.requestline or "-").partition("?")[0].removesuffix(f" {self.request_version}")
            status = (self._orig_status or self.status or "000").split()[0]
            return f'{self.client_address[0]} "{line}" {status} {self.response_length or 0}'

    host, port = config.dashboard_host, config.dashboard_port
    auth = config.dashboard_auth.get_secret_value() if config.dashboard_auth else None
    guard = Guard(app, auth=auth, bind_host=host)
    server = WSGIServer((host, port), guard, log=log, error_log=log, handler_class=Handler)
    # Not server.stop itself: a signal may come while the server starts.
    ended = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, ended.set)
    try:
        server.start()
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise ServiceFailed(
            f"{host}:{port} cannot be bound ({reason}): set DASHBOARD_HOST and DASHBOARD_PORT to a free address"
        ) from error
    log.info("dashboard at http://%s:%s", f"[{host}]" if ":" in host else host, port)
    ended.wait()
    server.stop()


def main() -> None:
    """The dashboard of this installation, until a signal ends it."""
    from gevent import monkey

    monkey.patch_all()
    try:
        config = load_config()
        serve(config, load_app())
    except EXIFinatorError as error:
        raise SystemExit(f"The dashboard cannot start: {error}") from error


if __name__ == "__main__":
    main()
