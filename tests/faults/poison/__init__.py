"""Make a worker misbehave: each function returns variables that a test adds to the worker's environment.

The variables put this folder on PYTHONPATH, so that sitecustomize.py runs in each Python process of the worker,
including the subprocess that reads suspicious images. Production code knows nothing about it.
"""

from __future__ import annotations

import os
from pathlib import Path


def poisoned(keys: str) -> dict[str, str]:
    """Return the environment of a worker that kills itself (SIGKILL) at each image whose key contains `keys`."""
    return _environment(EXIFINATOR_TEST_POISON=keys)


def endless(keys: str) -> dict[str, str]:
    """Return the environment of a worker that computes forever on each image whose key contains `keys`."""
    return _environment(EXIFINATOR_TEST_ENDLESS=keys)


def hungry(keys: str) -> dict[str, str]:
    """Return the environment of a worker that takes more and more memory for each image whose key contains `keys`."""
    return _environment(EXIFINATOR_TEST_HUNGRY=keys)


def newer_version() -> dict[str, str]:
    """Return the environment of a worker of the next extractor version."""
    return _environment(EXIFINATOR_TEST_NEWER="1")


def _environment(**faults: str) -> dict[str, str]:
    inherited = os.environ.get("PYTHONPATH")
    here = str(Path(__file__).parent)
    return {"PYTHONPATH": os.pathsep.join([here, inherited] if inherited else [here]), **faults}
