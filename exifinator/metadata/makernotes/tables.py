"""Load the tables of MakerNotes: the makers' tags with their names, types, labels of values, and conversions.

docgen/makernotes generates the files in table_files/ from ExifTool's export of its tags (the output of `exiftool
-listx`). A maker's file is loaded when the first photo from one of its cameras is decoded.
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

# First part of a table's name -> name of the file. The tables of all other makers are in "others".
FILES = {
    "Canon": "canon", "CanonCustom": "canon", "Nikon": "nikon", "NikonCustom": "nikon", "NikonCapture": "nikon",
    "NikonScan": "nikon", "NikonSettings": "nikon", "Sony": "sony", "Olympus": "olympus", "Panasonic": "panasonic",
    "FujiFilm": "fujifilm", "Pentax": "pentax", "Minolta": "minolta", "MinoltaRaw": "minolta", "Sigma": "sigma",
    "SigmaRaw": "sigma", "Samsung": "samsung",
    "Casio": "casio", "Kodak": "kodak", "Sanyo": "sanyo", "Apple": "apple", "Ricoh": "ricoh", "Reconyx": "reconyx",
}  # fmt: skip

# ExifTool's name of a type -> (format character of `struct`, bytes per item). "Rev" types have the opposite byte order.
FORMATS = {
    "int8u": ("B", 1), "int8s": ("b", 1), "int16u": ("H", 2), "int16s": ("h", 2), "int32u": ("I", 4),
    "int32s": ("i", 4), "int64u": ("Q", 8), "int64s": ("q", 8), "float": ("f", 4), "double": ("d", 8),
    "int16uRev": ("H", 2),
    "int32uRev": ("I", 4), "rational64u": ("I", 8), "rational64s": ("i", 8), "rational32u": ("H", 4),
    "rational32s": ("h", 4), "fixed32u": ("I", 4), "fixed32s": ("i", 4), "fixed16s": ("h", 2),
}  # fmt: skip
# The other types -> bytes per item.
TEXT_FORMATS = {"string": 1, "undef": 1, "unicode": 2, "?": 1}
# Bytes per index of a structure of fixed layout -> the type of fields whose type is not known.
DEFAULT_FORMATS = {1: "int8u", 2: "int16u", 4: "int32u", 8: "double"}


class Labels:
    """The labels of a field's values.

    Args:
        names: Value as a string -> its label. The key is a number, a string, or several numbers separated by spaces.
            "Bit3" is the key for the label of bit 3.
    """

    __slots__ = ("bits", "names")

    def __init__(self, names: dict[str, str]) -> None:
        self.bits = {int(key[3:]): name for key, name in names.items() if key.startswith("Bit") and key[3:].isdigit()}
        self.names = names

    def get(self, value: Any) -> str | None:
        """Return the label of a number or a string; None if it has none.

        If bits have labels, a number without a label gets the labels of its set bits, such as "Fired, [5]".
        """
        name = self.names.get(value if isinstance(value, str) else f"{value:g}" if type(value) is float else str(value))
        if name is None and self.bits and type(value) is int:
            set_bits = [
                self.bits.get(bit, f"[{bit}]") for bit in range(min(value.bit_length(), 32)) if value >> bit & 1
            ]
            return ", ".join(set_bits) or "(none)"
        return name


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """A tag, or a value in a structure.

    Attributes:
        name: ExifTool's name.
        kind: ExifTool's name of the type, such as "int16u" or "string"; "?" if the type is not known.
        count: Number of items; 0 if it is not fixed.
        labels: The labels of the values; a tuple if each item has labels of its own; None if the values have no labels.
        convert: Converts the stored value into the value that ExifTool prints; None if they are the same.
        show: The print form: turns a value without a label into text. None if the value is printed unchanged.
        models: Pattern of the camera models that this field applies to; None for all models.
    """

    name: str
    kind: str
    count: int
    labels: Labels | tuple[Labels | None, ...] | None
    convert: Conversion | None
    show: Any
    models: re.Pattern[str] | None


class Child(NamedTuple):
    """A directory or structure that the value of a tag may contain, and the conditions under which it does.

    The conditions are `model`, `head`, `sizes`, `counts` and `type`. Conditions that are None, 0 or empty are always
    met.

    Attributes:
        table: The name of the table of the directory or structure.
        model: Pattern of the camera model.
        head: Pattern of the first 16 bytes of the value, as hexadecimal digits.
        sizes: Possible lengths of the value in bytes.
        counts: Possible numbers of items of the value.
        type: TIFF type of the value.
        kind: "" if the value is a structure; "ifd" if it is a directory or its offset; "ricoh-subdir" if it is a
            directory after a title of 20 bytes; "offset" if it is the offset of a structure in the surrounding one;
            "menu" if it is the offset of a structure that contains, after 16 bytes, a further offset.
        cipher: "nikon" or "sony" if the structure is enciphered, else "".
        cipher_start: Offset in the value of the first enciphered byte.
        start: Offset in the value of the structure, in bytes.
        order: Byte order of the structure; "" for that of the directory that contains it.
        firmware: Pattern of the camera's FirmwareVersion; None for all versions.
    """

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
    firmware: re.Pattern[str] | None = None


class Table(NamedTuple):
    """The tags of a directory, or the fields of a structure.

    Attributes:
        name: ExifTool's name of the table, such as "Canon::ShotInfo".
        unit: Bytes per index of a structure of fixed layout; 0 for a directory.
        fields: The fields by tag number, or by key of a structure: see _key. If there are several fields, the first one
            that applies to the camera is used.
        children: The directories and structures that the value of a tag may contain, by tag number or index.
    """

    name: str
    unit: int
    fields: dict[Any, tuple[Field, ...]]
    children: dict[int, tuple[Child, ...]]

    def fields_named(self, name: str) -> tuple[Field, ...]:
        """Return the fields whose key is a name, as in property lists and texts."""
        return self.fields.get((0, name)) or self.fields.get(name) or ()


@cache
def _file(maker: str) -> tuple[dict[str, Any], list[Labels]]:
    """Return the tables of a maker's file by name, and the lists of labels that they refer to by number."""
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
    head, firmware = row.get("head"), row.get("firmware")
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
        re.compile(firmware) if firmware else None,
    )


@cache
def get_table(name: str) -> Table | None:
    """Return the table with this name, such as "Canon::ShotInfo"; None if there is none."""
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
    """Return the key of a table's fields.

    Args:
        key: ExifTool's id of the tag or field, such as "22" or "17.1".
        unit: Bytes per index; 0 for a directory.

    Returns:
        For a directory, the tag number, or the id if it is not a number. For a structure, (index, id), because several
        fields may share an index. The index is 0 if the id is not a number.
    """
    if not unit:
        return int(key) if key.isdigit() else key
    try:
        return int(key.partition(".")[0]), key
    except ValueError:
        return 0, key
