"""Correct faults in the files of MRQ's page when they are sent."""

from __future__ import annotations

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


def fix_file(path: str, text: str) -> str:
    """Return the text of a file, corrected. `path` is one of PATHS."""
    wrong, right = _FIXES[path]
    return text.replace(wrong, right)
