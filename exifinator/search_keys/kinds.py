"""Derive the kinds of an image, such as `panorama`, by which the filter `kind=` finds it. Most images have no kind."""

from __future__ import annotations

from collections.abc import Mapping

KINDS = ("raw", "hdr", "panorama", "burst", "motion", "generated")
# Formats of raw sensor data, by their names in `format`.
RAW_FORMATS = frozenset(
    {
        "3fr", "arw", "cr2", "cr3", "crw", "dng", "erf", "iiq", "mrw", "nef", "orf", "pef", "raf", "raw", "rw2", "srw",
        "x3f",
    }
)  # fmt: skip
# Kind -> field of `photo` that is True for images of this kind.
_FLAGS = {"hdr": "is_hdr", "panorama": "is_panorama", "burst": "is_burst", "motion": "is_motion_photo"}


def kinds_of(format_: object, photo: object, ai: object = None) -> list[str]:
    """Return the kinds of an image, in the order of KINDS.

    Args:
        format_: The field `format` of a record.
        photo: The field `photo`.
        ai: The field `ai`.
    """
    is_raw = isinstance(format_, str) and format_ in RAW_FORMATS
    kinds = {"raw": is_raw, "generated": _is_true(ai, "generated")}
    kinds |= {kind: _is_true(photo, name) for kind, name in _FLAGS.items()}
    return [kind for kind in KINDS if kinds[kind]]


def _is_true(values: object, name: str) -> bool:
    return isinstance(values, Mapping) and values.get(name) is True
