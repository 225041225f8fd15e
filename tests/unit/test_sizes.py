"""Limit the sizes of files, lines and classes. A larger file or class usually has two responsibilities."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("exifinator", "api", "bench", "bundle", "deploy", "docgen", "docs", "scripts", "tests")
GENERATED = {"built", "node_modules", "__pycache__"}
SUFFIXES = {".py", ".js", ".jsx", ".ts", ".css", ".lua", ".sh"}

MAX_FILE_LINES = 400
MAX_LINE_CHARS = 120
MAX_METHODS = 12
MAX_ATTRIBUTES = 10

# Classes that may have more public methods or attributes, with the reason. Dataclasses and other records may have any
# number of attributes, because these are columns of data.
LARGE_CLASSES = {
    "TagReader": "assigns three attributes of its base class, exifread's ExifHeader",
    "ImageWorker": "assigns five attributes of its base class, MRQ's Worker",
    "Installation": "is the one object through which tests reach an installation",
}
RECORD_BASES = {"NamedTuple", "TypedDict", "BaseModel"}


def source_files(*suffixes: str) -> Iterator[Path]:
    """Yield the source files with these suffixes, except generated ones."""
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in suffixes and GENERATED.isdisjoint(path.parts):
                yield path


def is_record(node: ast.ClassDef) -> bool:
    names = {part.id for base in node.bases for part in ast.walk(base) if isinstance(part, ast.Name)}
    return bool(names & RECORD_BASES) or any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list)


def is_method(node: ast.AST) -> bool:
    """Return whether a member of a class is a public method. Properties are not methods."""
    return (
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and not node.name.startswith("_")
        and not any("property" in ast.unparse(decorator) for decorator in node.decorator_list)
    )


def count_attributes(node: ast.ClassDef) -> int:
    """Return how many attributes the methods of a class assign on `self`."""
    if is_record(node):
        return 0
    stored = (part for part in ast.walk(node) if isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Store))
    return len({part.attr for part in stored if isinstance(part.value, ast.Name) and part.value.id == "self"})


def python_classes(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield the name of each class, and the numbers of its public methods and of its attributes."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ClassDef):
            yield node.name, sum(map(is_method, node.body)), count_attributes(node)


# Prettier formats the files, so a class ends with a brace at the start of a line, and its members are indented by two
# spaces.
JS_CLASS = re.compile(r"^(?:export )?class (\w+)[^\n]*\{\n(.*?)^\}", re.DOTALL | re.MULTILINE)
JS_METHOD = re.compile(r"^  (?:async |static |\*)*(?!constructor\b)(\w+)\(.*\{$", re.MULTILINE)
JS_ATTRIBUTE = re.compile(r"(?:^  (#?\w+)(?:;$| = )|\bthis\.(#?\w+) (?:\+|-|\?\?|\|\||&&)?= )", re.MULTILINE)


def javascript_classes(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield the same as python_classes. Getters and setters do not count as methods."""
    for name, body in JS_CLASS.findall(text):
        yield (
            name,
            len(JS_METHOD.findall(body)),
            len({declared or assigned for declared, assigned in JS_ATTRIBUTE.findall(body)}),
        )


def test_files__each_source_file__is_short_enough() -> None:
    lengths = {str(path.relative_to(ROOT)): path.read_text().count("\n") for path in source_files(*SUFFIXES)}
    assert {path: length for path, length in lengths.items() if length > MAX_FILE_LINES} == {}


def test_lines__each_line__is_short_enough() -> None:
    long_lines = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in source_files(*SUFFIXES - {".py"})  # ruff checks the lines of Python
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if len(line) > MAX_LINE_CHARS
    ]
    assert long_lines == []


def test_classes__each_class__is_small_enough() -> None:
    large = {}
    for path in source_files(".py", ".js", ".jsx"):
        parse = python_classes if path.suffix == ".py" else javascript_classes
        text = path.read_text()
        for name, n_methods, n_attributes in parse(text) if "class " in text else ():
            if n_methods > MAX_METHODS or n_attributes > MAX_ATTRIBUTES:
                large[name] = f"{path.relative_to(ROOT)}: {n_methods} methods, {n_attributes} attributes"
    assert {name: sizes for name, sizes in large.items() if name not in LARGE_CLASSES} == {}
    assert large.keys() == LARGE_CLASSES.keys(), "remove classes that are no longer large from LARGE_CLASSES"


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("class A:\n  def a(self): self.x = self.y = 1\n  def _b(self): self.z: int = 2\n", (1, 3)),
        ("class A:\n  async def a(self): self.x, y.z = 1, 2\n  @property\n  def b(self): return self.w\n", (1, 1)),
        ("@dataclass(slots=True)\nclass A:\n  a: int\n  def b(self): self.a = 1\n", (1, 0)),
        ("class A(Generic[T], BaseModel):\n  a: int\n", (0, 0)),
    ],
)
def test_python_classes__class__has_its_numbers_of_methods_and_attributes(text: str, sizes: tuple[int, int]) -> None:
    assert list(python_classes(text)) == [("A", *sizes)]


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("class A {\n  constructor(b) {\n    this.b = b;\n    this.b += 1;\n  }\n}\n", (0, 1)),
        (
            "class A extends B {\n  #c = 1;\n  d;\n  async e(f) {\n    if (this.g === 1) this.#h ||= f;\n  }\n}\n",
            (1, 3),
        ),
        ("export class A {\n  get b() {\n    return this.c;\n  }\n  static d() {\n  }\n}\n", (1, 0)),
    ],
)
def test_javascript_classes__class__has_its_numbers_of_methods_and_attributes(
    text: str, sizes: tuple[int, int]
) -> None:
    assert list(javascript_classes(text)) == [("A", *sizes)]
