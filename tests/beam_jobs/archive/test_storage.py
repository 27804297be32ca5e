"""However an upload fails, there is one object in the end, or a conflict someone hears of."""

import random

import pytest
from google.cloud import storage

from beam_jobs.archive.objects import ArchiveObject
from beam_jobs.archive.storage import Bucket
from beam_jobs.errors import Misconfigured
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault

ONE = ArchiveObject("a/b.jsonl.gz", b"content", {"count": "1"})


def stored(bucket: storage.Bucket) -> list[bytes]:
    return [blob.download_as_bytes() for blob in bucket.list_blobs()]


def test_an_object_is_written_with_its_metadata(client: storage.Client, bucket: storage.Bucket) -> None:
    assert Bucket(client, bucket.name).write([ONE]) == {}
    assert stored(bucket) == [b"content"]
    found = bucket.get_blob(ONE.name)
    assert (found.metadata, found.content_type) == ({"count": "1"}, "application/gzip")


def test_b6_a_lost_answer_leaves_one_object(cloud: LocalCloud, client: storage.Client, bucket: storage.Bucket) -> None:
    cloud.faults.add(Fault(method="storage.objects.insert", when="after", calls=1))
    assert Bucket(client, bucket.name).write([ONE]) == {}
    assert stored(bucket) == [b"content"]
    assert bucket.get_blob(ONE.name).metageneration == 1


def test_b6_a_service_that_is_away_for_a_while_is_waited_for(
    cloud: LocalCloud, client: storage.Client, bucket: storage.Bucket
) -> None:
    cloud.faults.add(Fault(method="storage.objects.insert", calls=2))
    assert Bucket(client, bucket.name).write([ONE]) == {}
    assert stored(bucket) == [b"content"]


def test_b6_writing_the_same_again_changes_nothing(client: storage.Client, bucket: storage.Bucket) -> None:
    for _ in range(2):
        assert Bucket(client, bucket.name).write([ONE]) == {}
    assert bucket.get_blob(ONE.name).metageneration == 1


def test_b6_an_object_too_large_for_one_request_is_written_once_too(
    cloud: LocalCloud, client: storage.Client, bucket: storage.Bucket
) -> None:
    large = ArchiveObject("a/large", random.Random(1).randbytes(9_000_000), {"count": "1"})
    struck = len(cloud.faults.log)
    cloud.faults.add(Fault(method="storage.objects.*", when="after", resource="/upload*", calls=2))
    for _ in range(2):
        assert Bucket(client, bucket.name).write([large]) == {}
    assert len(cloud.faults.log) == struck + 2  # the answers to its beginning and to its end
    assert stored(bucket) == [large.content]
    assert bucket.get_blob(large.name).metageneration == 1


def test_b6_other_content_under_the_name_is_a_conflict_and_stays(
    client: storage.Client, bucket: storage.Bucket
) -> None:
    bucket.blob(ONE.name).upload_from_string(b"other")
    conflicts = Bucket(client, bucket.name).write([ONE])
    assert conflicts[ONE.name].reason == "archive_conflict"
    assert stored(bucket) == [b"other"]


def test_a_missing_bucket_is_someone_s_to_make(client: storage.Client) -> None:
    with pytest.raises(Misconfigured, match="gs://nobody-made-this"):
        Bucket(client, "nobody-made-this").write([ONE])
