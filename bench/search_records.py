"""Generate records with many different words for the benchmark of the search. A seed always gives the same records."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from bench.api_records import make_records
from exifinator.search_keys.folders import folders_of
from exifinator.search_keys.search_text import search_terms

# Words are as frequent as in English text: the word of rank n occurs 1/n times as often as the word of rank 1.
VOCABULARY = 30_000
_SYLLABLES = (
    "ba",
    "co",
    "di",
    "fu",
    "ga",
    "he",
    "ji",
    "ko",
    "la",
    "me",
    "ni",
    "po",
    "ra",
    "se",
    "ti",
    "vu",
    "wa",
    "zo",
)
NAMES = ("Anna", "Björn", "Chloé", "David", "Elena", "Fatima", "Goran", "Hiro", "Ines", "João", "Karl", "Lena")
CJK = ("京都の秋", "東京タワー", "서울의 봄", "北京故宫", "ชายหาดป่าตอง", "Красная площадь", "القاهرة القديمة")


def word_of_rank(rank: int) -> str:
    """Return the word of a rank. Each rank has its own word."""
    word, number = "", rank + len(_SYLLABLES)
    while number:
        number, syllable = divmod(number, len(_SYLLABLES))
        word += _SYLLABLES[syllable]
    return word


def make_search_records(count: int, seed: int = 1) -> Iterator[dict[str, Any]]:
    """Yield the records of `make_records`, but with file names by camera, people, titles and descriptions."""
    rng = random.Random(seed)
    for index, record in enumerate(make_records(count, seed)):
        photo = record["photo"]
        folder = f"{record['key'].rpartition('/')[0]}/{_word(rng)}"
        record["key"] = f"{folder}/{_file_name(rng, photo)}-{index}.jpg"
        record["_id"] = f"{record['bucket']}/{record['key']}"
        record["folders"] = folders_of(record["_id"])
        if index % 2 == 0:
            photo["description"] = " ".join(_word(rng) for _ in range(rng.randrange(3, 12)))
        if index % 4 == 0:
            photo["people"] = [f"{rng.choice(NAMES)} {_word(rng).title()}" for _ in range(rng.randrange(1, 3))]
        if index % 1000 == 0:
            photo["title"] = CJK[index // 1000 % len(CJK)]
        record |= search_terms(record["key"], photo)
        yield record


def _word(rng: random.Random) -> str:
    return word_of_rank(int(VOCABULARY ** rng.random()) - 1)


def _file_name(rng: random.Random, photo: dict[str, Any]) -> str:
    """Return a file name without extension, as the photo's camera would choose it."""
    number = rng.randrange(1, 10_000)
    match photo.get("camera_make"):
        case "SONY":
            return f"DSC{number:05}"
        case "Apple" | "Canon":
            return f"IMG_{number:04}"
        case "samsung":
            return f"{photo['taken_at']:%Y%m%d_%H%M%S}"
        case None:
            return f"scan-{rng.getrandbits(64):016x}"
    return f"P{photo['taken_at']:%-m%d}{number:04}"
