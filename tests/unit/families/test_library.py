"""Resolve a generated library: 5,000 files of known families, and 1,000 files that only look related."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta

from exifinator.families.resolve import resolve
from exifinator.families.stacks import relations
from exifinator.storage.families import split_families
from tests.unit.families.records import Record, apply, photo, takeout, xmp

FIRST_TIME = datetime(2020, 1, 1)
FAMILY_FILES, LOOK_ALIKE_FILES = 5000, 1000
CAMERA = {"camera_make": "SONY", "camera_model": "ILCE-7M4", "camera_serial": "1"}
Tags = Callable[[int], Record]


def bracket(_number: int) -> Record:
    return {"MakerNote DriveMode": {"values": 0, "printable": "Continuous Exposure Bracketing"}}


def sony_burst(number: int) -> Record:
    return {"MakerNote SequenceNumber": {"values": number, "printable": str(number)}}


def panorama(number: int) -> Record:
    return {"MakerNote PanoramaFrameNumber": {"values": number, "printable": str(number)}}


class Library:
    """Records, and the expected result of resolving them.

    Attributes:
        owners: The ids of each sidecar's photos, by the id of the sidecar.
        stacks: The ids of the members of each stack.
    """

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.records: list[Record] = []
        self.owners: dict[str, list[str]] = {}
        self.stacks: set[frozenset[str]] = set()
        self._number = 0

    def add(self, *records: Record, stack: bool = False, **owners: list[int]) -> None:
        """Add a family.

        Args:
            stack: Whether its photos are a stack.
            owners: The indices of a sidecar's photos in `records`, by "s" and the index of the sidecar, as in `s2=[0]`.
        """
        self.records += records
        ids = [record["_id"] for record in records]
        sidecars = {index for index, record in enumerate(records) if "sidecar" in record}
        for index in sidecars:
            self.owners[ids[index]] = sorted(ids[owner] for owner in owners.get(f"s{index}", []))
        if stack:
            self.stacks.add(frozenset(ids[index] for index in range(len(ids)) if index not in sidecars))

    def next_name(self) -> tuple[str, str, datetime]:
        """Return the start of an id, a name and a time that no other family has."""
        self._number += 1
        folder = f"b/{self._number % 7}"
        name = self.rng.choice(["IMG_", "DSC", "PXL_2024.", "Été "]) + f"{self._number:05}"
        return f"{folder}/{name}", name, FIRST_TIME + timedelta(hours=self._number)

    def shots(
        self, at: str, taken: datetime, frames: list[Record], tags: Tags | None, extension: str = "jpg", first: int = 0
    ) -> list[Record]:
        """Return the records of frames that a camera took one second apart.

        Args:
            at: The start of their ids.
            frames: Fields of `photo` that differ from frame to frame.
            tags: Returns the camera's tags for the frame with a number, or None for a camera without such tags.
            first: The number of the first frame.
        """
        records = []
        for index, fields in enumerate(frames):
            record = photo(f"{at}_{index}.{extension}", taken + timedelta(seconds=index), **{**CAMERA, **fields})
            mark = relations(record["_id"], tags(first + index), None, record["photo"]) if tags else {}
            records.append({**record, **mark})
        return records

    def add_family(self) -> None:
        at, name, taken = self.next_name()
        near = taken + timedelta(seconds=self.rng.randint(0, 3))
        long = f"{name} {'holiday in the mountains ' * 2}".strip()
        folder = at.removesuffix(name)
        match self.rng.randrange(17):
            case 12:
                shots = self.shots(at, taken, [{"exposure_bias": bias} for bias in (0.0, -1.0, 1.0)], bracket)
                self.add(*shots, stack=True)
            case 13:
                # RAW and JPEG of each frame, and a sidecar of the first frame
                pairs = [
                    shot
                    for extension in ("CR2", "jpg")
                    for shot in self.shots(at, taken, [{"exposure_seconds": 1 / n} for n in (4, 30, 250)], bracket,
                                           extension)
                ]  # fmt: skip
                self.add(*pairs, xmp(f"{at}_0.xmp", rating=5), stack=True, s6=[0, 3])
            case 14:
                count = self.rng.randint(2, 9)
                self.add(*self.shots(at, taken, [{}] * count, sony_burst, first=1), stack=True)
            case 15:
                self.add(*self.shots(at, taken, [{}] * self.rng.randint(2, 5), panorama), stack=True)
            case 16:
                # darktable's duplicates of a photo
                raw = f"{name}.NEF"
                self.add(photo(f"{at}.NEF", taken), xmp(f"{at}.NEF.xmp", original=raw, rating=3),
                         xmp(f"{at}_01.NEF.xmp", original=raw, rating=5), s1=[0], s2=[0])  # fmt: skip
            case 0:
                self.add(photo(f"{at}.HEIC", taken), photo(f"{at}.MOV", near, duration_seconds=2.8), stack=True)
            case 1:
                raw = self.rng.choice(["CR2", "nef", "ARW"])
                self.add(photo(f"{at}.{raw}", taken), photo(f"{at}.JPG", taken), xmp(f"{at}.xmp", rating=5),
                         stack=True, s2=[0, 1])  # fmt: skip
            case 2:
                self.add(photo(f"{at}.NEF", taken), xmp(f"{at}.NEF.xmp", rating=3), s1=[0])
            case 3:
                self.add(photo(f"{at}.jpg"), takeout(f"{at}.jpg.json", f"{name}.jpg", description="x"), s1=[0])
            case 4:
                self.add(photo(f"{at}(1).jpg"), takeout(f"{at}.jpg(1).json", f"{name}.jpg", description="x"), s1=[0])
            case 5:
                cut = f"{name}.jpg.supplemental-metadata"[:46]
                self.add(photo(f"{at}.jpg"), takeout(f"{folder}{cut}.json", f"{name}.jpg", description="x"), s1=[0])
            case 6:
                shown = f"{long[:47]}.jpg"
                self.add(photo(folder + shown), takeout(f"{folder}{long[:46]}.json", f"{long}.jpg", description="x"),
                         s1=[0])  # fmt: skip
            case 7:
                self.add(photo(f"{at}.jpg", taken), photo(f"{at}-edited.jpg", taken),
                         takeout(f"{at}.jpg.supplemental-metadata.json"[:60], f"{name}.jpg", description="x"),
                         stack=True, s2=[0, 1])  # fmt: skip
            case 8:
                key = f"burst:{folder[:-1]}/{name}"
                burst = [
                    {**photo(f"{at}_{index}.jpg", taken), "links": [key]} for index in range(self.rng.randint(2, 6))
                ]
                self.add(*burst, stack=True)
            case 9:
                key = f"live:{folder[:-1]}/{name}"
                self.add({**photo(f"{at}.HEIC", taken), "links": [key]},
                         {**photo(f"{at}_x.MOV", near), "links": [key]}, stack=True)  # fmt: skip
            case 10:
                self.add(xmp(f"{at}.xmp", rating=1))
            case _:
                self.add(photo(f"{at}.jpg", taken))

    def add_look_alike(self) -> None:
        at, name, taken = self.next_name()
        other = taken + timedelta(days=self.rng.randint(3, 900))
        match self.rng.randrange(14):
            case 8:
                # An edited copy without a date, of one of two photos
                self.add(photo(f"{at}.CR2", taken), photo(f"{at}.JPG", other), photo(f"{at}-edited.tif"))
            case 9:
                # Bracketed frames of the same exposure, and of two cameras
                self.add(*self.shots(at, taken, [{"exposure_bias": 0.0}] * 3, bracket))
            case 10:
                shots = [{"exposure_bias": float(n), "camera_serial": f"{n}"} for n in range(2)]
                self.add(*self.shots(at, taken, shots, bracket))
            case 11:
                # Frames that look like a series, but whose tags do not say so
                self.add(*self.shots(at, taken, [{"exposure_bias": float(n)} for n in range(3)], None))
            case 12:
                # Single frames, which some models give the number 1
                self.add(
                    *(shot for n in range(3) for shot in self.shots(f"{at}_{n}", taken, [{}], sony_burst, first=1))
                )
            case 13:
                # A sidecar of another photo, whose name ends like that of a duplicate
                self.add(photo(f"{at}.NEF", taken), xmp(f"{at}_01.NEF.xmp", original=f"{name}_01.NEF", rating=5))
            case 0:
                self.add(photo(f"{at}.CR2", taken), photo(f"{at}.JPG", other))
            case 1:
                self.add(photo(f"{at}.JPG", taken), photo(f"{at}.MOV", other, duration_seconds=3.0))
            case 2:
                self.add(photo(f"{at}.JPG", taken), photo(f"{at}.MP4", taken, duration_seconds=90.0))
            case 3:
                self.add(photo(f"{at}.jpg"), takeout(f"{at}.jpg(1).json", f"{name}.jpg", description="x"))
            case 4:
                self.add(photo(f"{at}.CR2"), xmp(f"{at}.xmp", "nef", rating=5))
            case 5:
                self.add(photo(f"{at}.jpg"), xmp(f"{at}.png.xmp", rating=5))
            case 6:
                self.add(photo(f"{at}.jpg", taken), photo(f"{at}-edited.jpg", other))
            case _:
                self.add(photo(f"{at}.jpg"), photo(f"{at}1.jpg"), xmp(f"{at}12.xmp", rating=5))


def test_resolve__library_of_known_families__has_the_expected_owners_and_stacks() -> None:
    library = Library(7)
    while len(library.records) < FAMILY_FILES:
        library.add_family()
    while len(library.records) < FAMILY_FILES + LOOK_ALIKE_FILES:
        library.add_look_alike()
    assert len({record["_id"] for record in library.records}) == len(library.records)
    library.rng.shuffle(library.records)

    for family in split_families(library.records):
        by_id = {record["_id"]: record for record in family}
        for image_id, change in resolve(family).items():
            apply(by_id[image_id], change)

    owners = {record["_id"]: record["sidecar"].get("of", []) for record in library.records if "sidecar" in record}
    assert owners == library.owners
    stacks: dict[str, set[str]] = {}
    for record in library.records:
        if stack := record.get("stack"):
            stacks.setdefault(stack["id"], set()).add(record["_id"])
    assert set(map(frozenset, stacks.values())) == library.stacks
    assert len(library.stacks) > 300
