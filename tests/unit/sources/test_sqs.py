"""MessageQueue validates the URL of an SQS queue."""

from __future__ import annotations

import pytest

from exifinator.config import build_config
from exifinator.errors import SourceUnavailable
from exifinator.sources.sqs import MessageQueue


@pytest.mark.parametrize("url", ["https://my_queue.example/1/photos", "http://-sqs.example:9324/1/photos"])
def test_message_queue__invalid_host__raises_with_the_setting(url: str) -> None:
    settings = {"AWS_ACCESS_KEY": "key", "AWS_SECRET_KEY": "secret"}
    with pytest.raises(SourceUnavailable, match="Invalid endpoint") as raised:
        MessageQueue(build_config(settings, {}), url)
    assert raised.value.pointer == "EVENTS_SQS_URL"
