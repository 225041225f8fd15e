"""Compare EXIFinator with ExifTool, and write bench/FIDELITY.md.

    python -m bench.fidelity NAME FOLDER PHOTO.json NOTES.json [NAME FOLDER PHOTO.json NOTES.json ...]

NAME is the name of the collection on the page. PHOTO.json and NOTES.json are ExifTool's answers for the files in
FOLDER. Run these commands in FOLDER to make the two files:

    exiftool -json -l -r . > PHOTO.json
    exiftool -json -l -D -G0:1 -a -MakerNotes:all -QuickTime:all -RIFF:all -Matroska:all -H264:all -XML:all
        -Protobuf:all -r . > NOTES.json

bench/fidelity_reasons.toml has the reasons for values that differ. A difference is right if EXIFinator's value is at
least as true as ExifTool's. Rules with `right = false` describe what EXIFinator lacks.
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

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


def fields_of(document: dict[str, Any]) -> dict[str, Any]:
    """Return the values of a record by field of `photo`.

    For a sidecar, return its own values, which are normally merged into the field `photo` of its photo.
    """
    values: dict[str, Any] = document["sidecar"]["values"] if "sidecar" in document else document["photo"]
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
        fields += compare_photo(title, photo_values(photos.get(file, {})), fields_of(document))
        tags += compare_notes(title, note_values(notes.get(file, {})), document)
    return fields, tags


class Reason(NamedTuple):
    """Why a value differs, and whether it is right that it does."""

    text: str
    is_right: bool


UNEXPLAINED = Reason("not explained", is_right=False)


class Reasons:
    """The reasons for values that differ. A rule has patterns for files, fields or tags, and values, and a reason."""

    def __init__(self, path: Path) -> None:
        self._rules = tomllib.loads(path.read_text(encoding="utf-8"))

    def find(self, kind: str, file: str, name: str, expected: Any = "") -> Reason:
        """Return the reason of the first rule that matches, or UNEXPLAINED.

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
                return Reason(str(rule["reason"]), bool(rule.get("right", True)))
        return UNEXPLAINED


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
    lines = ["| field | files | found | equal | equal or rightly different |", "|---|--:|--:|--:|--:|"]
    reasons = Reasons(BENCH / "fidelity_reasons.toml")
    for field in FIELDS:
        group = groups.get(field, [])
        found = sum(item.actual is not None for item in group)
        same = sum(item.is_same for item in group)
        right = sum(item.is_same or reasons.find("photo", item.file, field, item.expected).is_right for item in group)
        total = len(group)
        lines.append(
            f"| {field} | {total} | {_percent(found, total)} | {_percent(same, total)} | {_percent(right, total)} |"
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
    lines = [
        f"| {title} | tags | found | values | equal | equal or rightly different |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    reasons = Reasons(BENCH / "fidelity_reasons.toml")
    rows = sorted(groups.items(), key=lambda row: -len(row[1]))
    for maker, group in [*rows, ("**all**", everything)]:
        found = sum(item.is_found for item in group)
        with_value = [item for item in group if item.is_same is not None]
        same = sum(bool(item.is_same) for item in with_value)
        right = sum(
            bool(item.is_same) or reasons.find("note", item.file, f"{item.maker}:{item.name}", item.expected).is_right
            for item in with_value
        )
        total, count = len(group), len(with_value)
        lines.append(
            f"| {maker} | {total} | {_percent(found, total)} | {count} "
            f"| {_percent(same, count)} | {_percent(right, count)} |"
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
        "*Found*: there is a value. *Equal*: it equals ExifTool's. *Rightly different*: ExifTool's value is not what a",
        "user would search for, or EXIFinator's is at least as true. The lists below name each such value, with the",
        "reason. Formats that EXIFinator does not support count as missing.",
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
    ]
    differing = [item for item in fields if not item.is_same]
    field_reasons = [reasons.find("photo", item.file, item.field, item.expected) for item in differing]
    rows = [
        (reason, (item.file, item.field, _cell(item.expected), _cell(item.actual)))
        for item, reason in zip(differing, field_reasons, strict=True)
    ]
    heads = ("file", "field", "ExifTool", "EXIFinator", "reason")
    lines += _list_of("Fields that are rightly different", heads, (row for row in rows if row[0].is_right))
    lines += _list_of("Fields that are missing or worse", heads, (row for row in rows if not row[0].is_right))
    note_rows = []
    for tag in tags:
        if not tag.is_found or tag.is_same is False:
            name = f"{tag.maker}:{tag.name}"
            actual = _cell(tag.actual) if tag.is_found else "not found"
            reason = reasons.find("note", tag.file, name, tag.expected)
            note_rows.append((reason, (tag.file, name, _cell(tag.expected), actual)))
    heads = ("file", "tag", "ExifTool", "EXIFinator", "reason")
    title = "Tags of MakerNotes and videos that are"
    lines += _list_of(f"{title} rightly different", heads, (row for row in note_rows if row[0].is_right))
    lines += _list_of(f"{title} missing or worse", heads, (row for row in note_rows if not row[0].is_right))
    return "\n".join(lines[:-1]) + "\n"


def _list_of(title: str, heads: tuple[str, ...], rows: Iterable[tuple[Reason, tuple[str, ...]]]) -> list[str]:
    """Return a section with a table of differences, one per row, and a blank line after it."""
    lines = [f"## {title}", "", f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    lines += [f"| {' | '.join(cells)} | {_escape(reason.text)} |" for reason, cells in rows]
    return [*lines, ""]


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
