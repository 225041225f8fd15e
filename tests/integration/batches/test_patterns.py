"""Patterns and junk files choose the objects that a batch indexes, resumes and prunes, on real servers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from exifinator.batches.model import BatchCounts
from exifinator.batches.prune import find_orphans, remove_orphans
from exifinator.batches.runner import Batch
from exifinator.batches.service import read_batch
from exifinator.batches.sources import check_sources
from exifinator.sources.patterns import Patterns, make_patterns
from exifinator.sources.source import Source
from tests.integration.batches.batches import list_all
from tests.integration.batches.test_prune import save_finished_batch
from tests.integration.conftest import INTERVALS, Bucket, Installation
from tests.photos import make_jpeg
from tests.s3_proxy import run_proxy

SIZES = ("original", "large", "medium", "small", "thumb", "square")


def fill_like_inaturalist(bucket: Bucket, count: int) -> None:
    """Put photos into a bucket, each in six sizes, as in the bucket of iNaturalist."""
    body = make_jpeg()
    for photo in range(count):
        for size in SIZES:
            bucket.put(f"photos/{1000 + photo}/{size}.jpg", body)


def start(installation: Installation, source: Source, **options: bool) -> Batch:
    batch = Batch([source], installation.s3, installation.store, installation.queue, intervals=INTERVALS, **options)
    batch.open()
    return batch


def adds_up(counts: BatchCounts) -> bool:
    """Return whether each listed object is in exactly one of the other counts."""
    return counts.listed == counts.folders + counts.excluded + counts.unchanged + counts.archived + counts.done


def test_run__pattern_for_one_of_six_sizes__reads_one_object_per_photo(
    install: Callable[..., Installation], bucket: Bucket, moto_url: str
) -> None:
    fill_like_inaturalist(bucket, 5)
    with run_proxy(moto_url) as proxy:
        installation = install(S3_ENDPOINT_URL=proxy.url)
        source = Source(bucket.name, "photos/", make_patterns(["*/original.*"]))
        batch = list_all(start(installation, source))
        counts = installation.finish_here(batch)
        gets = Counter(target for method, target, _ in proxy.seen if method == "GET" and "?" not in target)

    assert (counts.listed, counts.excluded, counts.stored, counts.requests) == (30, 25, 5, 5)
    assert adds_up(counts)
    assert gets == {f"/{bucket.name}/photos/{1000 + photo}/original.jpg": 1 for photo in range(5)}


def test_run__junk_files__are_excluded_unless_requested(installation: Installation, bucket: Bucket) -> None:
    for key in ("a.jpg", "@eaDir/a.jpg/SYNO.jpg", "Thumbs.db", "._a.jpg"):
        bucket.put(key, make_jpeg())
    bucket.put("@eaDir/", b"")
    source = Source(bucket.name)
    counts = installation.finish_here(list_all(start(installation, source)))
    assert (counts.listed, counts.folders, counts.excluded, counts.stored) == (5, 1, 3, 1)
    assert adds_up(counts)
    assert recorded_keys(installation) == {"a.jpg"}

    counts = installation.finish_here(list_all(start(installation, source, includes_junk=True)))
    assert (counts.folders, counts.excluded, counts.unchanged, counts.stored) == (1, 0, 1, 3)
    assert adds_up(counts)


def test_run__redis_has_lost_the_counts__counts_excluded_objects_again(
    installation: Installation, bucket: Bucket
) -> None:
    fill_like_inaturalist(bucket, 3)
    batch = list_all(start(installation, Source(bucket.name, patterns=make_patterns(["original.*"]))))
    installation.queue.batches.close(batch.id)
    counts = installation.finish_here(batch)
    assert (counts.listed, counts.excluded, counts.stored) == (18, 15, 3)
    assert adds_up(counts)


def test_verify__objects_that_the_patterns_exclude__do_not_count_as_missing(
    installation: Installation, bucket: Bucket
) -> None:
    fill_like_inaturalist(bucket, 2)
    source = Source(bucket.name, patterns=make_patterns(exclude=["thumb.*", "square.*"]))
    counts = installation.finish_here(list_all(start(installation, source, verify=True)))
    assert (counts.stored, counts.excluded) == (8, 4)


def test_resume__same_or_other_patterns__resumes_only_with_the_same(installation: Installation, bucket: Bucket) -> None:
    fill_like_inaturalist(bucket, 3)
    originals = Source(bucket.name, patterns=make_patterns(["original.*"], ["/x/"]))
    interrupted = list_all(start(installation, originals))
    interrupted.detach("stopped")
    shown = read_batch(installation.store, installation.queue, interrupted.id)
    assert shown["patterns"] == [{"source": str(originals), "include": ["original.*"], "exclude": ["/x/"]}]
    assert shown["numbers"]["excluded"] == 15

    for patterns in (Patterns(), make_patterns(["thumb.*"]), make_patterns(["original.*"])):
        other = start(installation, replace(originals, patterns=patterns))
        assert not other.resumed
        other.detach("stopped")
        installation.store.batches.change(other.id, ("stopped",), {"state": "cancelled"})
    resumed = start(installation, originals)
    assert (resumed.resumed, resumed.id) == (True, interrupted.id)
    counts = installation.finish_here(list_all(resumed))
    assert (counts.listed, counts.excluded, counts.stored) == (18, 15, 3)


def finished_by(installation: Installation, batch: Batch) -> str | None:
    document = installation.store.batches.find(batch.id)
    assert document is not None
    return document.get("finished_by")


def test_finish__earlier_batches_of_the_bucket_were_left__closes_those_that_this_one_covers(
    installation: Installation, bucket: Bucket
) -> None:
    fill_like_inaturalist(bucket, 2)
    wide, narrow = Source(bucket.name), Source(bucket.name, patterns=make_patterns(["original.*"]))
    left = []
    for source, options in ((wide, {}), (narrow, {}), (wide, {"includes_junk": True})):
        batch = list_all(start(installation, source, **options))
        batch.detach("left")
        left.append(batch)
    last = list_all(start(installation, narrow, verify=True))
    installation.finish_here(last)
    assert [finished_by(installation, batch) for batch in left] == [None, last.id, None]


def test_finish__batch_without_patterns__closes_a_left_batch_with_patterns(
    installation: Installation, bucket: Bucket
) -> None:
    fill_like_inaturalist(bucket, 2)
    left = list_all(start(installation, Source(bucket.name, "photos/", make_patterns(["original.*"]))))
    left.detach("left")
    last = list_all(start(installation, Source(bucket.name), verify=True))
    installation.finish_here(last)
    assert finished_by(installation, left) == last.id


def test_check_sources__with_patterns__reads_only_an_included_object(
    installation: Installation, bucket: Bucket
) -> None:
    fill_like_inaturalist(bucket, 2)
    source = Source(bucket.name, patterns=make_patterns(["small.*"]))
    [ref] = check_sources([source], installation.s3)  # type: ignore[arg-type]
    assert ref.key.endswith("/small.jpg")
    assert check_sources([replace(source, patterns=make_patterns(["*.heic"]))], installation.s3) == []  # type: ignore[arg-type]


def prune(installation: Installation, source: Source) -> tuple[int, int]:
    with find_orphans(
        [source], installation.s3, installation.store, installation.queue, on_progress=lambda listed: None
    ) as orphans:
        return remove_orphans(orphans, installation.store)


def test_prune__with_patterns__keeps_records_that_they_exclude(installation: Installation, bucket: Bucket) -> None:
    keys = ("a.jpg", "b.jpg", "a.heic", "b.heic", "drafts/c.jpg", "Thumbs.db")
    for key in keys:
        bucket.put(key, make_jpeg())
    source = Source(bucket.name)
    installation.finish_here(list_all(start(installation, source, includes_junk=True)))
    save_finished_batch(installation, bucket.name)
    for key in ("b.jpg", "b.heic", "drafts/c.jpg"):
        bucket.delete(key)

    # Records of existing objects are kept, whether or not the patterns include them.
    assert prune(installation, replace(source, patterns=make_patterns(["*.jpg"], ["drafts/"]))) == (1, 0)
    assert recorded_keys(installation) == {"a.jpg", "a.heic", "b.heic", "drafts/c.jpg", "Thumbs.db"}
    assert prune(installation, replace(source, patterns=make_patterns(["*.png"]))) == (0, 0)
    # Junk that was indexed before is kept as long as its object exists, and is removed with it.
    assert prune(installation, source) == (2, 0)
    bucket.delete("Thumbs.db")
    assert prune(installation, source) == (1, 0)
    assert recorded_keys(installation) == {"a.jpg", "a.heic"}


def recorded_keys(installation: Installation) -> set[str]:
    return {document["key"] for document in installation.store.records.collection.find({}, {"key": 1})}
