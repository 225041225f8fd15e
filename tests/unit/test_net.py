"""Recognize loopback hosts, and remove credentials from URLs."""

from __future__ import annotations

import pytest

from exifinator.net import is_loopback_address, is_loopback_host, url_host, without_credentials


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://u:p@host:6379/0", "redis://host:6379/0"),
        ("redis://host/0?password=hush", "redis://host/0"),
        ("mongodb://u:p@a:1,b:2/waldo?authSource=admin", "mongodb://a:1,b:2/waldo"),
        ("mongodb+srv://u:p%40@cluster.example.org", "mongodb+srv://cluster.example.org"),
        ("https://key:secret@minio:9000", "https://minio:9000"),
    ],
)
def test_without_credentials__url__has_no_user_password_or_query(url: str, shown: str) -> None:
    assert without_credentials(url) == shown


@pytest.mark.parametrize(
    ("host", "is_loopback"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("192.168.1.2", False),
        ("localhost.example.org", False),
    ],
)
def test_is_loopback_address__host__is_true_only_for_this_machine(host: str, is_loopback: bool) -> None:
    assert is_loopback_address(host) is is_loopback


@pytest.mark.parametrize("host", ["localhost", "LocalHost", "127.0.0.1", "::1", "[::1]"])
def test_is_loopback_host__usual_name__is_true(host: str) -> None:
    assert is_loopback_host(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "127.0.0.2",
        "127.1",
        "0",
        "0.0.0.0",
        "::",
        "[::]",
        "[",
        "localhost.",
        "localhost.example.org",
        "::ffff:7f00:1",
    ],
)
def test_is_loopback_host__any_other_form__is_false(host: str) -> None:
    assert not is_loopback_host(host)


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
        ("::", "[::1]"),
        ("::1", "[::1]"),
        ("a.lan", "a.lan"),
    ],
)
def test_url_host__bind_address__is_a_host_for_urls_on_this_machine(host: str, shown: str) -> None:
    assert url_host(host) == shown
