"""Run the API under uvicorn, with limits on the resources that one slow client can tie up."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import multiprocessing
import os
import resource
import signal
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import h11
import uvicorn
from fastapi import FastAPI
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from api.errors import ErrorCode
from api.http.problems import problem_response
from api.listener import BACKLOG, SharedListener, check_address_is_free
from api.process import ApiProcess
from exifinator.config import Config
from exifinator.gc_tuning import freeze_startup_heap
from exifinator.logging_setup import configure
from exifinator.notify import notify_ready
from exifinator.storage.migrations import check_schema_before_reading


@dataclass(frozen=True)
class ServerLimits:
    """Limits that keep slow clients from tying up the server."""

    # Time to receive the head of a request, counted from the start of the connection or, for later requests on it, from
    # the first byte of the request.
    header_seconds: float = 10.0
    # Time to receive the body, counted from the end of the head.
    body_seconds: float = 20.0
    # How long a client may pause reading its response.
    stall_seconds: float = 30.0
    # Maximum idle time between two requests on one connection.
    keep_alive_seconds: int = 15
    # Maximum size of the request line plus headers: 8 KiB of JSON with every byte percent-encoded (24 KiB), plus
    # headroom.
    max_head_bytes: int = 40 * 1024
    # Maximum number of open connections, over all clients.
    max_connections: int = 1024

    @property
    def open_files(self) -> int:
        """File descriptors needed: one per client connection, and as many again for MongoDB, Redis and S3.

        This exceeds the default limit of a process, which is often 1,024, so `main` raises the limit.
        """
        return 2 * self.max_connections


class BoundedConfig(uvicorn.Config):
    """uvicorn.Config plus the limits that uvicorn has no setting for."""

    def __init__(self, app: Callable[[], FastAPI] | str, limits: ServerLimits, **options: Any) -> None:
        self.limits = limits
        super().__init__(
            app,
            factory=True,
            timeout_keep_alive=limits.keep_alive_seconds,
            h11_max_incomplete_event_size=limits.max_head_bytes,
            **options,
        )


class BoundedProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 protocol with three more time limits, and with error responses as problem+json.

    It drops the connection if the client takes too long to send a request's head or body, or stops reading the response
    for too long. Between requests, uvicorn's own keep-alive timeout applies.
    """

    _request_timer: asyncio.TimerHandle | None = None
    _stall_timer: asyncio.TimerHandle | None = None

    def __init__(self, config: BoundedConfig, *args: Any, **options: Any) -> None:
        super().__init__(config, *args, **options)
        self._limits = config.limits
        self.app = self._respond

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        if _head_bytes(scope) > self._limits.max_head_bytes:  # h11 measures only heads that arrive in several parts
            await _head_refusal("The head of the request is too large", self._limits)(scope, receive, send)
        elif len(self.connections) <= self._limits.max_connections:
            await self.config.loaded_app(scope, receive, send)
        else:
            headers = {"Retry-After": "5", "Connection": "close"}
            refusal = problem_response(
                ErrorCode.TOO_MANY_CONNECTIONS, "Too many connections are open.", headers=headers
            )
            await refusal(scope, receive, send)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_request_timer(self._limits.header_seconds)

    def data_received(self, data: bytes) -> None:
        previous_cycle = self.cycle
        super().data_received(data)
        if self.cycle is not previous_cycle:  # the head of a request is complete
            if self.cycle.more_body:
                self._start_request_timer(self._limits.body_seconds)
            else:
                self._cancel_request_timer()
        elif self.cycle is None or self.cycle.response_complete:  # the head of the next request has begun
            if self._request_timer is None:
                self._start_request_timer(self._limits.header_seconds)
        elif not self.cycle.more_body:
            self._cancel_request_timer()

    def send_400_response(self, msg: str) -> None:
        """Reject malformed HTTP with problem+json, unless a response has already started."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            refusal = _head_refusal(msg.removesuffix("."), self._limits)
            head = h11.Response(status_code=400, headers=refusal.raw_headers, reason=b"Bad Request")
            for event in (head, h11.Data(data=bytes(refusal.body)), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _unsupported_upgrade_warning(self) -> None:
        """Suppress uvicorn's advice to install a WebSocket library: the API has no WebSockets."""

    def on_response_complete(self) -> None:
        self._cancel_request_timer()
        super().on_response_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stall_timer = self.loop.call_later(self._limits.stall_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._cancel_stall_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_request_timer()
        self._cancel_stall_timer()
        super().connection_lost(exc)

    def _start_request_timer(self, seconds: float) -> None:
        self._cancel_request_timer()
        self._request_timer = self.loop.call_later(seconds, self.transport.abort)

    def _cancel_request_timer(self) -> None:
        if self._request_timer is not None:
            self._request_timer.cancel()
            self._request_timer = None

    def _cancel_stall_timer(self) -> None:
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None


def _head_bytes(scope: Scope) -> int:
    """Return the size of a request's head, without the method and the version."""
    headers = sum(len(name) + len(value) + 4 for name, value in scope["headers"])
    return headers + len(scope["raw_path"]) + len(scope["query_string"])


def _head_refusal(reason: str, limits: ServerLimits) -> Response:
    """Return the error response to a request whose head is malformed or too large."""
    limit = limits.max_head_bytes
    detail = f"{reason}. Requests must be valid HTTP/1.1 (RFC 9112), with a head of at most {limit} bytes."
    return problem_response(ErrorCode.MALFORMED_REQUEST, detail, headers={"Connection": "close"})


def server_config(
    config: Config,
    limits: ServerLimits | None = None,
    *,
    app_factory: Callable[[], FastAPI] | None = None,
    process: ApiProcess | None = None,
) -> BoundedConfig:
    """Return uvicorn's configuration for the API.

    Args:
        app_factory: Returns the application. Defaults to `api.app:create_app`, imported when the server starts.
        process: Which of the processes that serve the API this one is. Default: it serves alone.
    """
    process = process or ApiProcess()
    in_group = not process.is_alone
    if in_group and app_factory is None:
        app_factory = functools.partial(_create_app, config, process)
    return BoundedConfig(
        app_factory or "api.app:create_app",
        limits or ServerLimits(),
        host=config.api_host,
        port=config.api_port,
        http=BoundedProtocol,
        ws="none",
        timeout_graceful_shutdown=10,
        # Anyone can send X-Forwarded-For. api/app.py reads the header, but only from API_TRUSTED_PROXIES.
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_level=config.log_level.lower(),
        log_config=None if config.log_format == "json" or in_group else uvicorn.config.LOGGING_CONFIG,
        # See SharedListener.
        backlog=1 if in_group else BACKLOG,
    )


def _create_app(config: Config, process: ApiProcess) -> FastAPI:
    from api.app import create_app  # imported late, because the sockets and the settings are checked first

    return create_app(config, process=process)


class Server(uvicorn.Server):
    """uvicorn.Server with a callback for readiness.

    Args:
        on_ready: Called once connections are accepted.
    """

    def __init__(self, config: BoundedConfig, *, on_ready: Callable[[], None] | None = None) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and self._on_ready is not None:
            self._on_ready()


def main(config: Config, process: ApiProcess) -> None:
    """Serve until the process receives SIGINT or SIGTERM.

    Raises:
        ConfigError: The schema in MongoDB is newer than this version.
        ServiceFailed: The address cannot be bound.
    """
    if process.is_alone:
        check_address_is_free(config.api_host, config.api_port)
    check_schema_before_reading(config)
    limits = ServerLimits()
    soft_limit, hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft_limit < limits.open_files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(limits.open_files, hard_limit), hard_limit))
    if process.is_alone:
        if config.log_format == "json":
            configure(config)
        Server(server_config(config, limits), on_ready=_on_ready).run()
    else:
        _serve_in_group(config, limits, process)


def _on_ready() -> None:
    freeze_startup_heap()
    notify_ready()


def _serve_in_group(config: Config, limits: ServerLimits, process: ApiProcess) -> None:
    """Serve as one of several processes, which share the listening sockets."""
    multiprocessing.current_process().name = process.name  # shown in each log line
    configure(config)
    lifeline = socket.socket(fileno=process.lifeline_fd)
    threading.Thread(target=_stop_with_main_process, args=(lifeline,), name="lifeline", daemon=True).start()

    def on_ready() -> None:
        freeze_startup_heap()
        lifeline.send(b"R")

    listeners = [SharedListener(fileno=descriptor) for descriptor in process.listener_fds]
    uvicorn_config = server_config(config, limits, process=process)
    Server(uvicorn_config, on_ready=on_ready).run(list(listeners))


def _stop_with_main_process(lifeline: socket.socket) -> None:
    """Send SIGTERM to this process when the main process has exited, even if the main process was killed."""
    with contextlib.suppress(OSError):
        lifeline.recv(1)
    os.kill(os.getpid(), signal.SIGTERM)
