"""Form stacks: photos and videos that show one exposure or one series, or an original and its edited copies.

Files of one family are stacked if their dates do not contradict each other. Files with different names are stacked if
the camera gave both the same identifier of a Live Photo or of a burst, or if they are frames of one series.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from exifinator.families.groups import Groups
from exifinator.families.names import FileName, file_name
from exifinator.families.series import BRACKET, BURST, HDR, PANORAMA, find_series, series_links, series_mark
from exifinator.families.sidecars import (
    Record,
    exact_time,
    is_photo,
    is_picture,
    is_raw,
    is_same_exposure,
    is_video,
    own_photo,
)

Stack = dict[str, Any]
Member = tuple[Record, FileName]

# The roles in a stack. The file with the first of these roles is the primary, which a gallery shows.
ROLES = ("edited", "photo", HDR, BURST, BRACKET, PANORAMA, "raw", "video")
# The video of a Live Photo begins up to 1.5 s before the picture, and lasts 3 s. Other makers' phones record up to 8 s.
MAX_LIVE_SECONDS = 10.0
LIVE_TOLERANCE = timedelta(seconds=5)
MAX_IDENTIFIER_CHARACTERS = 100
# If more files share a name or identifier, they are not compared with each other.
MAX_COMPARED = 40
# (kind of link, tag or XMP property in which cameras store the identifier of a Live Photo or a burst).
LIVE = "live"
_TAGS = ((LIVE, "MakerNote ContentIdentifier"), (LIVE, "Keys ContentIdentifier"), (BURST, "MakerNote BurstUUID"))
_PROPERTIES = ((BURST, "GCamera:BurstID"),)


def relations(image_id: str, tags: Mapping[str, Any], xmp: object, photo: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that connect a photo with files of other names in its folder.

    Args:
        image_id: The id of the record.
        tags: The stored tags by name. A whole record is accepted, too.
        xmp: The XMP properties.
        photo: The field `photo` of the file itself.

    Returns:
        The fields `links` and `series` of the record, unless they are empty.
    """
    mark = series_mark(tags, photo)
    links = [*_identifiers(image_id, tags, xmp), *series_links(image_id, mark, photo)]
    return {**({"links": links} if links else {}), **({"series": mark} if mark else {})}


def _identifiers(image_id: str, tags: Mapping[str, Any], xmp: object) -> list[str]:
    """Return a link for each identifier that the camera gave to a photo."""
    folder = image_id.rpartition("/")[0]
    values = [(kind, tag.get("values")) for kind, name in _TAGS if isinstance(tag := tags.get(name), Mapping)]
    if isinstance(xmp, Mapping):
        values += [(kind, xmp.get(name)) for kind, name in _PROPERTIES]
    identifiers = [
        (kind, value.strip()[:MAX_IDENTIFIER_CHARACTERS]) for kind, value in values if isinstance(value, str)
    ]
    return list(dict.fromkeys(f"{kind}:{folder}/{identifier}" for kind, identifier in identifiers if identifier))


def find_stacks(records: Sequence[Record]) -> dict[str, Stack]:
    """Return the field `stack` of each record that is part of a stack, by id.

    Args:
        records: All records that have keys in common.
    """
    members = {record["_id"]: (record, file_name(record["_id"])) for record in records if is_photo(record)}
    groups = Groups(members)
    for image_ids in _by_key(members).values():
        # More files with one key than MAX_COMPARED cannot all belong to one photo.
        if 1 < len(image_ids) <= MAX_COMPARED:
            _join_one_photo({image_id: members[image_id] for image_id in image_ids}, groups)
    roles = {image_id: _role(*member) for image_id, member in members.items()}
    ranks = dict.fromkeys(members, 0.0)
    for series in _find_series(members, groups):
        for image_id in series:
            record = members[image_id][0]
            if roles[image_id] in ("photo", BURST):
                roles[image_id] = record["series"]["kind"]
            # The primary of a bracket is the frame with the exposure that the camera metered.
            if record["series"]["kind"] == BRACKET:
                ranks[image_id] = abs(own_photo(record).get("exposure_bias") or 0)
            # The primary of an HDR pair is the merged photo, which has the higher number.
            elif record["series"]["kind"] == HDR:
                ranks[image_id] = -record["series"]["number"]
            groups.join(series[0], image_id)
    bursts: dict[str, str] = {}
    for image_id, (record, _) in members.items():
        for link in _links(record, BURST):
            groups.join(bursts.setdefault(link, image_id), image_id)
    stacks: dict[str, Stack] = {}
    for group in groups.all():
        if len(group) == 1:
            continue
        primary = min(group, key=lambda image_id: (ROLES.index(roles[image_id]), ranks[image_id], image_id))
        for image_id in group:
            stacks[image_id] = {
                "id": primary,
                "role": roles[image_id],
                "primary": image_id == primary,
                "count": len(group),
            }
    return stacks


def _find_series(members: Mapping[str, Member], groups: Groups) -> list[list[str]]:
    """Return the ids of the marked files of each series."""
    marked = {image_id: record for image_id, (record, _) in members.items() if record.get("series")}
    # The RAW file and the JPEG of one frame are in one group.
    files = {min(group): sorted(group) for group in (groups.of(image_id) & marked.keys() for image_id in marked)}
    return [
        [image_id for frame in series for image_id in files[frame]]
        for series in find_series(marked[image_id] for image_id in files)
    ]


