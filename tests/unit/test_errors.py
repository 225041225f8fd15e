"""The error classes form the tree that is drawn in the docstring of errors.py."""

from __future__ import annotations

import ast
import importlib
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from exifinator import errors
from exifinator.errors import AccessDenied, CredentialsRefused, EXIFinatorError, ObjectGone

ROOT = Path(__file__).resolve().parents[2]


def defined_classes() -> Iterator[tuple[str, str, str]]:
    """Yield the names of the module, class and base for each base of every class in the source code."""
    for package in ("exifinator", "api"):
        for path in (ROOT / package).rglob("*.py"):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef):
                    for base in node.bases:
                        yield module, node.name, ast.unparse(base).rpartition(".")[2]


def import_modules_with_errors() -> None:
    names = {"EXIFinatorError"}
    classes = list(defined_classes())
    while more := {name for _, name, base in classes if base in names} - names:
        names |= more
    for module in {module for module, name, _ in classes if name in names}:
        importlib.import_module(module)


def all_errors(root: type[EXIFinatorError] = EXIFinatorError) -> Iterator[type[EXIFinatorError]]:
    for error in root.__subclasses__():
        # Skip errors that tests define.
        if error.__module__.partition(".")[0] in ("exifinator", "api"):
            yield error
            yield from all_errors(error)


def drawn_tree() -> dict[str, tuple[str, str]]:
    """Return the names of the parent and the module of each error in the drawing, by the name of the error."""
    tree: dict[str, tuple[str, str]] = {}
    parents = ["EXIFinatorError"]
    for line in (errors.__doc__ or "").splitlines():
        match = re.fullmatch(r"((?:│   |    )*)[├└]── (\w+) +(\S.*)", line)
        if match:
            depth, name = len(match[1]) // 4 + 1, match[2]
            module = re.search(r"\((api\.[\w.]+)\)$", match[3])
            tree[name] = (parents[depth - 1], module[1] if module else "exifinator.errors")
            parents[depth:] = [name]
    return tree


def test_errors__every_class__is_drawn_under_its_parent() -> None:
    import_modules_with_errors()

    classes = {error.__name__: (error.__bases__[0].__name__, error.__module__) for error in all_errors()}

    assert drawn_tree() == classes


def test_errors__codes__are_unique_identifiers() -> None:
    import_modules_with_errors()
    codes = [error.code for error in all_errors()]

    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", code) for code in codes)
    assert (ObjectGone.code, CredentialsRefused.code) == ("object_gone", "credentials_refused")


def test_error__hint__follows_the_message() -> None:
    error = AccessDenied("Access denied to b", code="denied", hint="check the policy", pointer="AWS_ACCESS_KEY")

    assert str(error) == "Access denied to b; check the policy"
    assert (error.message, error.hint) == ("Access denied to b", "check the policy")
    assert (error.code, error.pointer) == ("denied", "AWS_ACCESS_KEY")


def test_error__message_alone__has_the_code_of_its_class() -> None:
    error = ObjectGone("Object not found: b/k")

    assert (str(error), error.code, error.hint, error.pointer) == ("Object not found: b/k", "object_gone", None, None)


@pytest.mark.parametrize("error", [ObjectGone("x"), AccessDenied("x", code="c", hint="h", pointer="p")])
def test_error__sent_between_processes__keeps_its_data(error: EXIFinatorError) -> None:
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301

    assert type(copy) is type(error)
    assert (str(copy), vars(copy)) == (str(error), vars(error))
