"""mkdocs calls this: the pages under reference/ exist only in what it builds, so they are never older than the code."""

from __future__ import annotations

import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

# mkdocs runs from anywhere.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from docgen import api, commands, fields, settings

PAGES = {
    "reference/settings.md": settings.make_page,
    "reference/commands.md": commands.make_page,
    "reference/api.md": api.make_page,
    "reference/records.md": fields.make_page,
}


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the reference pages, and what the repository keeps beside docs/."""
    for path, make in PAGES.items():
        files.append(File.generated(config, path, content=make()))
    root = Path(str(config.config_file_path)).parent
    for source, path in (("CHANGELOG.md", "changelog.md"), ("CONTRIBUTING.md", "contributing.md")):
        files.append(File.generated(config, path, content=(root / source).read_text(encoding="utf-8")))
    return files
