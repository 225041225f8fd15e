"""Run the programs that turn changes in a bucket into records: S3 and SQS (moto), `exifinator watch` and workers."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import boto3

from tests.servers import end, start

BUCKET = "photos"
# A program that ends is started again after this pause, as the supervisor does.
RESTART_SECONDS = 1.0
_KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "secret", "region_name": "us-east-1"}


class Stream:
    """A bucket and the SQS queue of its notifications, on moto. Moto does not send notifications; `send` does."""

    def __init__(self, moto: str) -> None:
        self.url = moto
        self.s3 = boto3.client("s3", endpoint_url=moto, **_KEYS)
        self.sqs = boto3.client("sqs", endpoint_url=moto, **_KEYS)
        self.s3.create_bucket(Bucket=BUCKET)
        self.queue_url = f"{moto}/{self.sqs.create_queue(QueueName='events')['QueueUrl'].split('/', 3)[3]}"

    def environment(self, *, redis: str, mongodb: str, **settings: object) -> dict[str, str]:
        """Return the environment of the programs that use this bucket and these servers."""
        stream_settings = {
            "MONGODB_URI": mongodb,
            "REDIS_URL": redis,
            "S3_ENDPOINT_URL": self.url,
            "S3_BUCKETS": BUCKET,
            "AWS_ACCESS_KEY": "test",
            "AWS_SECRET_KEY": "secret",
            "EVENTS_SQS_URL": self.queue_url,
        }
        return {f"EXIFINATOR_{name}": str(value) for name, value in {**stream_settings, **settings}.items()}

    def put(self, key: str, body: bytes) -> str:
        """Put an object, and return its notification."""
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)
        return _notification("ObjectCreated:Put", key)

    def delete(self, key: str) -> str:
        """Delete an object, and return its notification."""
        self.s3.delete_object(Bucket=BUCKET, Key=key)
        return _notification("ObjectRemoved:Delete", key)

    def send(self, notifications: Sequence[str]) -> None:
        """Send notifications, at most ten."""
        entries = [{"Id": str(i), "MessageBody": body} for i, body in enumerate(notifications)]
        self.sqs.send_message_batch(QueueUrl=self.queue_url, Entries=entries)

    def count_messages(self) -> int:
        """Return the number of messages, including those that were received and not deleted."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        attributes = self.sqs.get_queue_attributes(QueueUrl=self.queue_url, AttributeNames=names)["Attributes"]
        return sum(int(attributes[name]) for name in names)

    def etags(self) -> dict[str, str]:
        """Return the ETag of each object, by key."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        return {item["Key"]: item["ETag"].strip('"') for page in pages for item in page.get("Contents", ())}


def _notification(name: str, key: str) -> str:
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    s3 = {"bucket": {"name": BUCKET}, "object": {"key": quote_plus(key)}}
    return json.dumps({"Records": [{"eventSource": "aws:s3", "eventName": name, "eventTime": at, "s3": s3}]})


class Program:
    """One of EXIFinator's processes, such as `watch`, which is started again whenever it ends."""

    def __init__(self, name: str, folder: Path, environment: Mapping[str, str]) -> None:
        self.log = folder / f"{name}.log"
        self._command = [sys.executable, "-m", "exifinator", *name.split("-")[:1]]
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self._restart_at = 0.0

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def restart_if_ended(self) -> None:
        """Start the process if it is not running, at most once in RESTART_SECONDS."""
        now = time.monotonic()
        if not self.is_running and now >= self._restart_at:
            self._restart_at = now + RESTART_SECONDS
            self._process = start(self._command, self.log, self._environment)

    def kill(self) -> bool:
        """Kill the process (SIGKILL), and return whether it was running."""
        was_running = self.is_running
        if self._process:
            self._process.kill()
            self._process.wait()
        return was_running

    def end(self) -> None:
        """End the process."""
        if self._process:
            end(self._process)


def add_row(path: Path, row: Mapping[str, Any]) -> None:
    """Append a row to the last table of a Markdown page whose columns are the keys of `row`."""
    lines = path.read_text().splitlines()
    head = "| " + " | ".join(row) + " |"
    row_index = len(lines) - 1 - lines[::-1].index(head) + 2
    while row_index < len(lines) and lines[row_index].startswith("|"):
        row_index += 1
    lines.insert(row_index, "| " + " | ".join(str(value) for value in row.values()) + " |")
    path.write_text("\n".join(lines) + "\n")
