"""Make the tables of QuickTime tags: `python -m docgen.quicktime.make_tables EXPORT`.

EXPORT is the output of `exiftool -listx -lang en` (13.59), possibly compressed with gzip. It has the ids, names and
value names of the tags. The result is exifinator/metadata/quicktime/tables.json, with one line per table.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from docgen.makernotes.make_tables import read_export

TABLES = Path(__file__).resolve().parents[2] / "exifinator" / "metadata" / "quicktime" / "tables.json"
# Names of tags by id. Structures are not in here: they are read by the modules of the package.
NAMES = ("Keys", "AudioKeys", "VideoKeys", "ItemList", "iTunesInfo", "UserData", "TrackRef")
# Table, tag -> names of the tag's values.
VALUES = {
    "brand": ("FileType", "MajorBrand"),
    "handler_class": ("Handler", "HandlerClass"),
    "handler": ("Handler", "HandlerType"),
    "vendor": ("Handler", "HandlerVendorID"),
    "graphics_mode": ("VideoHeader", "GraphicsMode"),
    "primaries": ("ColorRep", "ColorPrimaries"),
    "transfer": ("ColorRep", "TransferCharacteristics"),
    "matrix": ("ColorRep", "MatrixCoefficients"),
    "channel_layout": ("ChannelLayout", "LayoutFlags"),
    "field_order": ("VisualSampleDesc", "VideoFieldOrder"),
}
_ESCAPE = re.compile(r"\\x([0-9a-f]{2})")


def _id(tag: Element) -> str:
    """Return the id of a tag, with bytes in place of escapes."""
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), tag.get("id", ""))


def _values(tag: Element) -> dict[str, str]:
    """Return the names of a tag's values; empty if it has none, or if its items have different names."""
    lists = tag.findall("values")
    if len(lists) != 1:
        return {}
    return {key.get("id", ""): key.findtext("val") or "" for key in lists[0].findall("key")}


def _names(tags: list[Element]) -> dict[str, Any]:
    """Return name, or [name, type, names of values], by id. Of several tags with one id, the first counts."""
    names: dict[str, Any] = {}
    for tag in tags:
        row: Any = tag.get("name")
        kind, values = tag.get("type", "?"), _values(tag)
        if kind not in ("?", "string") or values:
            row = [row, kind, values] if values else [row, kind]
        names.setdefault(_id(tag), row)
    return names


def main(path: Path) -> None:
    """Write the tables."""
    export = read_export(path)
    tables = {name: _names(export[f"QuickTime::{name}"]) for name in NAMES}
    for name, (table, wanted) in VALUES.items():
        tables[name] = next(_values(tag) for tag in export[f"QuickTime::{table}"] if tag.get("name") == wanted)
    lines = [f" {json.dumps(name)}: {json.dumps(table, ensure_ascii=False)}" for name, table in tables.items()]
    TABLES.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
