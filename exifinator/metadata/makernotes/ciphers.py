"""Decipher the structures that Nikon and Sony encipher.

Nikon's key is the camera's serial number and shutter count. Source: dcraw (https://www.dechifro.org/dcraw/) publishes
the key and the two tables, and Exiv2's issue 1008 repeats them (https://github.com/Exiv2/exiv2/issues/1008).

Sony has no key: each byte below 249 is replaced by its cube modulo 249. Source: Exiv2's pull request 906
(https://github.com/Exiv2/exiv2/pull/906), which shows enciphered bytes beside their values.

For sample files and for crafted files, both ciphers yield the values that ExifTool 13.59 prints.
"""

from __future__ import annotations

from functools import cache

# If a structure is longer, only this many bytes of it are deciphered.
MAX_BYTES = 64 * 1024
# A constant of Nikon's cipher.
NIKON_START = 0x60

NIKON_SERIAL_TABLE = bytes.fromhex(
    "c1bf6d0d59c5139d83616b4fc77f3d3d5359e3c7e92f95a7951fdf7f2b29c70ddf07ef71893d133d3b13fb0d89c1651f"
    "b30d6b29e3fbefa36b477f9535a7474fc7f1599535112961f13db32b0d4389c19d9d8965f1e9dfbf3d7f5397e5e99517"
    "1d3d8bfbc7e367a707f171a753b52989e52ba71729e94fc5656d6bef0d89492fb34353651d49a3138959ef6bef651d0b"
    "5913e34f9db329432b071d95595947fbe5e961472f357f177fef7f959571d3a30b71a3ad0b3bb5fba3bf4f831dade92f"
    "7165a3e507353d0db5e9e5473b9def35a3bfb3df53d397534971073561712f432f11df1797fb953b7f6bd325bfadc7c5"
    "c5b58bef2fd3076b25499525496d71c7"
)
NIKON_COUNT_TABLE = bytes.fromhex(
    "a7bcc9ad91df85e5d478d517467c294c4d03e925681186b3bdf76f6122a226342abe1e4614689d4418c240f47e5f1bad"
    "0b94b667b40be1ea959c66dce75d6c05dad5df7aeff6db1f824cc06847a1bdee3950564adddfa5f8c6daca90ca01429d"
    "8b0c7343750594de24b38034e52cdc9b3fca3345d0db5ff552c321dae222726b3ed05ba8878c065d0fdd091993d0b9fc"
    "8b0f8460331c9b45f1f0a3943a1277334d4478283c9efd655716946bfb59d0c82236dbd2639843a1048786f7a626bbd6"
    "594dbf6a2eaa2befe678b64ee02fdc7cbe5719327e2ad0b8ba29003c527da8493b2deb2549faa3aa39a7c5a7501136fb"
    "c6674af5a512657eb0dfaf4eb3617f2f"
)


def decipher_nikon(data: bytes, serial: int, shutter_count: int, start: int) -> bytes:
    """Decipher one of Nikon's structures. Enciphering is the same operation.

    Args:
        data: The structure.
        serial: The camera's serial number.
        shutter_count: The number of photos that the camera had taken.
        start: Offset of the first enciphered byte. The bytes before it are not enciphered.

    Returns:
        The structure, truncated to MAX_BYTES.
    """
    key = 0
    for byte in (shutter_count & 0xFFFFFFFF).to_bytes(4, "little"):
        key ^= byte
    stream = _nikon_stream(serial & 0xFF, key)
    body = data[start:MAX_BYTES]
    repeated = stream * (len(body) // len(stream) + 1)
    plain = int.from_bytes(body, "big") ^ int.from_bytes(repeated[: len(body)], "big")
    return data[:start] + plain.to_bytes(len(body), "big")


@cache
def _nikon_stream(serial: int, key: int) -> bytes:
    """Return the first 512 bytes of the key stream, which then repeats itself.

    Each byte is the sum of all steps so far. The steps have a period of 256, and their sum has a period of 512.

    Args:
        serial: The lowest byte of the serial number.
        key: The four bytes of the shutter count, combined by XOR.
    """
    factor, sum_ = NIKON_SERIAL_TABLE[serial], NIKON_COUNT_TABLE[key]
    stream = bytearray()
    for index in range(512):
        sum_ = (sum_ + factor * ((NIKON_START + index) & 0xFF)) & 0xFF
        stream.append(sum_)
    return bytes(stream)


@cache
def _sony_table() -> bytes:
    """Return the plain byte for each enciphered byte."""
    table = bytearray(range(256))
    for plain in range(249):
        table[plain**3 % 249] = plain
    return bytes(table)


def decipher_sony(data: bytes) -> bytes:
    """Decipher one of Sony's structures. The result is truncated to MAX_BYTES."""
    return data[:MAX_BYTES].translate(_sony_table())
