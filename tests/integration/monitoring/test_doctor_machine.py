"""The checks of `doctor` for this machine and the settings, and the command as a whole."""

from __future__ import annotations

import importlib.metadata
import json
import os
import resource
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from click.testing import Result

from exifinator.config import Config, build_config
from exifinator.monitoring.checks import machine, settings
from exifinator.monitoring.doctor import run_checks
from tests.integration.api.fixtures import WireApi
from tests.integration.conftest import Bucket, Installation, invoke
from tests.integration.monitoring.servers import KEYS, NOBODY
from tests.servers import reserve_port


@pytest.mark.parametrize(("version", "level"), [((3, 10, 1), "error"), ((3, 13, 0), "ok"), ((3, 14, 0), "error")])
def test_python__version__is_an_error_unless_supported(version: tuple[int, ...], level: str) -> None:
    assert machine.check_python(version).level == level


def test_packages__missing_or_of_another_version__are_named(tmp_path: Path) -> None:
    pinned = tmp_path / "requirements.txt"
    pinned.write_text("redis==0.0.1 \\\n    --hash=x\nno-such-package==1.0 ; python_version < '3' \\\n")
    finding = machine.check_packages(pinned)
    assert finding.level == "warning"
    assert "redis" in finding.message
    assert "no-such-package" not in finding.message
    pinned.write_text("no-such-package==1.0 \\\n    --hash=x\n")
    assert machine.check_packages(pinned).level == "error"


def test_packages__installed_from_a_wheel__missing_requirements_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    required = [
        'no-such-extra==1; extra == "api"',
        "no-such-marker==1; python_version < '3'",
        "Redis>=1",
        "zope_interface",
        "no-such-package[tls]>=2,<3",
    ]
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: required)
    finding = machine.check_packages(tmp_path / "none")
    assert finding.level == "error"
    assert "no-such-package" in finding.message
    for name in ("no-such-extra", "no-such-marker", "edis", "zope"):
        assert name not in finding.message


def test_ports__taken_by_another_program__is_an_error_that_names_it() -> None:
    port = reserve_port()
    with socket.create_server(("127.0.0.1", port)):
        finding = machine.check_port("api", "API_PORT", "127.0.0.1", port, {})
        assert finding.level == "error"
        assert f"process {os.getpid()}" in finding.message
        assert machine.check_port("api", "API_PORT", "127.0.0.1", port, {"api": os.getpid()}).level == "ok"
    assert machine.check_port("api", "API_PORT", "127.0.0.1", port, {}).level == "ok"
    assert machine.check_port("api", "API_PORT", "127.0.0.1", port, {"api": 1}).level == "error"


def test_ports__api_of_another_user__is_recognized(wire_api: WireApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "find_listeners", lambda _port: [])
    port = urlsplit(wire_api.url).port or 0
    finding = machine.check_port("api", "API_PORT", "127.0.0.1", port, {})
    assert (finding.level, finding.message) == ("ok", f"an EXIFinator API uses API_PORT {port}")
    assert machine.check_port("dashboard", "DASHBOARD_PORT", "127.0.0.1", port, {}).level == "error"


def test_limits__too_few_open_files_or_processes__is_an_error() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
    try:
        finding = machine.check_open_files(Config(greenlets=100))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert (finding.level, finding.fix.split("   ")[0]) == ("error", "ulimit -n 4096")
    assert machine.check_open_files(Config(greenlets=100), 4096).level == "ok"
    assert machine.check_process_limit(Config(worker_processes=4), 100, 90).level == "error"
    assert machine.check_process_limit(Config(worker_processes=4), 1000, 90).level == "ok"


@pytest.mark.parametrize(("free", "total", "level"), [(5e8, 1e9, "error"), (4e10, 1e12, "warning"), (4e10, 1e11, "ok")])
def test_disk__little_free_space__is_an_error_or_warning(free: float, total: float, level: str) -> None:
    assert machine.check_disk("the disk", int(free), int(total), "df").level == level


