"""Runs the API under uvicorn, with limits on what one slow client can hold."""

from __future__ import annotations

import asyncio
import os
import resource
import socket
from typing import Any

import h11
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from api.errors import problem_response
from exifinator.config import Config
from exifinator.errors import ServiceFailed
from exifinator.garbage import collect_seldom
from exifinator.logs import configure
from exifinator.migrations import refuse_newer_schema

HEADER_SECONDS = 10.0
BODY_SECONDS = 20.0
STALL_SECONDS = 30.0
KEEP_ALIVE_SECONDS = 15
# The longest address and headers: a query of 8 KiB of JSON, each byte percent-encoded, and room for the rest.
HEAD_BYTES = 40 * 1024
CONNECTIONS = 1024
# So many connections, and those to the servers behind; systems start a process with 1,024 and let it have more.
OPEN_FILES = 2 * CONNECTIONS


class BoundedProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 with three deadlines that it lacks, and its own refusals in the shape of all errors.

    A request's head must be there HEADER_SECONDS after its first byte (or after the connection was made), its body
    BODY_SECONDS after its head, and a client must read something of its answer within STALL_SECONDS. A connection
    that does not is dropped. Between requests uvicorn's own keep-alive timeout holds.
    """

    _deadline: asyncio.TimerHandle | None = None
    _stall: asyncio.TimerHandle | None = None

    def __init__(self, config: uvicorn.Config, *args: Any, **options: Any) -> None:
        super().__init__(config, *args, **options)
        self.app = self._answer

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if len(self.connections) <= CONNECTIONS:
            await self.config.loaded_app(scope, receive, send)
        else:
            headers = {"Retry-After": "5", "Connection": "close"}
            await problem_response(503, "Too many connections are open.", headers=headers)(scope, receive, send)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._arm(HEADER_SECONDS)

    def data_received(self, data: bytes) -> None:
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before:  # a head is complete
            if self.cycle.more_body:
                self._arm(BODY_SECONDS)
            else:
                self._disarm()
        elif self.cycle is None or self.cycle.response_complete:  # a head has begun
            if self._deadline is None:
                self._arm(HEADER_SECONDS)
        elif not self.cycle.more_body:
            self._disarm()

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP is told so in the shape of all errors, where nothing of an answer is on its way yet."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            refusal = problem_response(400, f"{msg.removesuffix('.')}: see RFC 9112.", headers={"Connection": "close"})
            head = h11.Response(status_code=400, headers=refusal.raw_headers, reason=b"Bad Request")
            for event in (head, h11.Data(data=bytes(refusal.body)), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _unsupported_upgrade_warning(self) -> None:
        """Nobody needs to install anything: there are no WebSockets here, and the request is answered without one."""

    def on_response_complete(self) -> None:
        self._disarm()
        super().on_response_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stall = self.loop.call_later(STALL_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._end_stall()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        self._end_stall()
        super().connection_lost(exc)

    def _arm(self, seconds: float) -> None:
        self._disarm()
        self._deadline = self.loop.call_later(seconds, self.transport.abort)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _end_stall(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None


def server_config(config: Config) -> uvicorn.Config:
    """How uvicorn runs the API."""
    return uvicorn.Config(
        "api.app:create_app",
        factory=True,
        host=config.api_host,
        port=config.api_port,
        http=BoundedProtocol,
        ws="none",
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=10,
        h11_max_incomplete_event_size=HEAD_BYTES,
        # A client's own word about its address would undo the pause after wrong tokens.
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_level=config.log_level.lower(),
        log_config=None if config.log_format == "json" else uvicorn.config.LOGGING_CONFIG,
    )


class Server(uvicorn.Server):
    """uvicorn's, which at its end would wait for streams that have none."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        collect_seldom()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.config.loaded_app.state.batch_feed.close()
        await super().shutdown(sockets)


def _refuse_taken_address(host: str, port: int) -> None:
    """uvicorn says it too, among other lines, and not what to do about it."""
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as exc:
        reason = os.strerror(exc.errno) if exc.errno and exc.errno > 0 else str(exc)
        raise ServiceFailed(
            f"{host}:{port} cannot be bound ({reason}): set API_HOST and API_PORT to a free address"
        ) from exc


def main(config: Config) -> None:
    """Serve until a signal ends it.

    Raises: ConfigError where what MongoDB holds is newer than this code; ServiceFailed where the address is taken.
    """
    _refuse_taken_address(config.api_host, config.api_port)
    refuse_newer_schema(config)
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed < OPEN_FILES:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(OPEN_FILES, most), most))
    if config.log_format == "json":
        configure(config)
    Server(server_config(config)).run()
