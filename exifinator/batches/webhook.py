"""Notify another program of the end of a batch, with a signed POST request.

Headers and signature follow the Standard Webhooks specification, https://www.standardwebhooks.com/, for which there are
libraries in many languages.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import urllib3
from tenacity import RetryError, Retrying, retry_if_exception_type, retry_if_result, stop_after_attempt

from exifinator.config import Config
from exifinator.models import BatchDocument
from exifinator.retry import backoff_seconds
from exifinator.setting_types import webhook_key

log = logging.getLogger(__name__)

ATTEMPTS = 5
FIRST_PAUSE_SECONDS = 1.0
TIMEOUT_SECONDS = 10.0
# Maps the states in which a batch has ended or stopped to the types of events.
EVENTS = {"done": "batch.done", "cancelled": "batch.cancelled", "stopped": "batch.stopped"}


def send_webhook(config: Config, batch: BatchDocument, *, pause: Callable[[float], None] = time.sleep) -> bool:
    """Post the event that a batch has ended to BATCH_WEBHOOK_URL.

    Retry failed requests, with growing pauses. If every attempt fails, only log a warning, because the batch itself
    has not failed.

    Args:
        batch: The document of the batch. Its state must be one of EVENTS.
        pause: Sleeps for a number of seconds.

    Returns:
        Whether the event was accepted, with a status from 200 to 299.
    """
    url, secret = config.batch_webhook_url, config.batch_webhook_secret
    if url is None:
        return False
    sent_at = datetime.now(UTC)
    body = json.dumps(_event(batch, sent_at)).encode()
    headers = {"Content-Type": "application/json", "User-Agent": "exifinator"}
    headers |= sign(body, f"{batch['_id']}.{batch['state']}", sent_at, secret.get_secret_value() if secret else None)
    retrying = Retrying(
        stop=stop_after_attempt(ATTEMPTS),
        retry=retry_if_exception_type(urllib3.exceptions.HTTPError) | retry_if_result(lambda status: status >= 400),
        wait=lambda state: backoff_seconds(state.attempt_number, first_seconds=FIRST_PAUSE_SECONDS),
        sleep=pause,
    )
    try:
        status = retrying(_post, url, body, headers)
    except RetryError as exc:
        outcome = exc.last_attempt
        # Do not log the error's text: it contains the URL, whose query may contain a token.
        problem = type(outcome.exception()).__name__ if outcome.failed else f"status {outcome.result()}"
    else:
        if status < 300:
            return True
        problem = f"status {status}"
    log.warning(
        "skip: the end of batch %s could not be posted to BATCH_WEBHOOK_URL (%s)",
        batch["_id"],
        problem,
        extra={"action": "skip", "batch": batch["_id"]},
    )
    return False


def sign(body: bytes, message_id: str, sent_at: datetime, secret: str | None) -> dict[str, str]:
    """Return the headers webhook-id, webhook-timestamp and webhook-signature. Without a secret, there is no signature.

    Args:
        message_id: Identifies the message. It stays the same when the message is sent again.
        secret: The secret, as in setting_types.webhook_key.
    """
    headers = {"webhook-id": message_id, "webhook-timestamp": str(round(sent_at.timestamp()))}
    if secret is not None:
        signed = b".".join([message_id.encode(), headers["webhook-timestamp"].encode(), body])
        digest = hmac.new(webhook_key(secret), signed, hashlib.sha256).digest()
        headers["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
    return headers


def _event(batch: BatchDocument, sent_at: datetime) -> dict[str, Any]:
    return {
        "type": EVENTS[batch["state"]],
        "timestamp": sent_at.isoformat(timespec="seconds"),
        "data": {
            "batch": batch["_id"],
            "sources": batch.get("sources", []),
            "state": batch["state"],
            "started_at": batch["started_at"].isoformat(timespec="seconds"),
            "ended_at": batch["updated_at"].isoformat(timespec="seconds"),
            "numbers": batch.get("numbers", {}),
            "problem": batch.get("problem"),
        },
    }


def _post(url: str, body: bytes, headers: dict[str, str]) -> int:
    """Send one request, and return the status. Do not follow redirects, because they could lead anywhere."""
    response = urllib3.request(
        "POST", url, body=body, headers=headers, timeout=TIMEOUT_SECONDS, retries=False, redirect=False
    )
    return int(response.status)
