"""A copy of EXIFinator's programs in a folder of its own, for tests that run them as a user does."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from exifinator.processes.tagged import find_tagged, process_tag
from exifinator.sockets import socket_path
from tests.servers import NO_PROXY, ROOT, find_processes, reserve_port
from tests.waiting import eventually

# These variables of the user who runs the tests must not reach the programs.
NOT_INHERITED = ("AWS_", "EXIFINATOR_", "MRQ_", "HTTP_PROXY", "HTTPS_PROXY", "REQUESTS_CA_BUNDLE", "SSL_CERT_")
# On a busy machine, a healthy program may take minutes to start, so pytest's time limit is the only one.
START_TIMEOUT_SECONDS = 3600


class Checkout:
    """A copy of this checkout's programs in `path`, with its own logs/ and var/.

    `output` is the output of all its commands. Its ports stay reserved while its programs restart.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        self.path = path
        for name in ("exifinator", "api"):
            # Copy the bytecode too, so that no program compiles its modules again, but not the temporary files of a
            # process that is writing bytecode. Their names end in a number.
            shutil.copytree(ROOT / name, path / name, ignore=shutil.ignore_patterns("*.pyc.*"))
        for name in ("mrq-config.py", "settings.py", "run.sh"):
            shutil.copy2(ROOT / name, path / name)
        home = path / "home"
        home.mkdir()
        self.ports = {name: reserve_port() for name in ("API_PORT", "DASHBOARD_PORT")}
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.upper().startswith(NOT_INHERITED)},
            "HOME": str(home),
            # Do not use the credentials of a cloud instance either.
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        self.set(WORKER_PROCESSES=1, API_PROCESSES=1, RETRY_DELAY_SECONDS=0.1, MAX_RETRIES=1, **self.ports)
        self.set(START_TIMEOUT_SECONDS=START_TIMEOUT_SECONDS, **settings)
        self.output = ""

    def set(self, **settings: Any) -> None:
        """Change settings for the following commands. None unsets a setting."""
        for name, value in settings.items():
            self.environment.pop(f"EXIFINATOR_{name}", None)
            if value is not None:
                self.environment[f"EXIFINATOR_{name}"] = str(value)

    def command(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `python -m exifinator ARGUMENTS`, as the shell scripts do."""
        done = subprocess.run(
            [sys.executable, "-m", "exifinator", *arguments],
            cwd=self.path,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        self.output += done.stdout + done.stderr
        return done

    def ask(self, program: str, path: str, **headers: str) -> bytes:
        """Return the response of the API or the dashboard ("API", "DASHBOARD") to a GET."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.ports[f'{program}_PORT']}{path}", headers=headers)
        with NO_PROXY.open(request) as answer:
            is_endless = answer.headers.get_content_type() == "text/event-stream"
            return bytes(answer.read1() if is_endless else answer.read())

    def processes(self) -> list[psutil.Process]:
        """Return every process whose working folder is in the checkout, as Redis's data folder is."""
        return find_processes(lambda process: Path(process.cwd()).is_relative_to(self.path))

    def logs(self) -> str:
        """Return the end of every log, for the message of a test that fails."""
        return "\n".join(
            f"{log.name}:\n{log.read_text(errors='replace')[-2000:]}"
            for log in sorted((self.path / "logs").glob("*.log"))
        )

    def close(self) -> None:
        """Stop the programs that are running. A second call does nothing."""
        if not self.processes():
            return
        # Use SIGKILL, because other tests cover how programs stop.
        kill_all(self.processes)
        # Remove the files that the killed supervisors left behind.
        self.command("stop", "--all")


def kill_all(find: Callable[[], list[psutil.Process]]) -> None:
    """Kill the processes that `find` returns, until it finds none: a supervisor may have started more meanwhile."""

    def is_done() -> bool:
        left = find()
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        return not left

    eventually(is_done)


def end_supervised(root: Path, name: str) -> None:
    """Kill all processes of the supervision `name` of a checkout, and remove its socket."""
    mark = process_tag(root, name)
    kill_all(lambda: find_tagged(mark))
    # The socket's folder may be in /tmp, outside the test's folder.
    shutil.rmtree(socket_path(name, root).parent, ignore_errors=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Callable[..., Checkout]]:
    """Yield checkout(NAME=value, ...), which returns a checkout with these settings.

    Its programs are stopped afterwards.
    """
    with contextlib.ExitStack() as stack:
        number = 0

        def make(**settings: Any) -> Checkout:
            nonlocal number
            number += 1
            made = Checkout(tmp_path / f"checkout-{number}", settings)
            stack.callback(made.close)
            return made

        yield make
