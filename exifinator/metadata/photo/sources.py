"""Define the sources of values: tags, XMP, IPTC, text values of the container, and the ICC profile.

A source has the names of its values, and may have a reader: a function that takes each value as the record stores it.
Such a value is a string or a list. The lists of tags hold numbers, those of XMP strings or structures. A reader returns
the value of the field, None if there is none, or a Problem. Because all sources store values in these forms, one reader
serves them all.

MakerNote tags have ExifTool's names. Their `values` are ExifTool's values without print conversion, and `printable` is
their meaning in words, such as the name of the lens for `MakerNote LensID`.
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
    """A sentence that says what is wrong with a value. A reader returns it for a value that cannot be used."""

    __slots__ = ()


@dataclass(slots=True)
class Metadata:
    """Everything that is known about one image.

    Attributes:
        tags: The tags by their names in the record. Each has `values` and `printable`.
        xmp: The XMP properties.
        iptc: The IPTC datasets.
        summary: Values from the MakerNote by field, such as `iso` and `lens_model`. makernotes/summary.py derives them,
            because makers spread such a value over several tags.
        text: The text values of the container: comments, and text chunks of a PNG by their keywords.
        icc: The fields of the ICC profile.
        key: The object's key.
        size: Width and height in pixels, from the container.
        rotation_applied: Whether `size` is the displayed size, after the rotation of the picture.
        media_type: "image", "video" or "other".
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
    media_type: str = "image"
    now: datetime = datetime.max - timedelta(days=2)


class Source(NamedTuple):
    """Values of one kind that are read together.

    Attributes:
        kind: The kind of metadata: `tag` for the values of a tag, `printed` for their meaning in words.
        names: The names of the values. The source is skipped if the first value is missing.
        read: Reader of this source. None means the field's reader.
    """

    kind: Kind
    names: tuple[str, ...]
    read: Reader | None = None


def tag(*names: str, read: Reader | None = None) -> Source:
    """Return a source for tags, such as `EXIF LensModel`."""
    return Source("tag", names, read)


def tags(name: str, *groups: str, read: Reader | None = None) -> tuple[Source, ...]:
    """Return sources for the tag of this name in each of the groups, such as `Keys Make` and `UserData Make`."""
    return tuple(Source("tag", (f"{group} {name}",), read) for group in groups)


def printed(*names: str, read: Reader | None = None) -> Source:
    """Return a source for the meaning of tags in words."""
    return Source("printed", names, read)


def note(*names: str, read: Reader | None = None) -> Source:
    """Return a source for the values of MakerNote tags, by ExifTool's names."""
    return Source("tag", tuple(f"MakerNote {name}" for name in names), read)


def printed_note(*names: str, read: Reader | None = None) -> Source:
    """Return a source for the meaning of MakerNote tags in words, by ExifTool's names."""
    return Source("printed", tuple(f"MakerNote {name}" for name in names), read)


def summary(name: str, *, read: Reader | None = None) -> Source:
    """Return a source for a value in Metadata.summary."""
    return Source("summary", (name,), read)


def xmp(*names: str, read: Reader | None = None) -> Source:
    """Return a source for XMP properties."""
    return Source("xmp", names, read)


def iptc(*names: str, read: Reader | None = None) -> Source:
    """Return a source for IPTC datasets."""
    return Source("iptc", names, read)


def container_text(*names: str, read: Reader | None = None) -> Source:
    """Return a source for text values of the container, named by a PNG keyword such as `Title`."""
    return Source("text", names, read)


def icc(*names: str, read: Reader | None = None) -> Source:
    """Return a source for fields of the ICC profile."""
    return Source("icc", names, read)
