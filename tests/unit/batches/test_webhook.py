"""Sign webhook messages, and validate the webhook's settings."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest

from exifinator.batches.webhook import sign
from exifinator.config import build_config
from exifinator.errors import ConfigError
from exifinator.setting_types import webhook_key

# From the test suite of https://github.com/standard-webhooks/standard-webhooks.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE_ID, SENT_AT, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_sign__example_of_the_specification__has_the_specified_signature():
    headers = sign(BODY, MESSAGE_ID, datetime.fromtimestamp(SENT_AT, UTC), SECRET)
    assert headers == {
        "webhook-id": MESSAGE_ID,
        "webhook-timestamp": str(SENT_AT),
        "webhook-signature": SIGNATURE,
    }


@pytest.mark.parametrize(
    ("id_", "sent_at", "body"), [("other", SENT_AT, BODY), (MESSAGE_ID, 7, BODY), (MESSAGE_ID, SENT_AT, b"")]
)
def test_sign__changed_id_time_or_body__has_another_signature(id_, sent_at, body):
    headers = sign(body, id_, datetime.fromtimestamp(sent_at, UTC), SECRET)
    assert headers["webhook-signature"] != SIGNATURE


def test_sign__no_secret__adds_no_signature():
    assert "webhook-signature" not in sign(BODY, MESSAGE_ID, datetime.fromtimestamp(SENT_AT, UTC), None)


@pytest.mark.parametrize(
    ("secret", "key"), [("plain", b"plain"), ("whsec_" + base64.b64encode(b"\0\1").decode(), b"\0\1")]
)
def test_webhook_key__plain_or_encoded_secret__is_the_key(secret, key):
    assert webhook_key(secret) == key


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BATCH_WEBHOOK_URL", "example.org/hook"),
        ("BATCH_WEBHOOK_URL", "ftp://example.org/hook"),
        ("BATCH_WEBHOOK_URL", "https://user:secret@example.org/hook"),
        ("BATCH_WEBHOOK_URL", "https://example.org:99999/"),
        ("BATCH_WEBHOOK_SECRET", "whsec_%%%"),
    ],
)
def test_settings__invalid_webhook__is_refused_without_showing_the_value(name, value):
    with pytest.raises(ConfigError, match=name) as error:
        build_config({name: value}, {})
    assert "secret@" not in str(error.value)
    assert "%%%" not in str(error.value)
