"""What the commands import, how they end when they are interrupted, and which ports `start` accepts."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from exifinator.config import build_config
from exifinator.errors import ConfigError
from exifinator.net import listens
from exifinator.processes.supervisor import Supervision
from exifinator.processes.supervisor_config import Program
from exifinator.processes.tagged import find_supervisord
from exifinator.processes.workers import start_workers, worker_supervision
from tests.servers import ROOT, reserve_port
from tests.waiting import eventually


def test_help__without_any_service__names_every_command_and_imports_little() -> None:
    script = (
        "import sys; from exifinator.cli.main import main; main(['--help'], standalone_mode=False); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in ("demo", "extract", "run", "services", "settings", "start", "status", "stop"):
        assert f"\n  {name} " in done.stdout
    loaded = done.stdout.splitlines()[-1].split()
    assert not {"pymongo", "redis", "boto3", "pydantic", "mrq", "gevent"} & set(loaded)


def test_extract__imported_alone__loads_no_client_of_a_service() -> None:
    clients = ("gevent", "redis", "mrq", "boto3")
    script = f"import sys, exifinator.cli.extract; print([m for m in sys.modules if m.split('.')[0] in {clients}])"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_main__ctrl_c_during_its_imports__ends_without_a_traceback(tmp_path: Path) -> None:
    # A stand-in for click, which the program imports. Its import never ends.
    (tmp_path / "click.py").write_text("import signal\nprint('importing', flush=True)\nsignal.pause()\n")
    command = [sys.executable, "-m", "exifinator", "status"]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "importing\n"
        process.send_signal(signal.SIGINT)
        assert process.communicate() == ("", "")
    assert process.returncode == -signal.SIGINT


@pytest.mark.parametrize("setting", ["DASHBOARD_PORT", "API_PORT"])
def test_start_workers__port_of_another_program__is_a_config_error(tmp_path: Path, setting: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=f"Port {port} .* used .*{setting}"):
            start_workers(build_config({setting: port}, {}), root=tmp_path)
    assert not (tmp_path / "logs").exists()


def test_start_workers__port_of_an_orphan__is_free_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Started(Exception):
        pass

    def start(self: Supervision, programs: Sequence[Program]) -> bool:
        raise Started

    port = reserve_port()
    supervision = worker_supervision(tmp_path)
    server = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]
    supervision.start([Program("api", server)])
    try:
        eventually(lambda: listens("127.0.0.1", port))
        supervisord = find_supervisord(supervision._tag)
        assert supervisord is not None
        supervisord.kill()
        eventually(lambda: not supervision.running())
        monkeypatch.setattr(Supervision, "start", start)
        with pytest.raises(Started):
            start_workers(build_config({"API_PORT": port, "DASHBOARD_PORT": reserve_port()}, {}), root=tmp_path)
    finally:
        supervision.stop()
