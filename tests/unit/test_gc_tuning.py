"""Pause the garbage collector while programs start, and exclude the objects created at the start."""

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
        # Freeze the objects again that pytest_collection in tests/conftest.py had frozen.
        gc.freeze()
    gc.set_threshold(*thresholds)
    gc.enable()


def test_collector_paused__import_fails__enables_the_collector_again() -> None:
    with contextlib.suppress(ImportError), collector_paused():
        assert not gc.isenabled()
        raise ImportError
    assert gc.isenabled()


def test_collector_paused__already_disabled__stays_disabled() -> None:
    gc.disable()
    with collector_paused():
        pass
    assert not gc.isenabled()


def test_freeze_startup_heap__disabled_collector__is_enabled_with_a_higher_threshold() -> None:
    gc.disable()
    frozen = gc.get_freeze_count()
    freeze_startup_heap()
    assert gc.isenabled()
    assert gc.get_threshold()[0] == THRESHOLD
    assert gc.get_freeze_count() > frozen


def test_get_command__module_of_a_command__is_imported_with_the_collector_paused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = "import click, gc\nENABLED = gc.isenabled()\ncommand = click.Command('generated')\n"
    (tmp_path / "generated_command.py").write_text(module)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(main.LAZY_COMMANDS, "generated", ("generated_command:command", "Generated."))

    command = main.main.get_command(click.Context(main.main), "generated")

    assert command is not None
    assert command.name == "generated"
    assert not sys.modules.pop("generated_command").ENABLED
    assert gc.isenabled()
