"""The members (entries) of the download queue, which Python writes and Redis scripts read."""

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


@pytest.mark.parametrize(
    ("queued", "bucket"),
    [
        ("arn:aws:s3:eu-west-1:123456789012:accesspoint:ap", "arn:aws:s3:eu-west-1:123456789012:accesspoint/ap"),
        (
            "arn:aws-us-gov:s3-outposts:us-west-2:123456789012:outpost:op-1:accesspoint:ap",
            "arn:aws-us-gov:s3-outposts:us-west-2:123456789012:outpost/op-1/accesspoint/ap",
        ),
        ("arn:aws:s3:eu-west-1:123456789012:accesspoint/ap", "arn:aws:s3:eu-west-1:123456789012:accesspoint/ap"),
    ],
)
def test_member__access_point_arn_with_colons__has_the_bucket_name_of_the_records(
    installation: Installation, queued: str, bucket: str
) -> None:
    old = ImageRef(queued, "a:b.jpg", "etag", 10, NOON)
    script = f"{read_script('_member')}\nreturn {{bucket_of(ARGV[1]), image_id_of(ARGV[1])}}"

    image = ImageRef.from_member(old.to_member())

    assert (image.id, ImageRef.from_params(old.to_params()).id) == (f"{bucket}/a:b.jpg", f"{bucket}/a:b.jpg")
    assert installation.redis.eval(script, 0, old.to_member()) == [bucket.encode(), image.id.encode()]


def test_sample__members_of_other_buckets_or_formats__are_left_out(installation: Installation) -> None:
    queue = installation.queue
    queue.enqueue([ref("1"), ImageRef("bb", "2", "etag", 10, NOON)])
    installation.redis.zadd(queue.keys.downloads, {b"another format": 0})

    assert queue.refused_buckets.sample("b") == [ref("1")]
