"""WSGI middleware that protects MRQ's dashboard: it checks requests and hardens responses."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import html
import io
import json
import logging
import math
import re
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from exifinator.dashboard import job_queries, page_fixes
from exifinator.net import is_loopback_host, url_host
from exifinator.web_security import LoginThrottle, host_name, is_cross_site, is_forwarded

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger("exifinator.dashboard")

REALM = "EXIFinator jobs"
BODY_LIMIT_BYTES = 1024 * 1024
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)

# MRQ's page compiles its templates with `new Function`, which needs unsafe-eval. The scripts insert styles, which needs
# unsafe-inline.
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
# Fields that MRQ's page escapes itself or shows as text. The page inserts all other strings into its HTML unescaped.
# `data` and `stack` are fields of the jobs that a worker reports.
_ESCAPED_BY_PAGE = frozenset(
    {"params", "result", "logs", "traceback", "original_traceback", "data", "stack", "workergroups"}
)


class Guard:
    """A WSGI application that forwards only permitted requests to `app`, and hardens the responses.

    Args:
        auth: The required "user:password". The password may contain ":". If None, no password is required.
        bind_host: The address to which the server is bound. If it is loopback, only requests for loopback names and
            for `allowed_hosts` are served. This prevents DNS rebinding, where a site makes its own name resolve to this
            server.
        allowed_hosts: The host names that clients use for a reverse proxy, in lower case.
        throttle: Delays further attempts after wrong passwords.
        explorer_port: The port of the explorer on the same host, to which the page gets a link.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        auth: str | None,
        bind_host: str,
        allowed_hosts: Collection[str] = (),
        throttle: LoginThrottle | None = None,
        explorer_port: int | None = None,
    ) -> None:
        self._app = app
        self._auth = auth.encode() if auth is not None else None
        self._is_loopback = is_loopback_host(bind_host)
        self._allowed_hosts = frozenset(allowed_hosts)
        self._throttle = throttle or LoginThrottle()
        self._explorer_port = explorer_port

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        response = self._refuse(request) or self._forward(request)
        return response(environ, start_response)

    def _refuse(self, request: Request) -> Response | None:
        """Return an error response if the request must not reach the dashboard, else None."""
        return (
            self._refuse_host(request)
            or self._refuse_forwarded(request)
            or _refuse_cross_site(request)
            or self._refuse_unauthenticated(request)
            or _refuse_body(request)
            or _refuse_parameters(request)
        )

    def _refuse_host(self, request: Request) -> Response | None:
        name = host_name(request.headers.get("Host", ""))
        if not self._is_loopback or is_loopback_host(name) or name in self._allowed_hosts:
            return None
        return _refusal(
            403,
            "This dashboard can only be opened from this machine: in the address, replace the host with 127.0.0.1 or "
            "localhost, or add this host to DASHBOARD_ALLOWED_HOSTS.",
        )

    def _refuse_forwarded(self, request: Request) -> Response | None:
        if self._auth is not None or not is_forwarded(request.headers.get):
            return None
        return _refusal(403, "A proxy has forwarded this request: set DASHBOARD_AUTH, so that not everyone gets in.")

    def _refuse_unauthenticated(self, request: Request) -> Response | None:
        if self._auth is None:
            return None
        address = request.remote_addr or ""
        credentials = _read_credentials(request)
        if credentials is None:
            return _ask_credentials()
        if hmac.compare_digest(credentials, self._auth):
            self._throttle.record_success(address)
            return None
        wait = math.ceil(self._throttle.seconds_to_wait(address))
        if wait:
            response = _refusal(429, f"Too many wrong passwords from this address: try again in {wait} s.")
            response.headers["Retry-After"] = str(wait)
            return response
        log.warning("wrong user or password from %s", address)
        self._throttle.record_failure(address)
        return _ask_credentials()

    def _forward(self, request: Request) -> Response:
        is_fixed = request.path in page_fixes.PATHS
        if is_fixed:
            # The browser may have cached the uncorrected file, so always send the whole file.
            for header in ("IF_NONE_MATCH", "IF_MODIFIED_SINCE", "RANGE"):
                request.environ.pop(f"HTTP_{header}", None)
        response = Response.from_app(self._app, request.environ)
        hashes: list[str] = []
        if is_fixed and response.status_code == 200 and request.method == "GET":
            response.direct_passthrough = False
            response.set_data(page_fixes.fix_file(request.path, response.get_data(as_text=True)))
            for header in ("ETag", "Last-Modified", "Accept-Ranges"):
                response.headers.pop(header, None)
        elif response.mimetype in ("application/json", "text/html"):
            response.headers["Cache-Control"] = "no-store"
            if request.method == "HEAD":
                response.headers.pop("Content-Length", None)
            elif response.mimetype == "application/json":
                response.set_data(json.dumps(_escape(json.loads(response.get_data()))))
            else:
                page = page_fixes.fix_page(response.get_data(as_text=True))
                if self._explorer_port is not None:
                    host = url_host(host_name(request.headers.get("Host", "")))
                    page = page_fixes.link_explorer(page, f"http://{host}:{self._explorer_port}/")
                hashes = [_hash(script) for script in _INLINE_SCRIPT.findall(page)]
                response.set_data(page)
        return _harden(response, hashes)


