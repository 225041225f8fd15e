"""Imports run one way: a module imports only from its own layer's package or from layers below it."""

from __future__ import annotations

import ast
import functools
import graphlib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Layers from top to bottom. Packages in one row do not import each other. Files of one package may, without cycles.
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
        ["extras", "net", "open_files", "retry", "metrics", "sockets", "web_security"],
        ["gc_tuning", "gevent_patch", "notify"],
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
# Which other package each package may import.
ALLOWED_PACKAGES = {"api": ["exifinator"], "exifinator": []}
# Parts of exifinator that the API must not import: commands, and modules that start processes.
CLOSED_TO_API = ("exifinator.cli", "exifinator.processes", "exifinator.worker")


def modules(package: str) -> list[str]:
    """Return the dotted names of a package, its subpackages and its modules."""
    return sorted(
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in (ROOT / package).rglob("*.py")
    )


def path_of(module: str) -> Path:
    path = ROOT / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@functools.cache
def imports(module: str) -> list[str]:
    """Return the modules that a module imports, including imports inside functions."""
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
    """Return the row in `layers` and the subpackage or file of a module, or None for `exifinator` or `api` itself."""
    _, _, rest = module.partition(".")
    name = rest.partition(".")[0]
    if not name:
        return None
    for row, names in enumerate(layers):
        if name in names:
            return row, name
    raise AssertionError(f"{module} has no layer: add it to LAYERS")


def wrong_imports(package: str) -> list[str]:
    """Return "a imports b" for each import that runs upwards or sideways."""
    wrong = []
    for module in modules(package):
        importer = layer(module, LAYERS[package])
        for name in imports(module):
            other, _, _ = name.partition(".")
            if other in LAYERS and other != package and other not in ALLOWED_PACKAGES[package]:
                wrong.append(f"{module} imports {name}")
            if other != package or importer is None or (imported := layer(name, LAYERS[package])) is None:
                continue
            if imported[0] < importer[0] or (imported[0] == importer[0] and imported[1] != importer[1]):
                wrong.append(f"{module} imports {name}")
    return wrong


@pytest.mark.parametrize("package", LAYERS)
def test_imports__every_module__run_one_way(package: str) -> None:
    assert wrong_imports(package) == []


@pytest.mark.parametrize("package", LAYERS)
def test_imports__modules_of_one_package__have_no_cycle(package: str) -> None:
    known = set(modules(package))
    graph = {module: {name for name in imports(module) if name in known and name != module} for module in known}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


def test_imports__api__has_no_commands_and_no_modules_that_start_processes() -> None:
    wrong = [
        f"{module} imports {name}"
        for module in modules("api")
        for name in imports(module)
        if name.startswith(CLOSED_TO_API)
    ]
    assert wrong == []
