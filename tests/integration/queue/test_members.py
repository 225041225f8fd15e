"""The members of the download queue, which Python writes and Redis scripts read."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from exifinator.models import ImageRef
from exifinator.queue.scripts import read_script
from tests.integration.conftest import Installation

NOON = datetime(2024, 5, 17, 12, tzinfo=UTC)


def ref(key: str) -> ImageRef:
    return ImageRef("b", key, "etag", 10, NOON)


@pytest.mark.parametrize("key", ["a.jpg", "2024/a b.jpg", "two\nlines.jpg", "unit\x1fseparator\x1f.jpg", "ü/日本.jpg"])
def test_member__parsed_by_lua__is_the_image_that_python_wrote(installation: Installation, key: str) -> None:
    member = ref(key).to_member()
    script = f"{read_script('_member')}\nreturn {{bucket_of(ARGV[1]), image_id_of(ARGV[1])}}"

    assert ImageRef.from_member(member) == ref(key)
    assert installation.redis.eval(script, 0, member) == [b"b", ref(key).id.encode()]


def test_sample__members_of_other_buckets_and_formats__are_left_out(installation: Installation) -> None:
    queue = installation.queue
    queue.enqueue([ref("1"), ImageRef("bb", "2", "etag", 10, NOON)])
    installation.redis.zadd(queue.keys.downloads, {b"another format": 0})

    assert queue.refused_buckets.sample("b") == [ref("1")]
