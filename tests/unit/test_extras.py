"""Optional dependencies: a command without its extra says what to install, and the lock files pin every extra."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from exifinator import extras
from exifinator.cli.main import main
from exifinator.config import ROOT
from exifinator.errors import ConfigError
from exifinator.extras import require

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
_PIN = re.compile(r"^([\w.-]+)==([^ ;]+)(.*?) \\\n((?:    --hash=sha256:\w+(?: \\)?\n)+)", re.MULTILINE)


def read_lock(path: Path) -> dict[str, tuple[str, str]]:
    """Return the version and the hashes of each package that a lock file pins, by the package's name."""
    return {canonicalize_name(name): (version, hashes) for name, version, _, hashes in _PIN.findall(path.read_text())}


LOCK = read_lock(ROOT / "requirements.txt")
DEPLOY_LOCK = read_lock(ROOT / "deploy" / "requirements.txt")
DEV_LOCK = read_lock(ROOT / "requirements-dev.txt")
BASE = PROJECT["project"]["dependencies"]
EXTRAS = {name: lines for name, lines in PROJECT["project"]["optional-dependencies"].items() if name != "all"}


@pytest.mark.parametrize(
    ("lock", "requirements"),
    [
        pytest.param(LOCK, [*BASE, *(line for extra in EXTRAS.values() for line in extra)], id="requirements.txt"),
        pytest.param(DEPLOY_LOCK, [*BASE, *EXTRAS["api"]], id="deploy/requirements.txt"),
        pytest.param(DEV_LOCK, PROJECT["dependency-groups"]["dev"], id="requirements-dev.txt"),
    ],
)
def test_lock__each_dependency__is_pinned_at_a_version_that_pyproject_allows(
    lock: dict[str, tuple[str, str]], requirements: list[str]
) -> None:
    for requirement in map(Requirement, requirements):
        version, _ = lock[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version, prereleases=True), f"{requirement}: run scripts/lock"


def test_deploy_lock__pinned_packages__are_those_of_requirements_txt_without_the_servers() -> None:
    assert DEPLOY_LOCK.items() < LOCK.items()
    servers = {canonicalize_name(Requirement(line).name) for line in EXTRAS["embedded"]}
    assert servers <= LOCK.keys()
    assert not servers & DEPLOY_LOCK.keys()


def test_dev_lock__packages_also_in_requirements_txt__have_the_same_version() -> None:
    shared = LOCK.keys() & DEV_LOCK.keys()
    assert shared
    assert {name: LOCK[name][0] for name in shared} == {name: DEV_LOCK[name][0] for name in shared}


def test_extra_all__requirement__names_every_other_extra() -> None:
    [line] = PROJECT["project"]["optional-dependencies"]["all"]
    assert Requirement(line).extras == set(EXTRAS)


def test_require__missing_module__raises_with_the_command_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    require("api", "json", "The API")
    with pytest.raises(ConfigError, match=r"^The API needs packages that are not installed; run \./setup\.sh$"):
        require("api", "no_such_module", "The API")
    monkeypatch.setattr(extras, "IS_CHECKOUT", False)
    with pytest.raises(ConfigError, match=r"run pip install 'exifinator\[api\]'$"):
        require("api", "no_such_module", "The API")


@pytest.mark.parametrize(
    ("command", "module", "feature"),
    [("api", "fastapi", "The API"), ("demo", "PIL", "The demo library")],
    ids=["api", "demo"],
)
def test_command__missing_extra__exits_with_one_line(
    monkeypatch: pytest.MonkeyPatch, command: str, module: str, feature: str
) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == module else find_spec(name))
    result = CliRunner().invoke(main, [command])
    assert result.exit_code == 2
    assert result.output == f"Error: {feature} needs packages that are not installed; run ./setup.sh\n"
