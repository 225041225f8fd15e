"""Security rules that the API and the dashboard share. tests/unit/api and dashboard cover the complete behaviour."""

from __future__ import annotations

import pytest
from starlette.datastructures import Headers

from exifinator.web_security import LoginThrottle, host_name, is_cross_site


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("localhost", "localhost"),
        ("LocalHost:3001", "localhost"),
        ("127.0.0.1:5555", "127.0.0.1"),
        ("[::1]:5555", "::1"),
        ("[::1]", "::1"),
        ("photos.example:", "photos.example"),
        ("", ""),
        ("localhost:5555\n", ""),
        ("localhost:80:80", ""),
        ("localhost:x", ""),
        ("[::1", ""),
        ("local host", ""),
        ("evil.example#127.0.0.1", "evil.example#127.0.0.1"),
    ],
)
def test_host_name__header__is_the_name_without_port(header: str, name: str) -> None:
    assert host_name(header) == name


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost:3001"}, False),
        ({"Referer": "http://LOCALHOST:3001/#photos"}, False),
        ({"Sec-Fetch-Site": "same-site"}, True),
        ({"Sec-Fetch-Site": "unknown"}, True),
        ({"Origin": "null"}, True),
        ({"Origin": "http://[bad"}, True),
        ({"Origin": "http://localhost:3002", "Referer": "http://localhost:3001/"}, True),
        ({"Referer": "http://evil.example/localhost:3001"}, True),
    ],
)
def test_is_cross_site__headers_of_a_browser__is_true_for_another_or_unknown_origin(
    headers: dict[str, str], expected: bool
) -> None:
    assert is_cross_site(Headers({"Host": "localhost:3001", **headers}).get) is expected


def test_throttle__very_many_wrong_attempts__cause_the_maximum_pause() -> None:
    throttle = LoginThrottle(clock=lambda: 0.0)
    for _ in range(5000):
        throttle.record_failure("a")
    assert throttle.seconds_to_wait("a") == LoginThrottle.MAX_SECONDS
