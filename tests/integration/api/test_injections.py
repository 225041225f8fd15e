# ruff: noqa: E501 -- one line per row of a table
"""Attempts to run code, read other data, write, or block the server. Each is refused or has no effect."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any
from urllib.parse import quote

import pytest
from pymongo import AsyncMongoClient
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from api.aggregations.collection_counts import SCAN_MS
from api.aggregations.map_clusters import MAX_CACHED_ZOOM, _group_stages
from api.database import QUERY_MS
from api.query.filters import PHOTOS_ONLY
from exifinator.config import Config
from tests.integration.api.fixtures import WireApi, hash_library, serve_api

R = "/waldo/exif_data"
SLEEP = "sleep(5000)||true"
DEEP = '{"$and":[' * 60 + '{"a":1}' + "]}" * 60

# (attempt, address, expected status of the response)
ATTEMPTS: list[tuple[str, str, int]] = [
    ("JavaScript in $where", f'{R}?query={{"$where":"{SLEEP}"}}', 400),
    ("$where under $or", f'{R}?query={{"$or":[{{"a":1}},{{"$where":"{SLEEP}"}}]}}', 400),
    ("$where under $and, $nor", f'{R}?query={{"$and":[{{"$nor":[{{"$where":"{SLEEP}"}}]}}]}}', 400),
    ("$where under $not", f'{R}?query={{"a":{{"$not":{{"$where":"{SLEEP}"}}}}}}', 400),
    ("$where under $elemMatch", f'{R}?query={{"a":{{"$elemMatch":{{"$where":"{SLEEP}"}}}}}}', 400),
    ("$where as a value", f'{R}?query={{"a":{{"b":{{"$where":"{SLEEP}"}}}}}}', 400),
    ("$where in a path", f'{R}?query={{"a.$where":"{SLEEP}"}}', 400),
    ("$where by an escape", f'{R}?query={{"\\u0024where":"{SLEEP}"}}', 400),
    ("$where, full width", f'{R}?query={{"＄where":"{SLEEP}"}}', 200),
    ("$where with a space before", f'{R}?query={{" $where":"{SLEEP}"}}', 200),
    ("$where in the typed query", f'/photos?query={{"$where":"{SLEEP}"}}', 400),
    ("$where in facets", f'/facets?query={{"$where":"{SLEEP}"}}', 400),
    ("$where on the map", f'/map?query={{"$where":"{SLEEP}"}}', 400),
    ("$where in an export", f'/export.csv?query={{"$where":"{SLEEP}"}}', 400),
    ("$where when counting", f'{R}?count=1&query={{"$where":"{SLEEP}"}}', 400),
    ("$where when explaining", f'{R}?explain=1&query={{"$where":"{SLEEP}"}}', 400),
    ("$function in $expr", f'{R}?query={{"$expr":{{"$function":{{"body":"{SLEEP}","args":[],"lang":"js"}}}}}}', 400),
    ("$expr alone", f'{R}?query={{"$expr":{{"$eq":[1,1]}}}}', 400),
    ("$accumulator", f'{R}?query={{"a":{{"$accumulator":{{}}}}}}', 400),
    ("code as a value", f'{R}?query={{"a":{{"$code":"{SLEEP}"}}}}', 400),
    ("code with scope", f'{R}?query={{"a":{{"$eq":{{"$code":"{SLEEP}","$scope":{{}}}}}}}}', 400),
    ("a reference to another database", f'{R}?query={{"a":{{"$ref":"secrets","$id":"secret","$db":"private"}}}}', 400),
    ("$lookup as an operator", f'{R}?query={{"$lookup":{{"from":"secrets"}}}}', 400),
    ("$unionWith", f'{R}?query={{"$unionWith":"secrets"}}', 400),
    ("$out", f'{R}?query={{"$out":"stolen"}}', 400),
    ("$merge", f'{R}?query={{"$merge":"stolen"}}', 400),
    ("$jsonSchema", f'{R}?query={{"$jsonSchema":{{}}}}', 400),
    ("$text", f'{R}?query={{"$text":{{"$search":"a"}}}}', 400),
    ("$comment", f'{R}?query={{"a":1,"$comment":"x"}}', 400),
    ("$sampleRate", f'{R}?query={{"$sampleRate":0.5}}', 400),
    ("operators as parameters", f"{R}?query[$where]=1", 400),
    ("operators as typed parameters", "/photos?camera[$ne]=x", 400),
    ("an operator as a value", '/photos?camera={"$ne":""}', 200),
    ("an operator as an id", f'{R}/{{"$gt":""}}', 404),
    ("an operator as an etag", '/photos/by-etag/{"$gt":""}', 404),
    ("an operator as a tag", "/photos/holiday%2F2024%2FIMG_0001.jpg/tags/%24where", 404),
    ("an expression among the fields", f'{R}?fields={{"a":"$$ROOT"}}', 400),
    ("$function among the fields", f'{R}?fields={{"a":{{"$function":{{"body":"{SLEEP}","args":[],"lang":"js"}}}}}}', 400),
    ("$slice among the fields", f'{R}?fields={{"a":{{"$slice":1}}}}', 400),
    ("a positional field", f'{R}?fields={{"a.$":1}}', 400),
    ("$meta as an order", f'{R}?sort={{"a":{{"$meta":"textScore"}}}}', 400),
    ("$natural as an order", f'{R}?sort={{"$natural":-1}}', 400),
    ("$natural as a hint", f'{R}?hint={{"$natural":1}}', 400),
    ("an object as a hint", f'{R}?hint={{"a":{{"$where":"1"}}}}', 400),
    ("an unknown index as a hint", f'{R}?hint="nothing"', 400),
    ("prototype pollution", f'{R}?query={{"__proto__":{{"a":1}}}}', 200),
    ("another database", "/private", 404),
    ("another database's collection", "/private/secrets", 404),
    ("another collection", "/waldo/secrets", 404),
    ("another collection's document", "/waldo/secrets/secret", 404),
    ("MongoDB's own databases", "/admin/system.users", 404),
    ("MRQ's jobs", "/mrq/mrq_jobs", 404),
    ("the profiler", "/waldo/system.profile", 404),
    ("another collection by a dot", "/waldo/exif_data.secrets", 404),
    ("another collection by $cmd", "/waldo/$cmd", 404),
    ("another collection by NUL", "/waldo/secrets%00exif_data", 404),
    ("another collection by a slash in it", "/waldo%2Fsecrets", 404),
    ("another database in the parameters", f"{R}?db=private&collection=secrets&limit=1", 200),
    ("a file by the path", "/docs/..%2f..%2f..%2fetc/passwd", 404),
    ("a file by an asset's name", "/docs/..%2Fmain.py", 400),
    ("a file by an export's form", "/export.csv%2F..%2F..%2Fsettings.py", 400),
    ("a file by dots", "/docs/%2e%2e/%2e%2e/settings.py", 404),
    ("a header by a line break", "/photos/by-etag/x%0d%0aSet-Cookie:a=b", 404),
    ("a regular expression that takes forever", f'{R}?query={{"key":"/(a%2B)%2B$/"}}', 400),
    ("a regular expression with overlapping alternatives", f'{R}?query={{"key":{{"$regex":"(a|aa)*$"}}}}', 400),
    ("a regular expression with many repeats", f'{R}?query={{"key":{{"$regex":".*.*.*.*.*x"}}}}', 400),
    ("a regular expression inside $in", f'{R}?query={{"key":{{"$in":["/(a%2B)%2B$/"]}}}}', 400),
    ("a regular expression inside $not", f'{R}?query={{"key":{{"$not":{{"$regex":"(a%2B)%2B$"}}}}}}', 400),
    ("a regular expression with recursion", f'{R}?query={{"key":{{"$regex":"(?R)"}}}}', 400),
    ("a regular expression with a callout", f'{R}?query={{"key":{{"$regex":"(?C)a"}}}}', 400),
    ("a regular expression with verbs", f'{R}?query={{"key":{{"$regex":"(*LIMIT_MATCH=9999999)a"}}}}', 400),
    ("a regular expression very long", f'{R}?query={{"key":{{"$regex":"{"a" * 500}"}}}}', 400),
    ("invalid flags", f'{R}?query={{"key":{{"$regex":"a","$options":"g\\u0000"}}}}', 400),
    ("a query very deep", f"{R}?query={DEEP}", 400),
    ("arrays very deep", f"{R}?query={'[' * 4000}", 400),
    ("a query very wide", f'{R}?query={{"$or":[{",".join(["{}"] * 100)}]}}', 400),
    ("a list very long", f'{R}?query={{"a":{{"$in":[{",".join(["1"] * 1000)}]}}}}', 400),
    ("a query very long", f'{R}?query={{"a":"{"x" * 20_000}"}}', 400),
    ("a number very large", f'{R}?query={{"a":{"9" * 400}}}', 400),
    ("an invalid number", f'{R}?query={{"a":NaN}}', 400),
    ("half a surrogate", f'{R}?query={{"a":"\\ud800"}}', 400),
    ("NUL in a name", f'{R}?query={{"a\\u0000b":1}}', 400),
    ("NUL in a value", f'{R}?query={{"a":"\\u0000"}}', 200),
    ("a very large skip", f"{R}?skip=99999999999999999999", 400),
    ("a limit below zero", f"{R}?limit=-1", 200),
    ("a limit above the maximum", "/photos?limit=1000000", 400),
    ("a cursor with an operator", "/photos?cursor=WyJtIixudWxsLHsiJGd0IjoiIn1d", 404),
    ("a cursor of code", "/photos?cursor=gASVDQAAAAAAAACMBXBvc2l4lC4", 404),
    ("quotes in a typed filter", "/photos?camera='%20OR%201=1--", 200),
    ("a formula in a typed filter", "/photos?q==cmd|'/c calc'!A0", 200),
    ("a script in an error", "/photos?iso=<script>alert(1)</script>", 400),
    ("a script in a name", "/photos?<script>=1", 400),
    ("a template in a filter", "/photos?camera={{7*7}}${7*7}", 200),
    ("an area of the whole sky", "/map?bbox=-180,-90,180,90&zoom=22", 200),
    ("a very large zoom", "/map?zoom=99", 400),
    ("a very large budget", "/facets?budget_ms=9999999", 400),
    ("a shape with a reference system", f'{R}?query={{"photo.location":{{"$geoWithin":{{"$geometry":{{"type":"Polygon","coordinates":[],"crs":{{"type":"name"}}}}}}}}}}', 400),
    ("an invalid shape", f'{R}?query={{"photo.location":{{"$geoWithin":{{"$geometry":{{"type":"Polygon","coordinates":[1]}}}}}}}}', 400),
]  # fmt: skip


def encode_address(address: str) -> bytes:
    """Return the address as a client would send it: percent-encoded only where HTTP requires it."""
    return quote(address, safe="/?&=%$[]{}:,;!'()*+|#@~.-_").encode()


class Commands(CommandListener):
    """Records the commands that the API sends to MongoDB, except those for connections, open cursors and indexes."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def started(self, event: CommandStartedEvent) -> None:
        if event.command_name not in ("hello", "getMore", "killCursors", "endSessions", "createIndexes"):
            self.sent.append(dict(event.command))

    def succeeded(self, event: CommandSucceededEvent) -> None:
        pass

    def failed(self, event: CommandFailedEvent) -> None:
        pass


