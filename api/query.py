"""JSON arguments of the URL into what pymongo takes, by an allow-list: what is not named here is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
from bson import Int64, ObjectId
from bson.errors import InvalidId
from bson.regex import Regex

from api.errors import BadParameter
from api.patterns import check_pattern, split_slashes

MAX_JSON_BYTES = 8192
MAX_DEPTH = 8
# Of plain values, which cost nothing but their comparison.
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
# $near and $nearSphere are left to `near=` of /photos: they force an order and cannot be counted.
_SHAPES = frozenset({"$box", "$polygon", "$center", "$centerSphere", "$geometry"})
_OTHERS = frozenset({"$not", "$exists", "$type", "$regex", "$options", "$elemMatch", "$size", "$mod"})
ALLOWED = _LOGICAL | _COMPARE | _LISTS | _GEO | _SHAPES | _OTHERS

Filter = dict[str, Any]


def conditions_of(filter_: Filter) -> Iterator[tuple[str, Any]]:
    """All that has to hold: field (or operator) and condition."""
    for name, value in filter_.items():
        if name == "$and":
            for part in value:
                yield from conditions_of(part)
        else:
            yield name, value


def parse_json(text: str, parameter: str) -> Any:
    """The value that `text` writes in JSON. Raises: BadParameter."""
    if len(text.encode(errors="surrogatepass")) > MAX_JSON_BYTES:
        raise BadParameter(parameter, f"at most {MAX_JSON_BYTES} bytes of JSON")
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadParameter(parameter, f"this is no JSON: {error}") from error
    except UnicodeEncodeError as error:
        raise BadParameter(parameter, "this is no UTF-8") from error


def read_filter(text: str, parameter: str = "query") -> Filter:
    """A MongoDB filter from JSON, with only the operators of ALLOWED, at any depth, and within bounds.

    Strings written "/x/i" become regular expressions, as do {"$regex": ...}; {"$eq": "/x/i"} means the string itself.
    {"$date": "2024-05-01T00:00:00Z"} and {"$oid": "..."} are values.
    Raises: BadParameter, with the operator's name and place.
    """
    return _Reader(parameter).filter(parse_json(text, parameter), parameter, 0)


class _Reader:
    """One walk through one filter; counts nodes so that its size stays bounded."""

    def __init__(self, parameter: str) -> None:
        self.parameter = parameter
        self.nodes = 0

    def refuse(self, place: str, why: str) -> BadParameter:
        # The place holds field names of the caller's: kept short, and JSON escapes them in the answer.
        return BadParameter(self.parameter, why, place=place[:200])

    def count(self, place: str, depth: int, most: int = MAX_DEPTH) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise self.refuse(place, f"at most {MAX_NODES} values and operators in one query")
        if depth > most:
            raise self.refuse(place, f"at most {most} levels deep")

    def filter(self, value: Any, place: str, depth: int) -> Filter:
        self.count(place, depth)
        if not isinstance(value, dict):
            raise self.refuse(place, 'an object is needed, as in {"photo.iso": 100}')
        result: Filter = {}
        for name, inner in value.items():
            here = f"{place}.{name}"
            if name in _LOGICAL:
                branches = self.items(inner, here, depth, most=MAX_BRANCHES, least=1)
                result[name] = [self.filter(branch, f"{here}[{at}]", depth + 1) for at, branch in enumerate(branches)]
            elif name.startswith("$"):
                raise self.refuse_operator(name, here)
            else:
                check_name(name, self.parameter)
                result[name] = self.condition(inner, here, depth + 1)
        return result

    def condition(self, value: Any, place: str, depth: int) -> Any:
        """What stands behind a field name: operators, or a value that the field must equal."""
        self.count(place, depth)
        if isinstance(value, str) and (parts := split_slashes(value)):
            return self.regex(*parts, place)
        if isinstance(value, dict) and any(name.startswith("$") for name in value):
            if literal := self.extended(value, place):
                return literal[0]
            return self.operators(value, place, depth)
        return self.value(value, place, depth)

    def operators(self, value: dict[str, Any], place: str, depth: int) -> Any:
        result: dict[str, Any] = {}
        handlers: dict[str, Callable[[Any, str, int], Any]] = {
            "$not": self.negation,
            "$exists": self.flag,
            "$type": self.type_name,
            "$size": self.number,
            "$mod": self.modulo,
            "$elemMatch": self.element,
        }
        for name, inner in value.items():
            here = f"{place}.{name}"
            self.count(here, depth)
            if name in _COMPARE:
                result[name] = self.value(inner, here, depth + 1)
            elif name in _LISTS:
                items = self.items(inner, here, depth, most=MAX_LIST)
                as_item = self.item if name != "$all" else self.value
                result[name] = [as_item(item, f"{here}[{at}]", depth + 1) for at, item in enumerate(items)]
            elif name in _GEO:
                result[name] = self.shape(inner, here, depth + 1)
            elif name == "$regex":
                result[name] = self.regex_operator(inner, value.get("$options"), here)
            elif name == "$options":
                if "$regex" not in value:
                    raise self.refuse(here, "$options needs $regex beside it")
            elif name in handlers:
                result[name] = handlers[name](inner, here, depth + 1)
            else:
                raise self.refuse_operator(name, here)
        return result

    def refuse_operator(self, name: str, place: str) -> BadParameter:
        if name in ALLOWED:
            return self.refuse(place, f"{name} cannot stand here")
        if not name.startswith("$"):
            return self.refuse(place, "operators and field names cannot be mixed in one object")
        return self.refuse(place, f"the operator {name[:40]} is not allowed; allowed are {', '.join(sorted(ALLOWED))}")

    def items(self, value: Any, place: str, depth: int, *, most: int, least: int = 0) -> list[Any]:
        self.count(place, depth)
        if not isinstance(value, list) or not least <= len(value) <= most:
            raise self.refuse(place, f"a list of {least} to {most} is needed")
        return value

    def value(self, value: Any, place: str, depth: int) -> Any:
        """A value without operators in it."""
        self.count(place, depth, MAX_VALUE_DEPTH)
        if isinstance(value, dict):
            if literal := self.extended(value, place):
                return literal[0]
            for name in value:
                if name.startswith("$"):
                    raise self.refuse_operator(name, f"{place}.{name}")
                check_name(name, self.parameter)
            return {name: self.value(inner, f"{place}.{name}", depth + 1) for name, inner in value.items()}
        if isinstance(value, list):
            if len(value) > MAX_LIST:
                raise self.refuse(place, f"at most {MAX_LIST} items in a list")
            return [self.value(item, f"{place}[{at}]", depth + 1) for at, item in enumerate(value)]
        if isinstance(value, int) and not -_INT64_MAX - 1 <= value <= _INT64_MAX:
            return float(value)  # MongoDB's integers have 64 bits
        return value

    def item(self, value: Any, place: str, depth: int) -> Any:
        """A value in $in or $nin, where MongoDB takes regular expressions too."""
        if isinstance(value, str) and (parts := split_slashes(value)):
            return self.regex(*parts, place)
        return self.value(value, place, depth)

    def extended(self, value: dict[str, Any], place: str) -> tuple[Any] | None:
        """The value that MongoDB's Extended JSON writes as an object, in a tuple; None where this is none."""
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
            raise self.refuse(f"{place}.{name}", "this is not how MongoDB's Extended JSON writes it") from error
        return None

    def negation(self, value: Any, place: str, depth: int) -> Any:
        result = self.condition(value, place, depth)
        if not isinstance(result, dict | Regex):
            raise self.refuse(place, "$not needs operators or a regular expression")
        return result

    def flag(self, value: Any, place: str, _depth: int) -> bool:
        if value not in (True, False, 0, 1):
            raise self.refuse(place, "true or false is needed")
        return bool(value)

    def number(self, value: Any, place: str, _depth: int) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 1_000_000:
            raise self.refuse(place, "a number is needed")
        return value

    def type_name(self, value: Any, place: str, depth: int) -> Any:
        names = value if isinstance(value, list) else [value]
        if not names or len(names) > MAX_BRANCHES or not all(isinstance(name, str | int) for name in names):
            raise self.refuse(place, 'the name of a type is needed, as in "string"')
        return self.value(value, place, depth)

    def modulo(self, value: Any, place: str, depth: int) -> list[int]:
        pair = self.items(value, place, depth, most=2, least=2)
        if not all(isinstance(part, int) and abs(part) <= _INT64_MAX for part in pair) or pair[0] == 0:
            raise self.refuse(place, "[divisor, remainder] is needed")
        return pair

    def element(self, value: Any, place: str, depth: int) -> Any:
        self.count(place, depth)
        if not isinstance(value, dict):
            raise self.refuse(place, "an object is needed")
        if any(name.startswith("$") and name not in _LOGICAL for name in value):
            return self.operators(value, place, depth)
        return self.filter(value, place, depth)

    def shape(self, value: Any, place: str, depth: int) -> Any:
        self.count(place, depth)
        if not isinstance(value, dict) or len(value) != 1 or next(iter(value)) not in _SHAPES:
            raise self.refuse(place, f"one of {', '.join(sorted(_SHAPES))} is needed")
        ((name, inner),) = value.items()
        here = f"{place}.{name}"
        if name == "$geometry":
            if not isinstance(inner, dict) or not set(inner) <= {"type", "coordinates"}:
                raise self.refuse(here, "a GeoJSON object with `type` and `coordinates` is needed")
        elif not isinstance(inner, list):
            raise self.refuse(here, "a list is needed")
        return {name: self.value(inner, here, depth + 1)}

    def regex_operator(self, value: Any, options: Any, place: str) -> Regex[str]:
        if not isinstance(value, str) or not isinstance(options, str | None):
            raise self.refuse(place, "a pattern in a string is needed")
        pattern, flags = split_slashes(value) or (value, "")
        return self.regex(pattern, flags + (options or ""), place)

    def regex(self, pattern: str, flags: str, place: str) -> Regex[str]:
        if why := check_pattern(pattern, flags):
            raise self.refuse(place, why)
        return Regex(pattern, "".join(sorted(set(flags))))


