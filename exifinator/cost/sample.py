"""While the images that a run would read are listed, choose a stratified random sample of them.

A stratum is the images of one bucket with the same first folder, extension and storage class, and with sizes between
the same two powers of two. Large metadata makes files larger, so the size partly predicts the cost of a read. Each
stratum keeps a random sample of bounded size (a reservoir), and the number of strata is bounded, so a billion keys take
no more memory than a few thousand.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from exifinator.models import ImageRef
from exifinator.sources.source import Source

# The maximum number of images in the sample.
SAMPLE_SIZE = 400
# Up to the first number of strata, each folder gets its own. Up to the second, a new stratum has the images of all
# folders. Up to the third, it also has all extensions and sizes. The last stratum has all storage classes too, although
# their prices differ. Only a server that sends very many storage classes makes images end there.
MAX_STRATA = (64, 96, 512)
# The minimum number of images of a stratum in the sample: the variance needs two.
MIN_PER_STRATUM = 2

_EXTENSION = re.compile(r"\.([A-Za-z0-9]{1,5})$")

# Bucket, first folder, extension, storage class, and the number of bits of the size. None stands for all folders,
# extensions or sizes that share the stratum.
StratumKey = tuple[str, str | None, str | None, str, int | None]


@dataclass(slots=True)
class Stratum:
    """Images that are similar in what they cost.

    Attributes:
        bucket: The bucket.
        storage_class: The storage class. See ImageRef.
        count: The number of images.
        first_read_bytes: The number of bytes that the first reads of all these images return.
        reservoir: A random sample of the images.
    """

    bucket: str
    storage_class: str
    count: int = 0
    first_read_bytes: int = 0
    reservoir: list[ImageRef] = field(default_factory=list)


class Sampler:
    """Sorts images into strata, and keeps a sample of each.

    Args:
        first_read_bytes: FIRST_READ_BYTES.
        size: The maximum number of images in the sample.
        seed: Makes the choice repeatable.
    """

    def __init__(self, first_read_bytes: int, *, size: int = SAMPLE_SIZE, seed: int = 0) -> None:
        self._first_read_bytes = first_read_bytes
        self._size = size
        # Not for secrets: an unchanged bucket has the same sample each time.
        self._random = random.Random(seed)  # noqa: S311
        self._strata: dict[StratumKey, Stratum] = {}

    @property
    def strata(self) -> list[Stratum]:
        """The strata, in the order in which they were first seen."""
        return list(self._strata.values())

    @property
    def count(self) -> int:
        """The number of images."""
        return sum(stratum.count for stratum in self._strata.values())

    def add(self, source: Source, refs: Sequence[ImageRef]) -> None:
        """Add listed images of a source."""
        for ref in refs:
            stratum = self._find_stratum(source, ref)
            stratum.count += 1
            stratum.first_read_bytes += min(ref.size_bytes, self._first_read_bytes)
            if len(stratum.reservoir) < self._size:
                stratum.reservoir.append(ref)
            else:
                index = int(self._random.random() * stratum.count)
                if index < self._size:
                    stratum.reservoir[index] = ref

    def choose(self) -> list[tuple[Stratum, list[ImageRef]]]:
        """Return the strata, each with the images of the sample that are in it.

        If there are no more images than the sample may have, all are chosen. Otherwise each stratum gets a share by its
        number of images, but at least MIN_PER_STRATUM.
        """
        strata = self.strata
        shares = allocate([stratum.count for stratum in strata], self._size)
        return [
            (stratum, self._random.sample(stratum.reservoir, share))
            for stratum, share in zip(strata, shares, strict=True)
        ]

    def _find_stratum(self, source: Source, ref: ImageRef) -> Stratum:
        keys = list(_keys(source, ref))
        for key, limit in zip(keys, (*MAX_STRATA, None), strict=True):
            stratum = self._strata.get(key)
            if stratum is None and (limit is None or len(self._strata) < limit):
                stratum = self._strata[key] = Stratum(ref.bucket, key[3])
            if stratum is not None:
                return stratum
        raise AssertionError("unreachable")


def _keys(source: Source, ref: ImageRef) -> Iterator[StratumKey]:
    """Yield the keys of the strata that an image may belong to, from the finest to the coarsest."""
    folder, slash, _ = ref.key[len(source.prefix) :].lstrip("/").partition("/")
    match = _EXTENSION.search(ref.key)
    extension = match[1].lower() if match else ""
    size_bits = ref.size_bytes.bit_length()
    yield ref.bucket, folder if slash else "", extension, ref.storage_class, size_bits
    yield ref.bucket, None, extension, ref.storage_class, size_bits
    yield ref.bucket, None, None, ref.storage_class, None
    yield ref.bucket, None, None, "", None


def allocate(counts: Sequence[int], size: int) -> list[int]:
    """Return how many images of each stratum the sample has, at most `size` in total.

    Args:
        counts: The number of images in each stratum.
        size: The maximum size of the sample.
    """
    if sum(counts) <= size:
        return list(counts)
    shares = [min(count, MIN_PER_STRATUM) for count in counts]
    if sum(shares) > size:
        # More strata than the sample can cover: the largest come first.
        largest = sorted(range(len(counts)), key=lambda i: -counts[i])[: size // MIN_PER_STRATUM]
        return [shares[i] if i in set(largest) else 0 for i in range(len(counts))]
    rest, total = size - sum(shares), sum(counts) - sum(shares)
    exact = [(count - share) * rest / total for count, share in zip(counts, shares, strict=True)]
    shares = [share + int(part) for share, part in zip(shares, exact, strict=True)]
    by_fraction = sorted(range(len(counts)), key=lambda i: int(exact[i]) - exact[i])
    for i in by_fraction[: size - sum(shares)]:
        shares[i] += 1
    return shares
