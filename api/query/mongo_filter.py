"""Turn JSON parameters of the URL into arguments of pymongo.

By an allow-list: operators that are not named here are rejected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
from bson import Int64, ObjectId
from bson.errors import InvalidId
from bson.regex import Regex

from api.errors import BadParameter, ErrorCode
from api.query.regex_guard import check_pattern, split_slashes

MAX_JSON_BYTES = 8192
MAX_DEPTH = 8
# Of plain values: they cost only their comparison.
MAX_VALUE_DEPTH = 32
MAX_NODES = 500
MAX_BRANCHES = 20
MAX_LIST = 200
MAX_NAME_CHARS = 300
MAX_SORT_FIELDS = 4
MAX_FIELDS = 200

_INT64_MAX = 2**63 - 1
_LOGICAL = frozenset({"$and", "$or", "$nor"})
_COMPARE = frozenset({"$eq", "$ne", "$gt", "$gte", "$lt", "$lte"})
_LISTS = frozenset({"$in", "$nin", "$all"})
_GEO = frozenset({"$geoWithin", "$geoIntersects"})
# Without $near and $nearSphere, which force an order and cannot be counted: /photos has `near=`.
_SHAPES = frozenset({"$box", "$polygon", "$center", "$centerSphere", "$geometry"})
_OTHERS = frozenset({"$not", "$exists", "$type", "$regex", "$options", "$elemMatch", "$size", "$mod"})
ALLOWED = _LOGICAL | _COMPARE | _LISTS | _GEO | _SHAPES | _OTHERS

Filter = dict[str, Any]
# The keys and indexes that lead to a value in a JSON text.
Path = tuple[str | int, ...]


def conditions_of(filter_: Filter) -> Iterator[tuple[str, Any]]:
    """Yield all conditions of a filter, as field (or operator) and condition, those inside `$and` too."""
    for name, value in filter_.items():
        if name == "$and":
            for part in value:
                yield from conditions_of(part)
        else:
            yield name, value


def parse_json(text: str, parameter: str) -> Any:
    """Parse JSON. Raises: BadParameter."""
    if len(text.encode(errors="surrogatepass")) > MAX_JSON_BYTES:
        raise BadParameter(parameter, f"at most {MAX_JSON_BYTES} bytes of JSON are allowed")
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadParameter(parameter, f"not valid JSON: {error}", code=ErrorCode.BAD_JSON) from error
    except UnicodeEncodeError as error:
        raise BadParameter(parameter, "not valid UTF-8", code=ErrorCode.BAD_JSON) from error


def read_filter(text: str, parameter: str = "query") -> Filter:
    """Return the MongoDB filter in a JSON text, checked: only operators of ALLOWED at any depth, and within bounds.

    Strings such as "/x/i" become regular expressions, as does {"$regex": ...}; {"$eq": "/x/i"} means the string itself.
    {"$date": "2024-05-01T00:00:00Z"} and {"$oid": "..."} are values.

    Raises: BadParameter, with the path of the wrong value.
    """
    return _Reader(parameter).filter(parse_json(text, parameter), (), 0)


class _Reader:
    """One walk through one filter. Counts nodes, so that the size of a filter is bounded."""

    def __init__(self, parameter: str) -> None:
        self.parameter = parameter
        self.nodes = 0

    def reject(self, path: Path, reason: str) -> BadParameter:
        return BadParameter(self.parameter, reason, path=path)

    def count(self, path: Path, depth: int, limit: int = MAX_DEPTH) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise self.reject(path, f"at most {MAX_NODES} values and operators in one query")
        if depth > limit:
            raise self.reject(path, f"at most {limit} levels deep")

    def filter(self, value: Any, path: Path, depth: int) -> Filter:
        self.count(path, depth)
        if not isinstance(value, dict):
            raise self.reject(path, 'an object is needed, as in {"photo.iso": 100}')
        result: Filter = {}
        for name, inner in value.items():
            here = (*path, name)
            if name in _LOGICAL:
                branches = self.items(inner, here, depth, limit=MAX_BRANCHES, minimum=1)
                result[name] = [self.filter(branch, (*here, at), depth + 1) for at, branch in enumerate(branches)]
            elif name.startswith("$"):
                raise self.reject_operator(name, here)
            else:
                check_name(name, self.parameter, path)
                result[name] = self.condition(inner, here, depth + 1)
        return result

    def condition(self, value: Any, path: Path, depth: int) -> Any:
        """Read what follows a field name: operators, or a value that the field must equal."""
        self.count(path, depth)
        if isinstance(value, str) and (parts := split_slashes(value)):
            return self.regex(*parts, path)
        if isinstance(value, dict) and any(name.startswith("$") for name in value):
            if literal := self.extended(value, path):
                return literal[0]
            return self.operators(value, path, depth)
        return self.value(value, path, depth)

    def operators(self, value: dict[str, Any], path: Path, depth: int) -> Any:
        result: dict[str, Any] = {}
        handlers: dict[str, Callable[[Any, Path, int], Any]] = {
            "$not": self.negation,
            "$exists": self.flag,
            "$type": self.type_name,
            "$size": self.number,
            "$mod": self.modulo,
            "$elemMatch": self.element,
        }
        for name, inner in value.items():
            here = (*path, name)
            self.count(here, depth)
            if name in _COMPARE:
                result[name] = self.value(inner, here, depth + 1)
            elif name in _LISTS:
                items = self.items(inner, here, depth, limit=MAX_LIST)
                as_item = self.item if name != "$all" else self.value
                result[name] = [as_item(item, (*here, at), depth + 1) for at, item in enumerate(items)]
            elif name in _GEO:
                result[name] = self.shape(inner, here, depth + 1)
            elif name == "$regex":
                result[name] = self.regex_operator(inner, value.get("$options"), here)
            elif name == "$options":
                if "$regex" not in value:
                    raise self.reject(here, "$options needs $regex in the same object")
            elif name in handlers:
                result[name] = handlers[name](inner, here, depth + 1)
            else:
                raise self.reject_operator(name, here)
        return result

    def reject_operator(self, name: str, path: Path) -> BadParameter:
        if name in ALLOWED:
            return self.reject(path, f"{name} is not allowed here")
        if not name.startswith("$"):
            return self.reject(path, "operators and field names cannot be mixed in one object")
        return self.reject(path, f"the operator {name[:40]} is not allowed; allowed are {', '.join(sorted(ALLOWED))}")

    def items(self, value: Any, path: Path, depth: int, *, limit: int, minimum: int = 0) -> list[Any]:
        self.count(path, depth)
        if not isinstance(value, list) or not minimum <= len(value) <= limit:
            raise self.reject(path, f"a list of {minimum} to {limit} items is needed")
        return value

    def value(self, value: Any, path: Path, depth: int) -> Any:
        """Read a value without operators."""
        self.count(path, depth, MAX_VALUE_DEPTH)
        if isinstance(value, dict):
            if literal := self.extended(value, path):
                return literal[0]
            for name in value:
                if name.startswith("$"):
                    raise self.reject_operator(name, (*path, name))
                check_name(name, self.parameter, path)
            return {name: self.value(inner, (*path, name), depth + 1) for name, inner in value.items()}
        if isinstance(value, list):
            if len(value) > MAX_LIST:
                raise self.reject(path, f"at most {MAX_LIST} items in a list")
            return [self.value(item, (*path, at), depth + 1) for at, item in enumerate(value)]
        if isinstance(value, int) and not -_INT64_MAX - 1 <= value <= _INT64_MAX:
            return float(value)  # MongoDB's integers have 64 bits
        return value

    def item(self, value: Any, path: Path, depth: int) -> Any:
        """Read an item of $in or $nin, where MongoDB allows regular expressions too."""
        if isinstance(value, str) and (parts := split_slashes(value)):
            return self.regex(*parts, path)
        return self.value(value, path, depth)

    def extended(self, value: dict[str, Any], path: Path) -> tuple[Any] | None:
        """Return a value of MongoDB's Extended JSON, such as {"$date": ...}, in a tuple; None if this is none."""
        if len(value) != 1:
            return None
        ((name, inner),) = value.items()
        try:
            if name == "$oid":
                return (ObjectId(str(inner)),)
            if name == "$date":
                return (_read_date(inner),)
            if name == "$numberLong":
                return (Int64(str(inner)),) if abs(int(inner)) <= _INT64_MAX else None
        except (InvalidId, ValueError, TypeError, OverflowError) as error:
            raise self.reject((*path, name), "this is not valid in MongoDB's Extended JSON") from error
        return None

    def negation(self, value: Any, path: Path, depth: int) -> Any:
        result = self.condition(value, path, depth)
        if not isinstance(result, dict | Regex):
            raise self.reject(path, "$not needs operators or a regular expression")
        return result

    def flag(self, value: Any, path: Path, _depth: int) -> bool:
        if value not in (True, False, 0, 1):
            raise self.reject(path, "true or false is needed")
        return bool(value)

    def number(self, value: Any, path: Path, _depth: int) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 1_000_000:
            raise self.reject(path, "a number is needed")
        return value

    def type_name(self, value: Any, path: Path, depth: int) -> Any:
        names = value if isinstance(value, list) else [value]
        if not names or len(names) > MAX_BRANCHES or not all(isinstance(name, str | int) for name in names):
            raise self.reject(path, 'the name of a type is needed, as in "string"')
        return self.value(value, path, depth)

    def modulo(self, value: Any, path: Path, depth: int) -> list[int]:
        pair = self.items(value, path, depth, limit=2, minimum=2)
        if not all(isinstance(part, int) and abs(part) <= _INT64_MAX for part in pair) or pair[0] == 0:
            raise self.reject(path, "[divisor, remainder] is needed")
        return pair

    def element(self, value: Any, path: Path, depth: int) -> Any:
        self.count(path, depth)
        if not isinstance(value, dict):
            raise self.reject(path, "an object is needed")
        if any(name.startswith("$") and name not in _LOGICAL for name in value):
            return self.operators(value, path, depth)
        return self.filter(value, path, depth)

    def shape(self, value: Any, path: Path, depth: int) -> Any:
        self.count(path, depth)
        if not isinstance(value, dict) or len(value) != 1 or next(iter(value)) not in _SHAPES:
            raise self.reject(path, f"one of {', '.join(sorted(_SHAPES))} is needed")
        ((name, inner),) = value.items()
        here = (*path, name)
        if name == "$geometry":
            if not isinstance(inner, dict) or not set(inner) <= {"type", "coordinates"}:
                raise self.reject(here, "a GeoJSON object with `type` and `coordinates` is needed")
        elif not isinstance(inner, list):
            raise self.reject(here, "a list is needed")
        return {name: self.value(inner, here, depth + 1)}

    def regex_operator(self, value: Any, options: Any, path: Path) -> Regex[str]:
        if not isinstance(value, str) or not isinstance(options, str | None):
            raise self.reject(path, "a pattern in a string is needed")
        pattern, flags = split_slashes(value) or (value, "")
        return self.regex(pattern, flags + (options or ""), path)

    def regex(self, pattern: str, flags: str, path: Path) -> Regex[str]:
        if reason := check_pattern(pattern, flags):
            raise self.reject(path, reason)
        return Regex(pattern, "".join(sorted(set(flags))))


