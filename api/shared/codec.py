"""Encode values as BSON, with the dictionary keys, tuples and dataclasses that BSON lacks."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import bson

# Larger values are not shared: Redis holds the queues too.
MAX_BYTES = 32 * 1024 * 1024
_MAX_DECODED_BYTES = 16 * MAX_BYTES
# As the API reads MongoDB, so that what was read there compares equal.
_OPTIONS: bson.CodecOptions[dict[str, Any]] = bson.CodecOptions(
    tz_aware=False, datetime_conversion=bson.DatetimeConversion.DATETIME_AUTO
)


def pack(value: Any) -> bytes:
    """Return a value of lists, tuples, mappings, dataclasses and what BSON has, as bytes.

    Raises:
        ValueError: It contains something else.
    """
    try:
        return zlib.compress(bson.encode({"v": _to_tree(value)}), 1)
    except (bson.errors.BSONError, OverflowError) as exc:
        raise ValueError(f"cannot be encoded: {exc}") from exc


def unpack(data: bytes, classes: Sequence[type]) -> Any:
    """Return the value that `pack` has encoded.

    Args:
        data: The bytes, which another version of this program may have written.
        classes: The dataclasses that the value may contain.

    Raises:
        ValueError: The bytes are no such value.
    """
    try:
        inflater = zlib.decompressobj()
        plain = inflater.decompress(data, _MAX_DECODED_BYTES)
        tree = bson.decode(plain, _OPTIONS)["v"]
        return _from_tree(tree, {cls.__name__: cls for cls in classes})
    except (zlib.error, bson.errors.BSONError, KeyError, TypeError, IndexError, RecursionError) as exc:
        raise ValueError(f"cannot be decoded: {exc}") from exc


def _to_tree(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return ["c", type(value).__name__, [[name, _to_tree(item)] for name, item in fields.items()]]
    if isinstance(value, Mapping):
        return ["d", [[_to_tree(key), _to_tree(item)] for key, item in value.items()]]
    if isinstance(value, tuple):
        return ["t", [_to_tree(item) for item in value]]
    if isinstance(value, list):
        return ["l", [_to_tree(item) for item in value]]
    return value


def _from_tree(tree: Any, classes: Mapping[str, type]) -> Any:
    if not isinstance(tree, list):
        return tree
    kind, *rest = tree
    if kind == "c":
        return classes[rest[0]](**{name: _from_tree(item, classes) for name, item in rest[1]})
    if kind == "d":
        return {_from_tree(key, classes): _from_tree(item, classes) for key, item in rest[0]}
    items = [_from_tree(item, classes) for item in rest[0]]
    return tuple(items) if kind == "t" else items
