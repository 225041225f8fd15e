"""An installation in a folder of its own, run as a person runs it, and everything that it writes anywhere."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.servers import ROOT, find_processes, free_port

# Whatever the person who runs the tests has of these must not help.
NOT_INHERITED = ("AWS_", "EXIFINATOR_", "MRQ_", "HTTP_PROXY", "HTTPS_PROXY", "REQUESTS_CA_BUNDLE", "SSL_CERT_")
NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Checkout:
    """The programs of this checkout in `path`, with logs/ and var/ of their own; `said` is all that they printed."""

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        self.path = path
        for name in ("exifinator", "api"):
            shutil.copytree(ROOT / name, path / name)
        for name in ("mrq-config.py", "settings.py", "run.sh"):
            shutil.copy2(ROOT / name, path / name)
        home = path / "home"
        home.mkdir()
        self.ports = {name: free_port() for name in ("API_PORT", "DASHBOARD_PORT", "LOCAL_S3_PORT")}
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.upper().startswith(NOT_INHERITED)},
            "HOME": str(home),
            # No instance's credentials either.
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        self.set(WORKER_PROCESSES=1, RETRY_DELAY_SECONDS=0.1, MAX_RETRIES=1, **self.ports)
        self.set(**settings)
        self.said = ""

    def set(self, **settings: Any) -> None:
        """Settings for the commands that follow; None: not set."""
        for name, value in settings.items():
            self.environment.pop(f"EXIFINATOR_{name}", None)
            if value is not None:
                self.environment[f"EXIFINATOR_{name}"] = str(value)

    def command(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """`python -m exifinator ARGUMENTS`, as the shell scripts call it."""
        done = subprocess.run(
            [sys.executable, "-m", "exifinator", *arguments],
            cwd=self.path,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        self.said += done.stdout + done.stderr
        return done

    def ask(self, program: str, path: str, **headers: str) -> bytes:
        """What the API or the dashboard ("API", "DASHBOARD") answers to a GET."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.ports[f'{program}_PORT']}{path}", headers=headers)
        with NO_PROXY.open(request, timeout=30) as answer:
            is_endless = answer.headers.get_content_type() == "text/event-stream"
            return bytes(answer.read1() if is_endless else answer.read())

    def processes(self) -> list[psutil.Process]:
        """Every process that runs in its folder or below; Redis goes to that of its data."""
        return find_processes(lambda process: Path(process.cwd()).is_relative_to(self.path))

    def logs(self) -> str:
        """The end of every log, for the message of a test that fails."""
        return "\n".join(
            f"{log.name}:\n{log.read_text()[-2000:]}" for log in sorted((self.path / "logs").glob("*.log"))
        )

    def close(self) -> None:
        """End what runs; a second call does nothing."""
        if not self.processes():
            return
        # At once: how a stop waits is the matter of other tests. What a supervisor starts meanwhile is seen next time.
        while left := self.processes():
            for process in left:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(left, timeout=10)
        # Removes what the supervisors leave then.
        self.command("stop", "--all")


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Callable[..., Checkout]]:
    """checkout(NAME=value, ...) gives one with these settings; what it started is stopped afterwards."""
    made: list[Checkout] = []

    def make(**settings: Any) -> Checkout:
        made.append(Checkout(tmp_path / f"checkout-{len(made)}", settings))
        return made[-1]

    yield make
    for one in made:
        one.close()


def wait_until(true: Callable[[], Any], explain: Callable[[], str], seconds: float = 90) -> Any:
    """What `true` gives once it is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if result := true():
            return result
        time.sleep(0.1)
    raise AssertionError(f"not so after {seconds} s\n{explain()}")
