"""ImageRef and FetchedMetadata are unchanged after they were encoded for the queues and decoded."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exifinator.models import Block, FetchedMetadata, ImageRef
from tests.unit.readers import EXAMPLES

NOON = datetime(2024, 5, 17, 12, tzinfo=UTC)


@settings(derandomize=True, deadline=None, max_examples=EXAMPLES)
@given(st.text(min_size=1), st.text(alphabet="0123456789abcdef-", max_size=40), st.integers(0, 2**50))
def test_to_member__any_key__is_decoded_to_the_same_image(key: str, etag: str, size: int) -> None:
    ref = ImageRef("bucket", key.encode("utf-8", "replace").decode(), etag, size, NOON)

    assert ImageRef.from_member(ref.to_member()) == ref
    assert ImageRef.from_params(ref.to_params()) == ref


def test_to_member__same_image_listed_twice__is_the_same_member() -> None:
    a = ImageRef("b", "k", "e", 1, NOON)
    b = ImageRef("b", "k", "e", 1, NOON.replace(microsecond=5))

    assert a.to_member() == b.to_member()


@pytest.mark.parametrize("member", [b"", b"nonsense", b"b\x1fx\x1f1\x1fe\x1fk", b"\xff\xfe", b"b\x1f1\x1fx\x1fe\x1fk"])
def test_from_member__malformed_member__raises_value_error(member: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        ImageRef.from_member(member)


def test_to_bytes__fetched_metadata__is_decoded_unchanged() -> None:
    fetched = FetchedMetadata(
        ImageRef("b", "k/ü", "e", 9, NOON),
        "jpeg",
        (Block("exif", {0: b"MM\x00*", 100: b"\x00\xff"}), Block("xmp", {0: b"<x/>"})),
        width_pixels=3,
        height_pixels=4,
        requests=2,
        bytes_read=500,
    )

    assert FetchedMetadata.from_bytes(fetched.to_bytes()) == fetched
