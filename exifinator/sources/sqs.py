"""Receive and delete the messages of a queue in Amazon SQS."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from botocore.config import Config as BotoConfig
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from exifinator.config import Config
from exifinator.errors import SourceUnavailable
from exifinator.sources.s3.session import create_session

# The maximum that SQS allows. A request returns earlier if there are messages.
LONG_POLL_SECONDS = 20
# The maximum that SQS allows.
MESSAGES_PER_REQUEST = 10
# How long a message stays hidden from others after it was received. A message that is not deleted by then is received
# again.
VISIBILITY_SECONDS = 120
_AMAZON_HOST = re.compile(r"sqs(?:-fips)?\.([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|api\.aws)")


@dataclass(frozen=True, slots=True)
class Message:
    """A message.

    Attributes:
        receipt: What SQS needs in order to delete the message.
    """

    id: str
    body: str
    receipt: str


class MessageQueue:
    """A queue in SQS, with the credentials for S3. The methods raise SourceUnavailable if SQS rejects a request."""

    def __init__(self, config: Config, url: str) -> None:
        self._url = url
        parts = urlsplit(url)
        host = _AMAZON_HOST.fullmatch(parts.hostname or "")
        secret = config.aws_secret_key.get_secret_value() if config.aws_secret_key else None
        with self._errors("connect to"):
            session = create_session(
                aws_access_key_id=config.aws_access_key, aws_secret_access_key=secret, region_name=config.aws_region
            )
            self._client = session.client(
                "sqs",
                endpoint_url=f"{parts.scheme}://{parts.netloc}",
                region_name=host[1] if host else session.region_name or "us-east-1",
                config=BotoConfig(
                    connect_timeout=10, read_timeout=LONG_POLL_SECONDS + 10, retries={"mode": "standard"}
                ),
            )

    def count_waiting(self) -> int:
        """Return approximately how many messages wait to be received."""
        name = "ApproximateNumberOfMessages"
        with self._errors("reach"):
            response = self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=[name])
        return int(response["Attributes"][name])

    def receive(self, *, wait_seconds: int = LONG_POLL_SECONDS) -> list[Message]:
        """Return up to MESSAGES_PER_REQUEST messages. Wait until there are some, or the time is over."""
        with self._errors("receive messages from"):
            response = self._client.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=MESSAGES_PER_REQUEST,
                WaitTimeSeconds=wait_seconds,
                VisibilityTimeout=VISIBILITY_SECONDS,
            )
        return [
            Message(item["MessageId"], item["Body"], item["ReceiptHandle"]) for item in response.get("Messages", ())
        ]

    def delete(self, messages: Sequence[Message]) -> None:
        """Delete messages. Those that SQS does not delete are received again, which does no harm."""
        if messages:
            entries = [{"Id": str(i), "ReceiptHandle": message.receipt} for i, message in enumerate(messages)]
            with self._errors("delete messages from"):
                self._client.delete_message_batch(QueueUrl=self._url, Entries=entries)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    @contextmanager
    def _errors(self, action: str) -> Iterator[None]:
        hint = "check EVENTS_SQS_URL and the permissions of the credentials"
        try:
            yield
        except ClientError as exc:
            error = exc.response.get("Error", {})
            details = f"{error.get('Code')}: {error.get('Message')}"
        except HTTPClientError as exc:
            details, hint = str(exc), "check EVENTS_SQS_URL, the network, and whether the server is overloaded"
        except (BotoCoreError, ValueError) as exc:
            # botocore raises ValueError for host names that it considers impossible.
            details = str(exc)
        else:
            return
        raise SourceUnavailable(
            f"Cannot {action} the queue {self._url} ({details})",
            code="sqs_unavailable",
            hint=hint,
            pointer="EVENTS_SQS_URL",
        )
