"""The OpenAPI document meets the requirements of client generators, which are stricter than the specification."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from api.app import create_app
from exifinator.config import build_config

TOKEN = "topsecret-token-123456"


def document(**settings: Any) -> dict[str, Any]:
    return create_app(build_config(settings, {})).openapi()


def walk(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every object in a JSON value."""
    if isinstance(value, dict):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from walk(item)


def test_schemas__references__form_no_cycle() -> None:
    """A type that contains itself does not compile in TypeScript."""
    schemas = document()["components"]["schemas"]
    references = {
        name: {part["$ref"].split("/")[-1] for part in walk(schema) if "$ref" in part}
        for name, schema in schemas.items()
    }

    def reach(name: str, seen: frozenset[str]) -> None:
        assert name not in seen, f"{name} contains itself"
        for other in references[name]:
            reach(other, seen | {name})

    for name in references:
        reach(name, frozenset())


def test_schemas__enums__have_values_of_one_simple_type() -> None:
    for schema in walk(document()):
        if isinstance(schema.get("enum"), list):
            types = {type(value) for value in schema["enum"]}
            assert len(types) == 1, json.dumps(schema)
            assert types < {str, int, bool}, json.dumps(schema)


@pytest.mark.parametrize(
    ("settings", "path", "method", "is_required"),
    [
        ({}, "/photos", "get", False),
        ({}, "/batches", "post", False),
        ({}, "/failures/requeue", "post", False),
        ({"API_TOKEN": TOKEN}, "/failures/requeue", "post", True),
        ({"API_TOKEN": TOKEN}, "/photos", "get", True),
        ({"API_TOKEN": TOKEN}, "/metrics", "get", True),
        ({"API_TOKEN": TOKEN, "API_PUBLIC_READ": True}, "/photos", "get", False),
        ({"API_TOKEN": TOKEN, "API_PUBLIC_READ": True}, "/failures", "get", True),
        ({"API_TOKEN": TOKEN, "API_PUBLIC_READ": True}, "/batches", "post", True),
    ],
)
def test_security__operation__names_the_token_only_if_it_is_required(
    settings: dict[str, Any], path: str, method: str, is_required: bool
) -> None:
    assert ("security" in document(**settings)["paths"][path][method]) is is_required