def _read_date(value: Any) -> datetime:
    if isinstance(value, dict) and set(value) == {"$numberLong"}:
        value = int(value["$numberLong"])
    if isinstance(value, int) and not isinstance(value, bool):
        return datetime.fromtimestamp(value / 1000, UTC)
    read = datetime.fromisoformat(value)
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def check_name(name: str, parameter: str, path: Path | None = None) -> None:
    """Check that a field of a record can have this name. Raises: BadParameter."""
    if not name or len(name) > MAX_NAME_CHARS or "\0" in name or any(p.startswith("$") for p in name.split(".")):
        raise BadParameter(
            parameter, f"{name[:60]!r} is not a field name", path=None if path is None else (*path, name)
        )


def check_path(path: str, parameter: str) -> None:
    """Check that this dotted path can lead to a field; MongoDB allows no empty names in it. Raises: BadParameter."""
    check_name(path, parameter)
    if not all(path.split(".")):
        raise BadParameter(parameter, f"{path[:60]!r} contains an empty name")


def read_projection(text: str, parameter: str = "fields") -> dict[str, int]:
    """Return which fields to return, from {"Image Make": 1, "_id": 0} or ["Image Make"]. Raises: BadParameter."""
    value = parse_json(text, parameter)
    if isinstance(value, dict | list) and len(value) > MAX_FIELDS:
        raise BadParameter(parameter, f"at most {MAX_FIELDS} fields can be named")
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        value = dict.fromkeys(value, 1)
    if not isinstance(value, dict):
        raise BadParameter(parameter, 'an object is needed, as in {"Image Make": 1}')
    for name, choice in value.items():
        check_path(name, parameter)
        # MongoDB evaluates anything else as an expression.
        if not isinstance(choice, int) or choice not in (0, 1):
            raise BadParameter(parameter, "1 (include) or 0 (exclude) is needed", path=(name,))
    if len({int(choice) for name, choice in value.items() if name != "_id"}) > 1:
        raise BadParameter(parameter, "fields are either all included (1) or all excluded (0); only _id may differ")
    return {name: int(choice) for name, choice in value.items()}


