"""Derive the keys of families from an object's key. Files of one photo have a key in common.

The name of a file is split into its parts, as in `IMG_1234-edited(1).jpg.supplemental-metadata.json`.
Sources for the names of Google Takeout: github.com/ente/ente/pull/4956 and
github.com/TheLastGimbus/GooglePhotosTakeoutHelper/pull/449. There is no documentation by Google.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

XMP, TAKEOUT = "xmp", "takeout"
# Takeout truncates the name of a sidecar after this many characters, not counting `.json` and a number such as `(1)`.
TAKEOUT_NAME_CHARACTERS = 46
# Takeout truncates the name of a photo to this many characters, including the extension, which it keeps.
TAKEOUT_PHOTO_CHARACTERS = 51
# Characters that Takeout replaces, because file systems do not allow them.
_REPLACED_CHARACTERS = re.compile(r"""[&<>:"'/\\|?*%#+;=\0-\x1f]""")
TAKEOUT_SUFFIX = ".supplemental-metadata"
# Suffixes that programs append to the name of an edited copy. Google Photos translates its suffix.
EDIT_SUFFIXES = (
    "-edited", "_edited", "-ha editado", "-editado", "-bearbeitet", "-bewerkt", "-modifié", "-modificato", "-edytowane",
    "-redigeret", "-redigerad", "-redigert", "-muokattu", "-upraveno", "-szerkesztett", "-editat", "-изменено",
    "-編集済み", "-已修改", "-수정됨", "-effects", "-smile", "-mix",
)  # fmt: skip
# Apple's name of an edited copy: IMG_E1234 beside IMG_1234.
_APPLE_EDIT = re.compile(r"(img_)e(\d{4,5})")
_NUMBER = re.compile(r"\((\d{1,5})\)$")
# Known extensions. Any other characters after a dot are part of the name, as in `trip.v2.xmp`.
EXTENSIONS = frozenset(
    {
        "jpg", "jpeg", "jpe", "jfif", "heic", "heif", "hif", "avif", "png", "gif", "webp", "tif", "tiff", "bmp", "jxl",
        "jp2", "j2k", "psd", "3fr", "ari", "arw", "bay", "cr2", "cr3", "crw", "dcr", "dng", "erf", "fff", "iiq", "k25",
        "kdc", "mef", "mos", "mrw", "nef", "nrw", "orf", "pef", "raf", "raw", "rw2", "rwl", "sr2", "srf", "srw", "x3f",
        "mov", "mp4", "m4v", "qt", "3gp", "3g2", "avi", "mts", "m2ts", "mkv", "webm", "mpg", "mpeg", "wmv", "insv",
        "insp", "lrv", "thm",
    }
)  # fmt: skip


class FileName(NamedTuple):
    """The parts of a file's name, in lower case.

    Attributes:
        folder: The bucket and the folders, with a slash at the end. The case of its letters is kept.
        name: The name of the photo with its extension. In a sidecar's name, the part that repeats the photo's name.
        stem: `name` without its extension, number and mark of an edited copy.
        extension: The extension, without the dot.
        number: The number in parentheses that distinguishes files of one name; 0 for no number.
        is_edit: Whether the file is an edited copy, by its name.
        truncated: Takeout only: the name that Takeout may have truncated, a prefix of the photo's name; "" for a name
            that is too short to be truncated.
        truncated_number: The number that follows `truncated`.
    """

    folder: str
    name: str
    stem: str
    extension: str
    number: int
    is_edit: bool = False
    truncated: str = ""
    truncated_number: int = 0


def file_name(image_id: str, kind: str = "") -> FileName:
    """Split the name of a photo or of a sidecar.

    Args:
        image_id: The id of the record.
        kind: XMP or TAKEOUT for a sidecar.
    """
    folder, _, file_part = image_id.rpartition("/")
    name = _normalize(file_part)
    number, truncated = 0, ""
    if kind == XMP:
        name = name.removesuffix(".xmp")
    elif kind == TAKEOUT:
        name, number = _split_number(name.removesuffix(".json"))
        truncated = name if len(name) >= TAKEOUT_NAME_CHARACTERS else ""
        name = _strip_takeout_suffix(name)
    extension = _extension(name)
    stem, stem_number = _split_number(name.removesuffix(f".{extension}") if extension else name)
    # Takeout calls the sidecar of `a(1).jpg` either `a.jpg(1).json` or `a(1).jpg.json`.
    stem, is_edit = _strip_edit(stem)
    return FileName(f"{folder}/", name, stem, extension, stem_number or number, is_edit, truncated, number)


