"""List the folders that contain an image. An index over the folders finds the photos in a folder, newest first.

The index of `_id` also groups the photos by folder, but in the order of their keys. To show the newest photos first,
MongoDB would have to sort all photos in a folder for each page.
"""

from __future__ import annotations

# Maximum number of folders in a record, because a key may contain a thousand slashes. An image that is nested more
# deeply is found only by its outermost folders.
MAX_FOLDERS = 10


def folders_of(id_: str) -> list[str]:
    """Return the id prefixes that end at a slash of the key, outermost first, at most MAX_FOLDERS.

    For "photos/2024/05/beach.jpg" these are photos/2024/ and photos/2024/05/. The bucket alone is not a folder.

    Args:
        id_: The id of an image (bucket/key), or a prefix of it.
    """
    folders: list[str] = []
    slash = id_.find("/")
    while len(folders) < MAX_FOLDERS and slash >= 0 and (slash := id_.find("/", slash + 1)) >= 0:
        folders.append(id_[: slash + 1])
    return folders
