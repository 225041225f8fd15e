"""Redis scripts, loaded from the `.lua` files of this folder.

Redis runs each script atomically. A line `-- @include NAME ...` in a script prepends the shared snippets with these
names, in this order. The file of a snippet is `_NAME.lua`.
"""

from __future__ import annotations

import functools
import importlib.resources
import re
from collections.abc import Sequence
from typing import Any

import redis
from redis.commands.core import Script

_FOLDER = importlib.resources.files(__name__)
_INCLUDE = re.compile(r"^-- @include (.+)$", re.MULTILINE)


@functools.cache
def read_script(name: str) -> str:
    """Return the text of a script, preceded by the snippets that it includes."""
    text = (_FOLDER / f"{name}.lua").read_text(encoding="utf-8")
    snippets = [snippet for line in _INCLUDE.findall(text) for snippet in line.split()]
    return "\n".join([*((_FOLDER / f"_{snippet}.lua").read_text(encoding="utf-8") for snippet in snippets), text])


class RedisScripts:
    """The scripts, registered with one Redis client when first used."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._registered: dict[str, Script] = {}

    def run(self, name: str, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Run a script by its hash, and return its result. The text is sent only if Redis does not know the hash."""
        script = self._registered.get(name)
        if script is None:
            script = self._registered[name] = self._client.register_script(read_script(name))
        return script(keys=keys, args=args)