def read_sort(text: str, parameter: str = "sort") -> list[tuple[str, int]]:
    """Return fields and directions, as pymongo takes them.

    From {"photo.taken_at": -1}, [["photo.taken_at", -1]], ["photo.iso"] or "photo.iso". Raises: BadParameter.
    """
    value = parse_json(text, parameter)
    if isinstance(value, str):
        value = [value]
    pairs = list(value.items()) if isinstance(value, dict) else value
    if not isinstance(pairs, list) or len(pairs) > MAX_SORT_FIELDS:
        raise BadParameter(parameter, f"an object of at most {MAX_SORT_FIELDS} fields, as in {{'photo.iso': -1}}")
    directions = {1: 1, -1: -1, "asc": 1, "desc": -1, "ascending": 1, "descending": -1}
    result = []
    for item in pairs:
        pair = (item, 1) if isinstance(item, str) else item
        if not isinstance(pair, list | tuple) or len(pair) != 2 or not isinstance(pair[0], str):
            raise BadParameter(parameter, "each item has to be a field and 1 or -1")
        name, direction = pair
        check_path(name, parameter)
        if isinstance(direction, bool) or not isinstance(direction, int | str) or direction not in directions:
            raise BadParameter(parameter, f"{name[:60]}: 1 (ascending) or -1 (descending) is needed")
        result.append((name, directions[direction]))
    return result


def read_hint(text: str, parameter: str = "hint") -> list[tuple[str, int | str]] | str:
    """Return the index to use: its fields, from {"photo.iso": 1}, or its name, from "iso". Raises: BadParameter."""
    value = parse_json(text, parameter)
    if isinstance(value, str) and value:
        check_path(value, parameter)
        return value
    if not isinstance(value, dict) or not value or len(value) > MAX_SORT_FIELDS:
        raise BadParameter(parameter, 'the fields of an index are needed, as in {"photo.iso": 1}')
    for name, direction in value.items():
        check_path(name, parameter)
        if isinstance(direction, bool) or direction not in (1, -1, "2dsphere"):
            raise BadParameter(parameter, "1 or -1 is needed", path=(name,))
    return list(value.items())
