"""The files in deploy/, each checked by the tool that reads it, where that tool is installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose

from exifinator.config import ROOT, build_config
from tests.servers import lack

DEPLOY = ROOT / "deploy"
UNITS = sorted([*DEPLOY.glob("systemd/*.service"), *DEPLOY.glob("systemd/*.target")])


def test_dockerfile__hadolint__finds_nothing() -> None:
    hadolint = Path(sys.prefix) / "bin" / "hadolint"
    if not hadolint.exists():
        lack("hadolint", "run ./setup.sh --dev")
    done = subprocess.run([hadolint, DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_dockerfile__copied_files__exist_and_are_not_ignored() -> None:
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    copied = {
        name
        for line in re.findall(r"^COPY (?!--from)(.*) \S+$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
        for name in line.split()
    }
    assert "*" in ignored
    assert {f"!{name}" for name in copied} == {line for line in ignored if line.startswith("!")}
    assert all((ROOT / name).exists() for name in copied)


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    return loaded


def test_compose__ports__are_published_on_this_machine_only(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", ())]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert not [service for service in compose["services"].values() if "network_mode" in service]


def test_compose__variables__are_those_of_the_example_and_no_secret_has_a_default(compose: dict[str, Any]) -> None:
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    used = dict(re.findall(r"\$\{(\w+):([-?])", text))
    example = re.findall(r"^(\w+)=", (DEPLOY / "compose.env.example").read_text(), re.MULTILINE)
    # Compose's own variables are not in compose.yaml.
    assert set(used) == {name for name in example if not name.startswith("COMPOSE_")}
    secrets = {name for name in used if re.search("PASSWORD|TOKEN|AUTH", name)}
    assert {used[name] for name in secrets} == {"?"}


@pytest.mark.parametrize("service", ["worker", "api", "dashboard"])
def test_compose__settings_of_a_service__are_valid(compose: dict[str, Any], service: str) -> None:
    environment = {
        name: re.sub(r"\$\{\w+:(?:-|\?[^}]*)\}", "", value.replace("${DASHBOARD_AUTH:?set it in deploy/.env}", "a:b"))
        for name, value in compose["services"][service]["environment"].items()
    }
    environment = {
        name: value or ("secret" if name == "EXIFINATOR_API_TOKEN" else "") for name, value in environment.items()
    }
    config = build_config({}, environment)
    assert config.redis_url.get_secret_value().endswith("@redis:6379/0")
    known = {f"EXIFINATOR_{field.upper()}" for field in type(config).model_fields}
    assert set(environment) <= known
    assert compose["services"][service]["read_only"] is True
    assert compose["services"][service]["cap_drop"] == ["ALL"]


def test_compose__file__conforms_to_the_specification(compose: dict[str, Any]) -> None:
    # Pass the loaded document: the specification leaves anchors and merge keys to YAML.
    assert PyCompose.from_yaml(yaml.safe_dump(compose)).to_dict()["services"].keys() == compose["services"].keys()
    compose_with_mistake = {**compose, "services": {"api": {"image": "exifinator", "prots": []}}}
    with pytest.raises(ValueError, match="prots"):
        PyCompose.from_yaml(yaml.safe_dump(compose_with_mistake))


@pytest.fixture(scope="module")
def compose_config(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], subprocess.CompletedProcess[str]]:
    """Return compose_config(text), which runs `docker compose config` with the text as its file of variables.

    Without `docker compose`, it runs Debian's docker-compose 1.
    """
    command, text = ["docker", "compose"], (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    version_command = [*command, "version"]
    if not shutil.which("docker") or subprocess.run(version_command, capture_output=True, check=False).returncode:
        if not shutil.which("docker-compose"):
            lack("docker compose", "install it, or Debian's docker-compose")
        command = ["docker-compose"]
    folder = tmp_path_factory.mktemp("compose")
    (folder / "compose.yaml").write_text(text, encoding="utf-8")

    def run(variables: str) -> subprocess.CompletedProcess[str]:
        (folder / "env").write_text(variables)
        where = ["--project-directory", str(DEPLOY), "-f", str(folder / "compose.yaml"), "--env-file"]
        return subprocess.run(
            [*command, *where, str(folder / "env"), "config"],
            # Leave out Docker's settings of the environment, so that the variables come only from the file.
            env={"PATH": os.environ["PATH"], "HOME": str(folder)},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_compose__example_with_secrets__is_accepted_by_docker_compose(
    compose_config: Callable[[str], subprocess.CompletedProcess[str]],
) -> None:
    example = (DEPLOY / "compose.env.example").read_text()
    done = compose_config(re.sub(r"(PASSWORD|TOKEN)=$", r"\1=secret", example, flags=re.MULTILINE))
    assert done.returncode == 0, done.stderr
    services = yaml.safe_load(done.stdout)["services"]
    assert set(services) == {"worker", "api", "dashboard", "redis", "mongodb"}
    assert services["worker"]["environment"]["EXIFINATOR_REDIS_URL"] == "redis://:secret@redis:6379/0"
    assert services["api"]["environment"]["EXIFINATOR_API_TOKEN"] == "secret"


def test_compose__example_without_secrets__is_refused_by_docker_compose(
    compose_config: Callable[[str], subprocess.CompletedProcess[str]],
) -> None:
    done = compose_config((DEPLOY / "compose.env.example").read_text())
    assert done.returncode != 0
    assert "set it in deploy/.env" in done.stderr


def test_systemd_units__systemd_analyze__reports_no_problems(tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd is not installed here")
    for unit in UNITS:
        text = unit.read_text().replace("/opt/exifinator/bin/exifinator", "/bin/true")
        (tmp_path / unit.name).write_text(text)
    paths = [str(tmp_path / unit.name.replace("@.", "@0.")) for unit in UNITS]
    for path in paths:
        if not Path(path).exists():
            Path(path).symlink_to(tmp_path / Path(path).name.replace("@0.", "@."))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *paths], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.strip()) == (0, "")


@pytest.mark.parametrize("unit", [unit for unit in UNITS if unit.suffix == ".service"], ids=lambda unit: unit.stem)
def test_systemd_units__service__runs_one_existing_command_and_is_hardened(unit: Path) -> None:
    from click import Context

    from exifinator.cli.main import main

    text = unit.read_text()
    [command] = re.findall(r"^ExecStart=/opt/exifinator/bin/exifinator (\w+)", text, re.MULTILINE)
    assert main.get_command(Context(main), command)
    for line in ("NoNewPrivileges=yes", "ProtectSystem=strict", "User=exifinator", "Restart=always"):
        assert f"\n{line}\n" in text
