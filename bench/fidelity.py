"""Compare EXIFinator with ExifTool, and write bench/FIDELITY.md.

    python -m bench.fidelity NAME FOLDER PHOTO.json NOTES.json [NAME FOLDER PHOTO.json NOTES.json ...]

NAME is the name of the collection on the page. PHOTO.json and NOTES.json are ExifTool's answers for the files in
FOLDER. Run these commands in FOLDER to make the two files:

    exiftool -json -l -r . > PHOTO.json
    exiftool -json -l -D -G0:1 -a -MakerNotes:all -QuickTime:all -RIFF:all -Matroska:all -H264:all -XML:all
        -Protobuf:all -r . > NOTES.json

bench/fidelity_reasons.toml has the reasons for values that differ.
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from bench.fidelity_notes import NoteComparison, compare_notes
from bench.fidelity_photo import FIELDS, Comparison, compare_photo
from exifinator.metadata.fetch import fetch_metadata
from exifinator.metadata.parse import build_record
from exifinator.sources.local_files import LocalReader, local_ref

BENCH = Path(__file__).resolve().parent
SHOWN_CHARACTERS = 60
# Answers whose printed value is compared instead of the number, because the printed value is a name.
PRINTED_NAMES = frozenset({"LensID", "LensModel", "LensName"})
# Answers whose number may be a maker's code. The printed value is compared instead if it is a number.
CODES = frozenset({"ISO"})


def read_answers(path: Path) -> dict[str, dict[str, Any]]:
    """Return ExifTool's answers by file.

    Args:
        path: A JSON file: a list of objects with SourceFile, or an object with the files as keys.
    """
    document = json.loads(path.read_text(encoding="utf-8"))
    if isinstance(document, dict):
        return document
    return {str(Path(answers.pop("SourceFile"))): answers for answers in document}


def photo_values(answers: dict[str, Any]) -> dict[str, Any]:
    """Return a single value for each answer for a photo: the unconverted `num`, or the printed `val`."""
    values = {}
    for name, answer in answers.items():
        if isinstance(answer, dict):
            printed = answer.get("val")
            number = _to_number(printed) if name in CODES else None
            values[name] = (
                printed if name in PRINTED_NAMES else answer.get("num", printed) if number is None else number
            )
        else:
            values[name] = answer
    return values


def _to_number(value: Any) -> float | int | None:
    if isinstance(value, str) and value.strip().isdecimal():
        return int(value)
    return value if isinstance(value, int | float) else None


def note_values(answers: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return the value and the printed value for each answer for a MakerNote."""
    values = {}
    for name, answer in answers.items():
        if isinstance(answer, dict):
            values[name] = answer.get("num", answer.get("val")), answer.get("val")
        elif isinstance(answer, list) and len(answer) == 3:
            values[name] = answer[1], answer[2]
    return values


def compare(
    name: str, folder: Path, photo_answers: Path, note_answers: Path
) -> tuple[list[Comparison], list[NoteComparison]]:
    """Compare the files of a folder. Files that do not exist are skipped.

    Args:
        name: The name of the collection, which precedes the names of its files.
        folder: The folder.
        photo_answers: PHOTO.json.
        note_answers: NOTES.json.
    """
    photos, notes = read_answers(photo_answers), read_answers(note_answers)
    fields: list[Comparison] = []
    tags: list[NoteComparison] = []
    for file in sorted({*photos, *notes}):
        path = folder / file
        if not path.is_file():
            continue
        document = build_record(fetch_metadata(LocalReader(), local_ref(path))).document
        title = f"{name}/{file}"
        fields += compare_photo(title, photo_values(photos.get(file, {})), document["photo"])
        tags += compare_notes(title, note_values(notes.get(file, {})), document)
    return fields, tags


class Reasons:
    """The reasons for values that differ. A rule has patterns for files, fields or tags, and values, and a reason."""

    def __init__(self, path: Path) -> None:
        self._rules = tomllib.loads(path.read_text(encoding="utf-8"))

    def find(self, kind: str, file: str, name: str, expected: Any = "") -> str:
        """Return the reason of the first rule that matches, or "not explained".

        Args:
            kind: "photo" or "note".
            file: The name of the file.
            name: The field, or the tag as GROUP:NAME.
            expected: ExifTool's value.
        """
        for rule in self._rules[kind]:
            if (
                fnmatchcase(file.casefold(), rule.get("file", "*").casefold())
                and fnmatchcase(name, rule["name"])
                and fnmatchcase(str(expected), rule.get("expected", "*"))
            ):
                return str(rule["reason"])
        return "not explained"


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else ""


def _cell(value: Any) -> str:
    """Return a value as a short cell of a Markdown table."""
    text = " ".join(str(value).split())[:SHOWN_CHARACTERS]
    text = "".join(character if character.isprintable() else f"\\x{ord(character):02x}" for character in text)
    return text.replace("|", "\\|").replace("<", "&lt;")


