"""Generate the tables of AVI, MPEG transport streams and Matroska: `python -m docgen.video.make_tables EXPORT`.

EXPORT is the output of `exiftool -listx -lang en` (13.59), possibly compressed with gzip. The result has one line per
table, with the id, name, type and value names of each tag.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from docgen.makernotes.make_tables import read_export

OUTPUT = Path(__file__).resolve().parents[2] / "exifinator" / "metadata" / "containers" / "video_tables.json"
TABLES = (
    "RIFF::Info", "RIFF::StreamHeader", "RIFF::AudioFormat", "RIFF::Exif", "BMP::Main", "Nikon::AVITags",
    "Nikon::AVIVers", "Olympus::AVI", "Pentax::Junk2", "H264::Camera1", "H264::Camera2", "H264::MDPM",
    "H264::MakeModel", "H264::RecInfo", "M2TS::Main", "M2TS::AC3", "Matroska::Main", "Matroska::StdTag",
)  # fmt: skip


def _row(tag: Element) -> list[Any]:
    """Return [name, type, number of items, value names] of a tag, without empty values at the end."""
    labels = {key.get("id", ""): str(key.findtext("val")) for key in tag.iter("key")}
    row: list[Any] = [tag.get("name"), tag.get("type", "?"), int(tag.get("count") or 0), labels]
    while not row[-1]:
        row.pop()
    return row


def make_tables(export: Path) -> dict[str, dict[str, list[Any]]]:
    """Return the tables by name. A tag that has several definitions has several rows under its id."""
    tables: dict[str, dict[str, list[Any]]] = {}
    for name, tags in read_export(export).items():
        if name in TABLES:
            table = tables.setdefault(name, {})
            for tag in tags:
                table.setdefault(tag.get("id", ""), []).append(_row(tag))
    return tables


def main() -> None:
    tables = make_tables(Path(sys.argv[1]))
    lines = [f"{json.dumps(name)}: {json.dumps(table, ensure_ascii=False)}" for name, table in sorted(tables.items())]
    OUTPUT.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
