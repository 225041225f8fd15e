"""Routes that read their parameters in a twentieth of FastAPI's time.

For each request, FastAPI looks up every field of a model of query parameters, and every dependency, by inspecting their
types. A page of photos has 54 such fields. These routes inspect the types once, when they are created.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from fastapi import Request, params
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.responses import Response

# Reads one parameter of a function from a request, or calls a function with all of its parameters.
Reader = Callable[[Request], Awaitable[Any]]


class ReadRoute(APIRoute):
    """A route whose endpoint is a coroutine function with these kinds of parameters only.

    The kinds are the request, parts of the path, one model of all query parameters, and dependencies. Dependencies are
    coroutine functions with the same kinds of parameters. The OpenAPI document describes these routes like all others.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the function that handles a request.

        Raises:
            TypeError: The route has a parameter of another kind.
        """
        endpoint = read_parameters(self.endpoint)
        route_checks = _checks_of(self.dependencies)
        checks: list[Reader] = []

        async def handle(request: Request) -> Response:
            if not checks:  # the application is known only now
                checks.extend((*_checks_of(request.app.router.dependencies), *route_checks))
            for check in checks:
                await check(request)
            response: Response = await endpoint(request)
            return response

        return handle


def _checks_of(dependencies: list[params.Depends]) -> list[Reader]:
    return [read_parameters(depends.dependency) for depends in dependencies if depends.dependency is not None]


def read_parameters(call: Callable[..., Any]) -> Reader:
    """Return a function that reads the parameters of a coroutine function from a request, and calls it.

    Raises:
        TypeError: `call` is not a coroutine function, or has a parameter of another kind.
    """
    function = call if inspect.isfunction(call) else type(call).__call__
    if not inspect.iscoroutinefunction(function):
        raise TypeError(f"{call} is not a coroutine function")
    hints = get_type_hints(function, include_extras=True)
    hints.pop("return", None)
    readers = [(name, _make_reader(name, hint)) for name, hint in hints.items()]

    async def read(request: Request) -> Any:
        return await call(**{name: await reader(request) for name, reader in readers})

    return read


def _make_reader(name: str, hint: Any) -> Reader:
    # HTTPBearer declares its parameter as HTTPConnection, the base class of Request.
    if isinstance(hint, type) and issubclass(Request, hint):
        return _read_request
    if get_origin(hint) is Annotated:
        type_, *metadata = get_args(hint)
        for item in metadata:
            if isinstance(item, params.Depends) and item.dependency is not None:
                return read_parameters(item.dependency)
            if isinstance(item, params.Query) and isinstance(type_, type) and issubclass(type_, BaseModel):
                return _query_reader(type_)
            if isinstance(item, params.Path):
                return _path_reader(name, hint)
    raise TypeError(f"{name}: {hint} cannot be read from a request")


async def _read_request(request: Request) -> Request:
    return request


def _query_reader(model: type[BaseModel]) -> Reader:
    lists = frozenset(name for name, field in model.model_fields.items() if get_origin(field.annotation) is list)

    async def read(request: Request) -> BaseModel:
        values: dict[str, Any] = {}
        for name, value in request.query_params.multi_items():
            if name in lists:
                values.setdefault(name, []).append(value)
            else:
                values[name] = value
        try:
            return model.model_validate(values)
        except ValidationError as error:
            raise _invalid(error, "query") from None

    return read


def _path_reader(name: str, hint: Any) -> Reader:
    adapter: TypeAdapter[Any] = TypeAdapter(hint)

    async def read(request: Request) -> Any:
        try:
            return adapter.validate_python(request.path_params[name])
        except ValidationError as error:
            raise _invalid(error, "path", name) from None

    return read


def _invalid(error: ValidationError, *location: str) -> RequestValidationError:
    """Return the error that FastAPI raises for an invalid parameter."""
    return RequestValidationError(
        [{**item, "loc": (*location, *item["loc"])} for item in error.errors(include_url=False)]
    )
