"""Decode IPTC datasets into fields with names. Source: IPTC-NAA Information Interchange Model 4.2."""

from __future__ import annotations

from exifinator.metadata.text_decoding import PADDING, decode_bytes

IPTC = dict[str, str | list[str]]

# Names of the datasets in record 2, the "application record", by dataset number. The spelling is ExifTool's.
FIELD_NAMES = {
    3: "ObjectTypeReference",
    4: "ObjectAttributeReference",
    5: "ObjectName",
    7: "EditStatus",
    8: "EditorialUpdate",
    10: "Urgency",
    12: "SubjectReference",
    15: "Category",
    20: "SupplementalCategories",
    22: "FixtureIdentifier",
    25: "Keywords",
    26: "ContentLocationCode",
    27: "ContentLocationName",
    30: "ReleaseDate",
    35: "ReleaseTime",
    37: "ExpirationDate",
    38: "ExpirationTime",
    40: "SpecialInstructions",
    42: "ActionAdvised",
    45: "ReferenceService",
    47: "ReferenceDate",
    50: "ReferenceNumber",
    55: "DateCreated",
    60: "TimeCreated",
    62: "DigitalCreationDate",
    63: "DigitalCreationTime",
    65: "OriginatingProgram",
    70: "ProgramVersion",
    75: "ObjectCycle",
    80: "By-line",
    85: "By-lineTitle",
    90: "City",
    92: "Sub-location",
    95: "Province-State",
    100: "Country-PrimaryLocationCode",
    101: "Country-PrimaryLocationName",
    103: "OriginalTransmissionReference",
    105: "Headline",
    110: "Credit",
    115: "Source",
    116: "CopyrightNotice",
    118: "Contact",
    120: "Caption-Abstract",
    122: "Writer-Editor",
    130: "ImageType",
    131: "ImageOrientation",
    135: "LanguageIdentifier",
}
# Datasets that may occur several times. Their values are stored as lists.
REPEATABLE = frozenset({12, 20, 25, 26, 27, 45, 47, 50, 80, 85, 118, 122})
# The ISO 2022 escape sequence for UTF-8. If dataset 1:90 (CodedCharacterSet) contains it, the text is UTF-8.
UTF_8 = b"\x1b%G"
MAX_DATASETS = 2000
MAX_TEXT_BYTES = 32 * 1024


def read_iptc(data: bytes) -> tuple[IPTC, str | None]:
    """Decode the application record.

    If a dataset is truncated or has an invalid length, the fields before it are returned.

    Returns:
        The fields by name, and the problem as a sentence or None.
    """
    fields: IPTC = {}
    is_utf8 = False
    offset = 0
    for _ in range(MAX_DATASETS):
        if offset + 5 > len(data) or data[offset] != 0x1C:
            break
        record, dataset = data[offset + 1], data[offset + 2]
        length = int.from_bytes(data[offset + 3 : offset + 5], "big")
        offset += 5
        if length & 0x8000:  # an extended dataset: the other 15 bits are the size of the length field that follows
            n_bytes = length & 0x7FFF
            length = int.from_bytes(data[offset : offset + n_bytes], "big") if n_bytes <= 4 else len(data)
            offset += n_bytes
        value = data[offset : offset + length]
        offset += length
        if offset > len(data):
            return fields, "The IPTC data is truncated, or a length in it is invalid."
        if (record, dataset) == (1, 90):
            is_utf8 = value.startswith(UTF_8)
        elif record == 2 and dataset in FIELD_NAMES and length <= MAX_TEXT_BYTES:
            # If no character set is declared, current writers mostly use UTF-8, and older ones Windows-1252.
            text = decode_bytes(value, is_utf8=is_utf8).strip(PADDING)
            name = FIELD_NAMES[dataset]
            if text and dataset in REPEATABLE:
                values = fields.setdefault(name, [])
                if isinstance(values, list):
                    values.append(text)
            elif text:
                fields.setdefault(name, text)
    return fields, None
