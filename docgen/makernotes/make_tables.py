"""Make the tables of MakerNotes: `python -m docgen.makernotes.make_tables EXPORT`.

EXPORT is the output of `exiftool -listx -lang en` (13.59), possibly compressed with gzip. It has the ids, names, types
and value labels of the tags in each table. The other inputs are:

- layout.toml: which tags contain which tables
- conversions.json: how stored values become the values that ExifTool shows, as measured by probe.py
- overrides.toml: conversions that probe.py cannot find

The result is one JSON file per maker in exifinator/metadata/makernotes/table_files/, with one line per table.
"""

from __future__ import annotations

import gzip
import itertools
import json
import re
import sys
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from defusedxml.ElementTree import iterparse

HERE = Path(__file__).resolve().parent
TABLES = HERE.parent.parent / "exifinator" / "metadata" / "makernotes" / "table_files"

# Names of tags whose meaning is unknown, and of two kinds of internal tags. ExifTool shows none of them by default.
UNKNOWN = re.compile(r"Unknown\d*$|_0x[0-9a-f]+$|^LC\d+$|^LensKind$")
NIKON_LENSES = "Nikon::LensCodes"

# ExifTool's name of a type -> bytes per item.
TYPE_BYTES = {
    "int8u": 1, "int8s": 1, "undef": 1, "string": 1, "unicode": 2, "int16u": 2, "int16s": 2, "int16uRev": 2,
    "int32u": 4, "int32s": 4, "int32uRev": 4, "float": 4, "rational32u": 4, "rational32s": 4, "fixed32u": 4,
    "fixed32s": 4,
    "fixed16s": 2, "double": 8, "int64u": 8, "int64s": 8, "rational64u": 8, "rational64s": 8, "?": 1,
}  # fmt: skip


def read_export(path: Path) -> dict[str, list[Element]]:
    """Return the <tag> elements of each table in ExifTool's export, by the table's name."""
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        tables: dict[str, list[Element]] = {}
        for _, element in iterparse(file):
            if element.tag == "table":
                tables[element.get("name", "")] = list(element.iter("tag"))
        return tables


def _overlaps(tags: list[Element]) -> bool:
    """Return whether any fields of a structure would overlap if tag ids were offsets in bytes."""
    spans = sorted(
        (int(tag.get("id", "0").split(".")[0]), TYPE_BYTES.get(tag.get("type", "?"), 1) * int(tag.get("count") or 1))
        for tag in tags
        if tag.get("id", "")[:1].isdigit()
    )
    return any(
        start + size > following for (start, size), (following, _) in itertools.pairwise(spans) if start < following
    )


