"""Objects over the wire: metadata, downloads, listings, deletes."""

import gzip
import os
from datetime import timedelta
from io import BytesIO

import pytest
import requests
from google.api_core.exceptions import (
    Forbidden,
    NotFound,
    NotModified,
    PreconditionFailed,
    RequestRangeNotSatisfiable,
)
from google.cloud import storage

from localcloud.cloud import LocalCloud
from localcloud.faults import Fault

STRANGE = "a/b c%d%2F:€{x}?y#z&+.txt"


def test_names_of_all_kinds_arrive(client: storage.Client, bucket: storage.Bucket) -> None:
    bucket.blob(STRANGE).upload_from_string(b"x")
    assert [blob.name for blob in client.list_blobs(bucket)] == [STRANGE]
    assert bucket.get_blob(STRANGE).download_as_bytes() == b"x"
    bucket.delete_blob(STRANGE)
    assert not bucket.blob(STRANGE).exists()


def test_metadata_is_merged_by_patches(bucket: storage.Bucket) -> None:
    blob = bucket.blob("x")
    blob.metadata = {"a": "1", "b": "2"}
    blob.cache_control = "no-store"
    blob.upload_from_string(b"x", content_type="text/plain")
    blob.metadata = {"b": None, "c": "3"}
    blob.content_language = "en"
    blob.patch(if_metageneration_match=1)
    read = bucket.get_blob("x")
    assert read.metadata == {"a": "1", "c": "3"}
    assert (read.cache_control, read.content_language, read.content_type) == ("no-store", "en", "text/plain")
    assert (read.metageneration, read.generation) == (2, blob.generation)


def test_an_update_replaces_metadata(bucket: storage.Bucket) -> None:
    blob = bucket.blob("x")
    blob.metadata = {"a": "1"}
    blob.upload_from_string(b"x")
    blob.metadata = {"b": "2"}
    blob.update()
    assert bucket.get_blob("x").metadata == {"b": "2"}


def test_conditions_on_reads(bucket: storage.Bucket) -> None:
    blob = bucket.blob("x")
    blob.upload_from_string(b"x")
    assert bucket.get_blob("x", if_generation_match=blob.generation)
    with pytest.raises(PreconditionFailed):
        bucket.get_blob("x", if_generation_match=1)
    with pytest.raises(NotModified):
        bucket.blob("x").download_as_bytes(if_generation_not_match=blob.generation)


def test_conditions_on_patches_and_deletes(bucket: storage.Bucket) -> None:
    blob = bucket.blob("x")
    blob.upload_from_string(b"x")
    blob.metadata = {"a": "1"}
    with pytest.raises(PreconditionFailed):
        blob.patch(if_generation_match=1)
    with pytest.raises(PreconditionFailed):
        blob.delete(if_metageneration_match=9)
    blob.delete(if_generation_match=blob.generation)
    with pytest.raises(NotFound, match="No such object"):
        blob.delete()


def test_a_missing_bucket_is_not_a_missing_object(client: storage.Client) -> None:
    with pytest.raises(NotFound, match="bucket does not exist"):
        client.bucket("nowhere-at-all").blob("x").reload()


def test_large_downloads_arrive_whole_and_in_ranges(bucket: storage.Bucket) -> None:
    data = os.urandom(3 << 20)
    bucket.blob("large").upload_from_string(data)
    blob = bucket.blob("large")
    assert blob.download_as_bytes() == data
    assert blob.download_as_bytes(start=1_000_000, end=2_500_000) == data[1_000_000:2_500_001]
    parts = BytesIO()
    bucket.blob("large", chunk_size=1 << 20).download_to_file(parts)
    assert parts.getvalue() == data
    with blob.open("rb") as file:
        file.seek(-5, os.SEEK_END)
        assert file.read(100) == data[-5:]


def test_a_range_beyond_the_end_is_refused(bucket: storage.Bucket) -> None:
    bucket.blob("x").upload_from_string(b"abc")
    with pytest.raises(RequestRangeNotSatisfiable):
        bucket.blob("x").download_as_bytes(start=3)


