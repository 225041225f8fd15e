"""Add the tags that follow from other tags of a MakerNote."""

from __future__ import annotations

from exifinator.metadata.tag_values import Tag

PREVIEW = "MakerNote PreviewImage"


def add_preview(tags: dict[str, Tag]) -> None:
    """Add a tag for the preview inside a note, if its place and length are known. The picture itself is not kept."""
    start, length = (tags.get(f"MakerNote PreviewImage{name}") for name in ("Start", "Length"))
    if start is None or length is None or not isinstance(length.values, list) or len(length.values) != 1:
        return
    n_bytes = length.values[0]
    if isinstance(n_bytes, int) and n_bytes > 0 and any(start.values):
        tags.setdefault(PREVIEW, Tag(PREVIEW, f"({n_bytes:,} bytes)", 0, 7, [], n_bytes))
