"""The tables of MakerNotes: which tags a maker writes, with their names, types, value names and conversions.

docgen/makernotes makes the files in table_files/ from ExifTool's export of its tags. A maker's file is read when the
first photo of that maker is decoded.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from exifinator.metadata.makernotes.conversions import compile_conversion, compile_print
from exifinator.metadata.makernotes.value_functions import Conversion

# First part of a table's name -> file. Makers that are not listed are in "others".
FILES = {
    "Canon": "canon", "CanonCustom": "canon", "Nikon": "nikon", "NikonCustom": "nikon", "NikonCapture": "nikon",
    "NikonScan": "nikon", "NikonSettings": "nikon", "Sony": "sony", "Olympus": "olympus", "Panasonic": "panasonic",
    "FujiFilm": "fujifilm", "Pentax": "pentax", "Minolta": "minolta", "MinoltaRaw": "minolta", "Sigma": "sigma",
    "SigmaRaw": "sigma", "Samsung": "samsung",
    "Casio": "casio", "Kodak": "kodak", "Sanyo": "sanyo", "Apple": "apple", "Ricoh": "ricoh", "Reconyx": "reconyx",
}  # fmt: skip

# Type of the export -> (format character of `struct`, bytes). "Rev" is the other byte order.
FORMATS = {
    "int8u": ("B", 1), "int8s": ("b", 1), "int16u": ("H", 2), "int16s": ("h", 2), "int32u": ("I", 4),
    "int32s": ("i", 4), "int64u": ("Q", 8), "int64s": ("q", 8), "float": ("f", 4), "double": ("d", 8),
    "int16uRev": ("H", 2),
    "int32uRev": ("I", 4), "rational64u": ("I", 8), "rational64s": ("i", 8), "rational32u": ("H", 4),
    "rational32s": ("h", 4), "fixed32u": ("I", 4), "fixed32s": ("i", 4), "fixed16s": ("h", 2),
}  # fmt: skip
TEXT_FORMATS = {"string": 1, "undef": 1, "unicode": 2, "?": 1}
# Bytes of an index of a binary table -> format of a field without a type.
DEFAULT_FORMATS = {1: "int8u", 2: "int16u", 4: "int32u", 8: "double"}


class Labels:
    """Names of the values of a field: of single values, of sets of bits, or of a value whose items are joined."""

    __slots__ = ("bits", "names")

    def __init__(self, names: dict[str, str]) -> None:
        self.bits = {int(key[3:]): name for key, name in names.items() if key.startswith("Bit") and key[3:].isdigit()}
        self.names = names

    def get(self, value: Any) -> str | None:
        """Return the name of a number or of a text; None if it has none."""
        name = self.names.get(value if isinstance(value, str) else f"{value:g}" if type(value) is float else str(value))
        if name is None and self.bits and type(value) is int:
            set_bits = [
                self.bits.get(bit, f"[{bit}]") for bit in range(min(value.bit_length(), 32)) if value >> bit & 1
            ]
            return ", ".join(set_bits) or "(none)"
        return name


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """One tag, or one value of a binary table.

    Attributes:
        name: ExifTool's name.
        kind: The type according to the export: "int16u", "string", ...; "?" if it is not known.
        count: Number of items; 0 if it is not fixed.
        labels: Names of the values; one per item if it is a tuple.
        convert: Makes the value from the stored one; None if they are the same.
        show: Makes the text of a value without a name; None for the value itself.
        models: Pattern of the models of cameras to which this field applies; None for all.
    """

    name: str
    kind: str
    count: int
    labels: Labels | tuple[Labels | None, ...] | None
    convert: Conversion | None
    show: Any
    models: re.Pattern[str] | None


class Child(NamedTuple):
    """A table in the value of a tag, and when it is there. docgen/makernotes/layout.toml explains the conditions."""

    table: str
    model: re.Pattern[str] | None
    head: re.Pattern[str] | None
    sizes: frozenset[int]
    counts: frozenset[int]
    type: int
    kind: str
    cipher: str
    cipher_start: int
    start: int
    order: str


class Table(NamedTuple):
    """A directory's or a structure's tags.

    Attributes:
        unit: Bytes per index of a binary table; 0 for a directory.
        fields: Tag, or index, -> the fields of which the first one that applies counts.
        children: Tag -> tables that its value may hold.
    """

    name: str
    unit: int
    fields: dict[Any, tuple[Field, ...]]
    children: dict[int, tuple[Child, ...]]


@cache
def _file(maker: str) -> tuple[dict[str, Any], list[Labels]]:
    text = files(__package__).joinpath("table_files", f"{maker}.json").read_text(encoding="utf-8")
    document = json.loads(text)
    return document["tables"], [Labels(names) for names in document["maps"]]


def _field(row: list[Any], labels: list[Labels]) -> Field:
    name, kind, count, names, value, shown, models = row + [None] * (7 - len(row))
    if isinstance(names, list):
        field_labels: Any = tuple(labels[number] if number >= 0 else None for number in names)
    else:
        field_labels = None if names is None else labels[names]
    return Field(
        name,
        kind,
        count or 0,
        field_labels,
        compile_conversion(value) if value else None,
        compile_print(shown) if shown else None,
        re.compile(models) if models else None,
    )


def _child(row: dict[str, Any]) -> Child:
    pattern = row.get("model")
    head = row.get("head")
    return Child(
        row["table"],
        re.compile(pattern) if pattern else None,
        re.compile(head) if head else None,
        frozenset(row.get("size", ())),
        frozenset(row.get("count", ())),
        row.get("type", 0),
        row.get("kind", ""),
        row.get("cipher", ""),
        row.get("from", 0),
        row.get("start", 0),
        row.get("order", ""),
    )


@cache
def get_table(name: str) -> Table | None:
    """Return a table by ExifTool's name, such as "Canon::ShotInfo"; None if there is none."""
    tables, labels = _file(FILES.get(name.partition("::")[0], "others"))
    row = tables.get(name)
    if row is None:
        return None
    unit = row["unit"]
    fields = {
        _key(key, unit): tuple(_field(field, labels) for field in (rows if isinstance(rows[0], list) else [rows]))
        for key, rows in row["fields"].items()
    }
    children = {int(tag): tuple(map(_child, rows)) for tag, rows in row.get("children", {}).items()}
    return Table(name, unit, fields, children)


def _key(key: str, unit: int) -> Any:
    """Return the number of a tag; for a binary table (index, text), because several fields may share an index."""
    if not unit:
        return int(key) if key.isdigit() else key
    try:
        return int(key.partition(".")[0]), key
    except ValueError:
        return 0, key
