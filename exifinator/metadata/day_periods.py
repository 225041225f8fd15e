"""Names of day periods such as "PM", which phones write into dates. Source: Unicode CLDR 44, day periods."""

from __future__ import annotations

import re
from typing import Literal

Period = Literal["am", "pm", "noon"]

# Name -> period. Names are in lower case and have only letters: "a. m." is "am". After the Chinese names for parts of
# the day, hours count from midnight or from noon, as after 上午 (a.m.) and 下午 (p.m.). 中午 is the time around noon.
DAY_PERIODS: dict[str, Period] = {
    "am": "am", "pm": "pm", "a": "am", "p": "pm",
    "上午": "am", "凌晨": "am", "早上": "am", "清晨": "am", "早晨": "am", "下午": "pm", "晚上": "pm", "傍晚": "pm",
    "中午": "noon",
    "오전": "am", "오후": "pm", "午前": "am", "午後": "pm",
    "πμ": "am", "μμ": "pm", "ص": "am", "م": "pm", "قظ": "am", "بظ": "pm", "sa": "am", "ch": "pm", "öö": "am",
    "ös": "pm",
    "de": "am", "du": "pm", "pd": "am", "md": "pm", "fm": "am", "em": "pm",
}  # fmt: skip
# Latin names of one or two letters may have full stops and spaces between them: p.m., p. m.
DAY_PERIODS_PATTERN = "(?:{})".format(
    "|".join(
        r"\.?\s?".join(map(re.escape, name)) + r"\.?" if len(name) < 3 and name[0] < "\u1100" else re.escape(name)
        for name in sorted(DAY_PERIODS, key=len, reverse=True)
    )
)
# Encodings in which phones write names that are not ASCII, and the encodings in which such metadata is decoded.
_WRITTEN_AS = ("utf-8", "gb18030", "big5", "euc-kr", "shift-jis")
_READ_AS = ("latin-1", "cp1252")


def _misread(name: str) -> set[str]:
    """Return the strings that a name becomes if it is decoded with the wrong encoding."""
    misread_names = set()
    for written in _WRITTEN_AS:
        for read in _READ_AS:
            try:
                misread_names.add(name.encode(written).decode(read))
            except UnicodeError:
                continue
    return misread_names


_REPAIRS = {text: name for name in DAY_PERIODS if name[0] >= "\u1100" for text in _misread(name)}


def repair_day_periods(text: str) -> str:
    """Replace the names of day periods that were decoded with the wrong encoding."""
    for misread, name in _REPAIRS.items():
        if misread in text:
            text = text.replace(misread, f" {name} ")
    return text