TOKEN = "x" * 24


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"S3_ANONYMOUS": True, **KEYS}, "S3_ANONYMOUS"),
        ({"S3_ANONYMOUS": True, "S3_REQUESTER_PAYS": True}, "S3_REQUESTER_PAYS"),
        ({"S3_ENDPOINT_URL": "http://minio.example.org:9000"}, "http"),
        (
            {"S3_ENDPOINT_URL": "https://s3.eu-west-1.amazonaws.com", "AWS_REGION": "us-east-1"},
            "another region than AWS_REGION (us-east-1)",
        ),
        ({"API_HOST": "0.0.0.0", "API_TOKEN": "short"}, "API_TOKEN has only 5 characters"),
        ({"DASHBOARD_HOST": "0.0.0.0", "DASHBOARD_AUTH": "a:b"}, "DASHBOARD_AUTH"),
        ({"API_HOST": "0.0.0.0", "API_TOKEN": TOKEN, "API_ALLOWED_HOSTS": ["x.org"]}, "API_ALLOWED_HOSTS"),
        ({"DASHBOARD_HOST": "::", "DASHBOARD_AUTH": "a:" + TOKEN, "DASHBOARD_ALLOWED_HOSTS": "x.org"}, "no effect"),
        ({"API_TOKEN": "short", "API_ALLOWED_HOSTS": ["x.org"]}, "API_TOKEN has only 5 characters"),
        ({"API_TOKEN": TOKEN, "API_ALLOWED_HOSTS": ["x.org"]}, "API_TRUSTED_PROXIES is empty"),
        ({"API_TOKEN": TOKEN, "API_ALLOWED_HOSTS": ["x.org"], "API_PUBLIC_READ": True}, "API_PUBLIC_READ is set"),
        ({"API_PUBLIC_READ": True}, "API_PUBLIC_READ has no effect"),
        ({"DASHBOARD_AUTH": "a:short-one", "DASHBOARD_ALLOWED_HOSTS": "x.org"}, "password of DASHBOARD_AUTH is short"),
        ({"WORKER_PROCESSES": 20}, "20 on 2 cores"),
        ({"WORKER_PROCESSES": 8, "PARSE_MEMORY_MB": 2000}, "may use"),
        ({"LEASE_SECONDS": 5}, "LEASE_SECONDS"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_settings__values_contradict_each_other__is_reported_with_a_fix(values: dict[str, Any], words: str) -> None:
    config = build_config(values, {})
    findings = settings.check_settings(config, {}, memory_bytes=8 * 10**9, cores=2)
    assert any(words in finding.message and finding.level != "ok" and finding.fix for finding in findings)


def test_settings__default_values__have_no_contradictions() -> None:
    (finding,) = settings.check_settings(build_config({}, {}), {}, memory_bytes=8 * 10**9, cores=2)
    assert finding.level == "ok"


def test_settings__misspelled_variable__suggests_the_right_one() -> None:
    environment = {"EXIFINATOR_GREENLET": "5", "EXIFINATOR_SETTINGS": "x", "EXIFINATOR_API_PORT": "1", "HOME": "/"}
    (finding,) = settings.check_settings(build_config({}, {}), environment, memory_bytes=8 * 10**9, cores=2)
    assert finding.level == "warning"
    assert "export EXIFINATOR_GREENLETS=...; unset EXIFINATOR_GREENLET" in finding.fix


def test_settings__file_with_a_secret_is_readable__is_reported_without_the_secret(tmp_path: Path) -> None:
    file = tmp_path / "settings.py"
    file.write_text('API_TOKEN = "hushhushhushhush"\n')
    config = build_config({"API_TOKEN": "hushhushhushhush"}, {})
    file.chmod(0o644)
    (finding,) = settings.check_settings(config, {}, settings_file=file, memory_bytes=8 * 10**9, cores=2)
    assert (finding.level, finding.fix) == ("warning", f"chmod 600 {file}")
    assert "hush" not in finding.message
    file.chmod(0o600)
    (finding,) = settings.check_settings(config, {}, settings_file=file, memory_bytes=8 * 10**9, cores=2)
    assert finding.level == "ok"


@pytest.fixture
def run_doctor(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Return a function that runs `doctor` with free ports, as in run_doctor("bucket", NAME=value)."""

    def run(*arguments: str, **settings: str) -> Result:
        ports = {f"{name}_PORT": str(reserve_port()) for name in ("API", "DASHBOARD")}
        return invoke(installation, monkeypatch, "doctor", *arguments, **{**ports, **settings})

    return run


def test_doctor__with_or_without_an_error__has_the_exit_code_1_or_0(
    run_doctor: Callable[..., Result], bucket: Bucket
) -> None:
    bucket.put("a.jpg", b"x" * 100)
    done = run_doctor(bucket.name, "--json")
    findings = json.loads(done.stdout)
    assert [finding for finding in findings if finding["level"] == "error"] == []
    assert done.exit_code == 0, done.stdout
    areas = {finding["area"] for finding in findings}
    assert areas >= {"python", "packages", "ports", "limits", "disk", "redis", "mongodb", "clock", "source", "settings"}

    done = run_doctor("no-such-bucket-here", REDIS_URL=f"redis://:hush@{NOBODY}/0")
    assert done.exit_code == 1
    assert "ERROR    redis: Redis cannot report its state" in done.stdout
    assert "ERROR    source: s3://no-such-bucket-here cannot be listed" in done.stdout
    assert done.stdout.count("fix: ") >= 2
    assert "hush" not in done.stdout + done.stderr


def test_doctor__invalid_settings__are_findings(run_doctor: Callable[..., Result]) -> None:
    done = run_doctor(GREENLETS="none", API_PORT="0")
    assert done.exit_code == 1
    assert done.stdout.count("ERROR    settings: ") == 2
    assert "Traceback" not in done.stderr


def test_run_checks__all_servers_are_unavailable__runs_every_check(monkeypatch: pytest.MonkeyPatch) -> None:
    config = build_config(
        {"REDIS_URL": f"redis://{NOBODY}/0", "MONGODB_URI": f"mongodb://{NOBODY}", "S3_ENDPOINT_URL": f"http://{NOBODY}",
         "S3_TIMEOUT_SECONDS": 1, "API_PORT": reserve_port(), "DASHBOARD_PORT": reserve_port(), **KEYS}, {},
    )  # fmt: skip
    findings = list(run_checks(config, ["some-bucket"]))
    assert {finding.area for finding in findings if finding.level == "error"} >= {"redis", "mongodb", "source"}
    assert all(finding.fix for finding in findings if finding.level != "ok")
