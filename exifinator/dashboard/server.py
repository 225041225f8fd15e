"""Serve MRQ's dashboard behind a guard (guard.py), which checks every request and hardens every response.

On its own, MRQ cuts the configured password off at its first ":", accepts writes from pages on other sites, and inserts
some job names into its page unescaped. The guard fixes all of this without changes to MRQ's code.
"""

from __future__ import annotations

if __name__ == "__main__":
    # Patch before any other module imports sockets, threads or TLS.
    from exifinator.gevent_patch import patch_all

    patch_all()

import logging
import os
import signal
import sys
from typing import TYPE_CHECKING, Any, cast

import gevent

from exifinator.config import ROOT, Config, load_config
from exifinator.dashboard.guard import Guard
from exifinator.errors import EXIFinatorError, ServiceFailed
from exifinator.notify import notify_ready

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

log = logging.getLogger("exifinator.dashboard")

# Close connections that are idle for this long. Browsers keep connections open, and an attacker could open many.
IDLE_SECONDS = 60.0


def load_app() -> WSGIApplication:
    """Import and return MRQ's dashboard. On import, it reads mrq-config.py from the current folder, and sys.argv."""
    os.chdir(ROOT)
    del sys.argv[1:]
    from mrq.dashboard import utils

    # The guard checks the password. MRQ's own check would accept only the part before the first ":".
    utils.requires_auth = lambda view: view
    from mrq.dashboard import app as dashboard

    dashboard.connections = _SortedJobs(dashboard.connections)
    return cast("WSGIApplication", dashboard.app)


class _SortedJobs:
    """Wraps MRQ's connections, so that queries return the newest jobs first. MRQ does not sort them.

    Args:
        target: The connections, the database of jobs, or its collection `mrq_jobs`.
    """

    def __init__(self, target: Any) -> None:
        self._target = target

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._target, name)
        return _SortedJobs(value) if name in ("mongodb_jobs", "mrq_jobs") else value

    def find(self, *args: Any, **options: Any) -> Any:
        return self._target.find(*args, **options).sort([("datequeued", -1), ("_id", 1)])


def serve(config: Config, app: WSGIApplication) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        ServiceFailed: The address cannot be bound.
    """
    from gevent.event import Event
    from gevent.pywsgi import WSGIHandler, WSGIServer

    class Handler(WSGIHandler):  # type: ignore[misc]
        def handle(self) -> None:
            self.socket.settimeout(IDLE_SECONDS)
            super().handle()

        def format_request(self) -> str:
            # Omit the query string: MRQ's tables send about a kilobyte of parameters, including image keys.
            line = (self.requestline or "-").partition("?")[0].removesuffix(f" {self.request_version}")
            status = (self._orig_status or self.status or "000").split()[0]
            return f'{self.client_address[0]} "{line}" {status} {self.response_length or 0}'

    host, port = config.dashboard_host, config.dashboard_port
    auth = config.dashboard_auth.get_secret_value() if config.dashboard_auth else None
    guard = Guard(
        app,
        auth=auth,
        bind_host=host,
        allowed_hosts=config.dashboard_allowed_hosts,
        explorer_port=config.api_port,
    )
    server = WSGIServer((host, port), guard, log=log, error_log=log, handler_class=Handler)
    # Set an event instead of calling server.stop, because a signal may arrive while the server is starting.
    stopping = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, stopping.set)
    try:
        server.start()
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise ServiceFailed(
            f"{host}:{port} cannot be bound ({reason}): check DASHBOARD_HOST and DASHBOARD_PORT"
        ) from error
    notify_ready()
    log.info("dashboard at http://%s:%s", f"[{host}]" if ":" in host else host, port)
    stopping.wait()
    server.stop()


def main() -> None:
    """Serve the dashboard of this installation until SIGTERM or SIGINT."""
    try:
        config = load_config()
        serve(config, load_app())
    except EXIFinatorError as error:
        raise SystemExit(f"The dashboard cannot start: {error}") from error


if __name__ == "__main__":
    main()