@pytest.fixture(scope="module")
def commands() -> Commands:
    return Commands()


@pytest.fixture(scope="module")
def watched_api(library: Config, commands: Commands) -> Iterator[WireApi]:
    """Yield the API on a socket, and record its MongoDB commands."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("api.database.AsyncMongoClient", partial(AsyncMongoClient, event_listeners=[commands]))
        with serve_api(library) as running:
            yield running


def is_background_count(command: dict[str, Any]) -> bool:
    """Return whether a command groups or counts the whole collection in the background.

    Such a command contains no text of a request. All filters share the counts per month.
    """
    pipeline = command.get("pipeline", [{}])
    conditions = command.get("filter") or command.get("query") or pipeline[0].get("$match", {})
    return pipeline == _group_stages(PHOTOS_ONLY, MAX_CACHED_ZOOM) or set(conditions) <= {"photo.taken_local"}


def test_attempts__whole_table__has_sixty_different_attempts() -> None:
    assert len(ATTEMPTS) >= 60
    assert len({name for name, _, _ in ATTEMPTS}) == len(ATTEMPTS)


@pytest.mark.parametrize(("address", "status"), [row[1:] for row in ATTEMPTS], ids=[row[0] for row in ATTEMPTS])
def test_attempt__each_in_the_table__is_refused_or_harmless(
    watched_api: WireApi, commands: Commands, library: Config, address: str, status: int
) -> None:
    before = hash_library(library)
    commands.sent.clear()
    answer = watched_api.get_raw(encode_address(address))
    assert answer.status == status, answer.body[:300]
    # MongoDB ends commands that take long. Nothing in the address makes a command run forever.
    for command in commands.sent:
        assert command["maxTimeMS"] <= (SCAN_MS if is_background_count(command) else QUERY_MS), command
    assert b"hidden-treasure" not in answer.body
    assert b"root:" not in answer.body
    assert b"<script" not in answer.body or answer.content_type in ("application/json", "application/problem+json")
    assert "set-cookie" not in answer.headers
    assert hash_library(library) == before


@pytest.mark.parametrize("address", [row[1] for row in ATTEMPTS if SLEEP in row[1] and row[2] == 400])
def test_attempt__code_in_a_refused_query__does_not_reach_mongodb(
    watched_api: WireApi, commands: Commands, address: str
) -> None:
    commands.sent.clear()
    watched_api.get_raw(encode_address(address))
    assert SLEEP not in str(commands.sent)


def test_commands__valid_query__are_recorded(watched_api: WireApi, commands: Commands) -> None:
    """Check the recorder itself: without recorded commands, the tests above would always pass."""
    commands.sent.clear()
    assert watched_api.get_raw(encode_address(f'{R}?query={{"key":"{SLEEP}"}}')).status == 200
    assert SLEEP in str(commands.sent)
