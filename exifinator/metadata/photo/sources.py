"""Where values come from: tags, XMP, IPTC, texts of the container, and the ICC profile.

A source names its values and the function that reads them. A reader gets each value as it is stored in the record:
text, or a list of numbers (tags), of texts or of structures (XMP). It returns what the source says, None if that is
nothing, or a Problem. So one reader serves all kinds of sources.

MakerNote tags have ExifTool's names. Their `values` are ExifTool's numbers or texts without conversion for print, and
`printable` is the meaning in words, such as the name of the lens for `MakerNote LensID`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

Kind = Literal["tag", "printed", "xmp", "iptc", "summary", "text", "icc"]
Raw = Any
Reader = Callable[..., Any]


class Problem(str):
    """What is wrong with a value, as a sentence. A reader returns it for a value that cannot be used."""

    __slots__ = ()


@dataclass(slots=True)
class Metadata:
    """Everything that is known about one image.

    Attributes:
        tags: The tags by their names in the record. Each has `values` and `printable`.
        xmp: The XMP properties.
        iptc: The IPTC datasets.
        summary: What the MakerNote says, by the names of fields: `iso`, `lens_model`, ... A decoder of MakerNotes that
            knows how makers spread such a value over several tags makes it.
        text: The texts of the container: comments, and text chunks of a PNG by their keywords.
        icc: The fields of the ICC profile.
        key: The object's key.
        size: Width and height in pixels, from the container.
        rotation_applied: Whether `size` is that of the picture as displayed, after its rotation.
        now: The current time in UTC, without a time zone.
    """

    tags: Mapping[str, Mapping[str, Any]]
    xmp: Mapping[str, Any] = field(default_factory=dict)
    iptc: Mapping[str, Any] = field(default_factory=dict)
    summary: Mapping[str, Any] = field(default_factory=dict)
    text: Mapping[str, Any] = field(default_factory=dict)
    icc: Mapping[str, Any] = field(default_factory=dict)
    key: str = ""
    size: tuple[int | None, int | None] = (None, None)
    rotation_applied: bool = False
    now: datetime = datetime.max - timedelta(days=2)


class Source(NamedTuple):
    """Some values of one kind that are read together.

    Attributes:
        kind: `tag` for the values of a tag, `printed` for their meaning in words.
        names: The names of the values. A source says nothing if the first one is missing.
        read: Reader of this source; None for the field's reader.
    """

    kind: Kind
    names: tuple[str, ...]
    read: Reader | None = None


def tag(*names: str, read: Reader | None = None) -> Source:
    """Return a source for tags, such as `EXIF LensModel`."""
    return Source("tag", names, read)


def note(*names: str, read: Reader | None = None) -> Source:
    """Return a source for the values of MakerNote tags, by ExifTool's names."""
    return Source("tag", tuple(f"MakerNote {name}" for name in names), read)


def printed_note(*names: str, read: Reader | None = None) -> Source:
    """Return a source for the meaning of MakerNote tags in words, by ExifTool's names."""
    return Source("printed", tuple(f"MakerNote {name}" for name in names), read)


def summary(name: str, *, read: Reader | None = None) -> Source:
    """Return a source for a field of the MakerNote's summary."""
    return Source("summary", (name,), read)


def xmp(*names: str, read: Reader | None = None) -> Source:
    """Return a source for XMP properties."""
    return Source("xmp", names, read)


def iptc(*names: str, read: Reader | None = None) -> Source:
    """Return a source for IPTC datasets."""
    return Source("iptc", names, read)


def container_text(*names: str, read: Reader | None = None) -> Source:
    """Return a source for texts of the container, by the keywords of PNG: `Title`, `Comment`, ..."""
    return Source("text", names, read)


def icc(*names: str, read: Reader | None = None) -> Source:
    """Return a source for fields of the ICC profile."""
    return Source("icc", names, read)
