"""start_workers decides whether to start or restart the workers. The tests start no processes."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from exifinator.config import Config
from exifinator.errors import ConfigError
from exifinator.processes import workers


class FakeSupervision:
    """A supervision whose programs are running. Records the names of its other methods that are called."""

    name = "workers"

    def __init__(self, root: Path, state: str) -> None:
        self.root = root
        self.state = state
        self.actions: list[str] = []

    def running(self) -> bool:
        return "stop" not in self.actions

    def status(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(process="api", state=self.state)]

    def __getattr__(self, name: str) -> object:
        def act(*arguments: object) -> bool:
            self.actions.append(name)
            return name in ("stop", "start") and self.actions.count(name) == 1

        return act


def use_fake_supervision(
    monkeypatch: pytest.MonkeyPatch, root: Path, state: str, *, are_outdated: bool
) -> FakeSupervision:
    supervision = FakeSupervision(root, state)
    monkeypatch.setattr(workers, "worker_supervision", lambda *_: supervision)
    monkeypatch.setattr(workers, "is_outdated", lambda *_: are_outdated)
    monkeypatch.setattr(workers, "_await_start", lambda *_: None)
    monkeypatch.setattr(workers, "write_private", lambda *_: None)
    return supervision


@pytest.mark.parametrize("setting", ["api_port", "dashboard_port"])
@pytest.mark.parametrize("is_failing", [False, True])
def test_start_workers__restart_with_a_port_in_use__stops_no_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, setting: str, is_failing: bool
) -> None:
    taken_port = 23456
    monkeypatch.setattr(workers, "listens", lambda _, port: port == taken_port)
    supervision = use_fake_supervision(
        monkeypatch, tmp_path, "BACKOFF" if is_failing else "RUNNING", are_outdated=is_failing
    )

    with pytest.raises(ConfigError, match=f"Port {taken_port} .* is used by another program"):
        workers.start_workers(Config(**{setting: taken_port}), restart=not is_failing, root=tmp_path)

    assert "stop" not in supervision.actions


@pytest.mark.parametrize(
    ("state", "are_outdated", "outcome"),
    [
        ("BACKOFF", True, "restarted"),
        ("STARTING", True, "restarted"),
        ("RUNNING", True, "already running"),
        ("BACKOFF", False, "already running"),
    ],
)
def test_start_workers__programs_not_running_with_outdated_settings__are_restarted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, state: str, are_outdated: bool, outcome: str
) -> None:
    supervision = use_fake_supervision(monkeypatch, tmp_path, state, are_outdated=are_outdated)
    monkeypatch.setattr(workers, "_check_ports_are_free", lambda *_: None)
    if outcome == "already running":
        supervision.actions.append("start")

    assert workers.start_workers(Config(), root=tmp_path).outcome == outcome


def test_mrq_worker__command__uses_this_interpreter_instead_of_a_script() -> None:
    assert workers.mrq_worker() == [sys.executable, "-m", "exifinator.worker.mrq_worker"]
