"""Encode values as BSON, with the dictionary keys, tuples and dataclasses that BSON lacks."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import bson

# Larger values are not shared, because the queues need the memory of Redis.
MAX_BYTES = 32 * 1024 * 1024
_MAX_DECODED_BYTES = 16 * MAX_BYTES
# Decode times as the API decodes them from MongoDB (CODEC in database.py), so that equal values compare equal.
_OPTIONS: bson.CodecOptions[dict[str, Any]] = bson.CodecOptions(
    tz_aware=False, datetime_conversion=bson.DatetimeConversion.DATETIME_AUTO
)


def pack(value: Any) -> bytes:
    """Encode a value as compressed bytes.

    Args:
        value: Lists, tuples, mappings and dataclasses of values of BSON's types.

    Raises:
        ValueError: The value contains another type.
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
        ValueError: The bytes are not a value encoded by `pack`.
    """
    try:
        inflater = zlib.decompressobj()
        plain = inflater.decompress(data, _MAX_DECODED_BYTES)
        tree = bson.decode(plain, _OPTIONS)["v"]
        return _from_tree(tree, {cls.__name__: cls for cls in classes})
    except (zlib.error, bson.errors.BSONError, KeyError, TypeError, IndexError, RecursionError) as exc:
        raise ValueError(f"cannot be decoded: {exc}") from exc


def _to_tree(value: Any) -> Any:
    """Return a value with each container as a list that begins with a tag.

    The tags are "c" for the instance of a dataclass, "d" for a dictionary, "t" for a tuple and "l" for a list.
    """
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
    tag, *rest = tree
    if tag == "c":
        return classes[rest[0]](**{name: _from_tree(item, classes) for name, item in rest[1]})
    if tag == "d":
        return {_from_tree(key, classes): _from_tree(item, classes) for key, item in rest[0]}
    items = [_from_tree(item, classes) for item in rest[0]]
    return tuple(items) if tag == "t" else items