def field_table(comparisons: Iterable[Comparison]) -> list[str]:
    """Return the table of the fields of `photo`."""
    groups: dict[str, list[Comparison]] = defaultdict(list)
    for comparison in comparisons:
        groups[comparison.field].append(comparison)
    lines = ["| field | files | found | same | same or explained |", "|---|--:|--:|--:|--:|"]
    reasons = Reasons(BENCH / "fidelity_reasons.toml")
    for field in FIELDS:
        group = groups.get(field, [])
        found = sum(item.actual is not None for item in group)
        same = sum(item.is_same for item in group)
        explained = sum(
            item.is_same or reasons.find("photo", item.file, field, item.expected) != "not explained" for item in group
        )
        total = len(group)
        lines.append(
            f"| {field} | {total} | {_percent(found, total)} | {_percent(same, total)} | {_percent(explained, total)} |"
        )
    return lines


def note_table(comparisons: Iterable[NoteComparison], title: str = "maker") -> list[str]:
    """Return the table of tags by group.

    Args:
        comparisons: The comparisons of tags.
        title: What the groups are.
    """
    groups: dict[str, list[NoteComparison]] = defaultdict(list)
    everything = list(comparisons)
    for comparison in everything:
        groups[comparison.maker].append(comparison)
    lines = [f"| {title} | tags | found | values | same |", "|---|--:|--:|--:|--:|"]
    rows = sorted(groups.items(), key=lambda row: -len(row[1]))
    for maker, group in [*rows, ("**all**", everything)]:
        found = sum(item.is_found for item in group)
        with_value = [item for item in group if item.is_same is not None]
        same = sum(bool(item.is_same) for item in with_value)
        total = len(group)
        lines.append(
            f"| {maker} | {total} | {_percent(found, total)} | {len(with_value)} | {_percent(same, len(with_value))} |"
        )
    return lines


def report(fields: list[Comparison], tags: list[NoteComparison], names: list[str]) -> str:
    """Return FIDELITY.md.

    Args:
        fields: The comparisons of fields.
        tags: The comparisons of MakerNote tags.
        names: The names of the collections.
    """
    reasons = Reasons(BENCH / "fidelity_reasons.toml")
    lines = [
        "# Fidelity",
        "",
        "How EXIFinator's records agree with the answers of ExifTool 13.59 for the same files, videos included.",
        "`python -m bench.fidelity` writes this page.",
        "",
        f"Files: {len({item.file for item in fields})} with a field of `photo`. Collections: {', '.join(names)}.",
        "*Found*: there is a value. *Same*: it equals ExifTool's. *Explained*: it differs for a reason given below.",
        "",
        "## Fields of `photo`",
        "",
        *field_table(fields),
        "",
        "## MakerNotes by maker",
        "",
        "A tag counts by its maker, which is ExifTool's group 1, and its name.",
        "",
        *note_table(tag for tag in tags if not tag.is_of_container),
        "",
        "## Tags of videos by group",
        "",
        "A tag counts by its group, which is ExifTool's group 1, and its name.",
        "",
        *note_table((tag for tag in tags if tag.is_of_container), "group"),
        "",
        "## Fields that differ",
        "",
        "| file | field | ExifTool | EXIFinator | reason |",
        "|---|---|---|---|---|",
    ]
    for item in fields:
        if not item.is_same:
            reason = reasons.find("photo", item.file, item.field, item.expected)
            lines.append(
                f"| {item.file} | {item.field} | {_cell(item.expected)} | {_cell(item.actual)} | {_escape(reason)} |"
            )
    lines += [
        "",
        "## Tags of MakerNotes and videos that differ or are not found",
        "",
        "| file | tag | ExifTool | EXIFinator | reason |",
        "|---|---|---|---|---|",
    ]
    for tag in tags:
        if not tag.is_found or tag.is_same is False:
            name = f"{tag.maker}:{tag.name}"
            reason = reasons.find("note", tag.file, name, tag.expected)
            actual = tag.actual if tag.is_found else "not found"
            lines.append(f"| {tag.file} | {name} | {_cell(tag.expected)} | {_cell(actual)} | {_escape(reason)} |")
    return "\n".join(lines) + "\n"


def _escape(text: str) -> str:
    """Return Markdown text as a cell of a table, in full."""
    return text.replace("|", "\\|")


def main(arguments: list[str]) -> None:
    """Write FIDELITY.md, and print its tables of counts."""
    if not arguments or len(arguments) % 4:
        sys.exit(__doc__)
    fields: list[Comparison] = []
    tags: list[NoteComparison] = []
    for at in range(0, len(arguments), 4):
        folder, photo_answers, note_answers = map(Path, arguments[at + 1 : at + 4])
        more_fields, more_tags = compare(arguments[at], folder, photo_answers, note_answers)
        fields += more_fields
        tags += more_tags
    page = report(fields, tags, arguments[::4])
    (BENCH / "FIDELITY.md").write_text(page, encoding="utf-8")
    notes, containers = ([tag for tag in tags if tag.is_of_container is kind] for kind in (False, True))
    print("\n".join([*field_table(fields), "", *note_table(notes), "", *note_table(containers, "group")]))


if __name__ == "__main__":
    main(sys.argv[1:])
