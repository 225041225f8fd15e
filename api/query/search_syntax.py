"""Parse the text of a search (`q=`) into its words, phrases and filters: `lisbon "old town" -tram iso:800-`."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace

from api.errors import BadParameter

MAX_QUERY_CHARS = 300
MAX_ITEMS = 16
# Phones type curly quotes.
_QUOTES = '"“”„'
_ITEM = re.compile(
    rf"(?P<minus>-)?(?:(?P<name>[A-Za-z_][A-Za-z_0-9]*):)?(?:[{_QUOTES}](?P<phrase>[^{_QUOTES}]*)(?P<close>[{_QUOTES}]?)"
    rf"|(?P<word>[^\s{_QUOTES}]*))"
)
_SEPARATORS = ",;、，；"
_GAP = re.compile(rf"[\s{_SEPARATORS}]*")
_WORD_END = re.compile(rf"[{_SEPARATORS}]")


@dataclass(frozen=True)
class SearchItem:
    """One word, phrase or filter of a search.

    Attributes:
        value: The word, the phrase without its quotes, or the value of the filter.
        start, end: The position in the text, in characters.
        name: The name of the filter; empty for a word or phrase.
        is_quoted: Whether the value is in quotes, so that whole words must match.
        is_excluded: Whether to leave out the photos that match.
    """

    value: str
    start: int
    end: int
    name: str = ""
    is_quoted: bool = False
    is_excluded: bool = False


class SearchSyntaxError(BadParameter):
    """The text of a search is invalid from character `start` to before character `end`."""

    def __init__(self, reason: str, start: int, end: int) -> None:
        super().__init__("q", f"{reason} (character {start + 1})")
        self.reason = reason
        self.start = start
        self.end = end


def parse_search(text: str, names: Collection[str], *, is_typing: bool = False) -> list[SearchItem]:
    """Return the items of a search, in order. Punctuation between them has no meaning.

    Args:
        names: The names of filters. A word with any other name before a colon, such as 12:30, is an ordinary word.
        is_typing: Whether the text may be unfinished: end within a quote, or after the colon of a filter.

    Raises:
        SearchSyntaxError: A quote is not closed, a filter has no value, or there are too many items.
    """
    items: list[SearchItem] = []
    position = _skip(_GAP, text, 0)
    while position < len(text):
        match = _ITEM.match(text, position)
        if match is None or match.end() == position:
            position = _skip(_GAP, text, position + 1)
            continue
        item = _read_item(match, names)
        if not item.name and not item.is_quoted and (end := _WORD_END.search(item.value)):
            # Only the values of filters may contain commas: near:48.85,2.35,5.
            item = replace(item, value=item.value[: end.start()], end=item.end - len(item.value) + end.start())
        if not is_typing:
            _check(item, match)
        if item.value or item.name:
            items.append(item)
        if len(items) > MAX_ITEMS:
            raise SearchSyntaxError(f"a search has at most {MAX_ITEMS} words and filters", item.start, len(text))
        position = _skip(_GAP, text, item.end)
    return items


def _skip(pattern: re.Pattern[str], text: str, position: int) -> int:
    match = pattern.match(text, position)
    return match.end() if match else position


def _read_item(match: re.Match[str], names: Collection[str]) -> SearchItem:
    name = (match["name"] or "").lower()
    is_quoted = match["word"] is None
    value = match["phrase"] if is_quoted else match["word"]
    if name and name not in names:
        value, name = f"{match['name']}:{value}", ""
    return SearchItem(value, match.start(), match.end(), name, is_quoted, match["minus"] is not None)


def _check(item: SearchItem, match: re.Match[str]) -> None:
    if item.is_quoted and not match["close"]:
        raise SearchSyntaxError("the quote is not closed", match.start("phrase") - 1, item.end)
    if item.name and not item.value:
        raise SearchSyntaxError(f"the filter {item.name}: has no value", item.start, item.end)