def test_gzip_is_unpacked_for_the_reader(bucket: storage.Bucket) -> None:
    packed = gzip.compress(b"line\n" * 1000)
    blob = bucket.blob("x")
    blob.content_encoding = "gzip"
    blob.upload_from_string(packed)
    assert blob.download_as_bytes() == b"line\n" * 1000
    assert blob.download_as_bytes(raw_download=True) == packed
    plain = requests.get(blob.media_link, headers={"Accept-Encoding": "identity"}, timeout=10)
    assert plain.content == b"line\n" * 1000
    assert "Content-Encoding" not in plain.headers


def test_content_that_is_not_the_gzip_it_says_cannot_be_unpacked(bucket: storage.Bucket) -> None:
    blob = bucket.blob("x")
    blob.content_encoding = "gzip"
    blob.upload_from_string(b"no gzip")
    answer = requests.get(blob.media_link, headers={"Accept-Encoding": "identity"}, timeout=10)
    assert (answer.status_code, answer.json()["error"]["errors"][0]["reason"]) == (500, "backendError")


def test_listings_have_pages_folders_and_offsets(client: storage.Client, bucket: storage.Bucket) -> None:
    for name in ("a/1", "a/2", "b/1", "c", "d"):
        bucket.blob(name).upload_from_string(b"")
    listed = client.list_blobs(bucket, delimiter="/", page_size=2)
    pages = [([blob.name for blob in page], list(page.prefixes)) for page in listed.pages]
    assert pages == [([], ["a/", "b/"]), (["c", "d"], [])]
    assert [blob.name for blob in client.list_blobs(bucket, start_offset="a/2", end_offset="c")] == ["a/2", "b/1"]
    assert [blob.name for blob in client.list_blobs(bucket, match_glob="*/1")] == ["a/1", "b/1"]


def test_a_versioned_bucket_keeps_what_is_overwritten_and_deleted(client: storage.Client) -> None:
    bucket = client.bucket("versioned")
    bucket.versioning_enabled = True
    bucket.create()
    blob = bucket.blob("x")
    blob.upload_from_string(b"one")
    first = blob.generation
    blob.upload_from_string(b"two")
    bucket.blob("x").delete()
    assert list(client.list_blobs(bucket)) == []
    versions = list(client.list_blobs(bucket, versions=True))
    assert [version.time_deleted is not None for version in versions] == [True, True]
    assert bucket.blob("x", generation=first).download_as_bytes() == b"one"
    bucket.delete_blob("x", generation=first)
    assert len(list(client.list_blobs(bucket, versions=True))) == 1


def test_retention_keeps_objects_until_their_time(cloud: LocalCloud, client: storage.Client) -> None:
    bucket = client.bucket("retained")
    bucket.retention_period = 3600
    bucket.create()
    blob = bucket.blob("x")
    blob.upload_from_string(b"one")
    assert blob.retention_expiration_time - blob.time_created == timedelta(hours=1)
    with pytest.raises(Forbidden, match="retention policy"):
        blob.delete()
    with pytest.raises(Forbidden, match="retention policy"):
        bucket.blob("x").upload_from_string(b"two")
    cloud.clock.advance(3601)
    blob.delete()


def test_a_hold_keeps_an_object(bucket: storage.Bucket) -> None:
    blob = bucket.blob("x")
    blob.upload_from_string(b"x")
    blob.temporary_hold = True
    blob.patch()
    with pytest.raises(Forbidden, match="temporaryHold"):
        blob.delete()
    blob.temporary_hold = False
    blob.patch()
    blob.delete()


def test_a_fault_strikes_one_object(cloud: LocalCloud, bucket: storage.Bucket) -> None:
    for name in ("good", "bad"):
        bucket.blob(name).upload_from_string(b"x")
    cloud.faults.add(Fault("storage.objects.get", "*/bad", code="PERMISSION_DENIED"))
    assert bucket.blob("good").download_as_bytes() == b"x"
    with pytest.raises(Forbidden, match="injected fault"):
        bucket.blob("bad").download_as_bytes()
