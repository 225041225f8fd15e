"""The stratified sample of a listing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from exifinator.cost.sample import MAX_STRATA, SAMPLE_SIZE, Sampler, allocate
from exifinator.models import ImageRef
from exifinator.sources.source import Source

NOON = datetime(2024, 5, 17, 12, tzinfo=UTC)
SOURCE = Source("b", "2024/")


def ref(key: str, storage_class: str = "", size_bytes: int = 100) -> ImageRef:
    return ImageRef("b", f"2024/{key}", "e", size_bytes, NOON, storage_class=storage_class)


def sample_of(refs: Sequence[ImageRef], **options: int) -> Sampler:
    sampler = Sampler(64, **options)
    sampler.add(SOURCE, refs)
    return sampler


def test_sampler__each_folder_extension_storage_class_and_size__has_its_own_stratum() -> None:
    sampler = sample_of(
        [ref("a/1.jpg"), ref("a/2.JPG"), ref("a/3.heic"), ref("b/1.jpg"), ref("1.jpg"), ref("a/x", "IA")]
        + [ref(f"a/{size}.jpg", size_bytes=size) for size in (127, 128, 255)]
    )
    # 64 to 127 bytes, like all the other files, and 128 to 255 bytes.
    assert [stratum.count for stratum in sampler.strata] == [3, 1, 1, 1, 1, 2]
    assert sampler.strata[4].storage_class == "IA"
    assert sampler.strata[0].first_read_bytes == 3 * 64


def test_sampler__very_many_folders_extensions_and_classes__use_limited_memory() -> None:
    sampler = Sampler(64, size=20)
    for i in range(3000):
        sampler.add(SOURCE, [ref(f"f{i}/1.jpg"), ref(f"f{i}/1.x{i % 900}"), ref(f"f{i}/1.jpg", f"CLASS{i}")])
    assert len(sampler.strata) <= MAX_STRATA[-1] + 1
    assert sum(len(stratum.reservoir) for stratum in sampler.strata) <= 20 * (MAX_STRATA[-1] + 1)
    assert sampler.count == sum(stratum.count for stratum in sampler.strata) == 9000
    assert sum(len(refs) for _, refs in sampler.choose()) <= 20


def test_sampler__storage_class_after_many_folders__has_its_own_stratum() -> None:
    sampler = sample_of([ref(f"f{i}/1.jpg") for i in range(1000)])
    sampler.add(SOURCE, [ref("f/1.jpg", "GLACIER_IR")])
    assert sampler.strata[-1].storage_class == "GLACIER_IR"


def test_sampler__many_buckets_and_sizes__keep_the_storage_class() -> None:
    """The price of a GET depends on the class."""
    sampler = Sampler(64)
    for bucket in map(str, range(30)):
        source = Source(bucket, "")
        for size in range(200):
            sampler.add(
                source, [ImageRef(bucket, f"a/{size}.jpg", "e", 2 ** (size % 10 + 8), NOON, storage_class="IA")]
            )
    assert {stratum.storage_class for stratum in sampler.strata} == {"IA"}


def test_sampler__every_image__has_the_same_chance_of_being_chosen() -> None:
    chosen: Counter[str] = Counter()
    for seed in range(400):
        for _, refs in sample_of([ref(f"{i}.jpg") for i in range(50)], size=10, seed=seed).choose():
            chosen.update(item.key for item in refs)
    # Each image is chosen 80 times on average, with a standard deviation of 8.
    assert len(chosen) == 50
    assert min(chosen.values()) > 48
    assert max(chosen.values()) < 112


def test_choose__same_listing_twice__is_the_same_sample_without_duplicates() -> None:
    refs = [ref(f"{i % 7}/{i}.jpg") for i in range(5000)]
    first, second = (sample_of(refs).choose() for _ in range(2))
    assert [keys for _, keys in first] == [keys for _, keys in second]
    keys = [item.key for _, group in first for item in group]
    assert len(keys) == len(set(keys)) == SAMPLE_SIZE


@pytest.mark.parametrize(
    ("counts", "size", "shares"),
    [
        ([3, 5], 10, [3, 5]),
        ([1_000_000, 1], 400, [399, 1]),
        ([900, 90, 10], 100, [87, 10, 3]),
        ([5, 6, 7, 8], 4, [0, 0, 2, 2]),
        ([], 10, []),
    ],
)
def test_allocate__strata_of_different_sizes__get_proportional_shares(
    counts: list[int], size: int, shares: list[int]
) -> None:
    assert allocate(counts, size) == shares
