"""Turn JSON parameters of the URL into arguments for pymongo.

Only the operators on an allow-list are accepted.
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
from api.query.regex_guard import RegexBudget, split_slashes

MAX_JSON_BYTES = 8192
MAX_DEPTH = 8
# Values without operators may be nested more deeply, because MongoDB only compares them.
MAX_VALUE_DEPTH = 32
MAX_NODES = 500
MAX_BRANCHES = 20
MAX_LIST_ITEMS = 200
MAX_NAME_CHARS = 300
MAX_SORT_FIELDS = 4
MAX_FIELDS = 200

_INT64_MAX = 2**63 - 1
_LOGICAL = frozenset({"$and", "$or", "$nor"})
_COMPARE = frozenset({"$eq", "$ne", "$gt", "$gte", "$lt", "$lte"})
_LISTS = frozenset({"$in", "$nin", "$all"})
_GEO = frozenset({"$geoWithin", "$geoIntersects"})
# $near and $nearSphere are not allowed, because they impose a sort order and their matches cannot be counted. /photos
# has the parameter `near` instead.
_SHAPES = frozenset({"$box", "$polygon", "$center", "$centerSphere", "$geometry"})
_OTHER_OPERATORS = frozenset({"$not", "$exists", "$type", "$regex", "$options", "$elemMatch", "$size", "$mod"})
ALLOWED = _LOGICAL | _COMPARE | _LISTS | _GEO | _SHAPES | _OTHER_OPERATORS

Filter = dict[str, Any]
# The keys and indexes that lead to a value in a JSON text.
Path = tuple[str | int, ...]


def conditions_of(filter_: Filter) -> Iterator[tuple[str, Any]]:
    """Yield each condition of a filter with its field or operator, including those inside `$and`."""
    for name, value in filter_.items():
        if name == "$and":
            for part in value:
                yield from conditions_of(part)
        else:
            yield name, value


def combine(*filters: Filter) -> Filter:
    """Return a filter for the photos that match all filters."""
    parts = [filter_ for filter_ in filters if filter_]
    if len(parts) > 1:
        return {"$and": parts}
    return parts[0] if parts else {}


def parse_json(text: str, parameter: str) -> Any:
    """Parse JSON.

    Raises:
        BadParameter: The text is too long, or not valid JSON.
    """
    if len(text.encode(errors="surrogatepass")) > MAX_JSON_BYTES:
        raise BadParameter(parameter, f"must not exceed {MAX_JSON_BYTES} bytes")
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadParameter(parameter, f"not valid JSON: {error}", code=ErrorCode.BAD_JSON) from error
    except UnicodeEncodeError as error:
        raise BadParameter(parameter, "not valid UTF-8", code=ErrorCode.BAD_JSON) from error


def read_filter(text: str, parameter: str = "query") -> Filter:
    """Parse and check a MongoDB filter in JSON. Its operators must be in ALLOWED, and its size is limited.

    Strings such as "/x/i" become regular expressions, as does {"$regex": ...}; {"$eq": "/x/i"} means the string itself.
    {"$date": "2024-05-01T00:00:00Z"} and {"$oid": "..."} become a date and an ObjectId.

    Raises:
        BadParameter: The filter is invalid. The error has the path of the wrong value.
    """
    return _FilterReader(parameter).read_filter(parse_json(text, parameter), (), 0)


class _FilterReader:
    """Converts one filter. Counts its nodes to limit its size."""

    def __init__(self, parameter: str) -> None:
        self.parameter = parameter
        self.nodes = 0
        self.regexes = RegexBudget()

    def _error_at(self, path: Path, reason: str) -> BadParameter:
        return BadParameter(self.parameter, reason, path=path)

    def _count_node(self, path: Path, depth: int, limit: int = MAX_DEPTH) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise self._error_at(path, f"the query must have at most {MAX_NODES} values and operators")
        if depth > limit:
            raise self._error_at(path, f"is nested more than {limit} levels deep")

    def read_filter(self, value: Any, path: Path, depth: int) -> Filter:
        self._count_node(path, depth)
        if not isinstance(value, dict):
            raise self._error_at(path, 'must be an object, such as {"photo.iso": 100}')
        result: Filter = {}
        for name, inner in value.items():
            here = (*path, name)
            if name in _LOGICAL:
                branches = self._read_list(inner, here, depth, limit=MAX_BRANCHES, minimum=1)
                result[name] = [self.read_filter(branch, (*here, i), depth + 1) for i, branch in enumerate(branches)]
            elif name.startswith("$"):
                raise self._operator_error(name, here)
            else:
                check_name(name, self.parameter, path)
                result[name] = self._read_condition(inner, here, depth + 1)
        return result

    def _read_condition(self, value: Any, path: Path, depth: int) -> Any:
        """Read what follows a field name: operators, or a value that the field must equal."""
        self._count_node(path, depth)
        if isinstance(value, str) and (parts := split_slashes(value)):
            return self._make_regex(*parts, path)
        if isinstance(value, dict) and any(name.startswith("$") for name in value):
            if literal := self._read_extended_json(value, path):
                return literal[0]
            return self._read_operators(value, path, depth)
        return self._read_value(value, path, depth)

    def _read_operators(self, value: dict[str, Any], path: Path, depth: int) -> Any:
        result: dict[str, Any] = {}
        handlers: dict[str, Callable[[Any, Path, int], Any]] = {
            "$not": self._read_negation,
            "$exists": self._read_boolean,
            "$type": self._read_type,
            "$size": self._read_size,
            "$mod": self._read_modulo,
            "$elemMatch": self._read_element_match,
        }
        for name, inner in value.items():
            here = (*path, name)
            self._count_node(here, depth)
            if name in _COMPARE:
                result[name] = self._read_value(inner, here, depth + 1)
            elif name in _LISTS:
                items = self._read_list(inner, here, depth, limit=MAX_LIST_ITEMS)
                read_item = self._read_list_item if name != "$all" else self._read_value
                result[name] = [read_item(item, (*here, i), depth + 1) for i, item in enumerate(items)]
            elif name in _GEO:
                result[name] = self._read_shape(inner, here, depth + 1)
            elif name == "$regex":
                result[name] = self._read_regex_operator(inner, value.get("$options"), here)
            elif name == "$options":
                if "$regex" not in value:
                    raise self._error_at(here, "$options requires $regex in the same object")
            elif name in handlers:
                result[name] = handlers[name](inner, here, depth + 1)
            else:
                raise self._operator_error(name, here)
        return result

    def _operator_error(self, name: str, path: Path) -> BadParameter:
        if name in ALLOWED:
            return self._error_at(path, f"{name} is not allowed here")
        if not name.startswith("$"):
            return self._error_at(path, "operators and field names cannot be mixed in one object")
        return self._error_at(
            path, f"the operator {name[:40]} is not allowed; allowed are {', '.join(sorted(ALLOWED))}"
        )

    def _read_list(self, value: Any, path: Path, depth: int, *, limit: int, minimum: int = 0) -> list[Any]:
        self._count_node(path, depth)
        if not isinstance(value, list) or not minimum <= len(value) <= limit:
            size = str(limit) if minimum == limit else f"{minimum} to {limit}"
            raise self._error_at(path, f"must be a list of {size} items")
        return value

    def _read_value(self, value: Any, path: Path, depth: int) -> Any:
        """Read a value without operators."""
        self._count_node(path, depth, MAX_VALUE_DEPTH)
        if isinstance(value, dict):
            if literal := self._read_extended_json(value, path):
                return literal[0]
            for name in value:
                if name.startswith("$"):
                    raise self._operator_error(name, (*path, name))
                check_name(name, self.parameter, path)
            return {name: self._read_value(inner, (*path, name), depth + 1) for name, inner in value.items()}
        if isinstance(value, list):
            if len(value) > MAX_LIST_ITEMS:
                raise self._error_at(path, f"must not have more than {MAX_LIST_ITEMS} items")
            return [self._read_value(item, (*path, i), depth + 1) for i, item in enumerate(value)]
        if isinstance(value, int) and not -_INT64_MAX - 1 <= value <= _INT64_MAX:
            return float(value)  # MongoDB's integers have at most 64 bits
        return value

    def _read_list_item(self, value: Any, path: Path, depth: int) -> Any:
        """Read an item of $in or $nin, where MongoDB allows regular expressions too."""
        if isinstance(value, str) and (parts := split_slashes(value)):
            return self._make_regex(*parts, path)
        return self._read_value(value, path, depth)

    def _read_extended_json(self, value: dict[str, Any], path: Path) -> tuple[Any] | None:
        """Convert a value in MongoDB's Extended JSON, such as {"$date": ...}.

        Returns:
            The value in a tuple; None if it is not one of the supported forms.
        """
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
            raise self._error_at((*path, name), "not valid Extended JSON (MongoDB)") from error
        return None

    def _read_negation(self, value: Any, path: Path, depth: int) -> Any:
        result = self._read_condition(value, path, depth)
        if not isinstance(result, dict | Regex):
            raise self._error_at(path, "$not requires operators or a regular expression")
        return result

    def _read_boolean(self, value: Any, path: Path, _depth: int) -> bool:
        if value not in (True, False, 0, 1):
            raise self._error_at(path, "must be true or false")
        return bool(value)

    def _read_size(self, value: Any, path: Path, _depth: int) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 1_000_000:
            raise self._error_at(path, "must be an integer from 0 to 1,000,000")
        return value

    def _read_type(self, value: Any, path: Path, depth: int) -> Any:
        names = value if isinstance(value, list) else [value]
        if not names or len(names) > MAX_BRANCHES or not all(isinstance(name, str | int) for name in names):
            raise self._error_at(path, 'must be the name of a type, such as "string"')
        return self._read_value(value, path, depth)

    def _read_modulo(self, value: Any, path: Path, depth: int) -> list[int]:
        pair = self._read_list(value, path, depth, limit=2, minimum=2)
        if not all(isinstance(part, int) and abs(part) <= _INT64_MAX for part in pair) or pair[0] == 0:
            raise self._error_at(path, "must be [divisor, remainder], with a divisor other than 0")
        return pair

    def _read_element_match(self, value: Any, path: Path, depth: int) -> Any:
        self._count_node(path, depth)
        if not isinstance(value, dict):
            raise self._error_at(path, "must be an object")
        if any(name.startswith("$") and name not in _LOGICAL for name in value):
            return self._read_operators(value, path, depth)
        return self.read_filter(value, path, depth)

    def _read_shape(self, value: Any, path: Path, depth: int) -> Any:
        self._count_node(path, depth)
        if not isinstance(value, dict) or len(value) != 1 or next(iter(value)) not in _SHAPES:
            raise self._error_at(path, f"must be an object with one of {', '.join(sorted(_SHAPES))}")
        ((name, inner),) = value.items()
        here = (*path, name)
        if name == "$geometry":
            if not isinstance(inner, dict) or not set(inner) <= {"type", "coordinates"}:
                raise self._error_at(here, "must be a GeoJSON object with only `type` and `coordinates`")
        elif not isinstance(inner, list):
            raise self._error_at(here, "must be a list")
        return {name: self._read_value(inner, here, depth + 1)}

    def _read_regex_operator(self, value: Any, options: Any, path: Path) -> Regex[str]:
        if not isinstance(value, str) or not isinstance(options, str | None):
            raise self._error_at(path, "$regex and $options must be strings")
        pattern, flags = split_slashes(value) or (value, "")
        return self._make_regex(pattern, flags + (options or ""), path)

    def _make_regex(self, pattern: str, flags: str, path: Path) -> Regex[str]:
        # The outermost field in the path. Names that begin with $ are operators.
        field = next((name for name in path if isinstance(name, str) and not name.startswith("$")), "")
        if reason := self.regexes.spend(pattern, flags, field):
            raise self._error_at(path, reason)
        return Regex(pattern, "".join(sorted(set(flags))))


def _read_date(value: Any) -> datetime:
    if isinstance(value, dict) and set(value) == {"$numberLong"}:
        value = int(value["$numberLong"])
    if isinstance(value, int) and not isinstance(value, bool):
        return datetime.fromtimestamp(value / 1000, UTC)
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def check_name(name: str, parameter: str, path: Path | None = None) -> None:
    """Check that a field of a record can have this name.

    Raises:
        BadParameter: The name is invalid.
    """
    if not name or len(name) > MAX_NAME_CHARS or "\0" in name or any(p.startswith("$") for p in name.split(".")):
        raise BadParameter(
            parameter, f"{name[:60]!r} is not a field name", path=None if path is None else (*path, name)
        )


def check_path(path: str, parameter: str) -> None:
    """Check a dotted path to a field. MongoDB does not allow empty names in such a path.

    Raises:
        BadParameter: The path is invalid.
    """
    check_name(path, parameter)
    if not all(path.split(".")):
        raise BadParameter(parameter, f"{path[:60]!r} contains an empty name")


def read_projection(text: str, parameter: str = "fields") -> dict[str, int]:
    """Parse which fields to return: {"Image Make": 1, "_id": 0} or ["Image Make"].

    Raises:
        BadParameter: The text is invalid.
    """
    value = parse_json(text, parameter)
    if isinstance(value, dict | list) and len(value) > MAX_FIELDS:
        raise BadParameter(parameter, f"at most {MAX_FIELDS} fields are allowed")
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        value = dict.fromkeys(value, 1)
    if not isinstance(value, dict):
        raise BadParameter(parameter, 'must be an object, such as {"Image Make": 1}, or a list of names')
    for name, choice in value.items():
        check_path(name, parameter)
        # Reject anything else, because MongoDB would evaluate it as an expression.
        if not isinstance(choice, int) or choice not in (0, 1):
            raise BadParameter(parameter, "must be 1 (include) or 0 (exclude)", path=(name,))
    if len({int(choice) for name, choice in value.items() if name != "_id"}) > 1:
        raise BadParameter(parameter, "must either include (1) or exclude (0) all fields; only _id may differ")
    return {name: int(choice) for name, choice in value.items()}


def read_sort(text: str, parameter: str = "sort") -> list[tuple[str, int]]:
    """Parse fields and directions, and return them in the form that pymongo expects.

    Accept {"photo.taken_at": -1}, [["photo.taken_at", -1]], ["photo.iso"] and "photo.iso".

    Raises:
        BadParameter: The text is invalid.
    """
    value = parse_json(text, parameter)
    if isinstance(value, str):
        value = [value]
    pairs = list(value.items()) if isinstance(value, dict) else value
    if not isinstance(pairs, list) or len(pairs) > MAX_SORT_FIELDS:
        raise BadParameter(
            parameter, f'must be an object with at most {MAX_SORT_FIELDS} fields, such as {{"photo.iso": -1}}'
        )
    directions = {1: 1, -1: -1, "asc": 1, "desc": -1, "ascending": 1, "descending": -1}
    result = []
    for item in pairs:
        pair = (item, 1) if isinstance(item, str) else item
        if not isinstance(pair, list | tuple) or len(pair) != 2 or not isinstance(pair[0], str):
            raise BadParameter(parameter, "each item must be a field with 1 or -1")
        name, direction = pair
        check_path(name, parameter)
        if isinstance(direction, bool) or not isinstance(direction, int | str) or direction not in directions:
            raise BadParameter(parameter, f"{name[:60]}: must be 1 (ascending) or -1 (descending)")
        result.append((name, directions[direction]))
    return result


def read_hint(text: str, parameter: str = "hint") -> list[tuple[str, int | str]] | str:
    """Parse the index to use, given by its fields, {"photo.iso": 1}, or by its name, "iso".

    Raises:
        BadParameter: The text is invalid.
    """
    value = parse_json(text, parameter)
    if isinstance(value, str) and value:
        check_path(value, parameter)
        return value
    if not isinstance(value, dict) or not value or len(value) > MAX_SORT_FIELDS:
        raise BadParameter(parameter, 'must be the name of an index or its fields, such as {"photo.iso": 1}')
    for name, direction in value.items():
        check_path(name, parameter)
        if isinstance(direction, bool) or direction not in (1, -1, "2dsphere"):
            raise BadParameter(parameter, 'must be 1, -1 or "2dsphere"', path=(name,))
    return list(value.items())
