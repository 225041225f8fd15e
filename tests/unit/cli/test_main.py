"""Commands that need no server, and the programs that `start` starts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from exifinator.cli.doctor import summarize_checks
from exifinator.cli.main import LAZY_COMMANDS, Commands, main
from exifinator.config import build_config, load_config
from exifinator.errors import ConfigError, ServiceFailed
from exifinator.processes.workers import WorkersReport, _fingerprint, worker_programs


@pytest.fixture(autouse=True)
def _fresh_config() -> Iterator[None]:
    load_config.cache_clear()
    yield
    load_config.cache_clear()


@pytest.mark.parametrize("name", sorted(LAZY_COMMANDS))
def test_commands__lazily_imported_command__has_the_listed_help(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert command.get_short_help_str(200) == LAZY_COMMANDS[name][1]


def test_settings_command__secrets__are_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
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
    ("arguments", "code", "message"),
    [
        pytest.param(["settings"], 2, "GREENLETS should be", id="wrong-setting"),
        pytest.param(["nothing"], 2, "No such command", id="unknown-command"),
        pytest.param(["start", "--what"], 2, "No such option", id="unknown-option"),
    ],
)
def test_main__wrong_usage_or_settings__exits_with_2(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, message: str
) -> None:
    monkeypatch.setenv("EXIFINATOR_GREENLETS", "many")
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == code
    assert message in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("statu", "status"), ("stat", "start"), ("sttop", "stop"), ("Doctor", "doctor"), ("worcker", "worker")],
)
def test_main__mistyped_command__suggests_the_most_similar(typed: str, meant: str) -> None:
    result = CliRunner().invoke(main, [typed])
    assert result.exit_code == 2
    assert f"No such command {typed!r}. Did you mean {meant!r}?" in result.stderr


@pytest.mark.parametrize(
    ("counts", "line"),
    [
        ((25, 0, 0), "25 checks passed."),
        ((1, 0, 0), "1 check passed."),
        ((22, 1, 2), "22 checks passed, 1 warning, 2 errors."),
    ],
)
def test_summarize_checks__counts__omits_levels_with_a_count_of_zero(counts: tuple[int, int, int], line: str) -> None:
    assert summarize_checks(*counts) == line


@pytest.mark.parametrize(
    ("error", "code"),
    [(ServiceFailed("it\x1b[31m did not"), 1), (ConfigError("wrong"), 2), (PermissionError(13, "no", "/x"), 1)],
    ids=["failed", "config", "os"],
)
def test_main__error__is_printed_without_a_traceback(
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


@pytest.mark.parametrize(("url", "expected"), [("", False), ("https://sqs.eu-west-1.amazonaws.com/1/photos", True)])
def test_worker_programs__events_sqs_url_is_set__include_watch(url: str, expected: bool) -> None:
    config = build_config({"EVENTS_SQS_URL": url or None}, {})
    assert ("watch" in {program.name for program in worker_programs(config)}) is expected


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, False),
        ({"EVENTS_TOKEN": "t"}, True),
        ({"EVENTS_HMAC_SECRET": "t"}, True),
        ({"EVENTS_SQS_URL": "https://sqs/q"}, True),
    ],
)
def test_fingerprint__changed_sources__differs_only_if_events_are_followed(
    settings: dict[str, str], expected: bool, tmp_path: Path
) -> None:
    before, after = (build_config({**settings, "S3_BUCKETS": bucket}, {}) for bucket in ("a", "b"))
    assert (_fingerprint(before, tmp_path) != _fingerprint(after, tmp_path)) is expected


@pytest.mark.parametrize("processes", [1, 2, 8])
def test_worker_programs__number_of_processes__all_serve_both_queues(processes: int) -> None:
    config = build_config({"WORKER_PROCESSES": processes, "DOWNLOAD_QUEUE": "in", "WRITE_QUEUE": "out"}, {})
    programs = {program.name: program for program in worker_programs(config)}
    assert set(programs) == {"download-write", "dashboard", "api"}
    worker = programs["download-write"]
    assert (worker.processes, worker.stop_signal, worker.command[-2:]) == (processes, "INT", ["in", "out"])


def test_fingerprint__changed_setting_or_code_of_the_workers__differs(tmp_path: Path) -> None:
    def fingerprint(**settings: object) -> str:
        return _fingerprint(build_config(settings, {}), tmp_path)

    assert fingerprint() == fingerprint(S3_BUCKETS=["holiday"])
    assert len({fingerprint(), fingerprint(GREENLETS=7), fingerprint(API_TOKEN="a"), fingerprint(API_TOKEN="b")}) == 4
    before = fingerprint()
    (tmp_path / "exifinator").mkdir()
    (tmp_path / "exifinator" / "parse.py").write_text("# changed")
    assert fingerprint() != before


@pytest.mark.parametrize(
    ("url", "is_private"),
    [("http://127.0.0.1:5555", True), ("http://[::1]:5555", True), ("http://0.0.0.0:5555", False)],
)
def test_workers_report__address__says_whether_only_this_machine_can_reach_it(url: str, is_private: bool) -> None:
    report = WorkersReport("started", False, url, "http://10.0.0.7:3001")
    lines = str(report).splitlines()
    assert url in lines[1]
    assert ("this machine only" in lines[1]) is is_private
    assert "only" not in lines[2]
    assert "--restart" not in lines[0]
    assert "--restart" in str(WorkersReport("already running", True, url, url))
