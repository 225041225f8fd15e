"""Sidecars that are indexed, changed and deleted in a bucket."""

from __future__ import annotations

from typing import Any

from exifinator.batches.prune import find_orphans, remove_orphans
from exifinator.sources.source import parse_source
from tests.integration.conftest import Bucket, Installation
from tests.photos import make_jpeg

XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="{}"/></rdf:RDF></x:xmpmeta>'
)
TAKEOUT = '{"title": "IMG_1.jpg", "description": "Onyar", "photoTakenTime": {"timestamp": "1715970600"}}'


def test_batch__sidecars_are_added_changed_and_deleted__updates_the_photo(
    installation: Installation, bucket: Bucket
) -> None:
    photo = make_jpeg()
    bucket.put("f/IMG_1.jpg", photo)
    bucket.put("f/IMG_1.xmp", XMP.format(5).encode())
    bucket.put("f/IMG_1.jpg.supplemental-metadata.json", TAKEOUT.encode())
    bucket.put("f/other.json", b'{"title": "x"}')
    installation.finish_here(installation.queue_batch(bucket.name))

    def find(key: str) -> dict[str, Any]:
        return installation.records(bucket.name)[key]

    record = find("f/IMG_1.jpg")
    assert (record["photo"]["rating"], record["photo"]["description"]) == (5, "Onyar")
    assert "onyar" in record["words"]
    assert find("f/IMG_1.xmp")["sidecar"]["of"] == [record["_id"]]
    media_types = {key: item["photo"]["media_type"] for key, item in installation.records(bucket.name).items()}
    assert [key for key, media_type in media_types.items() if media_type != "other"] == ["f/IMG_1.jpg"]
    assert "sidecar" not in find("f/other.json")

    bucket.put("f/IMG_1.xmp", XMP.format(2).encode())
    bucket.delete("f/IMG_1.jpg.supplemental-metadata.json")
    installation.finish_here(installation.queue_batch(bucket.name))
    with find_orphans(
        [parse_source(bucket.name)], installation.s3, installation.store, installation.queue, on_progress=lambda _: None
    ) as orphans:
        remove_orphans(orphans, installation.store)
    record = find("f/IMG_1.jpg")
    assert record["photo"]["rating"] == 2
    assert "description" not in record["photo"]
    assert "onyar" not in record["words"]


def test_batch__mongodb_lost_a_merge__repairs_it_at_the_end(installation: Installation, bucket: Bucket) -> None:
    bucket.put("f/IMG_1.jpg", make_jpeg())
    bucket.put("f/IMG_1.xmp", XMP.format(5).encode())
    installation.finish_here(installation.queue_batch(bucket.name))
    records = installation.store.records.collection
    records.update_one({"key": "f/IMG_1.jpg"}, {"$unset": {"photo.rating": 1, "own": 1, "sidecars": 1}})

    bucket.put("g/another.jpg", make_jpeg())
    installation.finish_here(installation.queue_batch(bucket.name))
    assert installation.records(bucket.name)["f/IMG_1.jpg"]["photo"]["rating"] == 5
