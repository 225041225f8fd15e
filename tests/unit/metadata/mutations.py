"""Make damaged photos from a seed: bits flipped, ends cut off, wrong numbers, parts removed, repeated or changed."""

from __future__ import annotations

import functools
import random
import struct
from collections.abc import Iterator

from tests.data import build, formats, notes
from tests.unit.readers import MEDIA, PHOTOS

MAX_SAMPLE_BYTES = 400_000
# Counts, offsets and lengths at which readers tend to fail.
BOUNDARY_NUMBERS = (0, 1, 2, 3, 7, 8, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFF)


def mutate(data: bytes, random_: random.Random) -> bytes:
    """Return `data` with one to four errors, most of them near the start or the end, where metadata is."""
    out = bytearray(data)
    for _ in range(random_.choice((1, 1, 2, 4))):
        if len(out) < 8:
            break
        reach_bytes = min(len(out), random_.choice((64, 512, 4096, 65_536)))
        at = (
            random_.randrange(reach_bytes) if random_.random() < 0.85 else len(out) - 1 - random_.randrange(reach_bytes)
        )
        action = random_.randrange(8)
        if action == 0:
            out[at] ^= 1 << random_.randrange(8)
        elif action == 1:
            del out[at:]
        elif action in (2, 3):
            width = random_.choice((1, 2, 4, 4, 8))
            value = random_.choice((*BOUNDARY_NUMBERS, random_.getrandbits(32))) & ((1 << 8 * width) - 1)
            out[at : at + width] = value.to_bytes(width, random_.choice(("big", "little")))
        elif action == 4:
            end = at + random_.randrange(1, 40)
            out[at:end] = random_.randbytes(end - at)
        elif action == 5:
            del out[at : at + random_.randrange(1, 20)]
        elif action == 6:
            start = random_.randrange(reach_bytes)
            out[at:at] = out[start : start + random_.randrange(1, 200)]
        else:  # a TIFF entry with a random tag, type, count and offset
            order = random_.choice("<>")
            entry = struct.pack(
                order + "HHII",
                random_.choice((0x010F, 0x014A, 0x02BC, 0x8769, 0x8825, 0x927C, 0x9286, 0xA005, 0x0111)),
                random_.choice((1, 2, 3, 4, 5, 7, 9, 10, 11, 12, 13, 0, 200)),
                random_.choice((*BOUNDARY_NUMBERS, random_.randrange(5000))) & 0xFFFFFFFF,
                random_.randrange(len(out)),
            )
            out[at : at + 12] = entry
    return bytes(out)


@functools.cache
def originals() -> dict[str, bytes]:
    """Return a small photo of each format, and the sample photos if their folders exist, by name."""
    photos = build.every_format() | formats.every_format() | notes.every_note()
    for folder in (PHOTOS, MEDIA):
        for path in sorted(folder.rglob("*")) if folder.exists() else ():
            if path.is_file() and path.suffix not in (".md", ".json", ""):
                photos[str(path.relative_to(folder))] = path.read_bytes()[:MAX_SAMPLE_BYTES]
    return photos


def mutated_photos(numbers: range) -> Iterator[tuple[str, bytes, int]]:
    """Yield the mutated photo of each number, the same in each run: a name, the bytes, the size of the first read."""
    photos = originals()
    names = sorted(photos)
    for number in numbers:
        chooser = random.Random(f"mutation-{number}")
        name = names[number % len(names)]
        photo = mutate(photos[name], chooser)
        yield f"{name}, mutation {number}", photo, chooser.choice((512, 4096, 65_536))