class TableMaker:
    """Makes the tables of one maker.

    Args:
        layout: The contents of layout.toml.
        conversions: The conversions by table and id, from conversions.json and overrides.toml.

    Attributes:
        label_maps: Value -> label, for tags with labelled values. Tables refer to these maps by number, so that each
            map is stored only once.
    """

    def __init__(self, layout: dict[str, Any], conversions: dict[str, Any]) -> None:
        self._layout = layout
        self._conversions = conversions
        self._ids: dict[str, int] = {}
        self.label_maps: list[dict[str, str]] = []

    def _map_id(self, keys: list[Element]) -> int:
        """Return the number of a map in `label_maps`. Add the map if it is not there."""
        labels = {key.get("id", ""): (key.findtext("val") or "") for key in keys}
        text = json.dumps(labels)
        if text not in self._ids:
            self._ids[text] = len(self.label_maps)
            self.label_maps.append(labels)
        return self._ids[text]

    def _field(self, table: str, tag: Element) -> list[Any]:
        """Return [name, type, count, label maps, conversion, print conversion, condition].

        Empty fields at the end are left out. The label maps are a number, or one number for each value of a list.
        """
        value_elements = tag.findall("values")
        maps: Any = None
        if value_elements and value_elements[0].get("index") is None:
            maps = self._map_id(value_elements[0].findall("key"))
        elif value_elements:
            maps = [-1] * (max(int(values.get("index", "0")) for values in value_elements) + 1)
            for values in value_elements:
                maps[int(values.get("index", "0"))] = self._map_id(values.findall("key"))
        number = tag.get("id", "")
        index = tag.get("index", "0")
        conversion = self._conversions.get(table, {}).get(number if index == "0" else f"{number}#{index}", {})
        field = [
            tag.get("name"), tag.get("type"), int(tag.get("count") or 0), maps,
            conversion.get("value"), conversion.get("print"), conversion.get("if"),
        ]  # fmt: skip
        while not field[-1]:
            if len(field) == 4 and field[-1] == 0:  # the number of a label map, not an empty field
                break
            field.pop()
        return field

    def table(self, name: str, tags: list[Element]) -> dict[str, Any]:
        """Return one table: its fields and children, and `unit`, the bytes per index (0 if the table is an IFD)."""
        fields: dict[str, Any] = {}
        for tag in tags:
            if UNKNOWN.search(tag.get("name", "")):
                continue
            field = self._field(name, tag)
            fields.setdefault(tag.get("id", ""), []).append(field)
        unit = self._layout["unit"].get(name)
        if name in self._layout["plain"]["tables"]:
            unit = 0
        elif unit is None:
            sizes = Counter(
                TYPE_BYTES.get(tag.get("type", "?"), 1)
                for tag in tags
                if tag.get("type") not in ("string", "undef", "?")
            )
            # A table with one-byte fields is indexed by bytes. Assume the same of Nikon's tables, unless their fields
            # would then overlap.
            unit = 1 if not sizes or 1 in sizes else sizes.most_common(1)[0][0]
            if name.startswith("Nikon::") and not _overlaps(tags):
                unit = 1
        document: dict[str, Any] = {"unit": unit, "fields": {i: f[0] if len(f) == 1 else f for i, f in fields.items()}}
        if name in self._layout["children"]:
            document["children"] = {
                str(int(tag, 0)): child
                if isinstance(child, list)
                else [{"table": child} if isinstance(child, str) else child]
                for tag, child in self._layout["children"][name].items()
            }
        return document


def make_tables(
    export: dict[str, list[Element]], layout: dict[str, Any], conversions: dict[str, Any]
) -> dict[str, str]:
    """Return the text of each maker's file, by the file's name without extension.

    Args:
        export: ExifTool's export, from read_export().
        layout: The contents of layout.toml.
        conversions: The conversions by table and id, from conversions.json and overrides.toml.
    """
    files = {}
    used = {*layout["plain"]["tables"], *layout["roots"]["tables"]}
    for children in layout["children"].values():
        for child in children.values():
            rows = child if isinstance(child, list) else [child]
            used.update(row if isinstance(row, str) else row["table"] for row in rows)
    for maker, prefixes in layout["makers"].items():
        tables = TableMaker(layout, conversions)
        made = {
            name: json.dumps(tables.table(name, tags), ensure_ascii=False, separators=(",", ":"))
            for name, tags in export.items()
            if name.startswith(tuple(prefixes)) and name in used
        }
        lines = ",\n".join(f"{json.dumps(name)}:{text}" for name, text in made.items())
        maps = ",\n".join(json.dumps(names, ensure_ascii=False, separators=(",", ":")) for names in tables.label_maps)
        files[maker] = f'{{"tables":{{\n{lines}\n}},"maps":[\n{maps}\n]}}\n'
    return files


def main() -> None:
    """Write the tables of all makers."""
    layout = tomllib.loads((HERE / "layout.toml").read_text(encoding="utf-8"))
    conversions_path = HERE / "conversions.json"
    conversions = json.loads(conversions_path.read_text(encoding="utf-8")) if conversions_path.exists() else {}
    for table, overrides in tomllib.loads((HERE / "overrides.toml").read_text(encoding="utf-8")).items():
        for number, text in overrides.items():
            entry = {"value": text} if isinstance(text, str) else text
            conversions.setdefault(table, {}).setdefault(number, {}).update(entry)
    TABLES.mkdir(exist_ok=True, parents=True)
    export = read_export(Path(sys.argv[1]))
    # ExifTool derives the lens from several tags, so Nikon's lens codes are labels of a Composite tag.
    export[NIKON_LENSES] = [tag for tag in export["Composite"] if tag.get("id") == "Nikon-LensID"]
    for maker, text in make_tables(export, layout, conversions).items():
        (TABLES / f"{maker}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
