"""Break modules of EXIFinator as they are imported. Python runs this file at its start: see __init__.py.

The name must be `sitecustomize`: `usercustomize` is not imported in a virtual environment, and a `.pth` file would have
to be installed into the virtual environment, which other programs use too. This file hides a sitecustomize that the
environment already has, so it runs that one too.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

# The modules to change. Each is changed at the end of its own import, so that every importer gets the changed function.
VERSION_MODULE = "exifinator"
PARSE_MODULE = "exifinator.metadata.parse"


def break_version(module: ModuleType) -> None:
    """Make the extractor's version the one after the current version."""
    if os.environ.get("EXIFINATOR_TEST_NEWER"):
        module.EXTRACTOR_VERSION += 1  # type: ignore[attr-defined]


def break_parse(module: Any) -> None:
    """Make parsing crash like a bug in a C library, allocate memory or loop, for keys that the variables contain."""
    if poison := os.environ.get("EXIFINATOR_TEST_POISON"):
        build_record = module.build_record

        def build_record_or_die(fetched: Any, **options: Any) -> Any:
            if poison in fetched.ref.key:
                os.kill(os.getpid(), signal.SIGKILL)
            return build_record(fetched, **options)

        module.build_record = build_record_or_die
    if hungry := os.environ.get("EXIFINATOR_TEST_HUNGRY"):
        build = module.build_record

        def build_record_or_allocate(fetched: Any, **options: Any) -> Any:
            blocks: list[bytearray] = []
            # Take 4 GB at most, so that a missing limit does not exhaust the machine's memory.
            while hungry in fetched.ref.key and len(blocks) < 256:
                blocks.append(bytearray(16 * 1024**2))
            return build(fetched, **options)

        module.build_record = build_record_or_allocate
    if endless := os.environ.get("EXIFINATOR_TEST_ENDLESS"):
        # read_blocks runs under the CPU deadline, and its argument has the image's key.
        read_blocks = module.read_blocks

        def read_or_loop(fetched: Any, budget: Any) -> Any:
            while endless in fetched.ref.key:
                pass
            return read_blocks(fetched, budget)

        module.read_blocks = read_or_loop


BREAKS: dict[str, Callable[[Any], None]] = {VERSION_MODULE: break_version, PARSE_MODULE: break_parse}


class Saboteur(importlib.abc.MetaPathFinder):
    """Finds the modules of BREAKS, and breaks each one once it is loaded."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in BREAKS:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        if spec is None or spec.loader is None:
            return None
        load = spec.loader.exec_module

        def load_and_break(module: ModuleType) -> None:
            load(module)
            BREAKS[fullname](module)

        spec.loader.exec_module = load_and_break  # type: ignore[method-assign]
        return spec


def run_hidden_sitecustomize() -> None:
    """Run the sitecustomize that Python would have found without this one."""
    here = Path(__file__).resolve().parent
    elsewhere = [folder for folder in sys.path if Path(folder).resolve() != here]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", elsewhere)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


sys.meta_path.insert(0, Saboteur())
run_hidden_sitecustomize()