def _read_credentials(request: Request) -> bytes | None:
    """Return the "user:password" that the request contains.

    Return None if there is no Authorization header, and b"" if the header cannot be decoded.
    """
    header = request.headers.get("Authorization")
    if header is None:
        return None
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return b""
    try:
        return base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _refuse_cross_site(request: Request) -> Response | None:
    """Return an error response if a page on another site caused this write or query. Links from there are allowed."""
    is_link = request.method in _SAFE_METHODS and not request.path.startswith(("/api/", "/workers"))
    if is_link or not is_cross_site(request.headers.get):
        return None
    return _refusal(403, "This request came from a page on another site: use the dashboard's own page.")


def _refuse_body(request: Request) -> Response | None:
    """Read the body and make it the request's input. Return an error response if it is invalid or too large."""
    environ = request.environ
    if environ.get("HTTP_TRANSFER_ENCODING"):
        # Proxies and servers disagree on where such a body ends if there is a Content-Length too, so that one request
        # could hide another. Browsers declare the length.
        return _refusal(411, "Send the body with a Content-Length.")
    too_large = f"The body must not exceed {BODY_LIMIT_BYTES} bytes."
    length = environ.get("CONTENT_LENGTH") or ""
    if length and not re.fullmatch(r"[0-9]{1,18}", length):
        return _refusal(400, "Content-Length must be a number of bytes.")
    if length and int(length) > BODY_LIMIT_BYTES:
        return _refusal(413, too_large)
    body = environ["wsgi.input"].read(int(length)) if length else b""
    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    return None


def _refuse_parameters(request: Request) -> Response | None:
    """Return an error response to malformed parameters, and an empty table if its filter is malformed."""
    try:
        if request.path == "/api/jobaction" and request.method == "POST":
            job_queries.check_action(Request({**request.environ, "wsgi.input": _copy_body(request)}).form)
        else:
            job_queries.check_read(request.path, request.args)
    except job_queries.BadRequest as error:
        return _refusal(400, f"This request is malformed: {error}.")
    except job_queries.BadFilter as error:
        if request.method == "POST":
            return _refusal(400, f"This filter matches no jobs: {error}.")
        # The page does not show error responses for tables, so send a table without rows.
        rows = {"aaData": [], "iTotalDisplayRecords": 0, "sEcho": request.args["sEcho"], "error": str(error)}
        return _harden(Response(json.dumps(_escape(rows)), mimetype="application/json"), [])
    return None


def _copy_body(request: Request) -> io.BytesIO:
    """Return a copy of the body, which `_refuse_body` has read into memory."""
    return io.BytesIO(request.environ["wsgi.input"].getvalue())


def _escape(value: Any, key: str = "") -> Any:
    """Escape the strings of a JSON value that MRQ's page would insert into its HTML."""
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


def _refusal(status: int, message: str) -> Response:
    # Close the connection, so that the rest of the request's body need not be read.
    return _harden(Response(message + "\n", status, {"Connection": "close"}, mimetype="text/plain"), [])


def _ask_credentials() -> Response:
    response = Response("Enter the user and password of DASHBOARD_AUTH in settings.py.\n", 401, mimetype="text/plain")
    response.headers["WWW-Authenticate"] = f'Basic realm="{REALM}", charset="UTF-8"'
    return _harden(response, [])


def _harden(response: Response, hashes: list[str]) -> Response:
    response.headers.update(_HEADERS)
    response.headers["Content-Security-Policy"] = _POLICY.format(hashes="".join(f" {item}" for item in hashes))
    return response
