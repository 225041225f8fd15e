"""Fixtures of the API tests: APIs that can start batches."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from exifinator.config import Config
from tests.integration.api.batches import (
    ExportSettings,
    open_batch_api,
)
from tests.integration.api.fixtures import Api, open_api
from tests.integration.conftest import Installation


@pytest.fixture
def export_settings(monkeypatch: pytest.MonkeyPatch) -> ExportSettings:
    """Return export_settings(installation), which makes processes of batches use the settings of an installation."""

    def set_environment(installation: Installation) -> None:
        for name, value in installation.environment.items():
            monkeypatch.setenv(name, value)

    return set_environment


@pytest.fixture
def batch_api(installation: Installation, export_settings: ExportSettings) -> Iterator[Api]:
    export_settings(installation)
    with open_batch_api(installation) as running:
        yield running


@pytest.fixture(scope="module")
def shared_batch_api(library: Config, moto_url: str, redis_url: str) -> Iterator[Api]:
    """Yield the API over the shared library, with an S3 server and a Redis."""
    config = library.model_copy(update={"s3_endpoint_url": moto_url, "redis_url": SecretStr(redis_url)})
    with open_api(config) as running:
        yield running
