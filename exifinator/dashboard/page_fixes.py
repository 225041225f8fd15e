"""Correct faults in the files of MRQ's page when they are sent."""

from __future__ import annotations

import html

# Maps the path of each file to the text to replace and its replacement.
_FIXES = {
    # The page takes the time from the job's id, but the ids of image jobs are derived from the images.
    "/static/js/views/jobs.js": (
        "moment.utc(1000 * parseInt(source._id.substring(0, 8), 16)).fromNow()",
        '(source.datequeued ? moment.utc(source.datequeued).fromNow() : "at an unknown time")',
    ),
    # A font from another server. The Content-Security-Policy blocks the font, which causes an error in the console.
    "/static/css/bootstrap-theme.min.css": (
        '@import url("//fonts.googleapis.com/css?family=Open+Sans:400italic,700italic,400,700");',
        "",
    ),
}
PATHS = frozenset(_FIXES)
# The first list of links in the page's navigation bar.
_NAVIGATION = '<ul class="nav navbar-nav">'


def fix_file(path: str, text: str) -> str:
    """Return the text of a file, corrected. `path` is one of PATHS."""
    wrong, right = _FIXES[path]
    return text.replace(wrong, right)


def link_explorer(page: str, url: str) -> str:
    """Return the page with a link to the explorer in its navigation bar."""
    link = f'<li><a href="{html.escape(url)}">Explorer</a></li>'
    return page.replace(_NAVIGATION, f"{_NAVIGATION}{link}", 1)
