"""`python -m tests.audit`: whether a pinned package has a known vulnerability, by pip-audit.

Exit code: 0 none is known, or the database is out of reach, which is said; 1 there is one.
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
OUT_OF_REACH = "Known vulnerabilities were not looked up: their database is out of reach."


def judge(report: dict[str, Any] | None) -> tuple[int, str]:
    """The exit code and what to say. report: pip-audit's JSON; None where it had none to give."""
    audited = [package for package in (report or {}).get("dependencies", ()) if "vulns" in package]
    if not audited:
        return 0, OUT_OF_REACH
    found = [
        f"{package['name']} {package['version']}: {flaw['id']}, mended in {', '.join(flaw['fix_versions']) or 'none'}"
        for package in audited
        for flaw in package["vulns"]
    ]
    return (1, "\n".join(found)) if found else (0, f"No vulnerability of {len(audited)} packages is known.")


def run_audit(*files: Path) -> dict[str, Any] | None:
    """pip-audit's report on these files of pinned packages; None where it could not ask."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--progress-spinner", "off", "--timeout", "10"]
        command += [
            "--format",
            "json",
            "--output",
            str(report),
            *(part for file in files for part in ("-r", str(file))),
        ]
        subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=600)
        found: dict[str, Any] | None = json.loads(report.read_text()) if report.exists() else None
        return found


def first_package(lock: Path) -> str:
    """The lines of a lock file that pin its first package."""
    lines = lock.read_text().splitlines(keepends=True)
    start = next(i for i, line in enumerate(lines) if "==" in line)
    end = next(i for i in range(start + 1, len(lines)) if not lines[i].startswith("    --hash"))
    return "".join(lines[start:end])


def main() -> int:
    """Ask for one package first: where no database answers, a hundred questions would not either."""
    with tempfile.TemporaryDirectory() as folder:
        one = Path(folder) / "one.txt"
        one.write_text(first_package(LOCKS[0]))
        report = run_audit(one)
    code, said = judge(report)
    if said != OUT_OF_REACH:
        code, said = judge(run_audit(*LOCKS))
    print(said, file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
