from __future__ import annotations

from typing import Any

import pytest

from tests import audit
from tests.audit import LOCKS, OUT_OF_REACH, first_package, judge

SOUND = {"name": "gevent", "version": "1.0", "vulns": []}
FLAWED = {"name": "idna", "version": "3.6", "vulns": [{"id": "PYSEC-2024-60", "fix_versions": ["3.7"]}]}
SKIPPED = {"name": "mrq", "skip_reason": "Dependency not found on PyPI and could not be audited"}


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        pytest.param(None, (0, OUT_OF_REACH), id="no report"),
        pytest.param({"dependencies": [SKIPPED]}, (0, OUT_OF_REACH), id="nothing could be looked up"),
        pytest.param({"dependencies": [SOUND, SKIPPED]}, (0, "No known vulnerabilities in 1 packages."), id="sound"),
        pytest.param(
            {"dependencies": [SOUND, FLAWED]}, (1, "idna 3.6: PYSEC-2024-60, fixed in 3.7"), id="a vulnerability"
        ),
    ],
)
def test_judge__report__fails_only_with_a_vulnerability(
    report: dict[str, Any] | None, expected: tuple[int, str]
) -> None:
    assert judge(report) == expected


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_locks__every_package__is_pinned_by_hash(lock: Any) -> None:
    assert "--hash=sha256:" in first_package(lock)
    names = [line for line in lock.read_text().splitlines() if line and not line.startswith((" ", "#"))]
    assert all("==" in name and name.endswith("\\") for name in names)


@pytest.mark.parametrize(("package", "code"), [(SOUND, 0), (FLAWED, 1)], ids=["sound", "a vulnerability"])
def test_main__pinned_packages__decide_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, package: dict[str, Any], code: int
) -> None:
    """The first audit, which only checks whether the database responds, does not decide the exit code."""
    monkeypatch.setattr(audit, "run_audit", lambda *files: {"dependencies": [package if files == LOCKS else SOUND]})
    assert audit.main() == code
