"""Replace a word prefix in a filter by the words that begin with it, whose photos can be read in date order.

In the index on (word, date), the photos of one word are in date order, so MongoDB can merge the photos of several words
page by page. The photos of all words with a prefix are not in date order, so MongoDB would sort every match for each
page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from bson import MaxKey, MinKey
from bson.regex import Regex
from pymongo.errors import OperationFailure

from api.database import QUERY_MS, Collection
from api.query.sort_order import TAKEN
from api.query.text_range import after_prefix

WORDS = "words"
WORDS_INDEX = "words_taken_local"
# If more words have a prefix, keep the prefix: MongoDB merges at most 200 ranges of an index, and each range costs one
# lookup per page.
MAX_WORDS = 100
# Read at most this many times, and this many index entries each time.
_MAX_READS = 4
_ENTRIES_PER_READ = 100
_PREFIX = re.compile(r"\^([^\\^$.|?*+()\[\]{}]+)")


async def spell_out_prefix(collection: Collection, condition: Any) -> Any:
    """Return a condition that matches the same photos, with words instead of prefixes if few words have them.

    Args:
        condition: A condition on `words`: a regular expression such as ^beach, or {"$in": [^beach, "beaches"]}.
    """
    prefixes = list(prefixes_of(condition))
    if not prefixes:
        return condition
    words = {value for value in _alternatives(condition) if isinstance(value, str)}
    for prefix in prefixes:
        with_prefix = await _read_words(collection, prefix)
        if with_prefix is None:
            return condition
        words.update(with_prefix)
    if len(words) > MAX_WORDS:
        return condition
    return words.pop() if len(words) == 1 else {"$in": sorted(words)}


def prefixes_of(condition: Any) -> Iterator[str]:
    """Yield the prefixes in a condition that consists of words and prefixes only; nothing for other conditions."""
    values = _alternatives(condition)
    matches = [
        _PREFIX.fullmatch(str(value.pattern)) for value in values if isinstance(value, Regex) and not value.flags
    ]
    if len(matches) + sum(isinstance(value, str) for value in values) == len(values):
        yield from (match[1] for match in matches if match)


def _alternatives(condition: Any) -> list[Any]:
    if isinstance(condition, dict):
        return list(condition["$in"]) if condition.keys() == {"$in"} else [None]
    return [condition]


def _index_key(word: str, bound: Any) -> Any:
    """Return a key of the index on (word, date, id), with `bound` in the place of the date and the id."""
    return [(WORDS, word), (TAKEN, bound), ("_id", bound)]


async def _read_words(collection: Collection, prefix: str) -> list[str] | None:
    """Return all words with a prefix; None if there are too many.

    Each read starts after the last word of the previous read, and so skips the rest of that word's photos. A read
    returns each photo only once, so it may miss a word if all photos of the word have an earlier word.
    """
    words: dict[str, None] = {}
    start, skips_start = prefix, False
    end = after_prefix(prefix) or "\U0010ffff"
    for _ in range(_MAX_READS):
        # The other fields of the index are descending, so MaxKey comes before, and MinKey after all photos of a word.
        bound: Any = MinKey() if skips_start else MaxKey()
        cursor = collection.find({}, return_key=True, limit=_ENTRIES_PER_READ, hint=WORDS_INDEX, max_time_ms=QUERY_MS)
        cursor.min(_index_key(start, bound)).max(_index_key(end, MaxKey()))
        try:
            entries = await cursor.to_list()
        except OperationFailure:  # the index does not exist yet, or the query timed out
            return None
        words.update(dict.fromkeys(entry[WORDS] for entry in entries))
        if len(entries) < _ENTRIES_PER_READ:
            return list(words)
        if len(words) > MAX_WORDS:
            break
        start, skips_start = entries[-1][WORDS], True
    return None
