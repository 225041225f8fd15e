"""When the API starts, it checks that its address is free."""

from __future__ import annotations

import socket

import pytest

from api.listener import check_address_is_free
from exifinator.errors import ServiceFailed
from tests.servers import reserve_port

HOSTS = [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)]


@pytest.mark.parametrize("host", [host for host, _ in HOSTS])
def test_check_address__address_is_free__passes_without_listening(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the check listened, a client that waits for the API could connect to it, and its connection would be reset."""
    monkeypatch.setattr(socket.socket, "listen", lambda *_: pytest.fail("the check accepts connections"))
    check_address_is_free(host, reserve_port())


@pytest.mark.parametrize(("host", "family"), HOSTS)
def test_check_address__address_is_in_use__is_refused(host: str, family: socket.AddressFamily) -> None:
    with socket.create_server((host, 0), family=family) as server:
        port = server.getsockname()[1]
        with pytest.raises(ServiceFailed, match=rf"{host}:{port} cannot be bound .* check API_HOST and API_PORT"):
            check_address_is_free(host, port)


def test_check_address__address_of_another_machine__is_refused() -> None:
    with pytest.raises(ServiceFailed, match=r"192\.0\.2\.1:8080 cannot be bound"):
        check_address_is_free("192.0.2.1", 8080)
