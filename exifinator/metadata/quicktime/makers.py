"""Find the structures of makers in the boxes of a movie."""

from __future__ import annotations

from exifinator.metadata.quicktime.movie_tags import MovieTags
from exifinator.models import Block


def maker_blocks(found: list[tuple[str, bytes]], tags: MovieTags) -> list[Block]:
    """Return the metadata in makers' boxes as blocks, and add the tags that ExifTool shows in other groups.

    Args:
        found: The boxes, by code.
        tags: The tags of the movie.
    """
    del found, tags
    return []
