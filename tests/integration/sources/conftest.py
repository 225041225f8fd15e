"""Fixtures for the tests of the S3 clients."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from exifinator.models import ImageRef
from tests.integration.conftest import Bucket
from tests.integration.sources.s3 import BODY, NOON
from tests.s3_proxy import Proxy, run_proxy


@pytest.fixture
def ref(bucket: Bucket) -> ImageRef:
    bucket.put("a.jpg", BODY)
    return ImageRef(bucket.name, "a.jpg", "", len(BODY), NOON)


@pytest.fixture
def proxy(moto_url: str) -> Iterator[Proxy]:
    with run_proxy(moto_url) as proxy:
        yield proxy
