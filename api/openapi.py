"""Generate the OpenAPI document: FastAPI's, with corrections where this API behaves differently."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.auth import allows_anonymous_reads
from api.query.mongo_filter import ALLOWED, MAX_FIELDS, MAX_NAME_CHARS, MAX_SORT_FIELDS
from exifinator.config import Config

_FIELD_NAME = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_NAME_CHARS,
    # Names joined by dots, none of which starts with $.
    "pattern": "^([^$.\\u0000][^.\\u0000]*)?(\\.([^$.\\u0000][^.\\u0000]*)?)*$",
}
# Like _FIELD_NAME, but none of the names may be empty.
_PATH = {**_FIELD_NAME, "pattern": "^[^$.\\u0000][^.\\u0000]*(\\.[^$.\\u0000][^.\\u0000]*)*$"}
_PATHS = {"type": "object", "propertyNames": _PATH}
# Client generators need enums with a single type, and schemas that do not contain themselves. So the schema describes
# values only down to lists in an object, although the API accepts more deeply nested values.
_DIRECTION = {
    "anyOf": [
        {"type": "integer", "enum": [1, -1]},
        {"type": "string", "enum": ["asc", "desc", "ascending", "descending"]},
    ]
}
_NAMED_VALUES = {"propertyNames": _FIELD_NAME, "additionalProperties": {"$ref": "#/components/schemas/JsonValue"}}
_SCALARS = [{"type": kind} for kind in ("string", "number", "boolean", "null")]
_SCHEMAS: dict[str, Any] = {
    "Scalar": {"anyOf": _SCALARS},
    "ScalarList": {"type": "array", "items": {"$ref": "#/components/schemas/Scalar"}, "maxItems": 200},
    "JsonValue": {
        "anyOf": [
            *_SCALARS,
            {"$ref": "#/components/schemas/ScalarList"},
            {
                "type": "object",
                "propertyNames": _FIELD_NAME,
                "additionalProperties": {"anyOf": [*_SCALARS, {"$ref": "#/components/schemas/ScalarList"}]},
            },
        ]
    },
    "Filter": {
        "type": "object",
        "description": f"Field names with values, or with operators: {', '.join(sorted(ALLOWED))}.",
        "maxProperties": 100,
        **_NAMED_VALUES,
    },
    "Fields": {
        "description": "Fields to return (1) or to omit (0), or a list of the fields to return.",
        "anyOf": [
            *(
                {
                    **_PATHS,
                    "maxProperties": 1,
                    "additionalProperties": {
                        "anyOf": [{"type": "integer", "enum": [int(choice)]}, {"type": "boolean", "const": choice}]
                    },
                }
                for choice in (True, False)
            ),
            {"type": "array", "items": _PATH, "maxItems": MAX_FIELDS},
        ],
    },
    "Sort": {
        "description": f"At most {MAX_SORT_FIELDS} fields: 1 for ascending, -1 for descending.",
        "anyOf": [
            {**_PATHS, "maxProperties": MAX_SORT_FIELDS, "additionalProperties": _DIRECTION},
            {
                "type": "array",
                "items": {
                    "anyOf": [
                        {"type": "array", "prefixItems": [_PATH, _DIRECTION], "minItems": 2, "maxItems": 2},
                        _PATH,
                    ]
                },
                "maxItems": MAX_SORT_FIELDS,
            },
            _PATH,
        ],
    },
    "Hint": {
        "description": "The fields of an existing index, or its name.",
        "anyOf": [
            {"type": "string", "enum": ["_id_"]},
            {
                "type": "object",
                "properties": {"_id": {"type": "integer", "enum": [1]}},
                "required": ["_id"],
                "additionalProperties": False,
            },
        ],
    },
}
# Parameters that contain JSON.
_JSON_PARAMETERS = {"query": "Filter", "fields": "Fields", "sort": "Sort", "hint": "Hint"}
# Tags of the operations that require the token even where reading photos does not.
_OPERATOR_TAGS = frozenset({"failures", "batches"})


def describe_api(app: FastAPI, config: Config) -> dict[str, Any]:
    """Return the OpenAPI document, which is generated on the first call."""
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            description=app.description,
            routes=app.routes,
            openapi_version="3.1.0",
            tags=app.openapi_tags,
        )
        for operations in schema["paths"].values():
            for method, operation in operations.items():
                _correct_operation(operation)
                if "security" in operation:
                    _correct_security(method, operation, config)
        schemas = schema["components"]["schemas"]
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        schemas |= _SCHEMAS
        app.openapi_schema = schema
    return app.openapi_schema


def _correct_security(method: str, operation: dict[str, Any], config: Config) -> None:
    """Remove the token from operations that also work without it, because generated clients would demand it."""
    tags = set(operation.get("tags", ()))
    is_for_operators = bool(_OPERATOR_TAGS & tags) or ("views" in tags and method != "get")
    if config.api_token is None or (allows_anonymous_reads(config) and not is_for_operators):
        del operation["security"]


def _correct_operation(operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    # The response to invalid parameters is 400, not FastAPI's 422.
    responses.pop("422", None)
    for response in responses.values():
        # FastAPI always describes a response model as application/json. If the route declares another media type
        # without a schema, move the model there.
        content = response.get("content", {})
        for media_type in [media_type for media_type, description in content.items() if not description]:
            content[media_type] = content.pop("application/json", {})
    for parameter in operation.get("parameters", ()):
        _correct_parameter(parameter, is_mongodb_rest="mongodb-rest" in operation.get("tags", ()))


def _correct_parameter(parameter: dict[str, Any], *, is_mongodb_rest: bool) -> None:
    schema = parameter["schema"]
    # FastAPI describes optional parameters as "or null", but a URL has no null.
    if choices := schema.pop("anyOf", None):
        schema |= next(choice for choice in choices if choice.get("type") != "null")
    if "examples" not in schema:
        schema["examples"] = [schema["default"]]
    example = schema["examples"][0]
    # Give examples in the description: Swagger UI at /docs would prefill every field with an `example`.
    if (parameter["in"] == "query" and "default" not in schema) or schema.get("type") == "array":
        text = example[0] if isinstance(example, list) else example
        parameter["description"] = f"{parameter['description']} For example: `{text}`"
    if parameter["name"] == "query" or (is_mongodb_rest and parameter["name"] in _JSON_PARAMETERS):
        schema_name = _JSON_PARAMETERS[parameter["name"]]
        del parameter["schema"]
        # Swagger UI prefills this example. Beside the typed filters, prefill an empty filter, which excludes no photos.
        prefilled = orjson.loads(example) if is_mongodb_rest else {}
        content_schema = {"$ref": f"#/components/schemas/{schema_name}", "examples": [prefilled]}
        parameter["content"] = {"application/json": {"schema": content_schema}}
