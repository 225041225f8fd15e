"""Load the tables of video containers: the names and types of tags, and the names of their values.

`python -m docgen.video.make_tables` generates the tables from ExifTool's export of its tags (`exiftool -listx`).
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple


class VideoTag(NamedTuple):
    """A tag of a table.

    Attributes:
        name: ExifTool's name of the tag.
        kind: ExifTool's name of the type of its values.
        n_items: Number of values; 0 if it is not fixed.
        labels: Value as a string -> its meaning in words.
    """

    name: str
    kind: str = "?"
    n_items: int = 0
    labels: dict[str, str] = {}  # noqa: RUF012  # the tables are read only


@cache
def _tables() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(files(__package__).joinpath("video_tables.json").read_text(encoding="utf-8"))
    return document


@cache
def get_tags(table: str) -> dict[str, tuple[VideoTag, ...]]:
    """Return the tags of a table such as "RIFF::Info" by id.

    If an id has several definitions, only one of them applies to a file.
    """
    return {key: tuple(VideoTag(*row) for row in rows) for key, rows in _tables()[table].items()}


def find_tag(table: str, key: str) -> VideoTag | None:
    """Return the first definition of a tag; None if the table does not have the tag."""
    tags = get_tags(table).get(key)
    return tags[0] if tags else None
