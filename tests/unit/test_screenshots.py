"""The screenshots in the README exist, and are small."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "explorer"
SCREENS = ("gallery", "table", "photo", "map", "statistics", "batches")
MAX_BYTES = 250_000


@pytest.mark.parametrize(
    "name",
    ["-".join(parts) for parts in itertools.product(SCREENS, ("desktop", "phone"), ("light", "dark"))],
)
def test_screenshot__each_screen__is_there_and_small(name: str) -> None:
    data = (FOLDER / f"{name}.png").read_bytes()
    assert data.startswith(b"\x89PNG")
    assert 5_000 < len(data) <= MAX_BYTES


def test_readme__pictures__are_there() -> None:
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", (ROOT / "README.md").read_text())
    assert len(pictures) >= 3
    assert all((ROOT / picture).is_file() for picture in pictures)
