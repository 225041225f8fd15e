"""Store the views that users saved in the explorer.

All views are in one document. A change is stored only if the document still has the version that was read. So even if
several users change views at the same time, names stay unique, at most one view is the default, and the number of views
stays limited.
"""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypedDict, TypeVar

import pymongo.errors
from pymongo.collection import Collection

from exifinator.errors import NameTaken, NoSuchView, StoreUnavailable, TooManyViews, ViewChanged
from exifinator.storage.mongodb import mongodb_errors

MAX_VIEWS = 200
MAX_NAME_CHARS = 80
MAX_ADDRESS_CHARS = 4000
# Each attempt fails only if another client has changed the views in the meantime.
_MAX_ATTEMPTS = 20
_ID = "views"

Result = TypeVar("Result")


class SavedView(TypedDict):
    """A saved view.

    Attributes:
        address: The explorer's path and query string.
        version: Increases with each change of this view.
    """

    id: str
    name: str
    address: str
    version: int
    saved_at: datetime


class SavedViews(TypedDict):
    """All saved views, and the id of the view with which the explorer opens; None for no such view."""

    views: list[SavedView]
    default: str | None


class ViewChanges(TypedDict, total=False):
    """The fields of a view to change. Missing fields stay unchanged."""

    name: str
    address: str
    default: bool


class ViewStore:
    """The collection with the saved views."""

    def __init__(self, collection: Collection[Any]) -> None:
        self.collection = collection

    def read(self) -> SavedViews:
        """Return all views, sorted by name."""
        document = self._read()
        views = sorted(document["views"], key=lambda view: (_comparable(view["name"]), view["id"]))
        return {"views": views, "default": document["default"]}

    def create(self, name: str, address: str, *, default: bool = False) -> SavedView:
        """Save a view.

        Raises:
            NameTaken: Another view has this name.
            TooManyViews: There are MAX_VIEWS views.
        """

        def create(saved: SavedViews) -> SavedView:
            _require_free_name(saved, name)
            if len(saved["views"]) >= MAX_VIEWS:
                raise TooManyViews(f"There are {MAX_VIEWS} saved views, which is the maximum: delete one first")
            view = SavedView(id=secrets.token_hex(8), name=name, address=address, version=1, saved_at=_now())
            saved["views"].append(view)
            if default:
                saved["default"] = view["id"]
            return view

        return self._change(create)

    def change(self, view_id: str, version: int, changes: ViewChanges) -> SavedView:
        """Change a view.

        Args:
            version: The version of the view that the client has read.

        Raises:
            NoSuchView: There is no such view.
            ViewChanged: The view has been changed since it was read.
            NameTaken: Another view has the new name.
        """

        def change(saved: SavedViews) -> SavedView:
            view = _find(saved, view_id, version)
            if "name" in changes:
                _require_free_name(saved, changes["name"], except_for=view_id)
                view["name"] = changes["name"]
            if "address" in changes:
                view["address"] = changes["address"]
            if changes.get("default"):
                saved["default"] = view_id
            elif "default" in changes and saved["default"] == view_id:
                saved["default"] = None
            view["version"] += 1
            view["saved_at"] = _now()
            return view

        return self._change(change)

    def delete(self, view_id: str, version: int | None) -> SavedView:
        """Delete a view, and return it.

        Raises:
            NoSuchView: There is no such view.
            ViewChanged: A version is given, and the view has been changed since this version.
        """

        def delete(saved: SavedViews) -> SavedView:
            view = _find(saved, view_id, version)
            saved["views"].remove(view)
            if saved["default"] == view_id:
                saved["default"] = None
            return view

        return self._change(delete)

    def _read(self) -> dict[str, Any]:
        with mongodb_errors("read the saved views"):
            document: dict[str, Any] | None = self.collection.find_one({"_id": _ID})
        return document or {"_id": _ID, "version": 0, "views": [], "default": None}

    def _change(self, change: Callable[[SavedViews], Result]) -> Result:
        """Apply a change to the latest version of the views, and store them."""
        for _ in range(_MAX_ATTEMPTS):
            document = self._read()
            version = document["version"]
            saved: SavedViews = {"views": document["views"], "default": document["default"]}
            result = change(saved)
            if self._replace({"_id": _ID, "version": version + 1, **saved}, version):
                return result
        raise StoreUnavailable("MongoDB cannot save the view now: other clients are changing saved views")

    def _replace(self, document: dict[str, Any], version: int) -> bool:
        """Store the views, and return True. Return False if they have been changed since this version was read."""
        with mongodb_errors("save the view"):
            try:
                query = {"_id": _ID, "version": version}
                stored = self.collection.replace_one(query, document, upsert=version == 0)
            except pymongo.errors.DuplicateKeyError:
                # Another client has just saved the first view.
                return False
        return stored.matched_count == 1 or stored.upserted_id is not None


def _find(saved: SavedViews, view_id: str, version: int | None) -> SavedView:
    for view in saved["views"]:
        if view["id"] == view_id:
            if version not in (None, view["version"]):
                raise ViewChanged("This view has been changed in the meantime")
            return view
    raise NoSuchView("This view does not exist")


def _require_free_name(saved: SavedViews, name: str, *, except_for: str | None = None) -> None:
    if any(_comparable(view["name"]) == _comparable(name) and view["id"] != except_for for view in saved["views"]):
        raise NameTaken("Another view has this name")


def _comparable(name: str) -> str:
    """Return a name for comparison: without differences in case or in Unicode normalization."""
    return unicodedata.normalize("NFC", name).casefold()


def _now() -> datetime:
    """Return the current time, to the millisecond, which is the precision of MongoDB."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)
