"""Images, videos and other files, distinguished by their formats."""

from __future__ import annotations

import pytest

from exifinator.search_keys.media_types import media_type_of


@pytest.mark.parametrize(
    ("format_", "key", "media_type"),
    [
        ("jpeg", "a.mov", "image"),
        ("dng", "a", "image"),
        ("mov", "a.jpg", "video"),
        ("webm", "", "video"),
        ("xmp", "a.jpg", "other"),
        ("m4a", "a.mp4", "other"),
        # For files whose content does not reveal a format, such as empty files, the extension decides.
        ("unknown", "2024/IMG_1.JPG", "image"),
        ("unknown", "clip.insv", "video"),
        ("unknown", "folder.jpg/file", "other"),
        ("unknown", "jpg", "other"),
        (None, None, "other"),
        (7, 8, "other"),
    ],
)
def test_media_type_of__format_and_key__is_by_format_or_else_by_extension(
    format_: object, key: object, media_type: str
) -> None:
    assert media_type_of(format_, key) == media_type