def _join_one_photo(members: Mapping[str, Member], groups: Groups) -> None:
    """Join those files with the same name, or the same identifier of a Live Photo, that belong to one photo.

    A file without an exact date may match several files. If their dates contradict each other, it joins only those with
    its own extension. If those contradict each other too, it joins none.
    """
    undated = [image_id for image_id, (record, _) in members.items() if exact_time(record) is None]
    dated = members.keys() - set(undated)
    for first, second in itertools.combinations(sorted(dated), 2):
        if _belong_to_one_stack(*members[first], *members[second]):
            groups.join(first, second)
    # Originals come first, so that an edited copy may fit an original without a date.
    for image_id in sorted(undated, key=lambda image_id: (members[image_id][1].is_edit, image_id)):
        fitting = [other for other in sorted(members) if _fits(image_id, other, members)]
        if not _dates_agree(fitting, members, groups):
            extension = members[image_id][1].extension
            fitting = [other for other in fitting if members[other][1].extension == extension]
        if _dates_agree([image_id, *fitting], members, groups):
            for other in fitting:
                groups.join(image_id, other)


def _fits(a: str, b: str, members: Mapping[str, Member]) -> bool:
    return a != b and _belong_to_one_stack(*members[a], *members[b])


def _dates_agree(image_ids: Iterable[str], members: Mapping[str, Member], groups: Groups) -> bool:
    """Return whether the dates of these files, and of the files in their groups, do not contradict each other."""
    group_ids = {other for image_id in image_ids for other in groups.of(image_id)} & members.keys()
    return not any(_dates_contradict(*members[a], *members[b]) for a, b in itertools.combinations(sorted(group_ids), 2))


def _dates_contradict(a: Record, a_name: FileName, b: Record, b_name: FileName) -> bool:
    """Return whether two files have the same name, but were taken at different times."""
    is_same_time = _is_near_in_time if is_video(a) or is_video(b) else is_same_exposure
    return _is_same_name(a_name, b_name, ignore_edits=True) and not is_same_time(a, b)


def _by_key(members: Mapping[str, Member]) -> dict[str, list[str]]:
    """Return the sorted ids of the members with each name and each identifier of a Live Photo."""
    ids: dict[str, list[str]] = {}
    for image_id, (record, name) in sorted(members.items()):
        for key in (f"{name.folder}{name.stem}({name.number})", *_links(record, LIVE)):
            ids.setdefault(key, []).append(image_id)
    return ids


def _role(record: Record, name: FileName) -> str:
    if is_video(record):
        return "video"
    if name.is_edit:
        return "edited"
    if is_raw(record):
        return "raw"
    return "burst" if _links(record, BURST) else "photo"


def _belong_to_one_stack(a: Record, a_name: FileName, b: Record, b_name: FileName) -> bool:
    """Return whether two photos or videos belong to one stack."""
    if is_video(a) != is_video(b):
        picture, video = (b, a) if is_video(a) else (a, b)
        if a_name.stem.rstrip() == b_name.stem.rstrip() and a_name.number != b_name.number:
            # Two copies of a Live Photo in one folder.
            return False
        return _is_live_pair(picture, video, is_same_name=_is_same_name(a_name, b_name))
    if not _is_same_name(a_name, b_name, ignore_edits=True):
        return False
    if a_name.is_edit != b_name.is_edit:
        return is_same_exposure(a, b)
    is_raw_pair = (is_raw(a) and is_picture(b)) or (is_picture(a) and is_raw(b))
    return is_raw_pair and is_same_exposure(a, b) and _is_same_camera(a, b)


def _is_live_pair(picture: Record, video: Record, *, is_same_name: bool) -> bool:
    """Return whether a picture and a video are one Live Photo: by identifier, or else by name, length and time."""
    picture_links, video_links = _links(picture, LIVE), _links(video, LIVE)
    if picture_links and video_links:
        return bool(picture_links & video_links)
    seconds = own_photo(video).get("duration_seconds")
    if not is_same_name or (isinstance(seconds, int | float) and seconds > MAX_LIVE_SECONDS):
        return False
    return _is_near_in_time(picture, video)


def _is_near_in_time(a: Record, b: Record) -> bool:
    """Return whether two files were recorded within LIVE_TOLERANCE. Without exact dates, assume it."""
    first, second = exact_time(a), exact_time(b)
    if first is None or second is None:
        return True
    if abs(first - second) <= LIVE_TOLERANCE:
        return True
    # The date of one of the two files may be in UTC, so compare both in UTC.
    first, second = _instant(a), _instant(b)
    return first is not None and second is not None and abs(first - second) <= LIVE_TOLERANCE


def _instant(record: Record) -> datetime | None:
    """Return when a file was recorded, in UTC; None if its offset is unknown."""
    photo = own_photo(record)
    taken = photo.get("taken_at")
    return taken.replace(tzinfo=None) if isinstance(taken, datetime) and photo.get("taken_offset") else None


def _is_same_name(a: FileName, b: FileName, *, ignore_edits: bool = False) -> bool:
    same = (a.folder, a.stem, a.number) == (b.folder, b.stem, b.number)
    return same and (ignore_edits or a.is_edit == b.is_edit)


def _is_same_camera(a: Record, b: Record) -> bool:
    first, second = own_photo(a).get("camera_model"), own_photo(b).get("camera_model")
    return first is None or second is None or first == second


def _links(record: Record, kind: str) -> set[str]:
    links = record.get("links")
    start = f"{kind}:"
    return {link for link in links if isinstance(link, str) and link.startswith(start)} if links else set()
