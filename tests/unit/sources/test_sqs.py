"""MessageQueue validates the URL of an SQS queue."""

from __future__ import annotations

import pytest
from botocore.exceptions import NoCredentialsError, ReadTimeoutError

from exifinator.config import build_config
from exifinator.errors import SourceUnavailable
from exifinator.sources.sqs import Message, MessageQueue


@pytest.mark.parametrize("url", ["https://my_queue.example/1/photos", "http://-sqs.example:9324/1/photos"])
def test_message_queue__invalid_host__raises_with_the_setting(url: str) -> None:
    settings = {"AWS_ACCESS_KEY": "key", "AWS_SECRET_KEY": "secret"}
    with pytest.raises(SourceUnavailable, match="Invalid endpoint") as raised:
        MessageQueue(build_config(settings, {}), url)
    assert raised.value.pointer == "EVENTS_SQS_URL"


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (ReadTimeoutError(endpoint_url="http://sqs.example:9324/"), "the network"),
        (NoCredentialsError(), "the permissions of the credentials"),
    ],
    ids=["timeout", "credentials"],
)
def test_delete__request_fails__says_what_to_check(error: Exception, hint: str) -> None:
    settings = {"AWS_ACCESS_KEY": "key", "AWS_SECRET_KEY": "secret"}
    queue = MessageQueue(build_config(settings, {}), "http://sqs.example:9324/1/photos")

    def fail(**_: object) -> None:
        raise error

    queue._client.meta.events.register("before-call.sqs.DeleteMessageBatch", fail)
    with pytest.raises(SourceUnavailable) as raised:
        queue.delete([Message("1", "body", "receipt")])
    assert hint in str(raised.value.hint)
    queue.close()
