"""The size of the first read of an image, learned from the images that were read before."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import pytest

from exifinator.metadata.fetch import fetch_metadata
from exifinator.metadata.fingerprint import START_BYTES
from exifinator.metadata.first_read import KIB, MAX_GROUPS, MIN_IMAGES, SIZES, FirstReads
from exifinator.models import ImageRef, RangeRead
from tests.data import build
from tests.data.mixes import bodies

NOON = datetime(2024, 5, 17, 12, tzinfo=UTC)
DEFAULT_BYTES = 48 * KIB
PHOTO_BYTES = 2_400_000
# The (start, end) ranges that the metadata of an image needed. The size for DEEP is the smallest one that contains it.
SHALLOW, DEEP = [(0, 12_000)], [(0, 2_000), (150_000, 190_000)]
DEEP_BYTES = 192 * KIB


def ref(key: str, size_bytes: int = PHOTO_BYTES, bucket: str = "b") -> ImageRef:
    return ImageRef(bucket, key, "e", size_bytes, NOON)


def learn(first_reads: FirstReads, key: str, used_ranges: Iterable[tuple[int, int]], count: int = MIN_IMAGES) -> None:
    """Learn from `count` images whose metadata was in these ranges."""
    for _ in range(count):
        first_reads.learn(ref(key), used_ranges)


def test_choose__too_few_images__is_the_default_size() -> None:
    first_reads = FirstReads(DEFAULT_BYTES)
    learn(first_reads, "a/1.jpg", SHALLOW, MIN_IMAGES - 1)
    assert first_reads.choose(ref("a/2.jpg")) == DEFAULT_BYTES
    learn(first_reads, "a/1.jpg", SHALLOW, 1)
    assert first_reads.choose(ref("a/2.jpg")) == SIZES[0]


def test_choose__folders_and_extensions__are_learned_separately() -> None:
    first_reads = FirstReads(DEFAULT_BYTES)
    learn(first_reads, "phone/1.HEIC", DEEP)
    learn(first_reads, "camera/1.jpg", SHALLOW)
    assert first_reads.choose(ref("phone/2.heic")) == DEEP_BYTES
    assert first_reads.choose(ref("camera/2.jpg")) == SIZES[0]
    # In a new folder, the bucket's other images of the extension decide. In a new bucket, the default applies.
    assert first_reads.choose(ref("new/3.heic")) == DEEP_BYTES
    assert first_reads.choose(ref("phone/2.png")) == DEFAULT_BYTES
    assert first_reads.choose(ref("camera/2.jpg", bucket="c")) == DEFAULT_BYTES


def test_choose__other_content_in_a_folder__changes_the_size() -> None:
    first_reads = FirstReads(DEFAULT_BYTES)
    learn(first_reads, "a/1.jpg", SHALLOW, 10_000)
    learn(first_reads, "a/1.jpg", DEEP, 300)
    assert first_reads.choose(ref("a/2.jpg")) == DEEP_BYTES
    learn(first_reads, "a/1.jpg", SHALLOW, 300)
    assert first_reads.choose(ref("a/2.jpg")) == SIZES[0]


def test_sizes__smallest_size__contains_what_the_fingerprint_hashes() -> None:
    assert min(SIZES) >= START_BYTES


def test_choose__few_images_with_deep_metadata__do_not_enlarge_all_reads() -> None:
    first_reads = FirstReads(DEFAULT_BYTES)
    for _ in range(50):
        learn(first_reads, "a/1.jpg", SHALLOW, 9)
        learn(first_reads, "a/1.jpg", DEEP, 1)
    assert first_reads.choose(ref("a/2.jpg")) == SIZES[0]


def test_choose__metadata_past_the_largest_size__does_not_enlarge_reads() -> None:
    first_reads = FirstReads(DEFAULT_BYTES)
    learn(first_reads, "a/1.mp4", [(0, 40), (2_000_000, 2_400_000)], 100)
    assert first_reads.choose(ref("a/2.mp4")) == SIZES[0]
    learn(first_reads, "a/1.mp4", [(0, SIZES[-1])], 1000)
    assert first_reads.choose(ref("a/2.mp4")) == SIZES[-1]


@pytest.mark.parametrize("size_bytes", [0, 1000, DEFAULT_BYTES])
def test_learn__objects_that_the_default_read_contains__have_no_influence(size_bytes: int) -> None:
    first_reads = FirstReads(DEFAULT_BYTES)
    for _ in range(100):
        first_reads.learn(ref("a/1.jpg", size_bytes), [(0, size_bytes)])
    assert (len(first_reads), first_reads.choose(ref("a/2.jpg"))) == (0, DEFAULT_BYTES)
    learn(first_reads, "a/1.jpg", SHALLOW)
    assert first_reads.choose(ref("a/2.jpg", size_bytes)) == DEFAULT_BYTES


def test_learn__many_folders_and_odd_keys__does_not_exceed_the_limit_on_groups() -> None:
    first_reads = FirstReads(DEFAULT_BYTES)
    learn(first_reads, "a/1.jpg", SHALLOW)
    for number in range(3 * MAX_GROUPS):
        for key in (f"{number}/x.jpg", f"x.{number}", "/" * number, f"{number}.jpg/\n", "\ud800.\u0301jpg"):
            first_reads.learn(ref(key), SHALLOW)
    assert len(first_reads) <= MAX_GROUPS
    # The group of the bucket's JPEGs was used by every key of the loop that ends in .jpg, so it was not forgotten.
    assert first_reads.choose(ref("a/2.jpg")) == SIZES[0]


class _Copies:
    """Reads one file under every key."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def read_range(self, ref: ImageRef, start: int, length: int, *, if_match: str = "") -> RangeRead:
        return RangeRead(start, self._body[start : start + length], len(self._body), "e", NOON)


