"""Compare the tags of IFD0, EXIF, GPS and Interop with ExifTool's: how many are found, and whether the values agree.

    python -m bench.fidelity_tags [FOLDER]     prints a table; fails if the p99 is too high

FOLDER contains photos and expected.json, which maps file -> directory -> decimal tag id -> {name, value}. This file
was made from the output of ExifTool's `-json -n -D -G1`. The default FOLDER is shared/photos next to the checkout.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from exifinator.metadata.fetch import fetch_metadata
from exifinator.metadata.parse import build_record
from exifinator.sources.local_files import LocalReader, local_ref

PHOTOS = Path(__file__).resolve().parent.parent.parent / "shared" / "photos"

# Limit on the 99th percentile of the time that build_record takes for a file, on an otherwise idle machine.
MAX_P99_MICROSECONDS = 5000

SHUTTER_SPEED, APERTURES = 0x9201, (0x9202, 0x9205)
COORDINATES, TIME_STAMP = (0x0002, 0x0004, 0x0014, 0x0016), 0x0007
CFA_PATTERN = 0xA302


@dataclass
class Counts:
    """Counts for one format.

    Attributes:
        files: Number of files.
        pairs: (directory, tag) pairs that ExifTool finds.
        found: Pairs that EXIFinator finds too.
        values: Pairs that EXIFinator finds too, and for which expected.json has the value.
        agreed: Pairs for which the values of EXIFinator and ExifTool agree.
    """

    files: int = 0
    pairs: int = 0
    found: int = 0
    values: int = 0
    agreed: int = 0


@dataclass
class Result(Counts):
    """Counts for all formats.

    Attributes:
        formats: The counts by format.
        silent: The files in which ExifTool finds tags and EXIFinator finds none.
        missing: Descriptions of the pairs that EXIFinator does not find.
        differences: Descriptions of the values that differ.
        microseconds: The time that build_record takes, for each file.
    """

    formats: dict[str, Counts] = field(default_factory=lambda: defaultdict(Counts))
    silent: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    microseconds: list[float] = field(default_factory=list)


def sample_paths(folder: Path) -> list[Path]:
    """Return the paths of the photos in expected.json."""
    return [folder / name for name in sorted(json.loads((folder / "expected.json").read_text()))]


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _is_close(left: float | None, right: float | None) -> bool:
    # The numbers cannot be compared exactly, because ExifTool rounds them to ten digits.
    return left is not None and right is not None and abs(left - right) <= 1e-4 * max(abs(left), abs(right)) + 1e-9


def _convert(directory: str, tag: int, values: list[Any]) -> Any:
    """Convert values as ExifTool does. Return None if ExifTool prints the stored values."""
    numbers = [value for value in values if isinstance(value, int | float)]
    if len(numbers) != len(values) or not numbers:
        return None
    if tag == SHUTTER_SPEED and abs(numbers[0]) < 100:
        return 2.0 ** -numbers[0]  # APEX -> seconds
    if tag in APERTURES and abs(numbers[0]) < 100:
        return 2.0 ** (numbers[0] / 2)  # APEX -> f-number
    if directory == "GPS" and tag in COORDINATES:
        return sum(number / 60**power for power, number in enumerate(numbers))  # degrees, minutes, seconds -> degrees
    if directory == "GPS" and tag == TIME_STAMP and len(numbers) == 3:
        return f"{int(numbers[0]):02}:{int(numbers[1]):02}:{'0' if numbers[2] < 10 else ''}{numbers[2]:g}"
    if tag == CFA_PATTERN and len(numbers) > 4:
        # Two sizes of two bytes each, then the pattern. ExifTool prints each size as one number.
        sizes = [numbers[0] * 256 + numbers[1], numbers[2] * 256 + numbers[3]]
        return " ".join(str(number) for number in [*sizes, *numbers[4:]])
    return None


def agrees(directory: str, tag: dict[str, Any], expected: Any) -> bool:
    """Return whether a stored tag has the value that ExifTool prints, after ExifTool's conversions (0/0 is `undef`)."""
    values = tag["values"]
    text = str(expected).strip()
    if isinstance(values, str):
        return values.strip() == text or _is_close(_number(values), _number(text))
    if not isinstance(values, list):
        values = [values]
    converted = _convert(directory, tag["tag"], values)
    if converted is not None and (str(converted) == text or _is_close(_number(converted), _number(text))):
        return True
    parts = text.split()
    if len(parts) == len(values) and all(
        part in ("undef", "inf") if value is None else _is_close(_number(part), _number(value))
        for part, value in zip(parts, values, strict=True)
    ):
        return True
    if values and all(isinstance(value, int) and 0 <= value < 256 for value in values):
        return bytes(values).split(b"\0")[0].decode("latin-1").strip() == text
    return str(tag["printable"]).strip() == text


