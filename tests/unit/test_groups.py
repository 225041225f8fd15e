"""The groups of tests in tests/conftest.py, and their order."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import GROUPS, LONGEST

ROOT = Path(__file__).resolve().parents[2]


def test_groups__each_path__matches_an_existing_file() -> None:
    files = [str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("test_*.py")]
    prefixes = [prefix for group in GROUPS.values() for prefix in group]
    prefixes += [name for name in LONGEST if name not in GROUPS]
    assert [prefix for prefix in prefixes if not any(file.startswith(prefix) for file in files)] == []


def test_longest__each_group__is_included() -> None:
    assert set(GROUPS) <= set(LONGEST)
