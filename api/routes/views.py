"""Save views of the explorer, and list, change and delete them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import Body, Path, Query, Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator
from starlette.responses import Response

from api.auth import READER, WRITER
from api.database import BackendDep
from api.errors import ErrorCode, RequestRefused
from api.http.parameters import JSON_BODY_RESPONSES, REQUIRE_JSON, Arguments, decode_path
from api.http.problems import PROBLEM_RESPONSE
from api.http.responses import json_response
from api.http.router import PathRouter
from exifinator.errors import NameTaken, NoSuchView, TooManyViews, ViewChanged
from exifinator.storage.views import MAX_ADDRESS_CHARS, MAX_NAME_CHARS, ViewChanges

router = PathRouter(prefix="/views", tags=["views"])

ViewId = Annotated[
    str,
    Path(description="The view's id.", examples=["0123456789abcdef"], min_length=1, max_length=100),
    BeforeValidator(decode_path),
]
# No control characters or line breaks, and no spaces at the ends.
_CONTROL = "\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029"
Name = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_NAME_CHARS,
        pattern=f"^[^\\s{_CONTROL}]([^{_CONTROL}]*[^\\s{_CONTROL}])?$",
        description="The name. Names that differ only in case count as equal.",
        examples=["Night shots"],
    ),
]
Address = Annotated[
    str,
    Field(
        max_length=MAX_ADDRESS_CHARS,
        pattern=r"^/(\?[!-~]*)?$",
        description="The explorer's path and query string: view, filters, search, sort order and columns.",
        examples=["/?view=table&iso=3200-&sort=-iso"],
    ),
]
MAX_VERSION = 2**31 - 1


class NewView(BaseModel):
    """A view to save."""

    model_config = ConfigDict(extra="forbid")
    name: Name
    address: Address
    default: bool = Field(False, description="Whether the explorer opens with this view.")


class ViewUpdate(BaseModel):
    """What to change about a view. Fields that are absent keep their values."""

    model_config = ConfigDict(extra="forbid")
    version: int = Field(ge=1, le=MAX_VERSION, description="`version` of the view as it was read.", examples=[1])
    name: Name = ""
    address: Address = ""
    default: bool = Field(
        False, description="Whether the explorer opens with this view, and with no other.", examples=[True]
    )

    @field_validator("name", "address", "default", mode="before")
    @classmethod
    def _reject_null(cls, value: Any) -> Any:
        if value is None:
            raise ValueError("must not be null")
        return value


class DeleteArguments(Arguments):
    """Which version of the view to delete."""

    version: int | None = Field(
        None, ge=1, le=MAX_VERSION, description="`version` of the view as it was read. Default: any.", examples=[1]
    )


class SavedView(BaseModel):
    """A saved view."""

    id: str
    name: str
    address: str
    version: int = Field(description="Increases with each change of the view.")
    saved_at: str = Field(description="When the view was last changed.")


class SavedViews(BaseModel):
    """All saved views, by name."""

    views: list[SavedView]
    default: str | None = Field(description="The id of the view with which the explorer opens; null if there is none.")


_WRITE_RESPONSES: dict[int | str, dict[str, Any]] = {
    403: {**PROBLEM_RESPONSE, "description": "A web page from another origin sent the request"},
    409: {
        **PROBLEM_RESPONSE,
        "description": "The name is taken, the view has been changed, or there are too many views",
    },
}
_LINKS = {
    "change": {
        "operationId": "change_view",
        "parameters": {"id": "$response.body#/id"},
    },
    "delete": {"operationId": "delete_view", "parameters": {"id": "$response.body#/id"}},
}


@contextmanager
def _view_errors() -> Iterator[None]:
    """Translate the errors of the store into error responses."""
    try:
        yield
    except NoSuchView as error:
        raise RequestRefused(ErrorCode.NOT_FOUND, f"{error}.") from error
    except NameTaken as error:
        raise RequestRefused(ErrorCode.NAME_TAKEN, f"{error}.", parameter="name") from error
    except ViewChanged as error:
        raise RequestRefused(ErrorCode.VIEW_CHANGED, f"{error}.", parameter="version") from error
    except TooManyViews as error:
        raise RequestRefused(ErrorCode.TOO_MANY_VIEWS, f"{error}.") from error


@router.get("", summary="List saved views", response_model=SavedViews, dependencies=[READER])
def list_views(request: Request, backend: BackendDep) -> Response:
    return json_response(request, backend.store.views.read())


@router.post(
    "",
    summary="Save a view",
    response_model=SavedView,
    status_code=201,
    dependencies=[WRITER, REQUIRE_JSON],
    responses={
        **JSON_BODY_RESPONSES,
        **_WRITE_RESPONSES,
        201: {"links": _LINKS, "headers": {"Location": {"schema": {"type": "string"}}}},
    },
)
def save_view(
    request: Request,
    backend: BackendDep,
    body: Annotated[NewView, Body(examples=[{"name": "Night shots", "address": "/?iso=3200-"}])],
) -> Response:
    """Save a view for everyone who uses this server."""
    with _view_errors():
        view = backend.store.views.create(body.name, body.address, default=body.default)
    return json_response(request, view, status=201, headers={"Location": f"/views/{view['id']}"})


@router.patch(
    "/{id}",
    summary="Change a saved view",
    response_model=SavedView,
    dependencies=[WRITER, REQUIRE_JSON],
    responses={**JSON_BODY_RESPONSES, **_WRITE_RESPONSES},
)
def change_view(
    request: Request,
    backend: BackendDep,
    id: ViewId,
    body: Annotated[ViewUpdate, Body(examples=[{"version": 1, "name": "Night shots", "default": True}])],
) -> Response:
    """Rename a view, replace its address, or make it the default.

    If someone else has changed the view since it was read, the request fails with the code `view_changed`.
    """
    changes = ViewChanges(**body.model_dump(exclude={"version"}, exclude_unset=True))  # type: ignore[typeddict-item]
    with _view_errors():
        return json_response(request, backend.store.views.change(id, body.version, changes))


@router.delete(
    "/{id}",
    summary="Delete a saved view",
    response_model=SavedView,
    dependencies=[WRITER],
    responses=_WRITE_RESPONSES,
)
def delete_view(
    request: Request, backend: BackendDep, id: ViewId, arguments: Annotated[DeleteArguments, Query()]
) -> Response:
    """Delete a view, and return it as it was."""
    with _view_errors():
        return json_response(request, backend.store.views.delete(id, arguments.version))
