"""The garbage collector at the start of programs."""

from __future__ import annotations

import contextlib
import gc
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from exifinator.cli import main
from exifinator.gc_tuning import THRESHOLD, collector_paused, freeze_startup_heap


@pytest.fixture(autouse=True)
def restored_state() -> Iterator[None]:
    """Restore the collector's state after each test."""
    thresholds, frozen = gc.get_threshold(), gc.get_freeze_count()
    yield
    if gc.get_freeze_count() > frozen:
        gc.unfreeze()
        gc.collect()
        # As pytest_collection in tests/conftest.py.
        gc.freeze()
    gc.set_threshold(*thresholds)
    gc.enable()


def test_collector_paused__import_fails__collector_is_back() -> None:
    with contextlib.suppress(ImportError), collector_paused():
        assert not gc.isenabled()
        raise ImportError
    assert gc.isenabled()


def test_collector_paused__already_disabled__stays_disabled() -> None:
    gc.disable()
    with collector_paused():
        pass
    assert not gc.isenabled()


def test_freeze_startup_heap__disabled_for_the_start__is_enabled_and_runs_seldom() -> None:
    gc.disable()
    frozen = gc.get_freeze_count()
    freeze_startup_heap()
    assert gc.isenabled()
    assert gc.get_threshold()[0] == THRESHOLD
    assert gc.get_freeze_count() > frozen


def test_get_command__module_of_a_command__is_imported_without_collections(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = "import click, gc\nENABLED = gc.isenabled()\ncommand = click.Command('made')\n"
    (tmp_path / "made_command.py").write_text(module)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(main.LAZY_COMMANDS, "made", ("made_command:command", "Made."))

    command = main.main.get_command(click.Context(main.main), "made")

    assert command is not None
    assert command.name == "made"
    assert not sys.modules.pop("made_command").ENABLED
    assert gc.isenabled()
