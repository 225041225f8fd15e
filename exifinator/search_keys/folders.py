"""The folders that contain an image. An index over them finds the photos of a folder, newest first.

The index of `_id` groups a folder's photos too, but orders them by key: for each page of "newest first", all photos of
the folder would be sorted.
"""

from __future__ import annotations

# A key may contain a thousand slashes. Images in deeper folders are found by their outer ones.
MAX_FOLDERS = 10


def folders_of(id_: str) -> list[str]:
    """Return the id prefixes that end at a slash of the key, outermost first, at most MAX_FOLDERS.

    "photos/2024/05/beach.jpg" has photos/2024/ and photos/2024/05/. The bucket alone is not a folder.

    Args:
        id_: an image's id (bucket/key), or the beginning of one.
    """
    folders: list[str] = []
    slash = id_.find("/")
    while len(folders) < MAX_FOLDERS and slash >= 0 and (slash := id_.find("/", slash + 1)) >= 0:
        folders.append(id_[: slash + 1])
    return folders
