"""The fields of a record that the filters compare."""

from __future__ import annotations

from typing import Literal, get_args

from api.query.sort_order import TAKEN, VALUE_PATHS

Property = Literal[
    "gps", "date", "camera", "lens", "keywords", "people", "title", "description", "rating", "headline", "regions",
    "place", "label", "creator", "copyright", "owner", "software", "camera_serial", "lens_serial", "white_balance",
    "flash", "color_space", "date_suspect", "sidecar", "duration", "frame_rate", "video_codec", "audio_codec", "make",
    "focal35",
]  # fmt: skip
# Maps filters to fields that many photos lack. The indexes of these fields contain only the photos that have the field.
PARTIAL_PATHS: dict[str, str] = {
    "person": "photo.people",
    "country": "countries",
    "state": "states",
    "city": "cities",
    "place": "places",
    "kind": "kinds",
    "label": "photo.label",
    "creator": "photo.creators",
    "copyright": "photo.copyright",
    "owner": "photo.owner",
    "software": "photo.software",
    "camera_serial": "photo.camera_serial",
    "lens_serial": "photo.lens_serial",
    "white_balance": "photo.white_balance",
    "flash": "photo.flash_fired",
    "color_space": "photo.color_space",
    "date_suspect": "photo.date_suspect",
    "fingerprint": "fingerprint",
    "duration": "photo.duration_seconds",
    "frame_rate": "photo.frame_rate",
    "video_codec": "photo.video_codec",
    "audio_codec": "photo.audio_codec",
    "make": "photo.camera_make",
    "focal35": "photo.focal_length_35mm",
}
PROPERTIES: dict[str, str] = {
    "gps": "photo.location",
    "date": TAKEN,
    "camera": "photo.camera_model",
    "lens": "photo.lens_model",
    "keywords": "photo.keywords",
    "people": "photo.people",
    "title": "photo.title",
    "description": "photo.description",
    "rating": "photo.rating",
    "headline": "photo.headline",
    "regions": "photo.regions",
    "sidecar": "sidecars",
    **{name: path for name, path in PARTIAL_PATHS.items() if name in get_args(Property)},
}
# The field of each filter that compares a single field with values or a range.
FILTER_PATHS: dict[str, str] = {
    **VALUE_PATHS, "media_type": "photo.media_type", "keyword": "photo.keywords", "stack": "stack.id",
    **PARTIAL_PATHS,
}  # fmt: skip
