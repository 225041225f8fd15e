"""Redis scripts are files of the package. read_script inserts the snippets that a script includes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import exifinator.queue.scripts
from exifinator.queue.scripts import read_script

FOLDER = Path(exifinator.queue.scripts.__file__).parent
SCRIPTS = sorted(path.stem for path in FOLDER.glob("[a-z]*.lua"))
SNIPPETS = sorted(path.stem for path in FOLDER.glob("_*.lua"))


# How the snippets define each name.
DEFINITIONS = {
    "now": "local now =",
    "bucket_of": "local function bucket_of(",
    "image_id_of": "local function image_id_of(",
    "parse_element": "local function parse_element(",
    "is_own": "local function is_own(",
    "is_held": "local function is_held(",
    "new_number": "local function new_number(",
    "withdrawn_number": "local function withdrawn_number(",
    "is_withdrawn_number": "local function is_withdrawn_number(",
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_read_script__every_script__includes_the_definitions_that_it_uses(name: str) -> None:
    own = (FOLDER / f"{name}.lua").read_text()
    text = read_script(name)
    snippets = text.removesuffix(own)

    assert text.endswith(own)
    code = re.sub(r"--.*", "", text)
    used = {word for word in DEFINITIONS if re.search(rf"\b{word}\b", code)}
    assert {word for word in used if DEFINITIONS[word] not in snippets} == set()


def test_scripts__every_snippet__is_included_by_a_script() -> None:
    texts = [(FOLDER / f"{name}.lua").read_text() for name in SCRIPTS]
    includes = [line for text in texts for line in text.splitlines() if line.startswith("-- @include ")]
    assert set(SNIPPETS) == {f"_{word}" for line in includes for word in line.split()[2:]}


def test_read_script__unknown_name__raises_file_not_found() -> None:
    with pytest.raises(FileNotFoundError):
        read_script("no_such_script")
