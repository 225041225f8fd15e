"""Imports run one way: a module imports only from its own layer's package or from layers below it."""

from __future__ import annotations

import ast
import functools
import graphlib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Top to bottom. Packages of one row do not import each other. Files of one package may, but not in a circle.
LAYERS: dict[str, list[list[str]]] = {
    "exifinator": [
        ["__main__"],
        ["cli", "tasks"],
        ["worker", "dashboard"],
        ["monitoring"],
        ["batches"],
        ["processes", "demo", "cost"],
        ["metadata", "sources", "storage"],
        ["queue"],
        ["families"],
        ["search_keys", "places", "logging_setup", "own_servers"],
        ["config"],
        ["setting_prices", "setting_schedule", "setting_urls"],
        ["setting_types"],
        ["extras", "net", "open_files", "retry", "metrics", "gc_tuning", "notify", "sockets", "web_security"],
        ["models", "paths"],
        ["bucket_names"],
        ["errors"],
    ],
    "api": [
        ["__main__"],
        ["server", "main_process"],
        ["app"],
        ["openapi"],
        ["routes"],
        ["export"],
        ["aggregations", "previews"],
        ["serializers", "presigned_urls", "auth"],
        ["query"],
        ["database"],
        ["http", "shared"],
        ["process", "listener"],
        ["errors"],
    ],
}
# What a package may import of the other one.
ACROSS = {"api": ["exifinator"], "exifinator": []}
# Parts of exifinator that the API must stay out of: commands, and what starts processes.
CLOSED_TO_API = ("exifinator.cli", "exifinator.processes", "exifinator.worker")


def modules(package: str) -> list[str]:
    """Return the dotted names of a package's modules, without packages themselves."""
    return sorted(
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in (ROOT / package).rglob("*.py")
    )


def path_of(module: str) -> Path:
    path = ROOT / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@functools.cache
def imports(module: str) -> list[str]:
    """Return the modules of this project that a module imports, imports inside functions included."""
    return list(_find_imports(module))


def _find_imports(module: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(path_of(module).read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import"
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                yield submodule if path_of(submodule).exists() else str(node.module)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def layer(module: str, layers: list[list[str]]) -> tuple[int, str] | None:
    """Return the row and the package or file of a module; None for the package `exifinator` or `api` itself."""
    _, _, rest = module.partition(".")
    name = rest.partition(".")[0]
    if not name:
        return None
    for row, names in enumerate(layers):
        if name in names:
            return row, name
    raise AssertionError(f"{module} has no layer: add it to LAYERS")


def reversed_imports(package: str) -> list[str]:
    """Return "a imports b" for each import that runs upwards or sideways."""
    found = []
    for module in modules(package):
        here = layer(module, LAYERS[package])
        for name in imports(module):
            other, _, _ = name.partition(".")
            if other in LAYERS and other != package and other not in ACROSS[package]:
                found.append(f"{module} imports {name}")
            if other != package or here is None or (there := layer(name, LAYERS[package])) is None:
                continue
            if there[0] < here[0] or (there[0] == here[0] and there[1] != here[1]):
                found.append(f"{module} imports {name}")
    return found


@pytest.mark.parametrize("package", LAYERS)
def test_imports__every_module__run_one_way(package: str) -> None:
    assert reversed_imports(package) == []


@pytest.mark.parametrize("package", LAYERS)
def test_imports__modules_of_one_package__have_no_circle(package: str) -> None:
    known = set(modules(package))
    graph = {module: {name for name in imports(module) if name in known and name != module} for module in known}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


def test_imports__api__starts_no_processes_and_knows_no_commands() -> None:
    found = [
        f"{module} imports {name}"
        for module in modules("api")
        for name in imports(module)
        if name.startswith(CLOSED_TO_API)
    ]
    assert found == []