def compare(folder: Path, *, repeats: int = 5) -> Result:
    """Decode every photo in expected.json and compare its tags.

    Args:
        repeats: Number of times that each photo is decoded. The shortest time counts.
    """
    result = Result()
    for name, directories in sorted(json.loads((folder / "expected.json").read_text()).items()):
        fetched = fetch_metadata(LocalReader(), local_ref(folder / name))
        seconds = []
        for _ in range(repeats):
            started = time.perf_counter()
            document = build_record(fetched).document
            seconds.append(time.perf_counter() - started)
        result.microseconds.append(min(seconds) * 1e6)
        tags = {
            (title.split(" ")[0], tag["tag"]): tag
            for title, tag in document.items()
            if isinstance(tag, dict) and "field_type" in tag
        }
        for counts in (result, result.formats[fetched.format]):
            counts.files += 1
        if directories and not tags:
            result.silent.append(name)
        for directory, expected in directories.items():
            for number, item in expected.items():
                _count(result, fetched.format, name, (directory, int(number)), tags, item)
    return result


def _count(
    result: Result,
    format_: str,
    name: str,
    pair: tuple[str, int],
    tags: dict[Any, dict[str, Any]],
    item: dict[str, Any],
) -> None:
    tag = tags.get(pair)
    agreed = tag is not None and item["value"] is not None and agrees(pair[0], tag, item["value"])
    for counts in (result, result.formats[format_]):
        counts.pairs += 1
        counts.found += tag is not None
        counts.values += tag is not None and item["value"] is not None
        counts.agreed += agreed
    if tag is None:
        result.missing.append(f"{name}: {pair[0]} 0x{pair[1]:04X} {item['name']}")
    elif item["value"] is not None and not agreed:
        actual = str(tag["values"])[:60]
        expected = str(item["value"])[:60]
        result.differences.append(f"{name}: {pair[0]} {item['name']}: ExifTool {expected}, EXIFinator {actual}")


def p99_microseconds(result: Result) -> float:
    """Return the 99th percentile of the time that `build_record` takes for a file."""
    return sorted(result.microseconds)[int(len(result.microseconds) * 0.99)]


def table(result: Result) -> str:
    """Return the counts as a Markdown table, and the differences."""

    def row(title: str, counts: Counts) -> str:
        found = f"{counts.found / counts.pairs:.1%}" if counts.pairs else ""
        agreed = f"{counts.agreed / counts.values:.1%}" if counts.values else ""
        return f"| {title} | {counts.files} | {counts.pairs} | {found} | {counts.values} | {agreed} |"

    lines = ["| format | files | pairs | found | short values | agree |", "|---|--:|--:|--:|--:|--:|"]
    lines += [row(title, result.formats[title]) for title in sorted(result.formats)]
    lines.append(row("**all**", result))
    times = sorted(result.microseconds)
    p99 = p99_microseconds(result)
    lines += [
        "",
        f"`build_record`, best of five: mean {statistics.mean(times):.0f} µs, "
        f"median {statistics.median(times):.0f} µs, "
        f"p99 {p99:.0f} µs, maximum {times[-1]:.0f} µs per file.",
        "",
        f"Silent files: {', '.join(result.silent) or 'none'}. Pairs not found: {', '.join(result.missing) or 'none'}.",
        "",
        "Values that differ beyond ExifTool's conversions:",
        "",
        *(f"- {difference}" for difference in result.differences),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    compared = compare(Path(sys.argv[1]) if len(sys.argv) > 1 else PHOTOS)
    print(table(compared))
    if p99_microseconds(compared) >= MAX_P99_MICROSECONDS:
        sys.exit(f"build_record takes {MAX_P99_MICROSECONDS:,} µs or more per file at p99")
