"""Correct faults in the files of MRQ's page when they are sent."""

from __future__ import annotations

import html
import re

# By default, MRQ's page opens a tab whose script fails. This script opens the tab of job statuses instead.
_OPEN_STATUS_TAB = '<script>if (!location.hash) location.replace("#status");</script>'
# The page's only handler in an attribute. In the text area of the worker groups, it lets the Tab key insert a tab. The
# Content-Security-Policy blocks such handlers, because injected HTML could have them too.
_INLINE_HANDLER = re.compile(r'(<textarea style="[^"]*") onkeydown="[^"]*"')
# Does what that handler does. Shift+Tab leaves the text, for people who use the keyboard.
_INSERT_TAB = """<script>
addEventListener("keydown", (event) => {
  const text = event.target;
  if (event.key !== "Tab" || event.shiftKey || !text.matches(".js-page-workergroups textarea")) return;
  event.preventDefault();
  text.setRangeText("\\t", text.selectionStart, text.selectionEnd, "end");
});
</script>"""

# Maps the path of each file to (wrong text, replacement) pairs. The page loads its scripts and styles from this bundle.
_FIXES = {
    "/static/bin/0.bundle.js": (
        # The page takes the time from the job's id, but the ids of image jobs are derived from the images.
        (
            "i.utc(1e3*parseInt(t._id.substring(0,8),16)).fromNow()",
            '(t.datequeued?i.utc(t.datequeued).fromNow():"at an unknown time")',
        ),
        # A font from another server. The Content-Security-Policy blocks the font, which causes an error in the console.
        ("@import url(//fonts.googleapis.com/css?family=Open+Sans:400italic,700italic,400,700);", ""),
    )
}
PATHS = frozenset(_FIXES)
# The first list of links in the page's navigation bar.
_NAVIGATION = '<ul class="nav navbar-nav">'


def fix_file(path: str, text: str) -> str:
    """Return the text of a file, corrected. `path` is one of PATHS."""
    for wrong, right in _FIXES[path]:
        text = text.replace(wrong, right)
    return text


def fix_page(page: str) -> str:
    """Return the page, corrected: with scripts whose hashes the policy can name, instead of a handler."""
    page = _INLINE_HANDLER.sub(r"\1", page)
    return page.replace("<head>", f"<head>{_OPEN_STATUS_TAB}{_INSERT_TAB}", 1)


def link_explorer(page: str, url: str) -> str:
    """Return the page with a link to the explorer in its navigation bar."""
    link = f'<li><a href="{html.escape(url)}">Explorer</a></li>'
    return page.replace(_NAVIGATION, f"{_NAVIGATION}{link}", 1)
