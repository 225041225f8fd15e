"""Placeholders: strings that cameras and programs write into fields that nobody has filled in. All are in lower case.

Sources: values seen in public collections of photos; ExifTool's and Exiv2's documentation of MakerNotes.
"""

from __future__ import annotations

import re

# Placeholders in any field.
NO_TEXT = frozenset(
    {"", "undef", "undefined", "null", "(null)", "nil", "n/a", "-", "--", "---", "----", "not set", "(none)", "<none>"}
)

# Placeholders for names of people and owners, and for serial numbers.
NO_NAME = frozenset({"unknown", "none", "owner", "owner name", "your name", "my name", "default", "picasa"})
NO_SERIAL = re.compile(r"[0\s.:-]*|x+|unknown|none|65535|4294967295|f{8,}|(?:\d )?not available")

# Strings that cameras write in place of a description. They are never used as a description.
STOCK_DESCRIPTIONS = frozenset(
    {
        "olympus digital camera", "minolta digital camera", "konica minolta digital camera", "konica digital camera",
        "sony dsc", "digital camera", "digitalcamera", "exif_jpeg_picture", "exif jpeg picture", "exif-jpeg-picture",
        "exif_jpeg_t422", "exif_jpeg_420", "default", "imagedescription", "image description", "ascii", "unicode",
        "user comments", "usercomment", "charset=ascii", "applemark", "hisilicon k3",
    }
)  # fmt: skip
# Strings that a camera or program may have written by itself. They are used if nothing else describes the photo.
WEAK_DESCRIPTIONS = frozenset(
    {
        "sanyo digital camera", "samsung digital camera", "kodak digital still camera", "digital still camera", "dsc",
        "dig", "camera", "exif", "jpeg", "jpg", "image", "photo", "picture", "jpeg picture", "jpeg image",
        "digital image", "vga camera", "description", "comment", "none", "unknown", "untitled", "no description",
        "created with gimp", "created with the gimp", "samsung techwin", "casio computer co.,ltd",
        "my beautiful picture",
    }
)  # fmt: skip
# Camera modes of Huawei and Honor, alone or joined by underscores.
_HUAWEI_MODES = (
    r"cof|sdr|edf|dav|oznor\w{0,4}|ozedf|mde|rhdr|rbt|btf|btr|cda|hdrpl|hdr|fsh|hbh|ptr|nfl|qrf|rpt|fbt|bty|tmf|trs"
    r"|vhdr"
)
# Paths on the memory card, camera modes, names of the program that wrote the file, numbers of Oppo, OnePlus and realme
# phones, the settings of filters (as numbers or JSON), and strings without words.
STOCK_DESCRIPTION = re.compile(
    rf"dcim[\\/].*|(?:{_HUAWEI_MODES})(?:[_ ]\w{{1,8}}){{0,4}}_?"
    r"|creator: gd-jpeg v.*|file written by adobe photoshop.*|lavc\d.*|created with (?:the )?gimp.*"
    r"|intel\(r\) .* library.*"
    r"|(?:oppo|oplus|realme)_\d+|(?:filter: ?\d+;|\{\").*|binary comment.*|[\d\s.]{1,3}|\W+",
    re.DOTALL,
)
STOCK_TITLES = frozenset(
    {"untitled", "unnamed", "no title", "title", "default", "none", "unknown", "unbenannt", "sans titre", "sin título"}
)
NO_COPYRIGHT = frozenset({"copyright", "(c)", "©", "none", "unknown", "copyright (c)"})

# Strings that do not name a lens: without a letter, or with nothing but units and words for "no lens".
_NO_LENS_WORDS = r"unknown|none|no lens|null|not attached|n/?a|undefined|undef|manual lens|no cpu lens|invalid|lens"
NO_LENS = re.compile(
    rf"[\W\d_]*|\(?(?:{_NO_LENS_WORDS})\)?(?:\s*\(.*\))?|unknown\b.*|[\s0.\-/?*]*(?:mm|m)?[\s/]*(?:f/?|1:)?[\s0.\-/?*]*(?:mm)?"
)
NO_PLACE = frozenset({"unknown", "none", "no location", "earth", "world"})