def _read_date(value: Any) -> datetime:
    if isinstance(value, dict) and set(value) == {"$numberLong"}:
        value = int(value["$numberLong"])
    if isinstance(value, int) and not isinstance(value, bool):
        return datetime.fromtimestamp(value / 1000, UTC)
    read = datetime.fromisoformat(value)
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def check_name(name: str, parameter: str) -> None:
    """Raises: BadParameter where `name` is none that a field of a record can have."""
    if not name or len(name) > MAX_NAME_CHARS or "\0" in name or any(p.startswith("$") for p in name.split(".")):
        raise BadParameter(parameter, f"{name[:60]!r} is no field name")


def check_path(path: str, parameter: str) -> None:
    """Raises: BadParameter where `path` is no way to a field; there MongoDB takes no empty names."""
    check_name(path, parameter)
    if not all(path.split(".")):
        raise BadParameter(parameter, f"{path[:60]!r} has an empty name in it")


def read_projection(text: str, parameter: str = "fields") -> dict[str, int]:
    """{"Image Make": 1, "_id": 0} or ["Image Make"]: which fields to answer. Raises: BadParameter."""
    value = parse_json(text, parameter)
    if isinstance(value, dict | list) and len(value) > MAX_FIELDS:
        raise BadParameter(parameter, f"at most {MAX_FIELDS} fields can be named")
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        value = dict.fromkeys(value, 1)
    if not isinstance(value, dict):
        raise BadParameter(parameter, 'an object is needed, as in {"Image Make": 1}')
    for name, choice in value.items():
        check_path(name, parameter)
        # Anything but these is an expression in MongoDB's eyes.
        if not isinstance(choice, int) or choice not in (0, 1):
            raise BadParameter(parameter, f"{name[:60]}: 1 (with it) or 0 (without it) is needed")
    if len({int(choice) for name, choice in value.items() if name != "_id"}) > 1:
        raise BadParameter(parameter, "fields are either all with it (1) or all without it (0); only _id may differ")
    return {name: int(choice) for name, choice in value.items()}


