"""The addresses and ports at which EXIFinator's programs listen."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.photos import make_jpeg
from tests.servers import reserve_port
from tests.system.checkout import Checkout


def listening(processes: list[psutil.Process]) -> set[tuple[str, int]]:
    """Return the addresses and ports, TCP and UDP, on which these processes listen."""
    sockets = []
    for process in processes:
        # A process that has ended in the meantime no longer listens.
        with contextlib.suppress(psutil.NoSuchProcess):
            sockets += process.connections("inet")
    return {(socket.laddr.ip, socket.laddr.port) for socket in sockets if socket.laddr and not socket.raddr}


def test_installation__all_programs_started__listens_on_loopback_addresses_only(
    checkout: Callable[..., Checkout], tmp_path: Path
) -> None:
    """Check EXIFinator's own Redis and MongoDB, its workers, dashboard and API, and their supervisors.

    Other users of the machine can reach only the API and the dashboard, which can require a token and a password.
    """
    site = checkout(
        REDIS_URL=f"redis://127.0.0.1:{reserve_port()}/0", MONGODB_URI=f"mongodb://127.0.0.1:{reserve_port()}"
    )
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "a.jpg").write_bytes(make_jpeg())

    done = site.command("run", "--json", str(photos))

    assert done.returncode == 0, done.stderr + site.logs()
    assert json.loads(done.stdout)["stored"] == 1
    result = listening(site.processes())
    assert {port for _, port in result} == set(site.ports.values())
    assert {address for address, _ in result} <= {"127.0.0.1", "::1"}


@pytest.mark.parametrize(
    ("module", "setting", "remedy"),
    [("api", "API_HOST", "API_TOKEN"), ("exifinator.dashboard.server", "DASHBOARD_HOST", "DASHBOARD_AUTH")],
)
def test_start__address_of_all_interfaces_without_a_password__is_refused(
    checkout: Callable[..., Checkout], module: str, setting: str, remedy: str
) -> None:
    """Start the programs directly, without run.sh. test_config.py covers the forms of addresses."""
    site = checkout(**{setting: "[::]"})

    done = subprocess.run(
        [sys.executable, "-m", module],
        cwd=site.path,
        env=site.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode not in (0, None)
    assert f"{remedy} must be" in done.stderr
    assert f"{setting} to 127.0.0.1" in done.stderr
    assert "Traceback" not in done.stderr
