"""The OpenAPI document -> the page of the REST API."""

from __future__ import annotations

from typing import Any

from api.app import create_app
from exifinator.config import Config

INTRODUCTION = """# REST API

At `http://127.0.0.1:3001`, in JSON. The running API shows the same at `/docs`, with every address to try, and gives its
OpenAPI document at `/openapi.json`. Errors are `application/problem+json` (RFC 9457): `detail` says what is wrong,
`parameter` where, `hint` what helps. Once `API_TOKEN` is set, what changes anything needs it, and reading too where the
API binds beyond this machine: `Authorization: Bearer TOKEN`.

This page is made from the OpenAPI document; `waldo` and `exif_data` are `MONGODB_DATABASE` and `MONGODB_COLLECTION`.
"""


def make_page() -> str:
    """The page, in Markdown: a section for each address and method."""
    document = create_app(Config()).openapi()
    lines = [INTRODUCTION]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            lines += _describe(method.upper(), path, operation, document)
    return "\n".join(lines)


def _describe(method: str, path: str, operation: dict[str, Any], document: dict[str, Any]) -> list[str]:
    lines = [f"## {method} {path}", "", f"{operation.get('summary', '')}.", ""]
    if operation.get("description"):
        lines += [operation["description"], ""]
    parameters = [_resolved(parameter, document) for parameter in operation.get("parameters", ())]
    body = _body_fields(operation, document)
    if parameters or body:
        lines += ["| Parameter | Where | Type | What it is |", "|---|---|---|---|"]
        for parameter in parameters:
            schema = parameter.get("schema") or next(iter(parameter.get("content", {}).values()), {}).get("schema", {})
            needed = ", needed" if parameter.get("required") else ""
            lines.append(_row(parameter["name"], f"{parameter['in']}{needed}", schema, parameter.get("description")))
        lines += body
        lines.append("")
    answers = [f"`{code}` {answer.get('description', '')}" for code, answer in operation["responses"].items()]
    return [*lines, f"Answers: {'; '.join(answers)}.", ""]


def _body_fields(operation: dict[str, Any], document: dict[str, Any]) -> list[str]:
    content = operation.get("requestBody", {}).get("content", {})
    schema = _resolved(content.get("application/json", {}).get("schema", {}), document)
    needed = schema.get("required", ())
    return [
        _row(name, "body, needed" if name in needed else "body", field, field.get("description"))
        for name, field in schema.get("properties", {}).items()
    ]


def _row(name: str, where: str, schema: dict[str, Any], text: str | None) -> str:
    said = " ".join((text or schema.get("description") or schema.get("title") or "").split())
    return f"| `{name}` | {where} | {_type(schema)} | {_cell(said)} |"


def _type(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return _cell(" or ".join(f"`{value}`" for value in schema["enum"]))
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(option) for option in schema["anyOf"] if option.get("type") != "null"))
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "type" not in schema:
        return "any"
    low, high = schema.get("minimum"), schema.get("maximum")
    limits = f", {low:,} to {high:,}" if low is not None and high is not None else ""
    return f"{schema['type']}{limits}"


def _resolved(item: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in item:
        return item
    found: Any = document
    for part in item["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return dict(found)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
