"""Sort the objects of a listed page by what remains to be done with each object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from exifinator import EXTRACTOR_VERSION
from exifinator.models import ImageRef, Status
from exifinator.storage.jobs import FAILED_STATUSES, PENDING_STATUSES
from exifinator.storage.records import StoredImage


class KnownRecords(Protocol):
    """Access to records. Implemented by exifinator.storage.records.RecordStore."""

    def find(self, ids: list[str]) -> dict[str, StoredImage]: ...


class KnownJobs(Protocol):
    """Access to stored jobs. Implemented by exifinator.storage.jobs.JobStore."""

    def find_statuses(self, image_ids: list[str]) -> dict[str, str]: ...


class KnownImages(Protocol):
    """Access to what is stored about images. Implemented by exifinator.storage.store.Store."""

    @property
    def records(self) -> KnownRecords: ...

    @property
    def jobs(self) -> KnownJobs: ...


@dataclass(slots=True)
class Page:
    """A page of a listing. Each object of the page is excluded or in exactly one of the lists.

    Attributes:
        excluded: The number of objects that are not indexed, because they are junk or the patterns leave them out.
        folders: Empty objects that stand for folders.
        current: Images with an up-to-date record, and what is stored about each.
        empty: Other empty objects that have no up-to-date record.
        failed: Images with a failed job.
        pending: Images with a stored job that is running or waiting to run.
        archived: Other images that have to be restored in S3 before they can be read.
        unread: All other images, which must be fetched and decoded.
        outdated: The status of the stored record, by image id, for each unread image that has a record. Such a record
            was made from an earlier version of the object, or by an older extractor.
        older_extractor: How many of the current images were indexed by an older extractor.
    """

    excluded: int = 0
    folders: list[ImageRef] = field(default_factory=list)
    current: list[tuple[ImageRef, StoredImage]] = field(default_factory=list)
    empty: list[ImageRef] = field(default_factory=list)
    failed: list[ImageRef] = field(default_factory=list)
    pending: list[ImageRef] = field(default_factory=list)
    archived: list[ImageRef] = field(default_factory=list)
    unread: list[ImageRef] = field(default_factory=list)
    outdated: dict[str, Status] = field(default_factory=dict)
    older_extractor: int = 0

    @property
    def listed(self) -> int:
        other_lists = (self.folders, self.empty, self.failed, self.pending, self.archived, self.unread)
        return self.excluded + len(self.current) + sum(len(refs) for refs in other_lists)


def triage_page(
    refs: Sequence[ImageRef],
    known: KnownImages,
    *,
    refresh: bool = False,
    newer_since: datetime | None = None,
    excluded: int = 0,
) -> Page:
    """Sort the objects of a page, with a fixed number of queries to MongoDB.

    Args:
        refs: The listed objects.
        known: The records and jobs stored so far.
        refresh: Whether images that an older extractor indexed must be indexed again. Archived images are then tried
            too, because not every server says which of them have been restored.
        newer_since: Records of newer versions of the objects that were made since this time are up to date too. By
            default, a record is up to date only if it was made from the listed version.
        excluded: The number of objects on the page that are not in `refs`, because they are not indexed.
    """
    page = Page(excluded)
    objects = []
    for ref in refs:
        if ref.is_folder:
            page.folders.append(ref)
        else:
            objects.append(ref)
    ids = [ref.id for ref in objects]
    stored = known.records.find(ids)
    rest: list[tuple[ImageRef, str]] = []
    for ref, image_id in zip(objects, ids, strict=True):
        image = stored.get(image_id)
        is_current = image is not None and (
            image.is_current(ref)
            or (
                newer_since is not None
                and image.extracted_at >= newer_since
                and image.last_modified > ref.last_modified
            )
        )
        if image and is_current and not (refresh and image.extractor_version < EXTRACTOR_VERSION):
            page.current.append((ref, image))
            page.older_extractor += image.extractor_version < EXTRACTOR_VERSION
        elif ref.size_bytes == 0:
            page.empty.append(ref)
        elif ref.is_archived and not refresh:
            page.archived.append(ref)
        else:
            rest.append((ref, image_id))
    jobs = known.jobs.find_statuses([image_id for _, image_id in rest]) if rest else {}
    for ref, image_id in rest:
        status = jobs.get(image_id)
        if status in FAILED_STATUSES:
            page.failed.append(ref)
        elif status in PENDING_STATUSES:
            page.pending.append(ref)
        else:
            page.unread.append(ref)
            if image_id in stored:
                page.outdated[image_id] = stored[image_id].status
    return page
