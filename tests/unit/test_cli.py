"""The commands, as far as they need no server; and what `start` would start."""

from __future__ import annotations

import http.server
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from exifinator.cli import ELSEWHERE, Commands, main
from exifinator.config import build_config, load_config
from exifinator.errors import ConfigError, ServiceFailed
from exifinator.marked import find_supervisord
from exifinator.services import listens
from exifinator.supervision import Program, Supervision
from exifinator.workers import WorkersReport, _fingerprint, start_workers, worker_programs, worker_supervision
from tests.servers import free_port
from tests.unit.test_supervision import wait_for

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _fresh_config() -> Iterator[None]:
    load_config.cache_clear()
    yield
    load_config.cache_clear()


def test_help__without_any_service__names_every_command_and_imports_little() -> None:
    script = "import sys; from exifinator.cli import main; main(['--help'], standalone_mode=False); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in ("demo", "extract", "run", "services", "settings", "start", "status", "stop"):
        assert f"\n  {name} " in done.stdout
    loaded = done.stdout.splitlines()[-1].split()
    assert not {"pymongo", "redis", "boto3", "pydantic", "mrq", "gevent"} & set(loaded)


def test_main__ctrl_c_while_it_is_imported__ends_without_a_traceback(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    (tmp_path / "click.py").write_text(f"import time\nopen({str(ready)!r}, 'w').close()\ntime.sleep(60)\n")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-m", "exifinator", "status"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as process:
        wait_for(ready.exists)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=15)[1] == ""
    assert process.returncode == -signal.SIGINT


@pytest.mark.parametrize("name", sorted(ELSEWHERE))
def test_commands__elsewhere__are_there_and_say_what_the_list_says(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert command.get_short_help_str(200) == ELSEWHERE[name][1]


def test_settings__secrets__are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "REDIS_URL": "redis://:hush@127.0.0.1:6379/0",
        "MONGODB_URI": "mongodb://waldo:hush@127.0.0.1",
        "AWS_ACCESS_KEY": "AKhush",
        "AWS_SECRET_KEY": "hush",
        "API_TOKEN": "hush",
        "DASHBOARD_AUTH": "waldo:hush",
        "S3_ENDPOINT_URL": "https://minio:9000",
        "GREENLETS": "7",
    }.items():
        monkeypatch.setenv(f"EXIFINATOR_{name}", value)
    result = CliRunner().invoke(main, ["settings"])
    assert result.exit_code == 0
    assert "hush" not in result.output
    assert "GREENLETS = 7   (EXIFINATOR_GREENLETS)" in result.output
    assert "REDIS_URL = 'redis://127.0.0.1:6379/0'" in result.output
    assert "API_TOKEN = ***" in result.output


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        pytest.param(["settings"], 2, "GREENLETS should be", id="wrong-setting"),
        pytest.param(["nothing"], 2, "No such command", id="unknown-command"),
        pytest.param(["start", "--what"], 2, "No such option", id="unknown-option"),
    ],
)
def test_main__wrong_usage_or_settings__ends_with_2(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, says: str
) -> None:
    monkeypatch.setenv("EXIFINATOR_GREENLETS", "many")
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == code
    assert says in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("error", "code"),
    [(ServiceFailed("it\x1b[31m did not"), 1), (ConfigError("wrong"), 2), (PermissionError(13, "no", "/x"), 1)],
    ids=["failed", "config", "os"],
)
def test_main__error__is_one_sentence_without_traceback(
    monkeypatch: pytest.MonkeyPatch, error: Exception, code: int
) -> None:
    @click.group(cls=Commands)
    def group() -> None: ...

    @group.command()
    def fail() -> None:
        raise error

    result = CliRunner().invoke(group, ["fail"])
    assert result.exit_code == code
    assert result.stderr.startswith("Error: ")
    assert "\x1b" not in result.stderr
    assert "Traceback" not in result.stderr
    monkeypatch.setenv("EXIFINATOR_DEBUG", "1")
    assert CliRunner().invoke(group, ["fail"]).exception is error


@pytest.mark.parametrize("processes", [1, 2, 8])
def test_worker_programs__processes__all_read_and_write(processes: int) -> None:
    config = build_config({"WORKER_PROCESSES": processes, "DOWNLOAD_QUEUE": "in", "WRITE_QUEUE": "out"}, {})
    programs = {program.name: program for program in worker_programs(config)}
    assert set(programs) == {"download-write", "dashboard", "api"}
    worker = programs["download-write"]
    assert (worker.processes, worker.stop_signal, worker.command[1:]) == (processes, "INT", ["in", "out"])


@pytest.mark.parametrize("setting", ["DASHBOARD_PORT", "API_PORT"])
def test_start_workers__port_of_another__is_a_config_error(tmp_path: Path, setting: str) -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            with pytest.raises(ConfigError, match=f"port {server.server_port} .* taken .*{setting}"):
                start_workers(build_config({setting: server.server_port}, {}), root=tmp_path)
        finally:
            server.shutdown()
            thread.join()
    assert not (tmp_path / "logs").exists()


def test_start_workers__port_of_an_orphan__is_free_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Started(Exception):
        pass

    def start(self: Supervision, programs: Sequence[Program]) -> bool:
        raise Started

    port = free_port()
    supervision = worker_supervision(tmp_path)
    server = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]
    supervision.start([Program("api", server)])
    try:
        wait_for(lambda: listens("127.0.0.1", port))
        supervisord = find_supervisord(supervision._mark)
        assert supervisord is not None
        supervisord.kill()
        wait_for(lambda: not supervision.running())
        monkeypatch.setattr(Supervision, "start", start)
        with pytest.raises(Started):
            start_workers(build_config({"API_PORT": port, "DASHBOARD_PORT": free_port()}, {}), root=tmp_path)
    finally:
        supervision.stop()


def test_fingerprint__what_the_workers_use__makes_another(tmp_path: Path) -> None:
    def of(**settings: object) -> str:
        return _fingerprint(build_config(settings, {}), tmp_path)

    assert of() == of(S3_BUCKETS=["holiday"])
    assert len({of(), of(GREENLETS=7), of(API_TOKEN="a"), of(API_TOKEN="b")}) == 4
    before = of()
    (tmp_path / "exifinator").mkdir()
    (tmp_path / "exifinator" / "parse.py").write_text("# changed")
    assert of() != before


@pytest.mark.parametrize(
    ("url", "private"),
    [("http://127.0.0.1:5555", True), ("http://[::1]:5555", True), ("http://0.0.0.0:5555", False)],
)
def test_workers_report__address__says_who_can_reach_it(url: str, private: bool) -> None:
    report = WorkersReport("started", False, url, "http://10.0.0.7:3001")
    lines = str(report).splitlines()
    assert url in lines[1]
    assert ("only from this machine" in lines[1]) is private
    assert "only" not in lines[2]
    assert "--restart" not in lines[0]
    assert "--restart" in str(WorkersReport("already running", True, url, url))
