"""Convert the words and phrases of a search (`q=`) to MongoDB filters.

The index over `words` finds the photos with a word, and the field `search_text` confirms phrases and the words of one
field.
"""

from __future__ import annotations

import re
from typing import Any

from bson.regex import Regex

from api.query.mongo_filter import Filter
from api.query.search_syntax import SearchItem
from exifinator.search_keys.plurals import singular_and_plural_forms
from exifinator.search_keys.terms import is_run, split_characters, split_units, terms_of

NOTHING: Filter = {"_id": {"$in": []}}


def search_filter(item: SearchItem) -> Filter:
    """Return the filter for a word or phrase; an empty filter if it consists of punctuation only.

    A quoted phrase matches whole words in their order. Without quotes, the last word may be the beginning of a longer
    one: `DSC013` finds DSC01314. If the item has the name of a text field, such as `title`, search only that field.
    """
    units = split_units(item.value)
    if not units:
        return {}
    forms = [] if item.is_quoted or len(units) > 1 else singular_and_plural_forms(units[0])
    conditions: list[Filter] = [{"words": condition} for condition in _word_conditions(units, item.is_quoted, forms)]
    if item.name or _needs_text(units):
        conditions.append({"search_text": _text_pattern(item, units, forms)})
    positive = conditions[0] if len(conditions) == 1 else {"$and": conditions}
    return {"$nor": [positive]} if item.is_excluded else positive


def terms_of_query(text: str) -> list[str]:
    """Return the terms of a word or phrase. In a matching photo, each of them is the beginning of a term."""
    return [term for unit in split_units(text) for term in (_run_terms(unit) if is_run(unit) else [unit])]


def _needs_text(units: list[str]) -> bool:
    """Return whether the terms of the units can be in a photo without the phrase being in it."""
    return len(units) > 1 or (is_run(units[0]) and len(split_characters(units[0])) > 2)


def _word_conditions(units: list[str], is_quoted: bool, forms: list[str]) -> list[Any]:
    """Return the conditions on `words`, all of which must hold."""
    conditions: list[Any] = []
    for unit in units:
        terms = _run_terms(unit) if is_run(unit) else terms_of(unit)
        conditions += terms
        # The last word, or the last character of a run, may continue.
        is_last = unit is units[-1]
        if is_last and (is_run(unit) or not is_quoted):
            beginning = Regex(f"^{re.escape(terms[-1])}")
            conditions[-1] = {"$in": [beginning, *forms]} if forms else beginning
    return conditions


def _run_terms(run: str) -> list[str]:
    """Return the bigrams of a run in a query.

    Leave out the term of the last character alone, because further characters may follow it in a text.
    """
    terms = terms_of(run)
    return terms[:-1] or terms


def _text_pattern(item: SearchItem, units: list[str], forms: list[str]) -> Regex[str]:
    """Return a regular expression that finds the units next to each other in `search_text`."""
    ends = item.is_quoted and not is_run(units[-1])
    start = "" if is_run(units[0]) else " "
    choices = [re.escape(start + " ".join(units) + (" " if ends else "")), *(f" {form} " for form in forms)]
    phrase = choices[0] if len(choices) == 1 else f"(?:{'|'.join(choices)})"
    return Regex(rf"\|{item.name}:[^|]*{phrase}" if item.name else phrase)
