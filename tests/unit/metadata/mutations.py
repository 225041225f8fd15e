"""Damaged photos from a seed: bit flips, truncations, wrong lengths, pieces removed, doubled and overwritten."""

from __future__ import annotations

import functools
import random
import struct
from collections.abc import Iterator

from tests.data import build, formats, notes
from tests.unit.readers import MEDIA, PHOTOS

MAX_SAMPLE_BYTES = 400_000
INTERESTING = (0, 1, 2, 3, 7, 8, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFF)


def mutate(data: bytes, random_: random.Random) -> bytes:
    """Return `data` with one to four errors, most of them where metadata is: near the start or the end."""
    out = bytearray(data)
    for _ in range(random_.choice((1, 1, 2, 4))):
        if len(out) < 8:
            break
        reach = min(len(out), random_.choice((64, 512, 4096, 65_536)))
        at = random_.randrange(reach) if random_.random() < 0.85 else len(out) - 1 - random_.randrange(reach)
        kind = random_.randrange(8)
        if kind == 0:
            out[at] ^= 1 << random_.randrange(8)
        elif kind == 1:
            del out[at:]
        elif kind in (2, 3):
            width = random_.choice((1, 2, 4, 4, 8))
            number = random_.choice((*INTERESTING, random_.getrandbits(32))) & ((1 << 8 * width) - 1)
            out[at : at + width] = number.to_bytes(width, random_.choice(("big", "little")))
        elif kind == 4:
            end = at + random_.randrange(1, 40)
            out[at:end] = random_.randbytes(end - at)
        elif kind == 5:
            del out[at : at + random_.randrange(1, 20)]
        elif kind == 6:
            start = random_.randrange(reach)
            out[at:at] = out[start : start + random_.randrange(1, 200)]
        else:  # a TIFF entry with a wild count or offset
            order = random_.choice("<>")
            entry = struct.pack(
                order + "HHII",
                random_.choice((0x010F, 0x014A, 0x02BC, 0x8769, 0x8825, 0x927C, 0x9286, 0xA005, 0x0111)),
                random_.choice((1, 2, 3, 4, 5, 7, 9, 10, 11, 12, 13, 0, 200)),
                random_.choice((*INTERESTING, random_.randrange(5000))) & 0xFFFFFFFF,
                random_.randrange(len(out)),
            )
            out[at : at + 12] = entry
    return bytes(out)


@functools.cache
def originals() -> dict[str, bytes]:
    """Return a small photo of each format, and the sample photos if they are there."""
    photos = build.every_format() | formats.every_format() | notes.every_note()
    for folder in (PHOTOS, MEDIA):
        for path in sorted(folder.rglob("*")) if folder.exists() else ():
            if path.is_file() and path.suffix not in (".md", ".json", ""):
                photos[str(path.relative_to(folder))] = path.read_bytes()[:MAX_SAMPLE_BYTES]
    return photos


def mutated_photos(numbers: range) -> Iterator[tuple[str, bytes, int]]:
    """Yield the mutations of these numbers, always the same: a name, the bytes, and the size of the first read."""
    photos = originals()
    names = sorted(photos)
    for number in numbers:
        chooser = random.Random(f"mutation-{number}")
        name = names[number % len(names)]
        photo = mutate(photos[name], chooser)
        yield f"{name}, mutation {number}", photo, chooser.choice((512, 4096, 65_536))
