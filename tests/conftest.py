"""How the tests are spread over two processes: a file stays together, for its tests share what its fixtures start."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent
# Their files share one fresh checkout, and build on one another.
TOGETHER = "acceptance"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        path = item.path.relative_to(HERE)
        group = TOGETHER if path.parts[0] == TOGETHER else str(path)
        item.add_marker(pytest.mark.xdist_group(group))
