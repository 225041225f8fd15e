"""Generate the tables of MakerNotes: `python -m docgen.makernotes.make_tables EXPORT`.

EXPORT is the output of `exiftool -listx -lang en` (13.59), possibly compressed with gzip. It has the ids, names, types
and value names of the tags in each table. The other inputs are:

- layout.toml: which tags contain which tables
- conversions.json: the conversions from stored values to ExifTool's values, as measured by probe.py
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

# Names of tags whose meaning is unknown. ExifTool does not show them either.
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
    """Return whether any fields of a structure would overlap if their indexes were offsets in bytes."""
    byte_ranges = sorted(
        (int(tag.get("id", "0").split(".")[0]), TYPE_BYTES.get(tag.get("type", "?"), 1) * int(tag.get("count") or 1))
        for tag in tags
        if tag.get("id", "")[:1].isdigit()
    )
    return any(
        start + size > following
        for (start, size), (following, _) in itertools.pairwise(byte_ranges)
        if start < following
    )


class TableMaker:
    """Makes the tables of one maker.

    Args:
        layout: The contents of layout.toml.
        conversions: The conversions by table and id, from conversions.json and overrides.toml.

    Attributes:
        maps: The lists of value names. Tables refer to them by number, so that each list is stored only once.
    """

    def __init__(self, layout: dict[str, Any], conversions: dict[str, Any]) -> None:
        self._layout = layout
        self._conversions = conversions
        self._ids: dict[str, int] = {}
        self.maps: list[dict[str, str]] = []

    def _map_id(self, keys: list[Element]) -> int:
        """Return the number of a list of value names in `maps`. Add the list if it is not there."""
        names = {key.get("id", ""): (key.findtext("val") or "") for key in keys}
        text = json.dumps(names)
        if text not in self._ids:
            self._ids[text] = len(self.maps)
            self.maps.append(names)
        return self._ids[text]

    def _field(self, table: str, tag: Element) -> list[Any]:
        """Return [name, type, count, value names, conversion, print form], without empty fields at the end."""
        lists = tag.findall("values")
        maps: Any = None
        if lists and lists[0].get("index") is None:
            maps = self._map_id(lists[0].findall("key"))
        elif lists:
            maps = [-1] * (max(int(names.get("index", "0")) for names in lists) + 1)
            for names in lists:
                maps[int(names.get("index", "0"))] = self._map_id(names.findall("key"))
        number = tag.get("id", "")
        index = tag.get("index", "0")
        conversion = self._conversions.get(table, {}).get(number if index == "0" else f"{number}#{index}", {})
        field = [
            tag.get("name"), tag.get("type"), int(tag.get("count") or 0), maps,
            conversion.get("value"), conversion.get("print"), conversion.get("if"),
        ]  # fmt: skip
        while not field[-1]:
            if len(field) == 4 and field[-1] == 0:
                break
            field.pop()
        return field

    def table(self, name: str, tags: list[Element]) -> dict[str, Any]:
        """Return one table: its unit (0 for a directory), fields and children."""
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
            # A table with one-byte fields has indexes in bytes. The indexes of Nikon's tables are in bytes, unless
            # the fields would then overlap.
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
    used_tables = {*layout["plain"]["tables"], *layout["roots"]["tables"]}
    for children in layout["children"].values():
        for child in children.values():
            rows = child if isinstance(child, list) else [child]
            used_tables.update(row if isinstance(row, str) else row["table"] for row in rows)
    for maker, prefixes in layout["makers"].items():
        tables = TableMaker(layout, conversions)
        table_lines = {
            name: json.dumps(tables.table(name, tags), ensure_ascii=False, separators=(",", ":"))
            for name, tags in export.items()
            if name.startswith(tuple(prefixes)) and name in used_tables
        }
        lines = ",\n".join(f"{json.dumps(name)}:{text}" for name, text in table_lines.items())
        maps = ",\n".join(json.dumps(names, ensure_ascii=False, separators=(",", ":")) for names in tables.maps)
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
    # ExifTool composes the tag with Nikon's lens codes from several other tags.
    export[NIKON_LENSES] = [tag for tag in export["Composite"] if tag.get("id") == "Nikon-LensID"]
    for maker, text in make_tables(export, layout, conversions).items():
        (TABLES / f"{maker}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