def family_of(image_id: str, kind: str = "") -> str:
    """Return the key that the files of one photo have in common: folder, name without extension, and number."""
    parts = file_name(image_id, kind)
    return f"{parts.folder}{parts.stem}" + (f"({parts.number})" if parts.number else "")


def links_of(image_id: str, title: str) -> list[str]:
    """Return the keys of the families that a Takeout sidecar may belong to, besides the family of its name.

    If Takeout has truncated the name of a sidecar, the title inside the sidecar says which photo it describes.
    """
    parts = file_name(image_id, TAKEOUT)
    if not parts.truncated:
        return []
    keys = {family_of(parts.folder + name) for name in photo_names(title, parts)}
    return sorted(keys - {family_of(image_id, TAKEOUT)})


def photo_names(title: str, sidecar: FileName) -> list[str]:
    """Return the names that Takeout may give to the photo with this title: the whole title, or a truncated one."""
    name = _normalize(_REPLACED_CHARACTERS.sub("_", title))
    stem, dot, extension = name.rpartition(".")
    if not name or not name.startswith(sidecar.name):
        return []
    number = f"({sidecar.truncated_number})" if sidecar.truncated_number else ""
    if not stem:
        return [name + number]
    truncated_stem = stem[: TAKEOUT_PHOTO_CHARACTERS - len(extension) - 1]
    return list(dict.fromkeys(f"{start}{number}{dot}{extension}" for start in (stem, truncated_stem)))


def matches_takeout(photo: FileName, sidecar: FileName, title: str) -> bool:
    """Return whether a Takeout sidecar describes the photo, by its name or, if its name is truncated, by its title."""
    name_without_number, number = _move_number(photo.name, photo.extension)
    sidecar_name, sidecar_number = _move_number(sidecar.name, sidecar.extension)
    if (sidecar_name, sidecar_number or sidecar.number) in (
        (name_without_number, number),
        (photo.name, 0),
    ):
        return True
    return bool(sidecar.truncated) and photo.name in photo_names(title, sidecar)


def original_of(sidecar: FileName, derived_from: str) -> str:
    """Return the name of the photo that darktable has duplicated; "" if the sidecar does not belong to a duplicate.

    `NAME_01.EXT.xmp` has the edits of the first duplicate of `NAME.EXT`, and names this file in `xmpMM:DerivedFrom`
    (docs.darktable.org/usermanual/stable/en/overview/sidecar-files/sidecar).
    """
    original = _normalize(derived_from)
    stem, dot, extension = original.rpartition(".")
    start, _, number = sidecar.name.removesuffix(dot + extension).rpartition("_")
    is_duplicate = stem and start == stem and sidecar.extension == extension and re.fullmatch("[0-9]{2,4}", number)
    return original if is_duplicate else ""


def _normalize(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _move_number(name: str, extension: str) -> tuple[str, int]:
    """Return a name without its number, and the number: `a.jpg` and 1 for `a(1).jpg` and for `a.jpg(1)`."""
    suffix = f".{extension}" if extension else ""
    stem, number = _split_number(name.removesuffix(suffix) if suffix else name)
    return stem + suffix, number


def _extension(name: str) -> str:
    stem, _, extension = name.rpartition(".")
    return extension if stem and extension in EXTENSIONS else ""


def _split_number(text: str) -> tuple[str, int]:
    match = _NUMBER.search(text)
    return (text[: match.start()], int(match[1])) if match and match.start() else (text, 0)


def _strip_takeout_suffix(name: str) -> str:
    """Remove `.supplemental-metadata`, or the part of it that a truncated name still has."""
    for length in range(len(TAKEOUT_SUFFIX), 0, -1):
        # Only a truncated name ends with a part of the suffix.
        if name.endswith(TAKEOUT_SUFFIX[:length]) and (
            length == len(TAKEOUT_SUFFIX) or len(name) >= TAKEOUT_NAME_CHARACTERS
        ):
            return name[:-length]
    return name


def _strip_edit(stem: str) -> tuple[str, bool]:
    for suffix in EDIT_SUFFIXES:
        if stem.endswith(suffix) and len(stem) > len(suffix):
            return stem[: -len(suffix)], True
    match = _APPLE_EDIT.fullmatch(stem)
    return (match[1] + match[2], True) if match else (stem, False)
