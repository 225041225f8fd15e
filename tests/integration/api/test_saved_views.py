"""/views: the saved views of the explorer."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from exifinator.config import Config
from exifinator.storage.views import MAX_ADDRESS_CHARS, MAX_NAME_CHARS, MAX_VIEWS
from tests.integration.api.fixtures import TOKEN, Api, guarded, open_api

NIGHT = {"name": "Night shots", "address": "/?view=table&iso=3200-&sort=-iso&columns=iso,camera"}


def save(api: Api, name: str, **fields: Any) -> dict[str, Any]:
    answer = api.client.post("/views", json={"name": name, "address": "/", **fields})
    assert answer.status_code == 201, answer.text
    view: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"/views/{view['id']}"
    return view


def problem_of(answer: Any) -> tuple[int, str, str | None]:
    """Return the status, the code and the parameter of an error response."""
    body = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, body["code"], body.get("parameter")


def test_views__saved_changed_or_deleted__are_listed_in_their_latest_state(own_library: Config) -> None:
    with open_api(own_library) as api:
        assert api.get("/views").json() == {"views": [], "default": None}
        night = save(api, **NIGHT)
        alps = save(api, "alps", default=True)
        listed = api.get("/views").json()
        assert (listed["views"], listed["default"]) == ([alps, night], alps["id"])
        assert (night["address"], night["version"]) == (NIGHT["address"], 1)

        path = f"/views/{night['id']}"
        changed = api.client.patch(path, json={"version": 1, "name": "Dark", "default": True}).json()
        assert (changed["name"], changed["address"], changed["version"]) == ("Dark", NIGHT["address"], 2)
        assert api.get("/views").json()["default"] == night["id"]
        # Setting `default` to false on a view that is not the default leaves the default view as it is.
        assert api.client.patch(f"/views/{alps['id']}", json={"version": 1, "default": False}).status_code == 200
        assert api.get("/views").json()["default"] == night["id"]

        # Another user has changed the view in the meantime.
        for answer in (api.client.patch(path, json={"version": 1}), api.client.delete(path, params={"version": 1})):
            assert problem_of(answer) == (409, "view_changed", "version")
        assert api.client.delete(path, params={"version": 2}).json() == changed
        assert problem_of(api.client.delete(path)) == (404, "not_found", None)
        assert problem_of(api.client.patch(path, json={"version": 2})) == (404, "not_found", None)
        listed = api.get("/views").json()
        assert ([view["name"] for view in listed["views"]], listed["default"]) == (["alps"], None)


def test_views__names_and_number__are_unique_and_limited(own_library: Config) -> None:
    with open_api(own_library) as api:
        save(api, "Caf\u00e9")
        other = save(api, "other")
        for name in ("Caf\u00e9", "CAFE\u0301"):
            assert problem_of(api.client.post("/views", json={"name": name, "address": "/"})) == (
                409,
                "name_taken",
                "name",
            )
        path = f"/views/{other['id']}"
        assert problem_of(api.client.patch(path, json={"version": 1, "name": "caf\u00e9"})) == (
            409,
            "name_taken",
            "name",
        )
        assert api.client.patch(path, json={"version": 1, "name": "OTHER"}).json()["name"] == "OTHER"
        for number in range(MAX_VIEWS - 2):
            save(api, f"view {number}", address="/?q=" + "a" * (MAX_ADDRESS_CHARS - 4))
        answer = api.client.post("/views", json={"name": "one more", "address": "/"})
        assert problem_of(answer) == (409, "too_many_views", None)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("name", name) for name in ("", " a", "a ", "a\nb", "a\x00", "\u2028", "a" * (MAX_NAME_CHARS + 1), None, 1)),
        *(
            ("address", address)
            for address in (
                "",
                "javascript:alert(1)",
                "//evil.example/",
                "https://evil.example/",
                "/photos",
                "/?q=a b",
                "/?q=a\n",
                "/\\evil.example",
                "/?" + "a" * MAX_ADDRESS_CHARS,
                None,
            )
        ),
        ("default", None),
        ("owner", "me"),
    ],
)
def test_views__invalid_field__is_refused(api: Api, field: str, value: object) -> None:
    assert problem_of(api.client.post("/views", json={**NIGHT, field: value}))[::2] == (400, field)
    changed = api.client.patch("/views/0", json={"version": 1, field: value})
    assert problem_of(changed)[::2] == (400, field)


def test_views__saved_at_the_same_time__are_all_stored(own_library: Config) -> None:
    with open_api(own_library) as api:
        threads = [threading.Thread(target=save, args=(api, f"view {number}")) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(api.get("/views").json()["views"]) == 8


def test_views__public_read_is_enabled__need_the_token_only_for_changes(own_library: Config) -> None:
    with open_api(guarded(own_library)) as api:
        assert problem_of(api.get("/views")) == (401, "token_missing", None)
    with open_api(guarded(own_library).model_copy(update={"api_public_read": True})) as api:
        assert api.get("/views").status_code == 200
        assert problem_of(api.client.post("/views", json=NIGHT)) == (401, "token_missing", None)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        view = api.client.post("/views", json=NIGHT, headers=headers).json()
        for method in ("PATCH", "DELETE"):
            answer = api.client.request(method, f"/views/{view['id']}")
            assert problem_of(answer) == (401, "token_missing", None)
        described = api.client.get("/openapi.json").json()["paths"]
        assert "security" not in described["/views"]["get"]
        assert described["/views"]["post"]["security"]
        assert described["/views/{id}"]["delete"]["security"]
