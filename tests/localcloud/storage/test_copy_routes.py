"""Objects made of other objects, over the wire."""

import pytest
from google.api_core.exceptions import BadRequest, NotFound, PreconditionFailed
from google.cloud import storage


def test_composing_joins_contents_in_order(bucket: storage.Bucket) -> None:
    for name in ("1", "2"):
        bucket.blob(name).upload_from_string(name.encode() * 3)
    joined = bucket.blob("joined")
    joined.content_type = "text/plain"
    joined.compose([bucket.blob("1"), bucket.blob("2"), bucket.blob("1")], if_generation_match=0)
    assert joined.download_as_bytes() == b"111222111"
    assert (joined.component_count, joined.md5_hash, joined.content_type) == (3, None, "text/plain")
    with pytest.raises(PreconditionFailed):
        bucket.blob("joined").compose([bucket.blob("1")], if_generation_match=0)


def test_composing_checks_its_sources(bucket: storage.Bucket) -> None:
    source = bucket.blob("1")
    source.upload_from_string(b"x")
    with pytest.raises(NotFound):
        bucket.blob("joined").compose([bucket.blob("absent")])
    with pytest.raises(PreconditionFailed):
        bucket.blob("joined").compose([source], if_source_generation_match=[1])
    with pytest.raises(BadRequest, match="must be 1 to 32"):
        bucket.blob("joined").compose([source] * 33)


def test_an_object_can_be_appended_to_itself(bucket: storage.Bucket) -> None:
    blob = bucket.blob("log")
    blob.upload_from_string(b"a")
    blob.compose([blob, blob])
    assert blob.download_as_bytes() == b"aa"


def test_a_copy_is_equal_and_independent(bucket: storage.Bucket) -> None:
    blob = bucket.blob("folder/x")
    blob.metadata = {"a": "1"}
    blob.upload_from_string(b"x", content_type="text/plain")
    copy = bucket.copy_blob(blob, bucket, "folder/y", if_generation_match=0)
    blob.delete()
    assert (copy.download_as_bytes(), copy.metadata, copy.content_type) == (b"x", {"a": "1"}, "text/plain")
    assert copy.md5_hash == blob.md5_hash


def test_a_rewrite_can_change_the_storage_class(bucket: storage.Bucket) -> None:
    blob = bucket.blob("x")
    blob.upload_from_string(b"x")
    first = blob.generation
    blob.update_storage_class("NEARLINE")
    assert (blob.storage_class, blob.generation > first) == ("NEARLINE", True)
    assert blob.download_as_bytes() == b"x"


def test_a_rewrite_tells_how_much_it_wrote(bucket: storage.Bucket) -> None:
    bucket.blob("x").upload_from_string(b"hello")
    assert bucket.blob("y").rewrite(bucket.blob("x")) == (None, 5, 5)


def test_a_copy_obeys_conditions_on_both_ends(bucket: storage.Bucket) -> None:
    for name in ("x", "y"):
        bucket.blob(name).upload_from_string(name)
    with pytest.raises(PreconditionFailed):
        bucket.copy_blob(bucket.blob("x"), bucket, "y", if_generation_match=0)
    with pytest.raises(PreconditionFailed):
        bucket.copy_blob(bucket.blob("x"), bucket, "z", if_source_generation_match=1)
    with pytest.raises(NotFound):
        bucket.copy_blob(bucket.blob("absent"), bucket, "z")
