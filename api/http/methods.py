"""HTTP methods that the API supports."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.routing import Match
from starlette.types import Scope

# Methods that routes implement. HeadAndOptions (middleware.py) answers HEAD and OPTIONS.
METHODS = ("GET", "POST", "PATCH", "DELETE")


def allowed_methods(app: FastAPI, scope: Scope) -> list[str]:
    """Return the methods that the path of `scope` supports; an empty list if there is no such path."""
    methods = {
        method
        for method in METHODS
        if any(route.matches({**scope, "method": method})[0] is Match.FULL for route in app.routes)
    }
    if "GET" in methods:
        methods.add("HEAD")
    return sorted(methods | {"OPTIONS"}) if methods else []
