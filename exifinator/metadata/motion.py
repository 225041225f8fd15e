"""Find the video in the file of a motion photo: a still picture with a short video after it.

Sources: Motion Photo format 1.0 (developer.android.com/media/platform/motion-photo-format), also for its predecessor
MicroVideo. The XMP packet lists the parts of the file with their lengths. The last part ends with the file. Samsung's
phones also list them in a trailer (containers/samsung_trailer.py), and older ones only there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exifinator.metadata.containers.samsung_trailer import VIDEO_PLACE
from exifinator.metadata.photo.readers import number, text

# The format has a picture, a video, and at most a few gain maps and depth maps.
MAX_PARTS = 50
_DIRECTORY, _ITEM = "Container:Directory", "Container:Item/Item:"


def summarize_motion(
    xmp: Mapping[str, Any], file_bytes: int, tags: Mapping[str, Any] | None = None
) -> dict[str, dict[str, int]]:
    """Return `motion_video`, the `offset` of the video in the file and its `length`, in bytes; {} if there is none.

    Args:
        xmp: The XMP properties.
        file_bytes: The size of the file.
        tags: The tags by name, as they are stored. Their place of the video counts if XMP has none.
    """
    return _from_xmp(xmp, file_bytes) or _from_trailer(tags or {}, file_bytes)


def _from_trailer(tags: Mapping[str, Any], file_bytes: int) -> dict[str, dict[str, int]]:
    place = tags.get(VIDEO_PLACE, {}).get("values")
    if not isinstance(place, list) or len(place) != 2:
        return {}
    offset, length = map(_bytes, ([part] for part in place))
    if not 0 < offset < offset + length <= file_bytes:
        return {}
    return {"motion_video": {"offset": offset, "length": length}}


def _from_xmp(xmp: Mapping[str, Any], file_bytes: int) -> dict[str, dict[str, int]]:
    directory = xmp.get(_DIRECTORY)
    parts = directory if isinstance(directory, list) else [directory]
    if len(parts) > MAX_PARTS:
        return {}
    bytes_to_end, length = 0, None
    for part in reversed(parts):
        if not isinstance(part, Mapping):
            continue
        part_bytes = _bytes(part.get(f"{_ITEM}Length"))
        bytes_to_end += part_bytes + _bytes(part.get(f"{_ITEM}Padding"))
        if text(part.get(f"{_ITEM}Semantic")) == "MotionPhoto":
            # Padding follows its part.
            length = part_bytes
            break
    if length is None:
        bytes_to_end = length = _bytes(xmp.get("GCamera:MicroVideoOffset"))
    # The picture comes first.
    if not 0 < length <= bytes_to_end < file_bytes:
        return {}
    return {"motion_video": {"offset": file_bytes - bytes_to_end, "length": length}}


def _bytes(value: Any) -> int:
    """Return a number of bytes; 0 if the value is missing or not plausible."""
    n_bytes = number(value)
    return int(n_bytes) if n_bytes is not None and 0 <= n_bytes < 1 << 40 else 0
