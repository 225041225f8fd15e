"""`watch`: apply the notifications of S3 that arrive in an SQS queue."""

from __future__ import annotations

import signal
import sys
from contextlib import closing
from types import FrameType

import click

from exifinator.batches.events import EventApplier
from exifinator.batches.watcher import Watcher
from exifinator.config import load_config
from exifinator.errors import ConfigError
from exifinator.logging_setup import configure
from exifinator.monitoring.reporter import flushing
from exifinator.notify import notify_ready
from exifinator.queue.admin import QueueAdmin
from exifinator.queue.image_queue import ImageQueue
from exifinator.queue.redis_client import connect_redis
from exifinator.sources.client import SourceClient
from exifinator.sources.s3.client import S3Client
from exifinator.sources.sqs import MessageQueue
from exifinator.storage.migrations import check_schema
from exifinator.storage.mongodb import connect_mongodb
from exifinator.storage.store import Store


@click.command("watch")
def watch_command() -> None:
    """Keep the index up to date by S3's notifications from an SQS queue.

    The queue is EVENTS_SQS_URL. The command runs in the foreground until SIGTERM or Ctrl-C. New and changed objects are
    queued. The records of deleted objects are removed. `start` runs this command in the background if EVENTS_SQS_URL is
    set. Redis and MongoDB must be running.
    """
    config = load_config()
    if config.events_sqs_url is None:
        raise ConfigError("EVENTS_SQS_URL is not set", hint="set it to the URL of the queue", pointer="EVENTS_SQS_URL")
    configure(config)
    signal.signal(signal.SIGTERM, _exit)
    store, redis = Store(connect_mongodb(config), config), connect_redis(config)
    check_schema(store, writes=True)
    queue = ImageQueue(redis, config)
    with (
        closing(MessageQueue(config, config.events_sqs_url)) as messages,
        closing(SourceClient(S3Client(config))) as client,
        flushing(QueueAdmin(queue, config)),
    ):
        # Find a wrong URL or a missing permission at the start.
        messages.count_waiting()
        notify_ready()
        click.echo(f"Watching {config.events_sqs_url}", err=True)
        Watcher(messages, EventApplier(config, client, store, queue)).run()


def _exit(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    """Exit immediately. Notifications that have not been handled are still in the SQS queue."""
    sys.exit(0)
