"""Settings and objects for the tests of the S3 clients."""

from __future__ import annotations

from datetime import UTC, datetime

from exifinator.config import Config, build_config
from tests.s3_proxy import Answer

NOON = datetime(2024, 5, 17, 12, tzinfo=UTC)


BODY = bytes(range(256)) * 40


def settings(url: str, **more: object) -> Config:
    base = {"S3_ENDPOINT_URL": url, "AWS_ACCESS_KEY": "test", "AWS_SECRET_KEY": "secret", "S3_TIMEOUT_SECONDS": 60}
    return build_config({**base, **more}, {})


def web_page(method: str, target: str, headers: dict[str, str], answer: Answer) -> Answer:
    return Answer(200, {"Content-Type": "text/html", "Content-Length": "14"}, b"<html>hi</html"[:14])
