"""The screenshots in the documentation exist and are small, and the images in the README exist."""

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
def test_screenshot__each_screen_and_theme__exists_and_is_small(name: str) -> None:
    data = (FOLDER / f"{name}.png").read_bytes()
    assert data.startswith(b"\x89PNG")
    assert 5_000 < len(data) <= MAX_BYTES


def test_readme__images__exist() -> None:
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", (ROOT / "README.md").read_text())
    assert len(pictures) >= 3
    assert all((ROOT / picture).is_file() for picture in pictures)
