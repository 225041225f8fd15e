"""`python -m tests.audit`: look up known vulnerabilities of the pinned packages with pip-audit.

Exit code: 1 if a vulnerability is known. 0 if none is known, or if the database cannot be reached, which is reported.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.servers import ROOT

LOCKS = (ROOT / "requirements.txt", ROOT / "requirements-dev.txt")
OUT_OF_REACH = "Vulnerabilities were not checked: their database cannot be reached."


def judge(report: dict[str, Any] | None) -> tuple[int, str]:
    """Return the exit code and the message for a report: pip-audit's JSON, or None if there is none."""
    audited = [package for package in (report or {}).get("dependencies", ()) if "vulns" in package]
    if not audited:
        return 0, OUT_OF_REACH
    vulnerabilities = [
        f"{package['name']} {package['version']}: {flaw['id']}, fixed in {', '.join(flaw['fix_versions']) or 'none'}"
        for package in audited
        for flaw in package["vulns"]
    ]
    return (
        (1, "\n".join(vulnerabilities))
        if vulnerabilities
        else (0, f"No known vulnerabilities in {len(audited)} packages.")
    )


def run_audit(*files: Path) -> dict[str, Any] | None:
    """Return pip-audit's report on lock files, or None if it could not reach the database."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--progress-spinner", "off", "--timeout", "10"]
        command += ["--format", "json", "--output", str(report)]
        command += [part for file in files for part in ("-r", str(file))]
        subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=600)
        content: dict[str, Any] | None = json.loads(report.read_text()) if report.exists() else None
        return content


def first_package(lock: Path) -> str:
    """Return the lines of a lock file that pin its first package."""
    lines = lock.read_text().splitlines(keepends=True)
    start = next(i for i, line in enumerate(lines) if "==" in line)
    end = next(i for i in range(start + 1, len(lines)) if not lines[i].startswith("    --hash"))
    return "".join(lines[start:end])


def main() -> int:
    """Audit all lock files, but try one package first: without the database, a hundred requests would time out."""
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / "trial.txt"
        trial.write_text(first_package(LOCKS[0]))
        report = run_audit(trial)
    code, message = judge(report)
    if message != OUT_OF_REACH:
        code, message = judge(run_audit(*LOCKS))
    print(message, file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
