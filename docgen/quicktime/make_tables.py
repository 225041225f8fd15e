"""Generate the tables of QuickTime tags: `python -m docgen.quicktime.make_tables EXPORT`.

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
# ExifTool's tables with the names of tags by id. Structures are not included: the modules of the package decode them.
NAMES = ("Keys", "AudioKeys", "VideoKeys", "ItemList", "iTunesInfo", "UserData", "TrackRef")
# Name in tables.json -> the table and the tag of ExifTool whose value names it has.
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
# Makers' tables with the names of tags by id, for the samples of timed metadata.
SAMPLES = ("Sony::rtmd", "DJI::Protobuf")
# Makers' structures of fixed layout. Each becomes a list of [offset, name, type, number of items, names of values].
STRUCTURES = ("Pentax::MOV", "Pentax::PENT", "Olympus::MOV1", "Olympus::MOV2", "Olympus::MP4", "Sanyo::MOV",
              "Sanyo::MP4", "Kodak::MOV", "Minolta::MOV1", "Minolta::MOV2", "FujiFilm::MOV", "Nikon::MOV",
              "Samsung::MP4", "Panasonic::PANA")  # fmt: skip
_ESCAPE = re.compile(r"\\x([0-9a-f]{2})")


def _id(tag: Element) -> str:
    """Return the id of a tag, with each escape such as `\\xa9` replaced by its character."""
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), tag.get("id", ""))


def _values(tag: Element) -> dict[str, str]:
    """Return the names of a tag's values; empty if it has none, or if its items have different names."""
    lists = tag.findall("values")
    if len(lists) != 1:
        return {}
    return {key.get("id", ""): key.findtext("val") or "" for key in lists[0].findall("key")}


def _names(tags: list[Element]) -> dict[str, Any]:
    """Return by id the name of a tag, or [name, type, names of values]. If tags share an id, use the first one."""
    names: dict[str, Any] = {}
    for tag in tags:
        row: Any = tag.get("name")
        kind, values = tag.get("type", "?"), _values(tag)
        if kind not in ("?", "string") or values:
            row = [row, kind, values] if values else [row, kind]
        names.setdefault(_id(tag), row)
    return names


def _layout(tags: list[Element]) -> list[list[Any]]:
    """Return the fields of a structure: [offset, name, type, number of items, names of values] for each."""
    return [
        [int(tag.get("id", "")), tag.get("name"), tag.get("type"), int(tag.get("count") or 1), _values(tag)]
        for tag in tags
        if tag.get("id", "").isdigit() and tag.get("type") not in ("?", "undef")
    ]


def main(path: Path) -> None:
    """Write the tables."""
    export = read_export(path)
    tables = {name: _names(export[f"QuickTime::{name}"]) for name in NAMES}
    tables |= {name: _names(export[name]) for name in SAMPLES}
    tables |= {name: {"fields": _layout(export[name])} for name in STRUCTURES if name in export}
    for name, (table, tag_name) in VALUES.items():
        tables[name] = next(_values(tag) for tag in export[f"QuickTime::{table}"] if tag.get("name") == tag_name)
    lines = [f" {json.dumps(name)}: {json.dumps(table, ensure_ascii=False)}" for name, table in tables.items()]
    TABLES.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
