"""Learn how many bytes the first read of an image should fetch.

Images that lie together usually come from the same cameras and programs, so their metadata ends at similar offsets. For
each group of images, a FirstReads keeps the expected cost of each size in SIZES: the bytes of the first read, and the
further requests that would have been needed, at REQUEST_BYTES each. Each image that is read adds what each of the sizes
would have cost for it, and the cost of earlier images fades. The cheapest size is used for the next images.

Every size gives the same record, so a wrong size costs requests or bytes, but never metadata.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterable, Sequence

from exifinator.models import ImageRef

KIB = 1024
# The sizes to choose from. The smallest is what the fingerprint hashes, so the fingerprint is the same for all of them.
SIZES = tuple(kib * KIB for kib in (16, 20, 24, 28, 32, 40, 48, 64, 80, 96, 128, 160, 192, 256))
# How many bytes cost as much as one more request: what a connection of 100 Mbit/s transfers in 20 ms.
REQUEST_BYTES = 256 * KIB
# Until this many images of a bucket and extension were read, the default size is used.
MIN_IMAGES = 16
# With more, the images of a new folder would hardly count; with fewer, chance would decide.
INHERITED_IMAGES = 16
# The weight of a new image in the costs of its group: after 128 further images, an image counts a third.
WEIGHT = 1 / 128
# The maximum number of groups, about 500 bytes each. The group that was used least recently is forgotten.
MAX_GROUPS = 1024
# How many folders of a key tell its group.
MAX_FOLDERS = 2

_EXTENSION = re.compile(r"\.([A-Za-z0-9]{1,5})\Z")

GroupKey = tuple[str, str | None, str]


class _Group:
    """The expected costs of one group of images, in bytes, by the index of the size in SIZES."""

    __slots__ = ("best", "costs", "images")

    def __init__(self, parent: _Group | None, inherited_images: int) -> None:
        self.images: int = min(parent.images, inherited_images) if parent else 0
        self.costs: list[float] = parent.costs if parent else [0.0] * len(SIZES)
        self.best: int = parent.best if parent else SIZES[0]

    def add(self, costs: Sequence[float]) -> None:
        self.images += 1
        # The mean of the first images, then an exponentially weighted one.
        weight = max(WEIGHT, 1 / self.images)
        self.costs = [old + weight * (new - old) for old, new in zip(self.costs, costs, strict=True)]
        self.best = SIZES[min(range(len(SIZES)), key=self.costs.__getitem__)]


class FirstReads:
    """Chooses the size of first reads, by what the images of one process needed so far.

    The groups are: the bucket, the first folders of the key, and its extension; and the bucket and the extension. They
    are in the memory of the process. Each process learns for itself, because that takes only a few dozen images, and
    sharing would take a request to Redis for each image.

    Args:
        default_bytes: The size for images about which nothing is known yet. Objects up to this size are always read
            whole: that takes one request, wherever their metadata is.
        inherited_images: The costs of a new folder begin as those of the bucket and extension, with the weight of at
            most this many images.
    """

    def __init__(self, default_bytes: int, *, inherited_images: int = INHERITED_IMAGES) -> None:
        self._default_bytes = default_bytes
        self._inherited_images = inherited_images
        self._groups: OrderedDict[GroupKey, _Group] = OrderedDict()

    def __len__(self) -> int:
        """Return the number of groups."""
        return len(self._groups)

    def choose(self, ref: ImageRef) -> int:
        """Return how many bytes the first read of an image should fetch."""
        if ref.size_bytes <= self._default_bytes:
            return self._default_bytes
        for key in _keys(ref):
            group = self._groups.get(key)
            if group is not None and group.images >= MIN_IMAGES:
                return group.best
        return self._default_bytes

    @staticmethod
    def group(ref: ImageRef) -> tuple[str, str]:
        """Return the bucket and the extension of an image: the group that is learned first."""
        bucket, _, extension = _keys(ref)[1]
        return bucket, extension

    def learn(self, ref: ImageRef, used: Iterable[tuple[int, int]]) -> None:
        """Learn from an image that was read.

        Args:
            ref: The image, with the size of its object.
            used: The (start, end) ranges that its metadata needed, sorted. Each of them is one request unless the first
                read contains it.
        """
        if ref.size_bytes <= self._default_bytes:
            return
        costs = _costs(ref.size_bytes, used)
        folder_key, bucket_key = _keys(ref)
        parent = self._find_or_add(bucket_key, None)
        folder = self._find_or_add(folder_key, parent)
        parent.add(costs)
        folder.add(costs)

    def _find_or_add(self, key: GroupKey, parent: _Group | None) -> _Group:
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = _Group(parent, self._inherited_images)
            if len(self._groups) > MAX_GROUPS:
                self._groups.popitem(last=False)
        self._groups.move_to_end(key)
        return group


def _keys(ref: ImageRef) -> tuple[GroupKey, GroupKey]:
    """Return the keys of the groups of an image, the smaller group first."""
    match = _EXTENSION.search(ref.key)
    extension = match[1].lower() if match else ""
    folder = "/".join(ref.key.split("/", MAX_FOLDERS)[:-1])
    return (ref.bucket, folder, extension), (ref.bucket, None, extension)


def _costs(total_bytes: int, used: Iterable[tuple[int, int]]) -> list[float]:
    """Return what each of SIZES would have cost for an image.

    Ranges past the largest size take a request in any case.
    """
    costs = [float(min(size, total_bytes)) for size in SIZES]
    for _, end in used:
        if end <= SIZES[-1]:
            for index in range(bisect_left(SIZES, end)):
                costs[index] += REQUEST_BYTES
    return costs