def read_sort(text: str, parameter: str = "sort") -> list[tuple[str, int]]:
    """{"photo.taken_at": -1}, [["photo.taken_at", -1]], ["photo.iso"] or "photo.iso", as pymongo takes it.

    Raises: BadParameter.
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
            raise BadParameter(parameter, "each item is a field and 1 or -1")
        name, direction = pair
        check_path(name, parameter)
        if isinstance(direction, bool) or not isinstance(direction, int | str) or direction not in directions:
            raise BadParameter(parameter, f"{name[:60]}: 1 (up) or -1 (down) is needed")
        result.append((name, directions[direction]))
    return result


def read_hint(text: str, parameter: str = "hint") -> list[tuple[str, int | str]] | str:
    """The fields of an index, {"photo.iso": 1}, or its name in JSON, "iso": which one to use. Raises: BadParameter."""
    value = parse_json(text, parameter)
    if isinstance(value, str) and value:
        check_path(value, parameter)
        return value
    if not isinstance(value, dict) or not value or len(value) > MAX_SORT_FIELDS:
        raise BadParameter(parameter, 'the fields of an index are needed, as in {"photo.iso": 1}')
    for name, direction in value.items():
        check_path(name, parameter)
        if isinstance(direction, bool) or direction not in (1, -1, "2dsphere"):
            raise BadParameter(parameter, f"{name[:60]}: 1 or -1 is needed")
    return list(value.items())
