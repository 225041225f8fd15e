"""Meanings of the numbers in EXIF tags. Source: Exif 3.0, 4.6.6; the values 2 to 8 of CustomRendered are Apple's."""

from __future__ import annotations

METERING = {
    1: "average", 2: "center-weighted average", 3: "spot", 4: "multi-spot", 5: "multi-segment", 6: "partial",
    255: "other",
}  # fmt: skip
EXPOSURE_MODE = {0: "auto", 1: "manual", 2: "auto bracket"}
WHITE_BALANCE = {0: "auto", 1: "manual"}
LIGHT_SOURCE = {
    1: "daylight", 2: "fluorescent", 3: "tungsten", 4: "flash", 9: "fine weather", 10: "cloudy", 11: "shade",
    12: "daylight fluorescent", 13: "day white fluorescent", 14: "cool white fluorescent", 15: "white fluorescent",
    16: "warm white fluorescent", 17: "standard light a", 18: "standard light b", 19: "standard light c", 20: "d55",
    21: "d65", 22: "d75", 23: "d50", 24: "iso studio tungsten",
}  # fmt: skip
COLOR_SPACE = {1: "sRGB", 2: "Adobe RGB", 65533: "Wide Gamut RGB"}
UNCALIBRATED = {65535: "uncalibrated"}
INTEROPERABILITY = {"R98": "sRGB", "R03": "Adobe RGB"}
# Values of CustomRendered: HDR with and without the original, and HDR portrait; panorama.
HDR_RENDERED = (2, 3, 7)
PANORAMA_RENDERED = (6,)
# Values of HDRImageType in Apple's MakerNote: the HDR picture, as opposed to the original.
APPLE_HDR = (3,)
