"""Compare the latest results of the benchmark with earlier ones."""

from __future__ import annotations

import pytest

from bench.changes import find_worse, read_figures
from exifinator.config import ROOT

TABLES = """
| | images/s (median) | min | speedup of EXIFinator |
|---|--:|--:|--:|
| EXIFinator | {median} | {minimum} | 1.00 x |
| floor | {floor} | 900 | {ratio} x |

| images | runs | images/s | peak MB per worker | again, keys/s |
|--:|--:|--:|--:|--:|
| 1,000 | {runs} | {thousand} | {peak} | {again} |

| listing | |
|---|--:|
| listed and queued, keys/s | {keys} |
"""
BEFORE = {
    "median": "1,000", "minimum": 900, "floor": 2000, "ratio": 0.5,
    "thousand": 800, "runs": 5, "peak": 100, "again": "20,000", "keys": "40,000",
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "worse"),
    [
        ({"median": 790}, ["EXIFinator: images/s (median) (): 1000 before, 790 now"]),
        ({"median": 810, "minimum": 100, "floor": 10}, []),
        ({"median": 9000, "thousand": 9000, "peak": 10, "keys": "900,000"}, []),
        ({"again": "15,000", "runs": 1}, ["1,000: again, keys/s (images): 20000 before, 15000 now"]),
        ({"again": "90,000"}, []),
        ({"ratio": 0.3}, ["floor: speedup of EXIFinator (): 0.5 before, 0.3 now"]),
        ({"thousand": 600}, ["1,000: images/s (images): 800 before, 600 now"]),
        ({"peak": 130}, ["1,000: peak MB per worker (images): 100 before, 130 now"]),
        ({"keys": "30,000"}, ["listed and queued, keys/s:  (listing): 40000 before, 30000 now"]),
    ],
    ids=str,
)
def test_find_worse__figure_worse_by_more_than_a_fifth__is_reported(
    change: dict[str, object], worse: list[str]
) -> None:
    before, now = TABLES.format(**BEFORE), TABLES.format(**{**BEFORE, **change})
    assert find_worse(read_figures(before), read_figures(now)) == worse


def test_read_figures__published_results__include_the_main_figures() -> None:
    figures = read_figures((ROOT / "bench" / "RESULTS.md").read_text(encoding="utf-8"))
    assert figures["EXIFinator: images/s (median) ()"] > 0
    assert figures["floor: speedup of EXIFinator ()"] > 0
