"""Read images in a subprocess, some of which kill it, hang or use too much memory."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from exifinator.errors import KilledWorker, ObjectGone
from exifinator.models import ImageRef
from exifinator.worker.isolated import SubprocessReader
from tests.faults.poison import endless, hungry, poisoned
from tests.integration.conftest import Bucket, Installation
from tests.photos import make_jpeg


def test_read__many_images_of_which_one_kills_the_process__fails_only_that_one(
    install: Callable[..., Installation], bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = 0

    class Counted(subprocess.Popen[bytes]):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            nonlocal started
            started += 1
            super().__init__(*arguments, **options)

    installation = install()
    for name, value in {**installation.environment, **poisoned("poison")}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(subprocess, "Popen", Counted)
    for i in range(12):
        bucket.put(f"{i:03}.jpg", make_jpeg(seed=i))
    bucket.put("006-poison.jpg", make_jpeg())
    refs = list(installation.s3.list_page(bucket.name, "", None).refs)
    gone = ImageRef(bucket.name, "gone.jpg", refs[0].etag, refs[0].size_bytes, refs[0].last_modified)
    reader = SubprocessReader()

    def read(ref: ImageRef) -> object:
        try:
            record, cost = reader.read(ref)
            assert cost.requests == 1
        except (KilledWorker, ObjectGone) as error:
            return type(error)
        return record.document["_id"]

    with ThreadPoolExecutor(4) as pool:
        results = dict(zip([*refs, gone], pool.map(read, [*refs, gone]), strict=True))

    errors = {"006-poison.jpg": KilledWorker, "gone.jpg": ObjectGone}
    assert results == {ref: errors.get(ref.key, ref.id) for ref in results}
    # One subprocess runs until an image kills it, and one runs afterwards. It ends whenever no image waits, so a few
    # more may have been started, but not one per image.
    assert 2 <= started < len(results)


def test_read__subprocess_does_not_respond__is_killed_at_the_deadline(
    install: Callable[..., Installation], bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation = install(PARSE_DEADLINE_SECONDS=60)
    for name, value in {**installation.environment, **endless("endless")}.items():
        monkeypatch.setenv(name, value)
    bucket.put("endless.jpg", make_jpeg())
    [ref] = installation.s3.list_page(bucket.name, "", None).refs
    with pytest.raises(KilledWorker, match=r"busy for 0\.5 s"):
        SubprocessReader(deadline_seconds=0.5).read(ref)


def test_read__image_takes_too_much_memory__ends_only_the_subprocess(
    install: Callable[..., Installation], bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation = install()
    for name, value in {**installation.environment, **hungry("hungry")}.items():
        monkeypatch.setenv(name, value)
    bucket.put("hungry.jpg", make_jpeg())
    bucket.put("modest.jpg", make_jpeg())
    refs = {ref.key: ref for ref in installation.s3.list_page(bucket.name, "", None).refs}
    reader = SubprocessReader()

    with pytest.raises(KilledWorker, match="MemoryError"):
        reader.read(refs["hungry.jpg"])
    assert reader.read(refs["modest.jpg"])[0].document["status"] == "ok"