@pytest.mark.parametrize("name", [name for name, body in bodies().items() if len(body) > DEFAULT_BYTES])
def test_fetch_metadata__learned_size__costs_less_and_gives_the_same_result(name: str) -> None:
    first_reads, reader = FirstReads(DEFAULT_BYTES), _Copies(bodies()[name])
    costs, outcomes = [], []
    for number in range(MIN_IMAGES + 1):
        image = ref(f"a/{number}-{name}", len(bodies()[name]))
        fetched = fetch_metadata(reader, image, first_read_bytes=first_reads.choose(image), first_reads=first_reads)
        costs.append((fetched.requests, fetched.bytes_read))
        outcomes.append((fetched.status, fetched.problem, fetched.fingerprint))
    assert len(set(costs[:-1])) == len(set(outcomes)) == 1
    assert costs[-1] < costs[0]


def test_fetch_metadata__deep_metadata__takes_one_request_after_enough_images() -> None:
    first_reads, reader = FirstReads(DEFAULT_BYTES), _Copies(bodies()["deep.jpg"])
    image = ref("a/1.jpg", len(bodies()["deep.jpg"]))
    requests = [
        fetch_metadata(reader, image, first_read_bytes=first_reads.choose(image), first_reads=first_reads).requests
        for _ in range(MIN_IMAGES + 1)
    ]
    assert requests[0] > 1
    assert requests[-1] == 1


def test_fetch_metadata__jpeg_of_a_camera__reads_two_percent_of_its_bytes() -> None:
    body = build.jpeg(build.exif_segment(build.photo_tiff()), picture_bytes=PHOTO_BYTES)
    fetched = fetch_metadata(_Copies(body), ref("a/1.jpg", len(body)))
    assert fetched.requests == 1
    assert fetched.bytes_read / len(body) < 0.0205
    first_reads = FirstReads(DEFAULT_BYTES)
    learn(first_reads, "a/1.jpg", SHALLOW)
    image = ref("a/2.jpg", len(body))
    fetched = fetch_metadata(_Copies(body), image, first_read_bytes=first_reads.choose(image), first_reads=first_reads)
    assert (fetched.requests, fetched.bytes_read < 0.02 * len(body)) == (1, True)
