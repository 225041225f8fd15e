"""Measure how ExifTool converts the values of MakerNotes: `python -m docgen.makernotes.probe [TABLE ...]`.

The result is conversions.json, which make_tables.py reads. For each table in layout.toml, this module crafts JPEGs with
many values, and fit.py finds the conversions that explain ExifTool's answers. By default, all tables are measured. With
--continue, only tables that are not in conversions.json are measured.

The environment variable EXIFTOOL is the command that runs ExifTool 13.59 (default: exiftool). Only the answers of the
program are used, not its code.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from docgen.makernotes import craft
from docgen.makernotes.fit import fit_conversion, fit_print_form
from exifinator.metadata.makernotes.fixed_layout import MENU_HEAD_BYTES
from exifinator.metadata.makernotes.tables import DEFAULT_FORMATS, FORMATS, Child, Field, Table, get_table
from exifinator.metadata.makernotes.values import decode_exiftool_type

CONVERSIONS = Path(__file__).resolve().parent / "conversions.json"
# The stored values that are measured: many that fit into a byte, and larger ones.
SMALL = [
    *range(25), 28, 30, 32, 33, 36, 40, 44, 48, 50, 56, 60, 63, 64, 70, 72, 80, 85, 96, 99, 100, 110, 112, 120, 126,
    127, 128, 129, 130, 136, 144, 150, 160, 170, 176, 192, 200, 208, 224, 240, 248, 250, 252, 253, 254, 255,
]  # fmt: skip
LARGE = [
    256, 300, 320, 400, 500, 640, 800, 1000, 1600, 2000, 3200, 4000, 6400, 8192, 10000, 20000, 32767, 32768, 40000,
    65533, 65534, 65535, 65536, 100000, 1000000, 2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1,
]  # fmt: skip
NUMBERS = [*SMALL, *LARGE]
# The field of Nikon's structures that has the number of the offsets in it, and a number of offsets that suffices.
NUMBER_OFFSETS, MAX_OFFSETS = "NumberOffsets", 60


class Place(NamedTuple):
    """Where a structure contains another one: the index of the field, and how the field contains it."""

    index: int
    row: Child


def ask_exiftool(files: list[bytes]) -> list[dict[str, Any]]:
    """Return ExifTool's answers for each file.

    Args:
        files: The contents of JPEGs.

    Returns:
        For each file: "group:name" -> {"id": tag id, "num": value, "val": printed string}.
    """
    command = os.environ.get("EXIFTOOL", "exiftool").split()
    with tempfile.TemporaryDirectory() as folder:
        for index, data in enumerate(files):
            Path(folder, f"{index:05d}.jpg").write_bytes(data)
        output = subprocess.run(
            [*command, "-json", "-l", "-D", "-G1:4", "-a", "-q", "-q", "-MakerNotes:all", folder],
            capture_output=True,
            check=False,
        ).stdout
    answers: list[dict[str, Any]] = [{} for _ in files]
    for document in json.loads(output.decode("utf-8", "replace") or "[]"):
        answers[int(Path(document.pop("SourceFile")).stem)] = document
    return answers


def stored_value_in_directory(kind: str, number: int, count: int, order: str) -> Any:
    """Return the value of a field in a crafted directory, as the decoder has it before the conversion."""
    data = craft.pack(kind, number, count, order)
    value = decode_exiftool_type(data, kind, order) if kind in FORMATS else data
    return value[0] if isinstance(value, list) and value and count <= 1 else value


def stored_value(table: Table, key: Any, kind: str, number: int, count: int, order: str) -> Any:
    """Return the value of a field in a crafted file, as the decoder has it before the conversion.

    In a structure, the value may differ from `number`, because fields may overlap each other.
    """
    if not table.unit:
        return stored_value_in_directory(kind, number, count, order)
    data = craft.fixed_layout(table, number, order)
    start = key[0] * table.unit
    item = data[start : start + len(craft.pack(kind, number, count, order))]
    value = decode_exiftool_type(item, kind, order) if kind in FORMATS else item
    return value[0] if isinstance(value, list) and value and count <= 1 else value


def fit_fields(
    table: Table, answers: list[dict[str, Any]], field_types: dict[Any, tuple[str, int]], order: str
) -> dict[str, Any]:
    """Return the conversions of a table's fields.

    Args:
        table: The table.
        answers: ExifTool's answers for each of NUMBERS.
        field_types: The type and the number of items of each measured field, by its key in the table.
        order: Byte order.

    Returns:
        "value" (conversion), "print" (print form) and "unfit" (examples for which there is no conversion), by the
        field's id in ExifTool's export. The id is followed by "#1", "#2" and so on for further fields with the same id.
    """
    conversions: dict[str, Any] = {}
    by_id: list[dict[tuple[str, str], dict[str, Any]]] = []
    for answer in answers:
        answer_by_key = {}
        for name, value in answer.items():
            if isinstance(value, dict):
                answer_by_key[(str(value.get("id")), name.split(":")[-1])] = value
        by_id.append(answer_by_key)
    for key, fields in table.fields.items():
        number = key[1] if isinstance(key, tuple) else str(key)
        if key not in field_types:
            continue
        kind, count = field_types[key]
        for index, field in enumerate(fields):
            points, missing, printed_values = [], [], []
            for value, answer_by_key in zip(NUMBERS, by_id, strict=True):
                stored = stored_value(table, key, kind, value, count, order)
                result = answer_by_key.get((number, field.name)) or answer_by_key.get(
                    (str(number).split(".")[0], field.name)
                )
                if result is None:
                    missing.append(stored)
                    continue
                plain = result.get("num", result.get("val"))
                points.append((stored, plain))
                if not _has_name(field, stored, plain):
                    printed_values.append((plain, str(result.get("val"))))
            if not points or kind == "string":
                continue
            bits = {"int8u": 8, "int16u": 16, "int32u": 32}.get(kind, 0) if count <= 1 else 0
            value_text = fit_conversion(points, missing, bits, order)
            print_text = fit_print_form(printed_values)
            entry: dict[str, Any] = {}
            if value_text is None:
                entry["unfit"] = [[str(a), str(b)] for a, b in points[:3]]
            elif value_text:
                entry["value"] = value_text
            if print_text and print_text != "{}":
                entry["print"] = print_text
            if entry:
                conversions[number if index == 0 else f"{number}#{index}"] = entry
    return conversions


def _has_name(field: Field, stored: Any, plain: Any) -> bool:
    """Return whether the table has a name for a value. ExifTool then prints the name instead of a print form."""
    labels = field.labels
    if labels is None or isinstance(labels, tuple):
        return labels is not None
    return (
        labels.get(plain if isinstance(plain, int | float | str) else str(plain)) is not None
        or labels.get(stored) is not None
    )


def nest_structure(outer: Table, places: list[Place], inner: Table, number: int, order: str, length: int) -> bytes:
    """Return a structure that contains another one, in which all fields have the lowest bits of `number`.

    Args:
        outer: The table of the structure.
        places: Where the structure contains the next one, and so on down to the inner one.
        inner: The table of the inner structure.
        number: The value of the fields.
        order: Byte order.
        length: Length of the outer structure in bytes; 0 if it is not fixed.
    """
    byte_order: Any = "little" if order == "<" else "big"
    piece = craft.fixed_layout(inner, number, order)
    table, start = outer, 0
    data = bytearray(max(length, 8000))
    for place in places:
        start += place.index * table.unit
        if place.row.kind in ("offset", "menu"):
            # The structure has the number of its offsets before them.
            count_at = next((key[0] for key, fields in table.fields.items() if fields[0].name == NUMBER_OFFSETS), 0x0C)
            data[count_at : count_at + 4] = MAX_OFFSETS.to_bytes(4, byte_order)
            data[start : start + 4] = (4096).to_bytes(4, byte_order)
            start = 4096
        if place.row.kind == "menu":
            at = start + MENU_HEAD_BYTES
            data[at : at + 4] = (64).to_bytes(4, byte_order)
            start += 64
        table = get_table(place.row.table) or table
    data.extend(bytes(max(0, start + len(piece) - len(data))))
    end = min(start + len(piece), length or len(data))
    data[start:end] = piece[: end - start]
    head = places[0].row.head
    digits = craft.sample_match(head.pattern) if head else ""
    # The version of the firmware follows the version of the structure, which the outer structure sets.
    firmware = bytes.fromhex(digits[8:] + "0" * (len(digits) % 2))
    data[4 : 4 + len(firmware)] = firmware
    return bytes(data[:length] if length else data)


def probe_structure(maker: craft.Maker, table: Table, tag: int, child: Child, nested: Any = None) -> dict[str, Any]:
    """Return the conversions of a structure in a tag of the MakerNote, or of a structure that is nested in it.

    Args:
        maker: The maker.
        table: The table of the structure to measure.
        tag: The tag that contains the outer structure.
        child: The outer structure.
        nested: Where the nested structure is, as for nest_structure; None to measure the outer structure.
    """
    model = maker.model
    place = next((place for place in nested or () if place.row.model), None)
    if place:
        child = child._replace(model=place.row.model)
    if child.model:
        text = craft.sample_match(child.model.pattern)
        model = {
            "canon": f"Canon EOS-{text}" if text.startswith("1D") else f"Canon {text}",
            "nikon": f"NIKON {text}",
        }.get(maker.table.split("::")[0].lower(), text)
    order = maker.order
    files = []
    for number in NUMBERS:
        inner = None
        outer = get_table(child.table)
        if nested and outer is not None:
            size = min(child.sizes) if child.sizes else 0
            if child.counts and not size:
                size = min(child.counts) * max(outer.unit, 1)
            inner = lambda n, o, x=outer, s=size: nest_structure(x, nested, table, n, o, s)  # noqa: E731
        entry = craft.child_entry(tag, child, number, order, inner)
        if entry is None:
            return {}
        entries = [entry]
        if maker.table == "Nikon::Main":
            entries += [(0x1D, 2, 5, b"4242\0"), (0xA7, 4, 1, craft.pack("int32u", craft.COUNT, 1, order))]
        make_note = lambda at, entries=entries: craft.note(maker, entries, at)  # noqa: E731
        try:
            files.append(craft.jpeg(maker.make, model, order, make_note))
        except ValueError:
            return {}
    field_types = {}
    for key, fields in table.fields.items():
        kind = fields[0].kind if fields[0].kind != "?" else DEFAULT_FORMATS.get(table.unit, "int8u")
        field_types[key] = (kind, fields[0].count or 1)
    return fit_fields(table, ask_exiftool(files), field_types, child.order or order)


def nested_tables(table: Table) -> Iterator[tuple[list[Place], Table]]:
    """Yield the tables of the structures in a structure, at any depth, and where they are."""
    for index, rows in table.children.items():
        for row in rows:
            inner = get_table(row.table)
            if inner is not None and inner.unit:
                yield [Place(index, row)], inner
                yield from (([Place(index, row), *places], rows) for places, rows in nested_tables(inner))


def probe_directory(maker: craft.Maker, table: Table, parent: int = 0) -> dict[str, Any]:
    """Return the conversions of a directory.

    Args:
        maker: The maker.
        table: The table of the directory.
        parent: The tag of the main directory that points to the directory; 0 to measure the main directory itself.
    """
    files = []
    field_types = {}
    for key, fields in table.fields.items():
        if not isinstance(key, int) or key > 0xFFFF or key in table.children:
            continue
        kind = fields[0].kind
        if kind == "string" or kind not in craft.TYPE_NUMBERS:
            continue
        field_types[key] = ("int16u" if kind == "?" else kind, fields[0].count or 1)
    for number in NUMBERS:
        entries = []
        for key, (kind, count) in field_types.items():
            data = craft.pack(kind, number, count, maker.order)
            entries.append((key, craft.TYPE_NUMBERS[kind], count, data))
        groups = [entries[at : at + 380] for at in range(0, len(entries), 380)]
        entries = groups[0]
        if parent:
            args: tuple[Any, Any] = ([(parent, 4, 1, b"\0\0\0\0")], {parent: entries})
        else:
            if maker.table == "Samsung::Type2":
                entries = [(1, 7, 4, b"0100"), *[entry for entry in entries if entry[0] != 1]]
            args = (entries, None)
        make_note = lambda at, args=args: craft.note(maker, args[0], at, args[1])  # noqa: E731
        files.append(craft.jpeg(maker.make, maker.model, maker.order, make_note))
    return fit_fields(table, ask_exiftool(files), field_types, maker.order)


def main() -> None:
    """Measure the tables that are named on the command line, or else all tables."""
    names = set(sys.argv[1:])
    conversions = json.loads(CONVERSIONS.read_text()) if CONVERSIONS.exists() else {}
    measured_tables: set[str] = set(conversions) if "--continue" in names else set()
    names.discard("--continue")
    for maker in craft.MAKERS.values():
        main_table = get_table(maker.table)
        if main_table is None:
            continue
        jobs: list[tuple[Table, Any]] = []
        if not main_table.unit:
            jobs.append((main_table, lambda m=maker, t=main_table: probe_directory(m, t)))
        for tag, children in main_table.children.items():
            for child in children:
                table = get_table(child.table)
                if table is None:
                    continue
                if child.kind == "ifd":
                    jobs.append((table, lambda m=maker, t=table, p=tag: probe_directory(m, t, p)))
                elif table.unit:
                    jobs.append((table, lambda m=maker, t=table, g=tag, c=child: probe_structure(m, t, g, c)))
                    for places, inner in nested_tables(table):
                        jobs.append(
                            (inner, lambda m=maker, t=inner, g=tag, c=child, n=places: probe_structure(m, t, g, c, n))
                        )
        for table, job in jobs:
            if table.name in measured_tables or (names and table.name not in names):
                continue
            measured_tables.add(table.name)
            try:
                result = job()
            except (ArithmeticError, LookupError, TypeError, ValueError) as error:
                print(f"{table.name}: {error!r}", flush=True)
                continue
            unfit = [key for key, entry in result.items() if "unfit" in entry]
            print(
                f"{table.name}: {len(table.fields)} fields, {len(result)} conversions, unfit {unfit[:12]}", flush=True
            )
            for key in unfit[:3]:
                print("   ", key, result[key]["unfit"], flush=True)
            merged = conversions.setdefault(table.name, {})
            merged.update(
                {key: {k: v for k, v in e.items() if k != "unfit"} for key, e in result.items() if set(e) - {"unfit"}}
            )
            CONVERSIONS.write_text(json.dumps(conversions, indent=0, ensure_ascii=False, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
