"""Read the parameters and the camera's metadata from the start of an H.264 stream.

Source: ITU-T H.264, 7.3.1 (NAL units), 7.3.2.1.1 (sequence parameter set), 7.3.2.3 (SEI) and E.1.1 (VUI).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

SLICES, SEI, SEQUENCE = frozenset({1, 5}), 6, 7
USER_DATA = 5
START_CODE = b"\0\0\1"
# Limits on the number of NAL units, on the length of a parameter set or an SEI, and on the number of SEI messages.
MAX_UNITS, MAX_UNIT_BYTES, MAX_MESSAGES = 400, 8 * 1024, 64
# Profiles whose parameter sets describe the chroma format.
CHROMA_PROFILES = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
# The longest exponential Golomb code.
MAX_ZEROS = 31
MAX_SIDE_PIXELS = 1 << 15
EXTENDED_ASPECT = 255


class Picture(NamedTuple):
    """Width and height in pixels, and the frames per second; 0 if they are not specified."""

    width: int
    height: int
    frame_rate: float


class Stream(NamedTuple):
    """What the start of a stream contains.

    Attributes:
        picture: The parameters of the picture; None if they were not found.
        user_data: The messages of user data, without emulation prevention.
        is_complete: Whether a slice of the picture follows, so that nothing is missing.
    """

    picture: Picture | None
    user_data: list[bytes]
    is_complete: bool


class _Bits:
    """Reads bits. Reading past the end raises IndexError."""

    def __init__(self, data: bytes) -> None:
        self._number = int.from_bytes(data, "big")
        self._bits_left = 8 * len(data)

    def take(self, n_bits: int) -> int:
        if n_bits > self._bits_left:
            raise IndexError("The parameter set is too short.")
        self._bits_left -= n_bits
        return self._number >> self._bits_left & ((1 << n_bits) - 1)

    def unsigned(self) -> int:
        """Read an exponential Golomb code."""
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > MAX_ZEROS:
                raise IndexError("A code is too long.")
        return (1 << zeros) - 1 + self.take(zeros)

    def signed(self) -> int:
        code = self.unsigned()
        return (code + 1) // 2 if code & 1 else -(code // 2)


def read_stream(data: bytes) -> Stream:
    """Read the NAL units at the start of a stream, up to the first slice of a picture."""
    picture: Picture | None = None
    user_data: list[bytes] = []
    for unit in _units(data):
        kind = unit[0] & 0x1F
        if kind == SEQUENCE and picture is None:
            picture = read_sequence(_without_emulation(unit[1:MAX_UNIT_BYTES]))
        elif kind == SEI:
            user_data += _user_data(_without_emulation(unit[1:MAX_UNIT_BYTES]))
        elif kind in SLICES and picture is not None:
            return Stream(picture, user_data, True)
    return Stream(picture, user_data, False)


def _units(data: bytes) -> Iterator[bytes]:
    """Yield the NAL units, which follow start codes. The last one may be truncated."""
    start = data.find(START_CODE)
    for _ in range(MAX_UNITS):
        if start < 0:
            return
        end = data.find(START_CODE, start + 3)
        unit = data[start + 3 : end if end >= 0 else len(data)]
        if unit:
            yield unit
        start = end


def _without_emulation(data: bytes) -> bytes:
    """Remove emulation prevention: the byte 3 after two zeros, which keeps start codes out of the data."""
    return data.replace(b"\0\0\3", b"\0\0")


def _user_data(data: bytes) -> Iterator[bytes]:
    """Yield the messages of unregistered user data in an SEI unit."""
    position = 0
    for _ in range(MAX_MESSAGES):
        numbers = []
        for _ in ("type", "length"):
            number = 0
            while position < len(data) and data[position] == 0xFF:
                number += 0xFF
                position += 1
            if position + 1 >= len(data):
                return
            numbers.append(number + data[position])
            position += 1
        kind, length = numbers
        if kind == USER_DATA:
            yield data[position : position + length]
        position += length


def read_sequence(data: bytes) -> Picture | None:
    """Return the parameters of the picture in a sequence parameter set; None if it is damaged."""
    try:
        return _read_sequence(_Bits(data))
    except IndexError:
        return None


def _read_sequence(bits: _Bits) -> Picture | None:
    profile = bits.take(8)
    bits.take(16)  # constraint flags, level_idc
    bits.unsigned()  # seq_parameter_set_id
    chroma = 1
    if profile in CHROMA_PROFILES:
        chroma = bits.unsigned()
        if chroma == 3:
            bits.take(1)  # separate_colour_plane_flag
        bits.unsigned()  # bit_depth_luma_minus8
        bits.unsigned()  # bit_depth_chroma_minus8
        bits.take(1)  # qpprime_y_zero_transform_bypass_flag
        if bits.take(1):  # seq_scaling_matrix_present_flag
            for index in range(8 if chroma != 3 else 12):
                if bits.take(1):
                    _skip_scaling_list(bits, 16 if index < 6 else 64)
    bits.unsigned()  # log2_max_frame_num_minus4
    order_type = bits.unsigned()  # pic_order_cnt_type
    if order_type == 0:
        bits.unsigned()  # log2_max_pic_order_cnt_lsb_minus4
    elif order_type == 1:
        bits.take(1)  # delta_pic_order_always_zero_flag
        bits.signed()  # offset_for_non_ref_pic
        bits.signed()  # offset_for_top_to_bottom_field
        for _ in range(min(bits.unsigned(), 255)):
            bits.signed()  # offset_for_ref_frame
    bits.unsigned()  # max_num_ref_frames
    bits.take(1)  # gaps_in_frame_num_value_allowed_flag
    width, height = 16 * (bits.unsigned() + 1), 16 * (bits.unsigned() + 1)
    is_progressive = bits.take(1)
    if not is_progressive:
        height *= 2
        bits.take(1)  # mb_adaptive_frame_field_flag
    bits.take(1)  # direct_8x8_inference_flag
    if bits.take(1):  # frame_cropping_flag
        left, right, top, bottom = (bits.unsigned() for _ in range(4))
        x_unit = 2 if chroma in (1, 2) else 1
        y_unit = (2 if chroma == 1 else 1) * (1 if is_progressive else 2)
        width -= x_unit * (left + right)
        height -= y_unit * (top + bottom)
    if not (0 < width <= MAX_SIDE_PIXELS and 0 < height <= MAX_SIDE_PIXELS):
        return None
    return Picture(width, height, _frame_rate(bits))


def _skip_scaling_list(bits: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.signed()) % 256
        last = following or last


def _frame_rate(bits: _Bits) -> float:
    """Return the frame rate in the VUI; 0 if there is none, or the VUI is truncated."""
    try:
        if not bits.take(1):  # vui_parameters_present_flag
            return 0.0
        if bits.take(1) and bits.take(8) == EXTENDED_ASPECT:
            bits.take(32)  # sar_width, sar_height
        if bits.take(1):  # overscan_info_present_flag
            bits.take(1)
        if bits.take(1):  # video_signal_type_present_flag
            bits.take(4)
            if bits.take(1):  # colour_description_present_flag
                bits.take(24)
        if bits.take(1):  # chroma_loc_info_present_flag
            bits.unsigned()
            bits.unsigned()
        if not bits.take(1):  # timing_info_present_flag
            return 0.0
        units, ticks = bits.take(32), bits.take(32)
    except IndexError:
        return 0.0
    # A frame has two fields, and each takes one tick.
    return ticks / units / 2 if units and ticks < 1 << 31 else 0.0
