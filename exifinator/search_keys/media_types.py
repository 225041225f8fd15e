"""Tell images, videos and other files apart, by their formats."""

from __future__ import annotations

from typing import Literal

from exifinator.search_keys.kinds import RAW_FORMATS

MediaType = Literal["image", "video", "other"]

# Formats by their names in `format`. All other formats are images.
VIDEO_FORMATS = frozenset(
    {"mov", "mp4", "m4v", "3gp", "3g2", "crm", "avi", "mkv", "webm", "mts", "m2ts", "ts", "mpeg", "flv"}
)
OTHER_FORMATS = frozenset(
    {"pdf", "zip", "gzip", "xml", "html", "rtf", "xmp", "takeout", "text", "json", "mp3", "m4a", "wav", "ogg"}
)
UNKNOWN_FORMATS = ("", "unknown")
# Extensions of keys, used only for files whose content is unknown, such as empty and overwritten files.
VIDEO_EXTENSIONS = VIDEO_FORMATS | {"qt", "mpg", "m2t", "insv", "wmv", "lrv"}
IMAGE_EXTENSIONS = RAW_FORMATS | {
    "jpg", "jpeg", "jpe", "heic", "heif", "hif", "avif", "jxl", "jp2", "png", "gif", "webp", "tif", "tiff", "bmp",
    "psd", "insp", "mpo",
}  # fmt: skip


def media_type_of(format_: object, key: object = "") -> MediaType:
    """Return "image", "video" or "other".

    Args:
        format_: The field `format` of a record.
        key: The object's key.
    """
    if format_ in VIDEO_FORMATS:
        return "video"
    if format_ in OTHER_FORMATS:
        return "other"
    if isinstance(format_, str) and format_ not in UNKNOWN_FORMATS:
        return "image"
    _, dot, extension = key.lower().rpartition(".") if isinstance(key, str) else ("", "", "")
    if not dot:
        return "other"
    return "video" if extension in VIDEO_EXTENSIONS else "image" if extension in IMAGE_EXTENSIONS else "other"
