"""Corrections of the files of MRQ's page, made when they are sent."""

from __future__ import annotations

# By path: what to replace in the file, and by what.
_FIXES = {
    # The page reads the time from the job's id. The ids of images' jobs are derived from the images instead.
    "/static/js/views/jobs.js": (
        "moment.utc(1000 * parseInt(source._id.substring(0, 8), 16)).fromNow()",
        '(source.datequeued ? moment.utc(source.datequeued).fromNow() : "at an unknown time")',
    ),
    # A font of another server, which the Content-Security-Policy blocks with an error in the console.
    "/static/css/bootstrap-theme.min.css": (
        '@import url("//fonts.googleapis.com/css?family=Open+Sans:400italic,700italic,400,700");',
        "",
    ),
}
PATHS = frozenset(_FIXES)


def fix_file(path: str, text: str) -> str:
    """Return the text of a file of PATHS with its correction."""
    wrong, right = _FIXES[path]
    return text.replace(wrong, right)
