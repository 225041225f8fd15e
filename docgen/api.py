"""Generate the reference of the REST API from its OpenAPI document."""

from __future__ import annotations

from typing import Any

from api.app import create_app
from api.http.problems import describe_codes
from exifinator.config import Config

INTRODUCTION = """# REST API

The API listens at `http://127.0.0.1:3001` and answers in JSON. A running API serves this reference at `/docs`, where
every request can be tried, and its OpenAPI document at `/openapi.json`.

If `API_TOKEN` is set, requests need `Authorization: Bearer TOKEN`. With `API_PUBLIC_READ`, only requests for
batches, their schedule and failures need it.

This page is generated from the OpenAPI document. `waldo` and `exif_data` are the defaults of `MONGODB_DATABASE` and
`MONGODB_COLLECTION`.

## Errors

Errors are `application/problem+json` (RFC 9457): `code` identifies the cause, `detail` describes it, `parameter` names
the parameter, `pointer` is the JSON pointer (RFC 6901) to the wrong value in a parameter that holds JSON, and `hint`
suggests a fix. The last three are left out where they do not apply. Codes are stable; sentences may change.

"""


def make_page() -> str:
    """Return the page in Markdown: one section per method and path."""
    document = create_app(Config()).openapi()
    lines = [INTRODUCTION + describe_codes(), ""]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            lines += _describe(method.upper(), path, operation, document)
    return "\n".join(lines)


def _describe(method: str, path: str, operation: dict[str, Any], document: dict[str, Any]) -> list[str]:
    lines = [f"## {method} {path}", "", f"{operation.get('summary', '')}.", ""]
    if operation.get("description"):
        lines += [operation["description"], ""]
    parameters = [_resolve(parameter, document) for parameter in operation.get("parameters", ())]
    body = _body_fields(operation, document)
    if parameters or body:
        lines += ["| Parameter | In | Type | Description |", "|---|---|---|---|"]
        for parameter in parameters:
            schema = parameter.get("schema") or next(iter(parameter.get("content", {}).values()), {}).get("schema", {})
            required = ", required" if parameter.get("required") else ""
            lines.append(_row(parameter["name"], f"{parameter['in']}{required}", schema, parameter.get("description")))
        lines += body
        lines.append("")
    responses = [f"`{code}` {response.get('description', '')}" for code, response in operation["responses"].items()]
    return [*lines, f"Responses: {'; '.join(responses)}.", ""]


def _body_fields(operation: dict[str, Any], document: dict[str, Any]) -> list[str]:
    content = operation.get("requestBody", {}).get("content", {})
    schema = _resolve(content.get("application/json", {}).get("schema", {}), document)
    required = schema.get("required", ())
    return [
        _row(name, "body, required" if name in required else "body", field, field.get("description"))
        for name, field in schema.get("properties", {}).items()
    ]


def _row(name: str, location: str, schema: dict[str, Any], text: str | None) -> str:
    description = " ".join((text or schema.get("description") or schema.get("title") or "").split())
    return f"| `{name}` | {location} | {_type(schema)} | {_cell(description)} |"


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


def _resolve(item: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in item:
        return item
    target: Any = document
    for part in item["$ref"].removeprefix("#/").split("/"):
        target = target[part]
    return dict(target)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
