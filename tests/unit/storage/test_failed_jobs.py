"""Describe failed jobs for users."""

from __future__ import annotations

import pytest
from bson import ObjectId

from exifinator.storage.failed_jobs import MAX_MESSAGE_CHARS, describe_job

FRAMES = 'Traceback (most recent call last):\n  File "x.py", line 1, in <module>\n    raise AccessDenied: no\n'


@pytest.mark.parametrize(
    ("end", "message"),
    [
        ("exifinator.errors.AccessDenied: b/a.jpg: 403\n", "exifinator.errors.AccessDenied: b/a.jpg: 403"),
        ("AccessDenied: denied/new\nline.jpg: 403", "AccessDenied: denied/new\nline.jpg: 403"),
        ("errors.AccessDenied: a\n\nb\r\nc.jpg: 403", "errors.AccessDenied: a\n\nb\r\nc.jpg: 403"),
        # Of two exceptions in a traceback, the message of the last one is used.
        (f"AccessDenied: first\n\nDuring handling:\n\n{FRAMES}AccessDenied: second\nx", "AccessDenied: second\nx"),
        ("AccessDenied", "AccessDenied"),
        ("SomethingElse: b", "SomethingElse: b"),
        ("AccessDenied: " + "x" * 1000, "AccessDenied: " + "x" * (MAX_MESSAGE_CHARS - len("AccessDenied: "))),
    ],
)
def test_describe_job__traceback__has_the_complete_message_of_the_exception(end: str, message: str) -> None:
    job = {"_id": ObjectId(), "exceptiontype": "AccessDenied", "traceback": FRAMES + end}
    assert describe_job(job)["message"] == message


@pytest.mark.parametrize("job", [{}, {"traceback": None}, {"exceptiontype": None, "traceback": "a\nb"}])
def test_describe_job__incomplete_job__has_a_message(job: dict[str, str]) -> None:
    assert describe_job({"_id": ObjectId(), **job})["message"] == ("b" if job.get("traceback") else "")
