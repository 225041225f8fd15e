"""Who may read depends on the token alone, not on the API's address or on a proxy in front of it."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from exifinator.config import build_config
from exifinator.web_security import LoginThrottle

TOKEN = "topsecret-token-123456"
GOOD = {"Authorization": f"Bearer {TOKEN}"}
WRONG = {"Authorization": "Bearer guess"}
# The list of the main paths requires the same token as reading, but no database.
READ = "/"
PROXIED = {"Host": "photos.example.org", "X-Forwarded-For": "203.0.113.7"}


def client(*, throttle: LoginThrottle | None = None, peer: str = "127.0.0.1", **settings: Any) -> TestClient:
    """Return a client of an API with these settings. Its lifespan is not entered: it would connect to the servers."""
    app = create_app(build_config(settings, {}), throttle=throttle)
    return TestClient(app, base_url="http://127.0.0.1:3001", client=(peer, 50_000))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0"])
@pytest.mark.parametrize("headers", [{}, PROXIED, {"X-Forwarded-For": "127.0.0.1"}], ids=["direct", "proxy", "forged"])
def test_read__token_is_set__requires_the_token_on_every_address(host: str, headers: dict[str, str]) -> None:
    api = client(API_HOST=host, API_TOKEN=TOKEN, API_ALLOWED_HOSTS=["photos.example.org"])
    assert api.get(READ, headers=headers).status_code == 401
    assert api.get(READ, headers={**headers, **GOOD}).status_code == 200


def test_read__public_read_is_set__requires_a_token_only_for_other_operations() -> None:
    api = client(API_TOKEN=TOKEN, API_ALLOWED_HOSTS=["photos.example.org"], API_PUBLIC_READ=True)
    assert api.get(READ, headers=PROXIED).status_code == 200
    # API_PUBLIC_READ covers only photos: batches and failures still require the token.
    assert api.get("/failures", headers=PROXIED).status_code == 401
    assert api.post("/batches", headers=PROXIED, json={"source": "a"}).status_code == 401


@pytest.mark.parametrize("name", ["X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Forwarded", "x-forwarded-for"])
@pytest.mark.parametrize("host", ["127.0.0.1:3001", "localhost"])
def test_proxy__no_token_is_set__is_refused_even_with_the_host_of_this_machine(name: str, host: str) -> None:
    """Proxies such as nginx and Apache replace the client's Host header by the server's address."""
    api = client()
    assert api.get(READ, headers={"Host": host}).status_code == 200
    for method, path in (("GET", READ), ("POST", "/batches"), ("GET", "/openapi.json")):
        refused = api.request(method, path, headers={"Host": host, name: "203.0.113.7"})
        assert (refused.status_code, refused.json()["code"]) == (403, "token_not_set")


@pytest.mark.parametrize("name", ["Foto.Example.ORG", "foto.example.org:8443", " foto.example.org "])
def test_host__case_port_or_spaces_in_the_setting__are_ignored(name: str) -> None:
    api = client(API_TOKEN=TOKEN, API_ALLOWED_HOSTS=[name.strip()])
    assert api.get("/healthz", headers={"Host": "FOTO.example.org"}).status_code == 200
    assert api.get("/healthz", headers={"Host": "foto.example.org.evil"}).status_code == 421


def test_host__international_name__is_compared_in_the_form_that_browsers_send() -> None:
    api = client(API_TOKEN=TOKEN, API_ALLOWED_HOSTS=["fötos.example"])
    assert api.get("/healthz", headers={"Host": "xn--ftos-5qa.example"}).status_code == 200


def throttled(**settings: Any) -> TestClient:
    """Return a client of an API whose clock stands still."""
    return client(throttle=LoginThrottle(lambda: 0.0), API_TOKEN=TOKEN, **settings)


def test_throttle__during_a_pause__refuses_wrong_tokens_but_accepts_the_right_one() -> None:
    api = throttled()
    first = [api.get(READ, headers=WRONG).status_code for _ in range(LoginThrottle.FREE_ATTEMPTS)]
    assert first == [401] * LoginThrottle.FREE_ATTEMPTS
    refused = api.get(READ, headers=WRONG)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert refused.json()["code"] == "too_many_attempts"
    assert api.get(READ, headers=GOOD).status_code == 200


def test_throttle__trusted_proxy__counts_attempts_for_each_client_separately() -> None:
    api = throttled(API_TRUSTED_PROXIES=["127.0.0.1", "10.0.0.0/8"])

    def guess(forwarded: str) -> int:
        return api.get(READ, headers={**WRONG, "X-Forwarded-For": forwarded}).status_code

    for _ in range(LoginThrottle.FREE_ATTEMPTS):
        guess("203.0.113.7")
    assert guess("203.0.113.7") == 429
    # Addresses that the client writes at the start of the header are ignored, and so are further trusted proxies.
    assert guess("198.51.100.1, 203.0.113.7, 10.1.2.3") == 429
    assert guess("203.0.113.7, 203.0.113.8") == 401


def test_throttle__untrusted_proxy__cannot_evade_the_limit_by_forged_addresses() -> None:
    api = throttled(API_TRUSTED_PROXIES=["10.0.0.0/8"])
    codes = [
        api.get(READ, headers={**WRONG, "X-Forwarded-For": f"203.0.113.{at}"}).status_code
        for at in range(LoginThrottle.FREE_ATTEMPTS + 1)
    ]
    assert codes[-1] == 429
