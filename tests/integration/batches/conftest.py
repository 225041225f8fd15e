"""Fixtures for the tests of batches and events."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from exifinator.batches.events import EventApplier
from exifinator.sources.client import SourceClient
from tests.integration.conftest import Bucket, Installation


@pytest.fixture
def installation(install: Callable[..., Installation], bucket: Bucket) -> Installation:
    return install(S3_BUCKETS=bucket.name)


@pytest.fixture
def applier(installation: Installation) -> EventApplier:
    return EventApplier(installation.config, SourceClient(installation.s3), installation.store, installation.queue)
