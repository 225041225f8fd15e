"""The folders in which an image lies: by them an index finds the photos of each, newest first.

The index of ids has a folder's photos side by side, in the order of their keys: each page of the newest would be sorted
out of all of them.
"""

from __future__ import annotations

# Further in, the folder around finds an image; every key may have a thousand slashes.
MOST_FOLDERS = 10


def folders_of(id_: str) -> list[str]:
    """What an id (bucket/key), or the beginning of one, begins with up to each slash of the key; the outermost ones.

    "photos/2024/05/beach.jpg" gives photos/2024/ and photos/2024/05/. The bucket is none of them.
    """
    found: list[str] = []
    slash = id_.find("/")
    while len(found) < MOST_FOLDERS and slash >= 0 and (slash := id_.find("/", slash + 1)) >= 0:
        found.append(id_[: slash + 1])
    return found
