"""Structures nested in Sony's MakerNotes. The expected values are those that ExifTool 13.59 prints."""

from __future__ import annotations

import dataclasses
import struct
from typing import Any

import pytest

from docgen.makernotes import craft
from tests.unit.readers import record_of

CAMERA_INFO, CAMERA_INFO_BYTES, AF_STATUS_AT = 0x0010, 15_360, 0x23


def camera_record(model: str, af_status: int) -> dict[str, Any]:
    """Return the record of a JPEG with Sony's structure CameraInfo3, in which one AF sensor has a status."""
    maker = dataclasses.replace(craft.MAKERS["sony-slt"], model=model)
    info = bytearray(CAMERA_INFO_BYTES)
    # Cameras with 15 focus points store the statuses of all sensors from here on, other cameras that of one sensor.
    struct.pack_into("<h", info, AF_STATUS_AT, af_status)
    entries = [(CAMERA_INFO, 7, len(info), bytes(info))]
    data = craft.jpeg(maker.make, model, maker.order, lambda at: craft.note(maker, entries, at))
    document: dict[str, Any] = record_of(data).document
    return document


@pytest.mark.parametrize("model", ["SLT-A55V", "DSLR-A580"])
def test_record__camera_with_15_focus_points__has_the_status_of_each_sensor(model: str) -> None:
    document = camera_record(model, 12)
    statuses = [tag["values"] for name, tag in document.items() if name.startswith("MakerNote AFStatus")]
    # There are more sensors than focus points, because some points have several.
    assert len(statuses) >= 18
    assert [12] in statuses


def test_record__other_camera__has_no_statuses_of_15_focus_points() -> None:
    assert "MakerNote AFStatusUpper-left" not in camera_record("NEX-5N", 12)
