"""Run MRQ's own tests with the drivers of this installation and with mrq_compat.

MRQ's packages do not contain its tests. Clone its repository at the tag of the installed version, and install
pytest-httpbin into a folder of its own, because its dependencies are not needed for anything else:

    git clone --branch 0.9.10 https://github.com/pricingassistant/mrq /tmp/mrq
    venv/bin/pip install --target /tmp/httpbin pytest-httpbin
    venv/bin/python -m bench.mrq_suite /tmp/mrq --packages /tmp/httpbin [PYTEST ARGUMENT ...]

The tests use the ports 6379, 27017 and 20020 of this machine, and delete all data of the servers on these ports. So the
ports must be free.
Many of the tests wait for fixed times, so run nothing else. docs/explanation/mrq.md has the results.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.servers import ROOT, listens, run_mongod, run_redis

PORTS = (6379, 27017, 20020)
# Python imports this module at start-up, before MRQ's own modules.
_SITECUSTOMIZE = """\
import sys
sys.path += {packages!r}  # last, so that this installation's own packages have precedence
import gevent.monkey
gevent.monkey.patch_all()
from exifinator.worker import mrq_compat
mrq_compat.install()
"""


def main() -> None:
    """Start Redis and MongoDB, and run the tests."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path, help="MRQ's repository")
    parser.add_argument("--packages", type=Path, help="folder with pytest-httpbin")
    arguments, pytest_arguments = parser.parse_known_args()
    if ports_in_use := [port for port in PORTS if listens(port)]:
        sys.exit(f"Error: port {ports_in_use[0]} is in use. End its server: MRQ's tests would delete the data on it.")
    with tempfile.TemporaryDirectory() as folder, run_redis(port=6379), run_mongod(port=27017):
        command = [_make_python(Path(folder), arguments.packages), "-m", "pytest", "-p", "no:randomly"]
        # With STACK_STARTED, the tests do not start servers. They call `python`, which PATH has to find.
        environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "STACK_STARTED": "1"}
        tests = subprocess.run([*command, *pytest_arguments], cwd=arguments.checkout, env=environment, check=False)
    sys.exit(tests.returncode)


def _make_python(folder: Path, packages: Path | None) -> str:
    """Write a command `python` that runs this interpreter with mrq_compat. Return its path.

    The tests pass only PATH on to the processes that they start.
    """
    added = [str(packages.resolve())] if packages else []
    (folder / "sitecustomize.py").write_text(_SITECUSTOMIZE.format(packages=added))
    python = folder / "python"
    python.write_text(f"#!/bin/sh\nPYTHONPATH='{folder}:{ROOT}' exec '{sys.executable}' \"$@\"\n")
    python.chmod(0o755)
    return str(python)


if __name__ == "__main__":
    main()
